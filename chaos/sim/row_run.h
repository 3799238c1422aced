// One run of one row of the experiment matrix from one seed: the row's cluster under its load, its faults at their times, then the
// judgement of chaos/check. `rift sim --row` and the tests call it. A run depends on the row and the seed alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "chaos/check/row.h"
#include "chaos/fault/rows.h"
#include "chaos/sim/world.h"

namespace rift::chaos::sim {

struct RowOptions {
  std::uint64_t seed = 1;
  World::Narrator narrator = {};
};

struct RowResult {
  std::uint64_t seed = 0;
  check::RowRun run;
  check::RowFacts facts;
  check::History history;
  std::vector<check::LinkProof> links;
  Duration simulated{};
  std::uint64_t operations = 0;
  std::uint64_t trace_hash = 0;
};

RowResult run_row(const fault::MatrixRow& row, const RowOptions& options);

}  // namespace rift::chaos::sim
