// Leadership that moves on purpose: to whom, when it is given up, and what a lost, repeated or late request does.
#include "cluster.h"

namespace rift::raft::test {
namespace {

TEST(RaftTransfer, HandsOverWithoutWaitingForATimeout) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.advance(100ms);
  const Time before = cluster.now;
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  EXPECT_TRUE(cluster.raft(1).handing_over());
  EXPECT_EQ(cluster.propose(1, {"late"}).error().code, Code::not_leader);
  cluster.flush(1);
  cluster.settle();
  EXPECT_TRUE(cluster.raft(2).is_leader());
  EXPECT_FALSE(cluster.raft(1).is_leader());
  EXPECT_EQ(cluster.now, before);
  EXPECT_TRUE(has_change(cluster.node(2), Role::candidate, Reason::transfer));
}

TEST(RaftTransfer, WaitsUntilTheTargetHasEverything) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  ASSERT_TRUE(cluster.propose(1, {"a"}).has_value());
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.recorder.marks().count("raft.timeout_now_sent"), 0u);
  cluster.sync(2);
  cluster.settle();
  EXPECT_EQ(cluster.recorder.marks().count("raft.timeout_now_sent"), 1u);
}

TEST(RaftTransfer, GivesUpAfterOneMinimumTimeoutAndServesAgain) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(2);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  cluster.advance(limits::election_timeout_min + limits::heartbeat_interval);
  EXPECT_FALSE(cluster.raft(1).handing_over());
  EXPECT_TRUE(cluster.propose(1, {"a"}).has_value());
}

TEST(RaftTransfer, RefusesATargetThatCannotLead) {
  Cluster cluster(3, 1, {}, 1);
  cluster.campaign(1);
  EXPECT_EQ(cluster.raft(1).transfer(NodeId(1), cluster.context(1)).error().code, Code::invalid);
  EXPECT_EQ(cluster.raft(1).transfer(NodeId(4), cluster.context(1)).error().code, Code::invalid);
  EXPECT_EQ(cluster.raft(1).transfer(NodeId(8), cluster.context(1)).error().code, Code::invalid);
  EXPECT_EQ(cluster.raft(2).transfer(NodeId(1), cluster.context(2)).error().code, Code::not_leader);
}

TEST(RaftTransfer, TheOldLeaderSaysWhyItWent) {
  for (const Reason why : {Reason::transferred, Reason::stopping, Reason::disk_stalled, Reason::store_pressure,
                           Reason::quarantined, Reason::asked, Reason::preferred}) {
    Cluster cluster(3);
    cluster.campaign(1);
    MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1), why));
    cluster.flush(1);
    cluster.settle();
    EXPECT_TRUE(has_change(cluster.node(1), Role::follower, why)) << to_string(why);
  }
}

TEST(RaftTransfer, AWithdrawnOneIsNotWhyALaterTermCame) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(2);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  cluster.advance(limits::election_timeout_min + limits::heartbeat_interval);
  ASSERT_FALSE(cluster.raft(1).handing_over());
  cluster.step({.from = NodeId(3), .to = NodeId(1), .message = HeartbeatAck{.term = Term(7), .verified = {}}});
  EXPECT_TRUE(has_change(cluster.node(1), Role::follower, Reason::higher_term));
}

TEST(RaftTransfer, FeedsATargetThatIsBehindFirst) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.cut_both(1, 2);
  for (int i = 0; i < 5; ++i) {
    MUST(cluster.propose(1, {"a"}));
    cluster.flush(1);
    cluster.settle();
  }
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  cluster.heal();
  cluster.advance(200ms);
  EXPECT_TRUE(cluster.raft(2).is_leader());
  EXPECT_EQ(cluster.raft(2).term(), Term(3));
}

TEST(RaftTransfer, ALostRequestIsAskedAgainWithTheBeat) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  ASSERT_EQ(cluster.take_messages<TimeoutNow>(1, 2).size(), 1u);
  cluster.advance(2 * limits::heartbeat_interval);
  EXPECT_TRUE(cluster.raft(2).is_leader());
}

TEST(RaftTransfer, ARepeatedRequestIsOneCampaign) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  const Envelope request = cluster.take_messages<TimeoutNow>(1, 2).front();
  for (int i = 0; i < 3; ++i) {
    cluster.step(request);
    cluster.settle();
  }
  EXPECT_TRUE(cluster.raft(2).is_leader());
  EXPECT_EQ(cluster.raft(2).term(), Term(3));
}

TEST(RaftTransfer, ALateRequestLosesNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  const Envelope late = cluster.take_messages<TimeoutNow>(1, 2).front();
  cluster.isolate(2);
  cluster.advance(2s);
  ASSERT_FALSE(cluster.raft(1).handing_over());
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  const LogIndex acknowledged = cluster.raft(1).commit();
  ASSERT_EQ(acknowledged, cluster.raft(1).last_index());
  cluster.heal();
  ASSERT_EQ(cluster.raft(2).leader(), NodeId(0)) << "it has given its leader up, and obeys nobody";
  cluster.step(late);
  EXPECT_FALSE(has_change(cluster.node(2), Role::candidate, Reason::transfer));
  cluster.advance(3s);
  const std::uint32_t leader = cluster.elect();
  ASSERT_NE(leader, 0u);
  EXPECT_GE(cluster.raft(leader).commit(), acknowledged);
}

TEST(RaftTransfer, ARequestThatComesAfterNewWritesElectsNobodyWithoutThem) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  cluster.flush(1);
  std::vector<Envelope> late = cluster.take_messages<TimeoutNow>(1, 2);
  for (int beats = 0; cluster.raft(1).handing_over(); ++beats) {
    ASSERT_LT(beats, 20);
    cluster.now += limits::heartbeat_interval;
    cluster.tick(1);
    cluster.flush(1);
    for (Envelope& again : cluster.take_messages<TimeoutNow>(1, 2)) late.push_back(std::move(again));
    cluster.settle();
  }
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.take_messages<Append>(1, 2);
  cluster.settle();
  const LogIndex acknowledged = cluster.raft(1).commit();
  ASSERT_EQ(acknowledged, cluster.raft(1).last_index());
  cluster.step(late.front());
  EXPECT_EQ(cluster.raft(2).role(), Role::candidate) << "it believes its leader";
  cluster.settle();
  EXPECT_FALSE(cluster.raft(2).is_leader()) << "its log is older";
  cluster.advance(3s);
  const std::uint32_t leader = cluster.elect();
  ASSERT_NE(leader, 0u);
  EXPECT_GE(cluster.raft(leader).commit(), acknowledged);
}

TEST(RaftTransfer, OnlyTheOwnLeaderOfTheTermMayAsk) {
  Cluster cluster(3, 1, {}, 1);
  cluster.campaign(1);
  cluster.step({.from = NodeId(3), .to = NodeId(2), .message = TimeoutNow{.term = Term(2)}});
  cluster.step({.from = NodeId(1), .to = NodeId(2), .message = TimeoutNow{.term = Term(1)}});
  cluster.step({.from = NodeId(1), .to = NodeId(4), .message = TimeoutNow{.term = Term(2)}});
  EXPECT_EQ(cluster.raft(2).role(), Role::follower);
  EXPECT_EQ(cluster.raft(4).role(), Role::follower) << "a learner";
}

TEST(RaftTransfer, ReadsGoOnAndStayCorrect) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(2);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.node(1).reads_ready.size(), 1u) << "n3 echoes";
  cluster.heal();
  cluster.isolate(1);
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.campaign(2);
  MUST(cluster.propose(2, {"newer"}));
  cluster.flush(2);
  cluster.settle();
  cluster.heal();
  cluster.advance(200ms);
  EXPECT_EQ(cluster.node(1).reads_ready.size(), 1u) << "nobody echoes a leader that is deposed";
  EXPECT_EQ(cluster.node(1).reads_failed.size(), 1u);
}

TEST(RaftTransfer, NoConfigurationChangesMeanwhile) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(2);
  MUST(cluster.raft(1).transfer(NodeId(2), cluster.context(1)));
  const Config without{.voters = {NodeId(1), NodeId(3)}};
  const auto changed = cluster.change(1, without);
  ASSERT_FALSE(changed.has_value());
  EXPECT_EQ(changed.error().code, Code::not_leader);
  cluster.advance(limits::election_timeout_min + limits::heartbeat_interval);
  EXPECT_TRUE(cluster.change(1, without).has_value());
}

}  // namespace
}  // namespace rift::raft::test
