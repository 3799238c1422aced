#include "chaos/fault/rows.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rift::chaos::fault {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<NodeId> five = {NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};
constexpr NodeId leader{3};
constexpr std::uint64_t seeds = 30;

Cut cut(Shape shape, std::uint64_t seed, const std::vector<NodeId>& nodes = five) {
  Rng rng(seed);
  return MUST(cut_of(shape, nodes, leader, rng));
}

bool is_cut(const Cut& cut, NodeId from, NodeId to) {
  return std::find(cut.links.begin(), cut.links.end(), Link{from, to}) != cut.links.end();
}

// How many nodes `node` still exchanges messages with, both ways, itself counted.
std::size_t reach(const Cut& cut, NodeId node, const std::vector<NodeId>& nodes) {
  return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [&](NodeId other) {
    return other == node || (!is_cut(cut, node, other) && !is_cut(cut, other, node));
  }));
}

TEST(Shape, PutsTheLeaderWhereItsNameSays) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Cut with_three = cut(Shape::leader_with_majority, seed);
    EXPECT_EQ(with_three.majority.size(), 3U);
    EXPECT_THAT(with_three.majority, Contains(leader));
    EXPECT_EQ(with_three.links.size(), 12U);
    const Cut with_two = cut(Shape::leader_with_minority, seed);
    EXPECT_EQ(with_two.minority.size(), 2U);
    EXPECT_THAT(with_two.minority, Contains(leader));
    const Cut alone = cut(Shape::leader_alone, seed);
    EXPECT_THAT(alone.minority, ElementsAre(leader));
    EXPECT_EQ(alone.links.size(), 8U);
  }
}

TEST(Shape, LeavesNobodyAMajorityWhereNobodyIsToHaveOne) {
  const Cut shattered = cut(Shape::shatter, 1);
  EXPECT_EQ(shattered.links.size(), 20U);
  EXPECT_THAT(shattered.majority, IsEmpty());
  EXPECT_EQ(shattered.minority, five);
  const std::vector<NodeId> four(five.begin(), five.begin() + 4);
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Cut halved = cut(Shape::halves, seed, four);
    EXPECT_EQ(halved.links.size(), 8U);
    EXPECT_THAT(halved.majority, IsEmpty());
    for (const NodeId node : four) EXPECT_EQ(reach(halved, node, four), 2U);
  }
}

TEST(Shape, BridgesHaveOneNodeThatReachesAll) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Cut middle = cut(Shape::bridge_at_leader, seed);
    EXPECT_EQ(middle.links.size(), 8U);
    EXPECT_EQ(reach(middle, leader, five), 5U);
    EXPECT_EQ(middle.majority, five);
    EXPECT_THAT(middle.minority, IsEmpty());
    const Cut end = cut(Shape::bridge_at_follower, seed);
    EXPECT_EQ(end.links.size(), 8U);
    EXPECT_EQ(reach(end, leader, five), 3U);
    EXPECT_THAT(end.majority, Contains(leader));
    EXPECT_EQ(end.minority.size(), 2U);
    EXPECT_EQ(std::count_if(five.begin(), five.end(), [&](NodeId node) { return reach(end, node, five) == 5; }), 1);
  }
}

TEST(Shape, InARingEverybodyReachesAMajorityAndNobodyReachesAll) {
  std::set<std::vector<NodeId>> drawn;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Cut ring = cut(Shape::ring, seed);
    EXPECT_EQ(ring.links.size(), 10U);
    for (const NodeId node : five) EXPECT_EQ(reach(ring, node, five), 3U);
    EXPECT_EQ(ring.majority.size(), 3U);
    for (const NodeId node : ring.minority) EXPECT_TRUE(is_cut(ring, leader, node) && is_cut(ring, node, leader));
    drawn.insert(ring.majority);
  }
  EXPECT_EQ(drawn.size(), 6U);  // any two of the other four may be the leader's neighbours
}

TEST(Shape, OneWayCutsAreCutOneWay) {
  const Cut deaf = cut(Shape::deaf_leader, 1);
  const Cut mute = cut(Shape::mute_leader, 1);
  for (const NodeId other : five) {
    if (other == leader) continue;
    EXPECT_TRUE(is_cut(deaf, other, leader) && !is_cut(deaf, leader, other));
    EXPECT_TRUE(is_cut(mute, leader, other) && !is_cut(mute, other, leader));
  }
  EXPECT_EQ(deaf.links.size(), 4U);
  EXPECT_EQ(mute.links.size(), 4U);
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Cut follower = cut(Shape::deaf_follower, seed);
    ASSERT_EQ(follower.minority.size(), 1U);
    EXPECT_NE(follower.minority.front(), leader);
    EXPECT_TRUE(is_cut(follower, leader, follower.minority.front()));
    EXPECT_EQ(follower.links.size(), 4U);
  }
}

TEST(Shape, ThatDoesNotFitIsRefused) {
  Rng rng(1);
  EXPECT_FALSE(cut_of(Shape::halves, five, leader, rng).has_value());
  EXPECT_FALSE(cut_of(Shape::ring, {NodeId(1), NodeId(2), NodeId(3)}, leader, rng).has_value());
  EXPECT_FALSE(cut_of(Shape::leader_with_minority, {NodeId(1), NodeId(2), NodeId(3)}, leader, rng).has_value());
  EXPECT_FALSE(cut_of(Shape::leader_alone, five, NodeId(9), rng).has_value());
  EXPECT_FALSE(cut_of(Shape::leader_alone, {}, leader, rng).has_value());
}

TEST(Rows, AreInOrderOfTimeAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const MatrixRow& row : matrix_rows()) {
    EXPECT_TRUE(names.insert(row.name()).second) << row.name();
    EXPECT_TRUE(std::is_sorted(row.steps.begin(), row.steps.end(), [](const RowStep& a, const RowStep& b) {
      return a.at < b.at;
    })) << row.name();
    for (const RowStep& step : row.steps) {
      EXPECT_GE(step.at, row.fault_begins) << row.name();
      EXPECT_LE(step.at, row.fault_ends) << row.name();
    }
    EXPECT_LT(row.fault_ends + std::chrono::seconds(5), row.length) << row.name();
  }
}

TEST(Rows, AreFoundByNumberAndByForm) {
  EXPECT_EQ(find_rows("C3").size(), 1U);
  EXPECT_EQ(find_rows("C5").size(), 2U);
  ASSERT_EQ(find_rows("C5-halves").size(), 1U);
  EXPECT_EQ(find_rows("C5-halves").front()->nodes, 4U);
  EXPECT_EQ(find_rows("c5-HALVES").size(), 1U);
  EXPECT_THAT(find_rows("C99"), IsEmpty());
  EXPECT_THAT(find_rows(""), IsEmpty());
}

}  // namespace
}  // namespace rift::chaos::fault
