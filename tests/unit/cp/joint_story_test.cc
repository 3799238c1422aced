// A group in the midst of a change of its members (thesis 4.3): what it counts, it counts over those that come and those that go.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "group.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;

// Five voters of which the map wants three any more. The entry that begins it stays uncommitted: appends are lost, heartbeats are not.
class Joint : public ::testing::Test {
 protected:
  static kit::ReplicaCluster::Options five() {
    kit::ReplicaCluster::Options options;
    options.nodes = 5;
    return options;
  }
  static CpReplica::Options often_verified() {
    CpReplica::Options options;
    options.verify_every = 8;
    return options;
  }
  Joint() : group(five(), often_verified()) {
    leader = group.elect();
    for (int i = 0; i < 20; ++i) group.write(put("k" + std::to_string(i), "v"));
    group.expect_convergence();
    const auto others = group.others(leader);
    leavers = {others[0], others[1]};
    stayers = {leader, others[2], others[3]};
    group.set_filter([this](NodeId from, const Outgoing& message) {
      if (message.lane != env::Lane::data) return false;
      const auto decoded = wire::decode_message(message.message);
      if (from == leader && decoded && std::holds_alternative<wire::StateReport>(*decoded)) asked.insert(message.to);
      return true;
    });
    topology::Catalog map = group.catalog();
    map.epoch = MapEpoch(map.epoch.value() + 1);
    auto& keyspace = map.keyspaces.at("k");
    keyspace.copies = 3;
    keyspace.partitions.front().owners = stayers;
    catalog = std::make_shared<const topology::Catalog>(std::move(map));
    reach(group.all());
    EXPECT_TRUE(group.run_until([&] { return !group.replica(leader).status().settled; }));
    EXPECT_EQ(group.replica(leader).status().voters, group.all()) << "both halves";
  }
  void reach(std::vector<NodeId> nodes) {
    std::sort(nodes.begin(), nodes.end());
    group.at(leader).observe(
        std::make_shared<const topology::View>(topology::View{.catalog = catalog, .self = leader, .reachable = nodes}));
  }
  Response read_all() { return group.must_call(leader, kit::with_level(get("k1"), Level::all)); }

  Group group;
  NodeId leader;
  std::vector<NodeId> leavers;
  std::vector<NodeId> stayers;
  std::set<NodeId> asked;
  std::shared_ptr<const topology::Catalog> catalog;
};

TEST_F(Joint, ReadsOfLevelAllAreAnsweredByBothHalves) {
  const Response read = read_all();
  EXPECT_EQ(read.outcome, Outcome::done) << read.why;
  EXPECT_EQ(read.receipt.acknowledged_by, group.all());
  group.cut_both(leader, leavers[0]);
  const auto unanswered = group.call(leader, kit::with_budget(kit::with_level(get("k1"), Level::all), 300ms), 2s);
  EXPECT_TRUE(!unanswered || unanswered->outcome != Outcome::done)
      << "one that goes has not answered, and still counts";
}

TEST_F(Joint, AVoterThatGoesIsMissedAtLevelAll) {
  auto nodes = group.all();
  std::erase(nodes, leavers[0]);
  reach(nodes);
  const Response read = read_all();
  EXPECT_EQ(read.code, Code::level_unreachable);
  EXPECT_THAT(read.why, testing::HasSubstr(to_string(leavers[0])));
}

TEST_F(Joint, SaysWhichHalfLacksItsMajority) {
  group.isolate(leader);
  reach({stayers[0], stayers[1]});
  ASSERT_TRUE(group.run_until([&] { return !group.replica(leader).is_leader(); }));
  group.run_for(2s);
  const Response refused = group.must_call(leader, put("k", "v"));
  EXPECT_EQ(refused.code, Code::no_leader);
  EXPECT_THAT(refused.why, testing::HasSubstr("2 of 5 outgoing voters of k/0, needs 3")) << "and 2 of the 3 that stay";
}

TEST_F(Joint, BothHalvesAreAskedWhatTheStateIs) {
  const LogIndex index(group.replica(leader).applied().index.value() / 8 * 8);
  group.at(leader).receive(
      stayers[1], env::Lane::data,
      wire::encode_message(wire::StateReport{.index = index, .hash = 1, .known = true, .is_answer = true}));
  group.run_for(1s);
  EXPECT_THAT(asked, testing::UnorderedElementsAreArray(group.others(leader)));
}

TEST_F(Joint, ALeaderThatStopsHandsOverToOneThatStays) {
  group.at(leader).round([](Replica& replica, Turn& turn) { static_cast<CpReplica&>(replica).hand_over(turn); });
  EXPECT_TRUE(group.at(leader).recorder().marks().contains("cp.hand_over"));
}

// A replica that was away hears of a whole change in one append, and dies before it has applied any of it: three configurations stand behind its
// state (found by a storm).
TEST(JointRestart, KnowsEveryConfigurationThatItHasNotApplied) {
  kit::ReplicaCluster::Options five;
  five.nodes = 5;
  Group group(five);
  const NodeId leader = group.elect();
  const auto others = group.others(leader);
  const NodeId away = others[0];
  const NodeId leaver = others[1];
  group.isolate(away);
  topology::Catalog map = group.catalog();
  map.epoch = MapEpoch(map.epoch.value() + 1);
  auto& keyspace = map.keyspaces.at("k");
  keyspace.copies = 4;
  std::erase(keyspace.partitions.front().owners, leaver);
  auto reachable = group.all();
  std::erase(reachable, away);
  group.at(leader).observe(std::make_shared<const topology::View>(topology::View{
      .catalog = std::make_shared<const topology::Catalog>(map), .self = leader, .reachable = reachable}));
  ASSERT_TRUE(group.run_until([&] {
    const auto status = group.replica(leader).status();
    return status.settled && status.voters.size() == 4;
  }));
  ASSERT_EQ(group.replica(away).status().voters.size(), 5U);
  group.heal();
  const LogIndex last = group.replica(leader).status().last;
  ASSERT_TRUE(group.run_until([&] { return group.replica(away).status().last >= last; }));
  group.crash(away, kit::TurnHarness::Crash::kill);
  MUST(group.restart(away));
  const auto status = group.replica(away).status();
  ASSERT_EQ(status.last, last);
  ASSERT_LT(status.applied, last) << "it has applied nothing of the change";
  EXPECT_EQ(status.voters.size(), 4U);
  EXPECT_TRUE(group.run_until([&] { return group.replica(away).applied() == group.replica(leader).applied(); }));
}

}  // namespace
}  // namespace rift::cp
