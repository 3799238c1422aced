#include "base/rng.h"

#include <gtest/gtest.h>

#include <array>

namespace rift {
namespace {

// xoshiro256** seeded by splitmix64, computed apart from our code: a replay of an old seed depends on them.
TEST(Rng, GivesTheSameNumbersForEver) {
  Rng zero(0);
  for (const std::uint64_t expected :
       {0x99ec5f36cb75f2b4ULL, 0xbf6e1f784956452aULL, 0x1a5f849d4933e6e0ULL, 0x6aa594f1262d2d2cULL}) {
    EXPECT_EQ(zero.next(), expected);
  }
}

TEST(Rng, BelowIsTheHighPartOfAProduct) {
  Rng rng(0);
  for (const std::uint64_t expected : {6U, 7U, 1U, 4U}) EXPECT_EQ(rng.below(10), expected);
}

TEST(Rng, StaysInItsBounds) {
  Rng rng(9);
  std::array<int, 6> seen{};
  for (int run = 0; run < 6000; ++run) {
    ++seen[rng.below(6)];
    const std::uint64_t between = rng.between(10, 12);
    EXPECT_TRUE(between >= 10 && between <= 12);
    const double unit = rng.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1);
    const Duration duration = rng.between(Duration(5), Duration(7));
    EXPECT_TRUE(duration >= Duration(5) && duration <= Duration(7));
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(rng.between(4, 4), 4U);
  EXPECT_EQ(rng.below(1), 0U);
}

TEST(Rng, ChanceIsAboutWhatWasAsked) {
  Rng rng(10);
  int hits = 0;
  for (int run = 0; run < 10'000; ++run) hits += rng.chance(0.25) ? 1 : 0;
  EXPECT_NEAR(hits, 2500, 200);
  EXPECT_FALSE(rng.chance(0));
  EXPECT_TRUE(rng.chance(1));
}

TEST(Rng, AForkIsAStreamOfItsOwn) {
  Rng parent(3);
  Rng same(3);
  Rng child = parent.fork();
  Rng twin = same.fork();
  EXPECT_EQ(child.next(), twin.next());
  EXPECT_EQ(parent.next(), same.next());
  EXPECT_NE(child.next(), parent.next());
}

}  // namespace
}  // namespace rift
