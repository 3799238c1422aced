// The rows of the experiment matrix (research/chaos.md 5) that the simulator has, five seeds each. A failure prints the line that replays it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "chaos/sim/row_run.h"

namespace rift::chaos::sim {
namespace {

using check::Verdict;

// A sanitizer build takes fewer.
std::uint64_t seeds_per_row() {
  constexpr std::uint64_t seeds = 5;
  const char* given = std::getenv("RIFT_SIM_SEEDS");
  return given == nullptr ? seeds : std::clamp<std::uint64_t>(std::strtoul(given, nullptr, 10) / 20, 1, seeds);
}

class MatrixRows : public ::testing::TestWithParam<const fault::MatrixRow*> {};

TEST_P(MatrixRows, HoldsFromEverySeed) {
  const fault::MatrixRow& row = *GetParam();
  std::vector<Verdict> verdicts;
  Duration simulated{};
  for (std::uint64_t seed = 1; seed <= seeds_per_row(); ++seed) {
    const RowResult result = run_row(row, {.seed = seed});
    verdicts.push_back(result.run.verdict);
    simulated += result.simulated;
    const bool is_good = result.run.verdict == Verdict::pass || result.run.verdict == Verdict::expected ||
                         result.run.verdict == Verdict::not_shown;
    std::string reasons;
    for (const std::string& reason : result.run.reasons) reasons += "\n  " + reason;
    EXPECT_TRUE(is_good) << check::to_string(result.run.verdict) << ", replay with: rift sim --row " << row.name()
                         << " --seeds " << seed << reasons;
  }
  EXPECT_EQ(check::judge_seeds(verdicts), check::wants_a_violation(row.demands) ? Verdict::expected : Verdict::pass);
  std::printf("%s: %.2f simulated hours\n", row.name().c_str(), to_seconds(simulated) / 3600);
}

std::vector<const fault::MatrixRow*> all_rows() {
  std::vector<const fault::MatrixRow*> rows;
  for (const fault::MatrixRow& row : fault::matrix_rows()) rows.push_back(&row);
  return rows;
}

std::string name_of(const ::testing::TestParamInfo<const fault::MatrixRow*>& info) {
  std::string name = info.param->name();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, MatrixRows, ::testing::ValuesIn(all_rows()), &name_of);

TEST(MatrixRow, TheSameSeedGivesTheSameTrace) {
  for (const char* name : {"C3", "A2"}) {
    const fault::MatrixRow& row = *fault::find_rows(name).front();
    EXPECT_EQ(run_row(row, {.seed = 1}).trace_hash, run_row(row, {.seed = 1}).trace_hash) << name;
  }
}

}  // namespace
}  // namespace rift::chaos::sim
