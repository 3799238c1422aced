// The split-brain story on real processes (row T1): brings up a local cluster, runs the same pinned load on a cp and an ap keyspace, cuts
// the network 3|2 with the cp leader on the smaller side, heals it, watches the replicas agree, and lets the checkers judge. Prints
// nothing and writes no file but the history: the report is made by cli. Blocks; called from the main thread.
#pragma once

#include <functional>
#include <string>

#include "chaos/check/history_json.h"
#include "chaos/check/verdict.h"
#include "chaos/fault/schedule.h"
#include "chaos/live/local_cluster.h"
#include "chaos/load/generator.h"

namespace rift::chaos::live {

struct StoryProgress {
  Duration at{};
  Duration length{};
  std::string phase;  // "calm", "split {n1 n2 n3} {n4 n5}", "healed", "checking"
  std::uint64_t attempts = 0;
  std::uint64_t open = 0;
};

struct StoryOptions {
  std::uint64_t seed = 1;
  fault::SplitBrainOptions schedule{};
  check::Demands demands{};
  std::string cp_keyspace = "bank";
  std::string ap_keyspace = "carts";
  check::HistoryWriter::Sink history = nullptr;                  // each line as it happens
  std::function<void(const StoryProgress&)> progress = nullptr;  // a few times a second
  std::function<bool()> is_stopped = nullptr;  // asked as often: true ends the story without a verdict
};

struct StoryResult {
  check::Results results;
  check::Timeline timeline;
  check::History history;
};

// Founds the cluster if need be and makes both keyspaces, each with a copy on every node, ap with ONE / ONE.
Result<void> prepare_keyspaces(LocalCluster& cluster, const StoryOptions& options);
// The load of a story on this cluster.
load::LoadOptions story_load(const LocalCluster& cluster, const StoryOptions& options);

// On a fresh cluster. An error means that the harness failed, or was stopped (Code::refused): there is no verdict. Once the load runs, what breaks
// the story off is part of the result: rows of the verdict ERROR that say why.
Result<StoryResult> run_split_brain(LocalCluster& cluster, const StoryOptions& options);

}  // namespace rift::chaos::live
