// plan_loss: what an operator is told before a loss is accepted, and from whom each group would go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/members.h"

namespace rift::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const NodeId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};
constexpr PartitionId bank{2};

struct Hold {
  std::uint32_t node = 0;
  std::uint64_t last_term = 0;
  std::uint64_t last = 0;
  std::string role = "candidate";
  std::uint64_t refounded = 0;
  std::uint64_t superseded = 0;
};

// Those of its members that `answer` do. `bank` is on all of them, and all of them vote in it.
struct Cluster {
  explicit Cluster(const std::vector<NodeId>& answer, std::vector<NodeId> all = {n1, n2, n3})
      : members(std::move(all)) {
    for (const NodeId node : members) {
      survey.catalog.members[node] = {.node = node, .client_address = "c", .peer_address = "p", .disk = {}};
      const bool answers = std::find(answer.begin(), answer.end(), node) != answer.end();
      survey.nodes.emplace(node, answers ? Result<StatusReply>(StatusReply{})
                                         : Result<StatusReply>(rift::fail(Code::unreachable, "gone")));
    }
    survey.catalog.epoch = MapEpoch(9);
    topology::Keyspace keyspace{.id = KeyspaceId(1), .name = "bank", .partitions = {}};
    keyspace.partitions.push_back({.id = bank, .owners = members});
    survey.catalog.keyspaces["bank"] = keyspace;
    Group group;
    group.partition = bank;
    group.keyspace = "bank";
    group.name = "bank/0";
    group.owners = members;
    survey.groups.push_back(group);
  }
  void holds(const Hold& hold, bool settled = true) {
    ReplicaStatus status;
    status.partition = bank;
    status.role = hold.role;
    status.voters = members;
    status.settled = settled;
    status.last = LogIndex(hold.last);
    status.counters = {{"last_term", hold.last_term}, {"refounded", hold.refounded}, {"superseded", hold.superseded}};
    survey.groups.front().replicas[NodeId(hold.node)] = status;
  }
  topology::Partition& partition() { return survey.catalog.keyspaces.at("bank").partitions.front(); }
  std::vector<NodeId> members;
  Survey survey;
};

TEST(PlanLoss, SaysWhatWouldBeLostAndGoesOnFromTheLogThatWouldBeElected) {
  Cluster cluster({n1, n2});
  cluster.holds({.node = 1, .last_term = 3, .last = 90});
  cluster.holds({.node = 2, .last_term = 4, .last = 80});
  const auto fine = plan_loss(cluster.survey, {n3});
  ASSERT_TRUE(fine.has_value());
  EXPECT_TRUE(fine->loss.survivors.empty());
  EXPECT_THAT(fine->consequences, ElementsAre(HasSubstr("2 of 3 voters are left, which decide")));

  cluster.survey.nodes.at(n1) = rift::fail(Code::unreachable, "gone");
  cluster.survey.groups.front().replicas.erase(n1);
  const auto plan = plan_loss(cluster.survey, {n1, n3});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->loss.epoch, MapEpoch(9));
  EXPECT_EQ(plan->loss.lost, (std::vector<NodeId>{n1, n3}));
  EXPECT_EQ(plan->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n2}}));
  EXPECT_THAT(
      plan->consequences,
      ElementsAre("bank/0: 1 of 3 voters are left; it goes on from n2, whose log ends at entry 80; what only n1, "
                  "n3 held after that is lost"));
}

TEST(PlanLoss, PrefersLaterTermsThenLongerLogsAndSoundStates) {
  Cluster cluster({n1, n2});
  const auto survivor = [&] {
    const auto plan = plan_loss(cluster.survey, {n3});
    if (!plan || !plan->loss.survivors.contains(bank)) return NodeId();
    return plan->loss.survivors.at(bank);
  };
  cluster.holds({.node = 1, .last_term = 3, .last = 90}, false);
  cluster.holds({.node = 2, .last_term = 4, .last = 80}, false);
  EXPECT_EQ(survivor(), n2) << "in the midst of a change of members nothing can be counted";
  cluster.holds({.node = 2, .last_term = 3, .last = 91}, false);
  EXPECT_EQ(survivor(), n2);
  cluster.holds({.node = 2, .last_term = 3, .last = 91, .role = "quarantined"}, false);
  EXPECT_EQ(survivor(), n1);
  cluster.holds({.node = 1, .last_term = 3, .last = 90, .role = "repair"}, false);
  EXPECT_EQ(survivor(), n2);
  cluster.holds({.node = 2, .last_term = 3, .last = 91, .role = "stopped"}, false);
  EXPECT_EQ(survivor(), NodeId()) << "nobody";
}

TEST(PlanLoss, WaitsForAGroupThatIsLedAndChanges) {
  Cluster cluster({n1, n2});
  cluster.holds({.node = 1, .last_term = 3, .last = 90, .role = "leader"}, false);
  cluster.survey.groups.front().leader = n1;
  const auto plan = plan_loss(cluster.survey, {n3});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Code::not_ready);
}

TEST(PlanLoss, RefusesToGiveUpWhoAnswersOrIsAStranger) {
  Cluster cluster({n1, n2});
  EXPECT_THAT(plan_loss(cluster.survey, {n2}).error().detail, HasSubstr("n2 answers"));
  EXPECT_THAT(plan_loss(cluster.survey, {NodeId(7)}).error().detail, HasSubstr("not a member"));
}

// Whose log is the longest is known only when everybody who is left has said how long it is.
TEST(PlanLoss, RefusesWhileSomebodyNeitherAnswersNorIsNamed) {
  Cluster cluster({n5}, {n1, n2, n3, n4, n5});
  cluster.holds({.node = 5, .last_term = 3, .last = 90});
  const auto silent = plan_loss(cluster.survey, {n1, n2, n3});
  ASSERT_FALSE(silent.has_value());
  EXPECT_EQ(silent.error().code, Code::invalid);
  EXPECT_THAT(silent.error().detail, HasSubstr("bank/0: n4 neither answers nor is named lost"));
  const auto named = plan_loss(cluster.survey, {n1, n2, n3, n4});
  ASSERT_TRUE(named.has_value()) << named.error().detail;
  EXPECT_EQ(named->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n5}}));
  // Given up in a recovery before, and still in the map.
  cluster.survey.catalog.members.at(n4).state = topology::MemberState::lost;
  EXPECT_TRUE(plan_loss(cluster.survey, {n1, n2, n3}).has_value());
  cluster.survey.catalog.members.at(n4).state = topology::MemberState::active;
  cluster.survey.nodes.at(n4) = StatusReply{};
  cluster.holds({.node = 4, .last_term = 3, .last = 91});
  const auto answered = plan_loss(cluster.survey, {n1, n2, n3});
  ASSERT_TRUE(answered.has_value()) << answered.error().detail;
  EXPECT_EQ(answered->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n4}}));
  EXPECT_THAT(answered->consequences, ElementsAre(HasSubstr("2 of 5 voters are left; it goes on from n4")));
}

TEST(PlanLoss, RefusesForWhoVotesAndOwnsNothingAnyMore) {
  Cluster cluster({n1}, {n1, n2, n3, n4, n5});
  cluster.holds({.node = 1, .last_term = 3, .last = 90});
  cluster.survey.groups.front().owners = {n1, n2, n3, n4};
  cluster.partition().owners = {n1, n2, n3, n4};
  EXPECT_THAT(plan_loss(cluster.survey, {n2, n3, n4}).error().detail, HasSubstr("n5 neither answers"));
  cluster.survey.catalog.members.erase(n5);
  cluster.survey.nodes.erase(n5);
  EXPECT_TRUE(plan_loss(cluster.survey, {n2, n3, n4}).has_value()) << "refused everywhere, whatever it holds";
}

TEST(PlanLoss, RefusesForAnInterruptedRecoveryToo) {
  Cluster cluster({n1});
  cluster.holds({.node = 1, .last_term = 3, .last = 90, .role = "leader", .refounded = 1});
  EXPECT_THAT(plan_loss(cluster.survey, {n3}).error().detail, HasSubstr("n2 neither answers"));
}

TEST(PlanLoss, CountsOnlyWhoAnswered) {
  Cluster cluster({n1, n2, n4}, {n1, n2, n3, n4, n5});
  for (const std::uint32_t node : {1U, 2U, 4U}) cluster.holds({.node = node, .last_term = 3, .last = 90});
  EXPECT_THAT(plan_loss(cluster.survey, {n3})->consequences,
              ElementsAre("bank/0: 3 of 5 voters are left (n5 does not answer), which decide: nothing is lost"));
  cluster.holds({.node = 4, .last_term = 3, .last = 90, .role = "stopped"});
  const auto waits = plan_loss(cluster.survey, {n3});
  ASSERT_TRUE(waits.has_value());
  EXPECT_TRUE(waits->loss.survivors.empty()) << "four of five are not lost";
  EXPECT_THAT(waits->consequences, ElementsAre(HasSubstr("2 of 5 voters are left (n5 does not answer), too few")));
  cluster.survey.groups.front().mode = Mode::ap;
  EXPECT_THAT(plan_loss(cluster.survey, {n3})->consequences,
              ElementsAre(HasSubstr("3 of 5 owners are left (n5 does not answer), and levels")));
}

// The map follows the group: what the map does not know yet is done once only, and what a replica does not know yet is not counted.
TEST(PlanLoss, GoesOnWithARecoveryThatWasInterrupted) {
  Cluster cluster({n1});
  cluster.holds({.node = 1, .last_term = 3, .last = 90, .role = "leader", .refounded = 1});
  cluster.survey.groups.front().leader = n1;
  const auto plan = plan_loss(cluster.survey, {n2, n3});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n1}}));
  cluster.partition().refounded = 2;
  const auto later = plan_loss(cluster.survey, {n2, n3});
  ASSERT_TRUE(later.has_value());
  EXPECT_TRUE(later->loss.survivors.empty()) << "it does not follow the map yet";
}

// The survivor of the first recovery has founded nothing: what another has kept of the old group counts, after everything of the new one.
TEST(PlanLoss, GoesOnFromWhatWasKeptOfTheOldGroup) {
  Cluster cluster({n1, n2});
  cluster.partition().refounded = 1;
  cluster.holds({.node = 1, .last_term = 3, .last = 90, .role = "superseded", .superseded = 1});
  cluster.holds({.node = 2, .last_term = 4, .last = 95});
  const auto plan = plan_loss(cluster.survey, {n3});
  ASSERT_TRUE(plan.has_value()) << plan.error().detail;
  EXPECT_EQ(plan->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n1}}));
  cluster.holds({.node = 2, .last_term = 2, .last = 95, .refounded = 1}, false);
  EXPECT_EQ(plan_loss(cluster.survey, {n3})->loss.survivors, (std::map<PartitionId, NodeId>{{bank, n2}}));
}

TEST(PlanLoss, SaysWhatBecomesOfAnApPartition) {
  Cluster cluster({n1});
  cluster.survey.groups.front().mode = Mode::ap;
  EXPECT_THAT(plan_loss(cluster.survey, {n2, n3})->consequences, ElementsAre(HasSubstr("1 of 3 owners are left")));
  cluster.survey.groups.front().owners = {n2, n3};
  EXPECT_THAT(plan_loss(cluster.survey, {n2})->consequences, ElementsAre(HasSubstr("0 of 2 owners are left (n3 does")));
  EXPECT_THAT(plan_loss(cluster.survey, {n2, n3})->consequences, ElementsAre(HasSubstr("nobody is left")));
}

}  // namespace
}  // namespace rift::cluster
