// One seed, one run: a cluster with a cp and an ap keyspace under load and storm, then calm, then every promise is held against what
// happened. `rift sim` and the tests call it. A run depends on its seed alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "chaos/check/history.h"
#include "chaos/sim/world.h"

namespace rift::chaos::sim {

struct RunOptions {
  std::uint64_t seed = 1;
  Duration storm = std::chrono::seconds(6);
  World::Narrator narrator = {};
};

struct RunResult {
  std::uint64_t seed = 0;
  std::vector<std::string> failures;  // plain sentences; empty: passed
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  Duration simulated{};
  std::uint64_t operations = 0;
  std::uint64_t acknowledged_writes = 0;
  std::map<std::string, std::uint64_t> faults;
  std::map<std::string, std::uint64_t> marks;  // rare branches that were reached
  check::History history;
  bool passed() const { return failures.empty(); }
};

RunResult run_seed(const RunOptions& options);

}  // namespace rift::chaos::sim
