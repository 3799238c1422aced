// The trials behind `rift bench split` and `rift bench heal`: what clients of an ap keyspace feel while no node reaches another, and how long its
// copies need to agree after a split. Each starts a cluster of its own and prints its figures. Main thread; they block for their whole run.
#pragma once

#include "cli/output.h"

namespace rift::cli {

struct SplitTrialOptions {
  std::uint32_t nodes = 5;
  std::uint32_t rounds = 5;
  std::uint32_t rate = 1000;                  // split: puts per second over all nodes; half as many gets
  Duration phase = std::chrono::seconds(10);  // split: calm, and cut
  std::uint32_t keys = 100'000;               // heal: that have diverged
  Duration cut = std::chrono::seconds(60);    // heal
  std::uint32_t value_size = 100;
  Duration p95_max{};  // heal: slower is a failure; 0: however long it takes
  bool keep = false;   // the folder with the nodes' logs stays
};

// Every node alone, copies on all of them, reads and writes at ONE on each: the share that is done, and how p99 changes.
Exit run_split_trial(const SplitTrialOptions& options, Format format);
// Two nodes from three for a while, `keys` written that have owners on both sides, nothing more at the heal: until all copies agree.
Exit run_heal_trial(const SplitTrialOptions& options, Format format);

}  // namespace rift::cli
