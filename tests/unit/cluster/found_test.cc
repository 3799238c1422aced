// Who may be founded, and into which cluster: a cluster is founded once, by its founders, on the disks that they had.
#include "cluster/found.h"

#include <gmock/gmock.h>

namespace rift::cluster {
namespace {

const ClusterId ours{.high = 1, .low = 2};
const ClusterId fresh{.high = 9, .low = 9};

IdentityReply node(std::uint32_t n, ClusterId cluster = {}, std::uint64_t disk = 0) {
  return {.identity = {.node = NodeId(n), .cluster = cluster, .disk = {.high = 7, .low = disk != 0 ? disk : n}},
          .client_address = "c" + std::to_string(n),
          .peer_address = "p" + std::to_string(n)};
}

topology::Catalog founded_by(std::initializer_list<std::uint32_t> nodes) {
  std::vector<topology::Member> members;
  for (const std::uint32_t n : nodes) {
    members.push_back({.node = NodeId(n),
                       .client_address = "c" + std::to_string(n),
                       .peer_address = "p" + std::to_string(n),
                       .disk = {.high = 7, .low = n}});
  }
  return MUST(topology::found(ours, members));
}

std::vector<std::uint32_t> names(const std::vector<topology::Member>& members) {
  std::vector<std::uint32_t> result;
  for (const topology::Member& member : members) result.push_back(member.node.value());
  return result;
}

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PlanFounding, ANewClusterIsOfAllWhoAreNamed) {
  const Founding plan = MUST(plan_founding({node(2), node(1), node(3)}, std::nullopt, fresh));
  EXPECT_EQ(plan.cluster, fresh);
  EXPECT_THAT(names(plan.members), ElementsAre(1, 2, 3));
  EXPECT_THAT(plan.to_found, ElementsAre(0, 1, 2));
  EXPECT_THAT(plan.strangers, IsEmpty());
}

TEST(PlanFounding, RepeatedItDoesNothing) {
  const Founding plan = MUST(plan_founding({node(1, ours), node(2, ours)}, std::nullopt, fresh));
  EXPECT_EQ(plan.cluster, ours);
  EXPECT_THAT(plan.to_found, IsEmpty());
  EXPECT_THAT(plan.to_join, IsEmpty());
}

TEST(PlanFounding, AnInterruptedOneIsFinishedWithTheMembersThatItBeganWith) {
  const Founding plan = MUST(plan_founding({node(1, ours), node(3)}, founded_by({1, 2, 3}), fresh));
  EXPECT_EQ(plan.cluster, ours);
  EXPECT_THAT(names(plan.members), ElementsAre(1, 2, 3));
  EXPECT_THAT(plan.to_found, ElementsAre(1));
}

// The map has changed since, and a founder's first entries are the first map: it learns them like anybody.
TEST(PlanFounding, AFounderThatWasForgottenJoins) {
  topology::Catalog map = founded_by({1, 2, 3});
  map.epoch = MapEpoch(2);
  const Founding plan = MUST(plan_founding({node(1, ours), node(2, ours), node(3)}, map, fresh));
  EXPECT_THAT(plan.to_join, ElementsAre(2));
  EXPECT_THAT(plan.to_found, IsEmpty());
}

// Its acknowledgements and votes were on the other disk: two empty voters of three would be a majority that knows nothing.
TEST(PlanFounding, AWipedDiskIsNoFounder) {
  for (const std::uint64_t epoch : {1U, 5U}) {
    topology::Catalog map = founded_by({1, 2, 3});
    map.epoch = MapEpoch(epoch);
    const Founding plan = MUST(plan_founding({node(1, ours), node(2, ours), node(3, {}, 99)}, map, fresh));
    EXPECT_THAT(plan.to_found, IsEmpty());
    EXPECT_THAT(plan.to_join, IsEmpty());
    EXPECT_THAT(plan.strangers, ElementsAre(HasSubstr("rift members replace n3")));
    EXPECT_THAT(plan.strange, ElementsAre(2));
  }
}

// {1,2} of three and {3,4,5} of five would each be a majority.
TEST(PlanFounding, ARepetitionWithMoreNodesFoundsNoneOfThem) {
  const Founding plan =
      MUST(plan_founding({node(1, ours), node(2, ours), node(3), node(4), node(5)}, founded_by({1, 2, 3}), fresh));
  EXPECT_THAT(names(plan.members), ElementsAre(1, 2, 3));
  EXPECT_THAT(plan.to_found, ElementsAre(2)) << "the third of the three";
  EXPECT_THAT(plan.strangers, ElementsAre(HasSubstr("rift members add c4"), HasSubstr("rift members add c5")));
}

TEST(PlanFounding, RefusesTwinsAndTwoClusters) {
  EXPECT_EQ(plan_founding({node(1), node(1)}, std::nullopt, fresh).error().code, Code::invalid);
  EXPECT_THAT(plan_founding({node(1, ours), node(2, fresh)}, std::nullopt, fresh).error().detail,
              HasSubstr("another cluster"));
}

}  // namespace
}  // namespace rift::cluster
