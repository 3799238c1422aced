#include "causal/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace rift::causal {
namespace {

using std::chrono::milliseconds;

WallTime at(std::int64_t ms) { return WallTime(milliseconds(ms)); }
constexpr std::int64_t now_ms = 1'700'000'000'000;

Stamper stamper(Hlc ceiling = {}, std::uint64_t incarnation = 7) {
  return Stamper({.node = NodeId(1), .incarnation = incarnation, .ceiling = ceiling});
}

TEST(HybridClock, FollowsTheWallAndCountsWhileItStands) {
  HybridClock clock;
  EXPECT_EQ(clock.tick(at(now_ms), {}), Hlc::from_wall(at(now_ms)));
  EXPECT_EQ(clock.tick(at(now_ms), {}).bits(), Hlc::from_wall(at(now_ms)).bits() + 1);
  EXPECT_EQ(clock.tick(at(now_ms + 1), {}), Hlc::from_wall(at(now_ms + 1)));
}

TEST(HybridClock, StampsAboveWhatItHasSeen) {
  HybridClock clock;
  const Hlc remote = Hlc::from_wall(at(now_ms + 300));
  EXPECT_TRUE(clock.observe(remote, at(now_ms)));
  EXPECT_GT(clock.tick(at(now_ms), {}), remote);
}

TEST(HybridClock, T03RefusesAStampFromBeyondTheDriftBoundAndStaysWhereItWas) {
  HybridClock clock;
  clock.tick(at(now_ms), {});
  EXPECT_TRUE(clock.observe(Hlc::from_wall(at(now_ms + 500)), at(now_ms)));
  const Hlc before = clock.latest();
  EXPECT_FALSE(clock.observe(Hlc::from_wall(at(now_ms + 501)), at(now_ms)));
  EXPECT_FALSE(clock.observe(Hlc(~0ULL), at(now_ms)));
  EXPECT_EQ(clock.latest(), before);
}

RC_GTEST_PROP(HybridClock, T06StampsRiseWhateverTheWallDoes, ()) {
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-100'000, 100'000));
  HybridClock clock;
  Hlc last;
  for (const int step : steps) {
    const Hlc next = clock.tick(at(now_ms + step), {});
    RC_ASSERT(next > last);
    RC_ASSERT(next >= Hlc::from_wall(at(now_ms + step)));
    last = next;
  }
}

TEST(Stamper, TheFirstStampAsksForACeilingAndIsNotCovered) {
  Stamper s = stamper();
  const auto first = s.issue(at(now_ms), {});
  ASSERT_TRUE(first.raise_ceiling);
  EXPECT_GT(*first.raise_ceiling, first.stamp.hlc);
  EXPECT_FALSE(first.covered);
  const auto second = s.issue(at(now_ms), {});
  EXPECT_FALSE(second.raise_ceiling);
  EXPECT_FALSE(second.covered);
  s.ceiling_durable(*first.raise_ceiling);
  EXPECT_TRUE(s.issue(at(now_ms), {}).covered);
}

TEST(Stamper, RaisesTheCeilingLongBeforeItIsReached) {
  Stamper s = stamper();
  s.ceiling_durable(*s.issue(at(now_ms), {}).raise_ceiling);
  const auto early = s.issue(at(now_ms + 199), {});
  EXPECT_TRUE(early.covered);
  EXPECT_FALSE(early.raise_ceiling);
  const auto raising = s.issue(at(now_ms + 210), {});
  EXPECT_TRUE(raising.covered);
  ASSERT_TRUE(raising.raise_ceiling);
  EXPECT_FALSE(s.issue(at(now_ms + 401), {}).covered) << "not before the new ceiling is on disk";
  s.ceiling_durable(*raising.raise_ceiling);
  EXPECT_TRUE(s.issue(at(now_ms + 401), {}).covered);
}

TEST(Stamper, AsksAgainForACeilingWhoseBatchWasDropped) {
  Stamper s = stamper();
  EXPECT_TRUE(s.issue(at(now_ms), {}).raise_ceiling);
  EXPECT_FALSE(s.issue(at(now_ms), {}).raise_ceiling);
  s.ceiling_dropped();
  EXPECT_TRUE(s.issue(at(now_ms), {}).raise_ceiling);
}

RC_GTEST_PROP(Stamper, T06NoStampAfterARestartIsBelowOneThatCouldHaveBeenSeen, ()) {
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(-5'000, 5'000), rc::gen::inRange(0, 10)));
  Hlc disk, in_batch, seen;
  Stamper s = stamper();
  for (const auto& [offset, action] : steps) {
    if (action == 0) {  // power loss: only what was durable is found again
      s = stamper(disk, s.incarnation() + 1);
      in_batch = disk;
    } else if (action == 1) {
      disk = in_batch;
      s.ceiling_durable(disk);
    } else {
      const auto issued = s.issue(at(now_ms + offset), {});
      if (issued.raise_ceiling) in_batch = *issued.raise_ceiling;
      RC_ASSERT(issued.stamp.hlc > seen);
      RC_ASSERT(issued.stamp.hlc <= in_batch);
      RC_ASSERT(!issued.covered || issued.stamp.hlc <= disk);
      if (issued.covered) seen = issued.stamp.hlc;
    }
  }
}

TEST(Stamper, StampsAboveTheStoredVersion) {
  Stamper s = stamper();
  const Hlc stored = Hlc::from_wall(at(now_ms + 450));
  EXPECT_GT(s.issue(at(now_ms), stored).stamp.hlc, stored);
}

TEST(Stamper, T03AKeyThatHoldsAFarFutureStampStaysWritable) {
  Stamper s = stamper();
  const Hlc poison = Hlc::from_wall(at(now_ms + 3'600'000));
  const auto issued = s.issue(at(now_ms), poison);
  EXPECT_TRUE(issued.beyond_drift);
  EXPECT_EQ(issued.stamp.hlc, successor(poison));
  EXPECT_LT(s.issue(at(now_ms), {}).stamp.hlc, Hlc::from_wall(at(now_ms + 1))) << "other keys are not dragged along";
}

TEST(Stamper, DotsNameEachWriteOnce) {
  Stamper s = stamper();
  const auto a = s.issue(at(now_ms), {}).stamp.dot;
  const auto b = s.issue(at(now_ms), {}).stamp.dot;
  EXPECT_EQ(a, (Dot{.node = NodeId(1), .incarnation = 7, .sequence = 1}));
  EXPECT_EQ(b.sequence, 2U);
  EXPECT_EQ(s.last_sequence(), 2U);
}

}  // namespace
}  // namespace rift::causal
