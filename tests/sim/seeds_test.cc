// Whole simulated clusters under storms (DESIGN 9). A failure names its seed; `rift sim --seeds N..N` replays it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "chaos/sim/runner.h"

namespace rift::chaos::sim {
namespace {

std::string describe(const RunResult& result) {
  std::string text = "replay with: rift sim --seeds " + std::to_string(result.seed) + ".." + std::to_string(result.seed);
  for (const std::string& failure : result.failures) text += "\n  " + failure;
  return text;
}

TEST(Sim, SeedsPassAndRepeat) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunResult first = run_seed({.seed = seed});
    EXPECT_TRUE(first.passed()) << describe(first);
    EXPECT_GT(first.operations, 100U) << describe(first);
    EXPECT_GT(first.acknowledged_writes, 20U) << describe(first);
    const RunResult second = run_seed({.seed = seed});
    EXPECT_EQ(first.trace_hash, second.trace_hash) << describe(first);
  }
}

}  // namespace
}  // namespace rift::chaos::sim
