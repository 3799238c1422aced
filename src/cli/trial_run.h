// One trial under way: its nodes, its load, its look at the disk; what every trial does in the same way, and its report. Used by the files of
// the trials (trial_*.cc), on the main thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/trial.h"
#include "cli/trial_disk.h"
#include "cli/trial_load.h"

namespace rift::cli {

struct TrialRun {
  TrialOptions options;
  std::unique_ptr<TrialNodes> nodes{};
  std::unique_ptr<DiskProbe> disk{};
  std::unique_ptr<TrialLoad> load{};  // first to end

  TrialLoad::Options load_options() const;
  Result<NodeId> some_follower() const;
  // Starts it again; returns when it has caught up and the load asks it too.
  Result<void> bring_back(NodeId node);
};

// Durations, shown with their quantiles.
struct Figure {
  std::string name;   // of the JSON field
  std::string title;  // for people
  std::vector<Duration> values;
};
struct TrialReport {
  std::string schema;
  std::string title;
  bool may_fail =
      false;  // requests may end without an answer; else that is a violation, as losses and stale reads always are
  std::vector<Figure> figures{};                              // the first is what TrialOptions::p95_max is about
  std::vector<std::pair<std::string, std::string>> counts{};  // 64-bit numbers in text
  std::vector<std::pair<std::string, double>> numbers{};
};

// What the load was told, judged.
struct TrialVerdict {
  std::uint64_t requests = 0, failed = 0, stale = 0, lost = 0;
  std::vector<std::string> complaints{};
};
void print_report(Format format, std::uint32_t nodes, std::uint32_t puts_per_second, const TrialReport& report,
                  const TrialVerdict& verdict);

// Starts everything, runs `trial`, reads every acknowledged write back, and prints. `trial` fills the figures.
Exit run_trial(const TrialOptions& options, Format format, const std::function<Result<TrialReport>(TrialRun&)>& trial);

// In a sentence, what is wrong with it; nothing: its p95 is `p95_max` at most, or that is 0. One without values has shown nothing.
std::optional<std::string> too_slow(const Figure& figure, Duration p95_max);

// Where we are, for who waits: a line on stderr. With how long the disk took at most meanwhile.
void tell_progress(TrialRun& run, std::string_view what, NodeId node, Duration value);

double milliseconds(Duration d);
double median(std::vector<double> values);
void rest(Duration time);

}  // namespace rift::cli
