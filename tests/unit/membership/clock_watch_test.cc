#include "membership/clock_watch.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"

namespace rift::membership {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Nodes = std::vector<NodeId>;

constexpr WallTime right_time{milliseconds(1'700'000'000'000)};

// n1 and its neighbours; every clock has an offset from the right time, which the test sets.
class Neighbours {
 public:
  explicit Neighbours(std::uint32_t members) {
    for (std::uint32_t n = 1; n <= members; ++n) all_.push_back(NodeId(n));
    watch.set_members(all_);
  }
  Now now() const { return Now{.steady = Time(seconds(5) + elapsed), .wall = right_time + whole(elapsed) + own}; }
  // `peer`, whose clock is off by `offset`, answers a ping. `lean`: how much more of the way was there than back.
  void hear(std::uint32_t peer, milliseconds offset, Duration round_trip = milliseconds(2), Duration lean = {}) {
    const Duration back = round_trip / 2 - lean / 2;
    watch.note({.from = NodeId(peer), .wall = right_time + whole(elapsed - back) + offset, .round_trip = round_trip},
               now());
  }
  // How far n1 says to be ahead, in milliseconds; nothing: it says nothing.
  std::optional<std::int64_t> verdict() {
    watch.judge(now());
    if (!watch.verdict()) return std::nullopt;
    return watch.verdict()->ahead.count();
  }
  bool is_skewed() { return verdict().has_value(); }

  ClockWatch watch{NodeId(1)};
  Duration elapsed = seconds(1000);
  milliseconds own{0};

 private:
  static milliseconds whole(Duration d) { return std::chrono::floor<milliseconds>(d); }
  Nodes all_;
};

struct Case {
  const char* what;
  std::uint32_t members;
  milliseconds own;
  std::vector<int> others;  // offsets of n2, n3, ... in milliseconds; `silent`: never heard
  std::optional<std::int64_t> ahead;
  Nodes of;
};
constexpr int silent = INT32_MIN;

Nodes nodes(std::initializer_list<std::uint32_t> numbers) {
  Nodes list;
  for (const auto n : numbers) list.push_back(NodeId(n));
  return list;
}

TEST(ClockWatch, T02SaysWhetherThisClockIsTheOddOne) {
  const Case cases[] = {
      {"all agree", 3, milliseconds(0), {10, -15}, std::nullopt, {}},
      {"fast", 3, seconds(60), {0, 0}, 60'000, nodes({2, 3})},
      {"slow", 5, -seconds(60), {0, 0, 0, 0}, -60'000, nodes({2, 3, 4, 5})},
      {"one neighbour is fast", 3, milliseconds(0), {60'000, 0}, std::nullopt, {}},
      {"two of five are fast, and this one is right", 5, milliseconds(0), {60'000, 60'000, 0, 0}, std::nullopt, {}},
      {"most are fast: nobody can tell them from a majority that is right",
       5,
       milliseconds(0),
       {60'000, 60'000, 60'000, 0},
       -60'000,
       nodes({2, 3, 4})},
      {"scattered to both sides: the median is here", 5, milliseconds(0), {-60'000, -50'000, 50'000, 60'000}, {}, {}},
      {"scattered to both sides, and this one beyond them", 3, seconds(9), {-9'000, 0}, 9'000, nodes({2, 3})},
      {"of two nobody can say who is wrong", 2, seconds(60), {0}, std::nullopt, {}},
      {"alone in its cluster", 1, seconds(60), {}, std::nullopt, {}},
      {"within the bound", 3, milliseconds(490), {0, 0}, std::nullopt, {}},
      {"at the bound, as far as can be told", 3, milliseconds(502), {0, 0}, std::nullopt, {}},
      {"just beyond the bound", 3, milliseconds(510), {0, 0}, 510, nodes({2, 3})},
      {"just beyond it, slow", 3, -milliseconds(510), {0, 0}, -510, nodes({2, 3})},
      {"a majority is known", 5, seconds(60), {0, 0, silent, silent}, 60'000, nodes({2, 3})},
      {"too few are known", 5, seconds(60), {0, silent, silent, silent}, std::nullopt, {}},
      {"three of seven are too few", 7, seconds(60), {0, 0, silent, silent, silent, silent}, std::nullopt, {}},
      {"half of an even number is no majority", 6, seconds(60), {0, 0, silent, silent, silent}, std::nullopt, {}},
      {"of an even number the clock nearer to this one counts", 4, seconds(60), {0, 60'000, silent}, std::nullopt, {}},
  };
  for (const Case& one : cases) {
    Neighbours n(one.members);
    n.own = one.own;
    for (std::size_t i = 0; i < one.others.size(); ++i) {
      if (one.others[i] != silent) n.hear(static_cast<std::uint32_t>(i + 2), milliseconds(one.others[i]));
    }
    EXPECT_EQ(n.verdict(), one.ahead) << one.what;
    EXPECT_EQ(n.watch.verdict() ? n.watch.verdict()->of : Nodes(), one.of) << one.what;
  }
}

// n5 is fast, and is cut off together with n4.
TEST(ClockWatch, Review21AHealthyNodeInAMinorityDoesNotSilenceItself) {
  Neighbours n(5);  // n1 plays n4's part, its n5 is the fast one
  for (const std::uint32_t peer : {2U, 3U, 4U}) n.hear(peer, milliseconds(3));
  n.hear(5, seconds(60));
  for (int minute = 0; minute < 120; ++minute) {
    n.elapsed += minutes(1);
    n.hear(5, seconds(60));
    ASSERT_FALSE(n.is_skewed()) << minute;
  }
}

TEST(ClockWatch, Review21TheFastNodeKnowsItInTheMinorityToo) {
  Neighbours n(5);
  n.own = seconds(60);
  for (const std::uint32_t peer : {2U, 3U, 4U, 5U}) n.hear(peer, milliseconds(3));
  for (int minute = 0; minute < 120; ++minute) {
    n.elapsed += minutes(1);
    n.hear(4, milliseconds(3));
    ASSERT_TRUE(n.is_skewed()) << minute;
  }
}

// Neither of the two can tell: they go on, and the drift bound of copies is what is left.
TEST(ClockWatch, Review21RestartedInAMinorityThereIsNoVerdictUntilAMajorityHasAnswered) {
  for (const milliseconds own : {milliseconds(0), milliseconds(60'000)}) {
    Neighbours n(5);
    n.own = own;
    EXPECT_FALSE(n.is_skewed());
    n.hear(5, milliseconds(60'000) - own);
    EXPECT_FALSE(n.is_skewed());
    n.hear(2, milliseconds(0));
    n.hear(3, milliseconds(0));
    EXPECT_EQ(n.is_skewed(), own != milliseconds(0));
  }
}

TEST(ClockWatch, AnOffsetIsTrustedLessTheOlderItIs) {
  Neighbours n(3);
  n.own = milliseconds(2'500);
  n.hear(2, milliseconds(0));
  n.hear(3, milliseconds(0));
  const auto fresh = n.watch.offset(NodeId(2), n.now());
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->clock, milliseconds(-2'500));
  EXPECT_LE(fresh->uncertainty, milliseconds(5));
  EXPECT_TRUE(n.is_skewed());
  n.elapsed += seconds(1000);
  EXPECT_GE(n.watch.offset(NodeId(2), n.now())->uncertainty, milliseconds(1000));
  EXPECT_TRUE(n.is_skewed());
  n.elapsed += seconds(1100);
  EXPECT_FALSE(n.is_skewed()) << "the others' clocks may have come so far by themselves";
  n.hear(2, milliseconds(0));
  EXPECT_FALSE(n.is_skewed()) << "one of them is not enough";
  n.hear(3, milliseconds(0));
  EXPECT_TRUE(n.is_skewed());
}

TEST(ClockWatch, ASlowAnswerProvesLess) {
  Neighbours n(3);
  n.own = milliseconds(900);
  for (const std::uint32_t peer : {2U, 3U}) n.hear(peer, milliseconds(0), milliseconds(1000));
  EXPECT_FALSE(n.is_skewed()) << "half a second of it may be the way";
  for (const std::uint32_t peer : {2U, 3U}) n.hear(peer, milliseconds(0), milliseconds(100));
  EXPECT_TRUE(n.is_skewed());
}

TEST(ClockWatch, AJumpOfItsOwnClockIsSeenWithoutHearingAnybody) {
  Neighbours n(3);
  n.hear(2, milliseconds(0));
  n.hear(3, milliseconds(0));
  EXPECT_FALSE(n.watch.has_stepped(n.now())) << "never judged: nothing to compare with";
  EXPECT_FALSE(n.is_skewed());
  n.elapsed += seconds(10);
  EXPECT_FALSE(n.watch.has_stepped(n.now()));
  for (const milliseconds jump : {milliseconds(60'000), milliseconds(-60'000), milliseconds(30'000)}) {
    n.own = jump;
    EXPECT_TRUE(n.watch.has_stepped(n.now()));
    EXPECT_EQ(n.verdict(), jump.count());
    EXPECT_FALSE(n.watch.has_stepped(n.now())) << "told once";
    n.own = milliseconds(0);
    EXPECT_TRUE(n.watch.has_stepped(n.now()));
    EXPECT_FALSE(n.is_skewed()) << "set right, it may go on at once";
  }
  n.own = milliseconds(5);
  EXPECT_FALSE(n.watch.has_stepped(n.now())) << "a nudge";
}

TEST(ClockWatch, ANeighbourWhoseClockIsSetRightCounts) {
  Neighbours n(3);
  n.hear(2, seconds(60));
  n.hear(3, seconds(60));
  EXPECT_EQ(n.verdict(), -60'000);
  n.hear(2, milliseconds(0));
  EXPECT_FALSE(n.is_skewed());
}

TEST(ClockWatch, OnlyAVerdictThatSaysMoreIsTold) {
  Neighbours n(3);
  n.own = seconds(60);
  n.hear(2, milliseconds(0));
  n.hear(3, milliseconds(0));
  EXPECT_TRUE(n.watch.judge(n.now()));
  EXPECT_FALSE(n.watch.judge(n.now()));
  n.own += milliseconds(30);
  EXPECT_FALSE(n.watch.judge(n.now()));
  EXPECT_EQ(n.watch.verdict()->ahead, seconds(60));
  n.own += seconds(1);
  EXPECT_TRUE(n.watch.judge(n.now()));
  EXPECT_EQ(n.watch.verdict()->ahead, milliseconds(61'030));
  n.own = milliseconds(0);
  EXPECT_TRUE(n.watch.judge(n.now()));
}

TEST(ClockWatch, OnlyMembersCountAndWhoLeavesIsForgotten) {
  Neighbours n(3);
  n.own = seconds(60);
  n.hear(9, milliseconds(0));
  EXPECT_EQ(n.watch.offset(NodeId(9), n.now()), std::nullopt);
  n.hear(2, milliseconds(0));
  n.hear(3, milliseconds(0));
  n.watch.set_members(nodes({1, 2, 4, 5, 6}));
  EXPECT_FALSE(n.is_skewed()) << "two of five";
  n.watch.set_members(nodes({1, 2, 3}));
  EXPECT_EQ(n.watch.offset(NodeId(3), n.now()), std::nullopt);
  EXPECT_FALSE(n.is_skewed());
}

TEST(ClockWatch, AnyClockThatAPeerTellsIsBorne) {
  for (const std::int64_t ms : {INT64_MIN, INT64_MIN + 1, std::int64_t{-1}, INT64_MAX}) {
    Neighbours n(3);
    n.watch.note({.from = NodeId(2), .wall = WallTime(milliseconds(ms)), .round_trip = {}}, n.now());
    n.hear(3, milliseconds(0));
    EXPECT_FALSE(n.is_skewed()) << ms;
  }
}

// Members of which some were heard, a while ago and over ways of unequal length, and none of the clocks goes wrong faster than it may.
struct Scene {
  std::uint32_t members = 0;
  std::vector<std::int64_t> true_offsets;  // of n2, n3, ... from n1 at the end, in milliseconds
  std::size_t heard = 0;
  Neighbours n;
};

Scene draw() {
  const auto members = *rc::gen::inRange<std::uint32_t>(1, 8);
  Scene scene{.members = members, .true_offsets = {}, .heard = 0, .n = Neighbours(members)};
  scene.n.own = milliseconds(*rc::gen::inRange(-3'000, 3'000));
  for (std::uint32_t peer = 2; peer <= members; ++peer) {
    const auto offset = *rc::gen::inRange(-3'000, 3'000);
    auto drifted = offset;
    if (*rc::gen::inRange(0, 4) > 0) {
      ++scene.heard;
      const auto round_trip = milliseconds(*rc::gen::inRange(0, 1'000));
      const auto lean = round_trip * *rc::gen::inRange(-10, 11) / 10;
      const auto age = *rc::gen::inRange(0, 3'000);  // seconds
      const Duration end = scene.n.elapsed;
      scene.n.elapsed = end - seconds(age);
      scene.n.hear(peer, milliseconds(offset), round_trip, lean);
      scene.n.elapsed = end;
      drifted += *rc::gen::inRange(-age, age + 1);  // a millisecond per second, at most
    }
    scene.true_offsets.push_back(drifted - scene.n.own.count());
  }
  return scene;
}

RC_GTEST_PROP(ClockWatch, WhatIsRememberedOfAClockHoldsTheTruth, ()) {
  Scene scene = draw();
  for (std::uint32_t peer = 2; peer <= scene.members; ++peer) {
    const auto known = scene.n.watch.offset(NodeId(peer), scene.n.now());
    if (!known) continue;
    RC_ASSERT(std::abs(known->clock.count() - scene.true_offsets[peer - 2]) <= known->uncertainty.count());
  }
}

// Whoever was not heard may have any clock at all: the verdict is about those that were, and they are a majority.
RC_GTEST_PROP(ClockWatch, AVerdictMeansThatMostOfAMajorityAreBeyondTheBound, ()) {
  Scene scene = draw();
  const auto verdict = scene.n.verdict();
  if (!verdict) return;
  const std::size_t known = scene.heard + 1;
  RC_ASSERT(known * 2 > scene.members);
  const auto& of = scene.n.watch.verdict()->of;
  RC_ASSERT(of.size() * 2 > known);
  for (const NodeId peer : of) {
    const std::int64_t offset = scene.true_offsets[peer.value() - 2];
    RC_ASSERT((*verdict > 0 ? -offset : offset) > 500);
  }
}

RC_GTEST_PROP(ClockWatch, AClockThatAgreesWithMostOfThoseHeardIsNeverTheOddOne, ()) {
  Scene scene = draw();
  std::size_t agree = 1;
  for (std::uint32_t peer = 2; peer <= scene.members; ++peer) {
    const bool heard = scene.n.watch.offset(NodeId(peer), scene.n.now()).has_value();
    agree += heard && std::abs(scene.true_offsets[peer - 2]) <= 500 ? 1 : 0;
  }
  if (agree * 2 >= scene.heard + 1) RC_ASSERT(!scene.n.is_skewed());
}

RC_GTEST_PROP(ClockWatch, AllHeardJustNowItIsTheMedianThatDecides, ()) {
  const auto members = *rc::gen::inRange<std::uint32_t>(3, 8);
  Neighbours n(members);
  n.own = milliseconds(*rc::gen::inRange(-3'000, 3'000));
  std::vector<std::int64_t> clocks{n.own.count()};
  for (std::uint32_t peer = 2; peer <= members; ++peer) {
    clocks.push_back(*rc::gen::inRange(-3'000, 3'000));
    n.hear(peer, milliseconds(clocks.back()));
  }
  std::sort(clocks.begin(), clocks.end());
  const std::int64_t above = n.own.count() - clocks[clocks.size() / 2];
  const std::int64_t below = clocks[(clocks.size() - 1) / 2] - n.own.count();
  if (above > 510) {
    RC_ASSERT(n.verdict() == above);
  } else if (below > 510) {
    RC_ASSERT(n.verdict() == -below);
  } else if (std::max(above, below) < 500) {
    RC_ASSERT(!n.is_skewed());
  }
}

}  // namespace
}  // namespace rift::membership
