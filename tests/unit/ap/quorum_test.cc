#include "ap/quorum.h"

#include <gtest/gtest.h>

namespace rift::ap {
namespace {

Owners owners(std::initializer_list<std::uint32_t> nodes) {
  std::vector<NodeId> list;
  for (const auto node : nodes) list.push_back(NodeId(node));
  return std::make_shared<const std::vector<NodeId>>(std::move(list));
}

TEST(Levels, CountOwnersOfTheKey) {
  EXPECT_EQ(owners_needed(Level::one, 5), 1U);
  EXPECT_EQ(owners_needed(Level::majority, 5), 3U);
  EXPECT_EQ(owners_needed(Level::majority, 4), 3U);
  EXPECT_EQ(owners_needed(Level::all, 5), 5U);
  EXPECT_EQ(level_reached(0, 5), Level::unspecified);
  EXPECT_EQ(level_reached(2, 5), Level::one);
  EXPECT_EQ(level_reached(3, 5), Level::majority);
  EXPECT_EQ(level_reached(5, 5), Level::all);
  EXPECT_EQ(level_reached(1, 1), Level::all);
}

TEST(PutQuorum, IsMetByTheNeededNumberOfOwners) {
  PutQuorum quorum(owners({1, 2, 3}), 2);
  quorum.acknowledge(NodeId(3));
  EXPECT_FALSE(quorum.met());
  quorum.acknowledge(NodeId(1));
  EXPECT_TRUE(quorum.met());
  EXPECT_EQ(quorum.acknowledged(), (std::vector<NodeId>{NodeId(1), NodeId(3)}));
}

TEST(PutQuorum, T22CountsNobodyTwice) {
  PutQuorum quorum(owners({1, 2, 3}), 2);
  quorum.acknowledge(NodeId(2));
  quorum.acknowledge(NodeId(2));
  EXPECT_FALSE(quorum.met());
  EXPECT_EQ(quorum.count(), 1U);
}

TEST(PutQuorum, T17CountsNobodyWhoIsNoOwner) {
  PutQuorum quorum(owners({1, 2, 3}), 1);
  quorum.acknowledge(NodeId(4));
  EXPECT_FALSE(quorum.met());
}

TEST(PutQuorum, T17CountsStandInsApartFromOwners) {
  PutQuorum quorum(owners({1, 2, 3}), 3, 2);
  quorum.add_stand_in(NodeId(4));
  quorum.acknowledge(NodeId(4));
  EXPECT_EQ(quorum.reached(false), Level::any) << "no owner has it";
  EXPECT_EQ(quorum.reached(true), Level::one);
  quorum.acknowledge(NodeId(2));
  EXPECT_EQ(quorum.reached(false), Level::one);
  EXPECT_EQ(quorum.reached(true), Level::majority);
  EXPECT_TRUE(quorum.met());
  EXPECT_EQ(quorum.acknowledged(), (std::vector<NodeId>{NodeId(2), NodeId(4)}));
  EXPECT_EQ(quorum.stand_ins(), std::vector<NodeId>{NodeId(4)});
}

TEST(PutQuorum, IsImpossibleOnceTooManyHaveRefused) {
  PutQuorum quorum(owners({1, 2, 3}), 2);
  quorum.reject(NodeId(2));
  EXPECT_FALSE(quorum.impossible());
  quorum.reject(NodeId(3));
  EXPECT_TRUE(quorum.impossible());
  quorum.acknowledge(NodeId(3));
  EXPECT_FALSE(quorum.impossible()) << "whoever holds it counts, whatever it said before";
}

TEST(PutQuorum, HoldsAsManyOwnersAsThereCanBeMembers) {
  std::vector<NodeId> many;
  for (std::uint32_t n = 1; n <= limits::members_max; ++n) many.push_back(NodeId(n));
  PutQuorum quorum(std::make_shared<const std::vector<NodeId>>(many), many.size());
  for (const NodeId node : many) quorum.acknowledge(node);
  EXPECT_EQ(quorum.count(), many.size());
  EXPECT_EQ(quorum.reached(false), Level::all);
}

}  // namespace
}  // namespace rift::ap
