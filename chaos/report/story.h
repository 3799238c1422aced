// What a report tells: the verdicts of a run, when the links were cut, and how each node did over time. Built once from the
// history and the results; every form of report (sentence, table, JSON, HTML) reads it. Plain values, no I/O: the caller writes
// the files. Called by cli after a run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "chaos/check/verdict.h"

namespace rift::chaos::report {

// One keyspace's strip: how many of each node's attempts were answered, step by step.
struct Strip {
  std::string keyspace;
  Mode mode = Mode::cp;
  std::vector<check::NodeSeries> nodes;
};

struct LeaderChange {
  Time at{};
  std::string keyspace;
  NodeId node;
};

struct Story {
  std::string name = "split-brain";
  check::Results results;
  check::Timeline timeline;
  std::vector<Strip> strips;          // in the order of the rows
  std::vector<LeaderChange> leaders;  // in order of time; may be empty
};

// Cuts the history into strips and takes the leaders from its "leader" records.
Story make_story(std::string name, check::Results results, const check::Timeline& timeline,
                 const check::History& history);

// The run in a few sentences made of measured numbers.
struct Summary {
  std::string opening;
  struct Part {
    std::string label;  // "CP (bank)"
    Mode mode = Mode::cp;
    std::string text;
  };
  std::vector<Part> parts;
  std::string text() const;  // all on one line
};
Summary summarize(const Story& story);

// Side by side in plain ASCII, a column per keyspace; with `colour`, ANSI colours for the verdicts.
struct TableOptions {
  bool colour = false;
};
std::string table(const Story& story, const TableOptions& options = {});

// results.json, schema docs/schemas/results.json.
std::string results_json(const check::Results& results);

// report.html: one file that needs nothing else, whatever strings the history holds.
std::string html(const Story& story);

}  // namespace rift::chaos::report
