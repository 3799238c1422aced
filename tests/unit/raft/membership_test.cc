// Joint consensus: what decides while two configurations are in force, who may change them and when, and what becomes of a leader that is
// not in the new one.
#include "cluster.h"

namespace rift::raft::test {
namespace {

std::vector<NodeId> nodes(std::initializer_list<std::uint32_t> ids) {
  std::vector<NodeId> result;
  for (const std::uint32_t id : ids) result.emplace_back(id);
  return result;
}

Config simple(std::initializer_list<std::uint32_t> voters, std::initializer_list<std::uint32_t> learners = {}) {
  return {.voters = nodes(voters), .outgoing = {}, .learners = nodes(learners)};
}

Config joint(std::initializer_list<std::uint32_t> voters, std::initializer_list<std::uint32_t> outgoing) {
  return {.voters = nodes(voters), .outgoing = nodes(outgoing), .learners = {}};
}

// Adds them as learners, and waits until they may be promoted.
void learn(Cluster& cluster, std::uint32_t leader, std::initializer_list<std::uint32_t> ids) {
  Config wish = *cluster.raft(leader).config();
  for (const std::uint32_t id : ids) {
    cluster.add_node(id);
    wish.learners.emplace_back(id);
  }
  MUST(cluster.change(leader, wish));
  cluster.advance(commit_notice_interval);
  ASSERT_TRUE(cluster.raft(leader).config_settled());
}

Code refusal(const Result<LogIndex>& changed) { return changed ? Code::ok : changed.error().code; }

std::vector<Config> configs_of(Cluster& cluster, std::uint32_t id) {
  std::vector<Config> found;
  for (const ConfigAt& at : cluster.node(id).visible.configs()) found.push_back(at.config);
  return found;
}

TEST(RaftMembership, VotersChangeThroughAJointConfigurationThatIsLeftByItself) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5});
  const LogIndex entered = MUST(cluster.change(1, simple({1, 4, 5})));
  EXPECT_EQ(entered, LogIndex(4));
  EXPECT_EQ(*cluster.raft(1).config(), joint({1, 4, 5}, {1, 2, 3})) << "in force from its append on";
  EXPECT_FALSE(cluster.raft(1).config_settled());
  cluster.settle();
  EXPECT_TRUE(cluster.raft(1).config_settled());
  EXPECT_EQ(configs_of(cluster, 4),
            (std::vector<Config>{simple({1, 2, 3}, {4, 5}), joint({1, 4, 5}, {1, 2, 3}), simple({1, 4, 5})}));
  cluster.isolate(2);
  cluster.isolate(3);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), cluster.raft(1).last_index()) << "the old voters are not asked any more";
}

TEST(RaftMembership, ANewVoterIsALearnerFirst) {
  Cluster cluster(3);
  cluster.add_node(4);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({1, 2, 4})));
  EXPECT_EQ(*cluster.raft(1).config(), simple({1, 2, 3}, {4}));
  cluster.cut(1, 4);
  cluster.settle();
  ASSERT_TRUE(cluster.raft(1).config_settled());
  EXPECT_EQ(refusal(cluster.change(1, simple({1, 2, 4}))), Code::overloaded) << "it has nothing yet";
  cluster.heal();
  cluster.advance(200ms);
  MUST(cluster.change(1, simple({1, 2, 4})));
  cluster.advance(200ms);
  EXPECT_EQ(*cluster.raft(1).config(), simple({1, 2, 4}));
}

TEST(RaftMembership, LearnersChangeInOneStep) {
  Cluster cluster(3);
  cluster.add_node(4);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({1, 2, 3}, {4})));
  cluster.settle();
  EXPECT_EQ(configs_of(cluster, 4), (std::vector<Config>{simple({1, 2, 3}, {4})}));
  EXPECT_TRUE(cluster.raft(1).config_settled());
}

TEST(RaftMembership, NothingToChangeAppendsNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  const LogIndex last = cluster.raft(1).last_index();
  EXPECT_EQ(MUST(cluster.change(1, simple({1, 2, 3}))), LogIndex(1));
  EXPECT_EQ(cluster.raft(1).last_index(), last);
}

TEST(RaftMembership, WhatCannotBeAGroupIsRefusedAndNeverLogged) {
  Cluster cluster(3);
  cluster.campaign(1);
  const LogIndex last = cluster.raft(1).last_index();
  EXPECT_EQ(refusal(cluster.change(1, simple({}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(1, simple({}, {1, 2, 3}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(1, simple({2, 1}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(1, simple({0, 1}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(1, simple({1, 2}, {2}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(1, joint({4}, {1, 2, 3}))), Code::invalid);
  EXPECT_EQ(refusal(cluster.change(2, simple({1, 2}))), Code::not_leader);
  EXPECT_EQ(cluster.raft(1).last_index(), last);
}

TEST(RaftMembership, OneChangeAtATime) {
  Cluster cluster(3);
  cluster.add_node(4);
  cluster.campaign(1);
  cluster.isolate(1);
  MUST(cluster.change(1, simple({1, 2})));
  EXPECT_EQ(refusal(cluster.change(1, simple({1, 2, 3}, {4}))), Code::overloaded) << "the first is not committed";
}

TEST(RaftMembership, WhileJointBothMajoritiesMustHoldAnEntry) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5, 6});
  for (const std::uint32_t id : {5u, 6u}) cluster.isolate(id);
  const LogIndex entered = MUST(cluster.change(1, simple({4, 5, 6})));
  cluster.settle();
  EXPECT_LT(cluster.raft(1).commit(), entered) << "one of three new voters";
  cluster.heal();
  cluster.advance(1s);
  EXPECT_TRUE(cluster.raft(4).config_settled());
  EXPECT_EQ(*cluster.raft(4).config(), simple({4, 5, 6}));
}

TEST(RaftMembership, WhileJointTheNewVotersAloneCommitNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5});
  cluster.isolate(2);
  cluster.isolate(3);
  const LogIndex entered = MUST(cluster.change(1, simple({1, 4, 5})));
  cluster.settle();
  EXPECT_LT(cluster.raft(1).commit(), entered) << "one of three old voters";
  EXPECT_EQ(cluster.raft(1).durable_on_all_voters(), LogIndex(3)) << "all voters are those of both halves";
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.settle();
  EXPECT_TRUE(cluster.node(1).reads_ready.empty());
  cluster.advance(limits::election_timeout_min + 2 * limits::heartbeat_interval);
  EXPECT_FALSE(cluster.raft(1).is_leader()) << "it has no contact to a majority of them either";
}

// Two leaders of one term would need two majorities: the new voters know of the change, the old ones do not.
TEST(RaftMembership, WhileJointTheNewVotersAloneElectNobody) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5});
  cluster.isolate(2);
  cluster.isolate(3);
  MUST(cluster.change(1, simple({1, 4, 5})));
  cluster.settle();
  ASSERT_TRUE(cluster.raft(4).config()->is_joint());
  ASSERT_TRUE(cluster.raft(5).config()->is_joint());
  cluster.heal();
  cluster.network.clear();
  for (const std::uint32_t id : {1u, 4u, 5u}) {
    cluster.cut_both(id, 2);
    cluster.cut_both(id, 3);
  }
  cluster.advance(5s);
  const Term reached = std::max({cluster.raft(1).term(), cluster.raft(4).term(), cluster.raft(5).term()});
  EXPECT_EQ(reached, Term(2)) << "no campaign without the old voters";
  const std::uint32_t leader = cluster.leader();
  EXPECT_TRUE(leader == 2 || leader == 3) << "who may go on with the old configuration";
}

TEST(RaftMembership, WhileJointNoLeaderWithoutBothMajorities) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5});
  MUST(cluster.change(1, simple({3, 4, 5})));
  while (*cluster.raft(2).config() != *cluster.raft(1).config() ||
         *cluster.raft(3).config() != *cluster.raft(1).config())
    cluster.deliver(0);
  cluster.network.clear();
  for (const std::uint32_t id : {1u, 4u, 5u}) cluster.isolate(id);
  cluster.advance(5s);
  EXPECT_NE(cluster.raft(2).role(), Role::leader) << "two of three old voters, one of three new ones";
  EXPECT_NE(cluster.raft(3).role(), Role::leader);
  cluster.heal();
  EXPECT_NE(cluster.elect(), 0u);
  cluster.advance(3s);
  const std::uint32_t leader = cluster.leader();
  ASSERT_NE(leader, 0u);
  EXPECT_EQ(*cluster.raft(leader).config(), simple({3, 4, 5})) << "whoever leads leaves it";
}

TEST(RaftMembership, AReadNeedsBothMajorities) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5, 6});
  cluster.isolate(5);
  cluster.isolate(6);
  MUST(cluster.change(1, simple({4, 5, 6})));
  cluster.settle();
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.settle();
  EXPECT_TRUE(cluster.node(1).reads_ready.empty());
  cluster.heal();
  cluster.advance(100ms);
  EXPECT_FALSE(cluster.node(1).reads_ready.empty());
}

TEST(RaftMembership, ALeaderWithoutContactToTheNewVotersStepsDown) {
  Cluster cluster(3);
  cluster.campaign(1);
  learn(cluster, 1, {4, 5});
  for (const std::uint32_t id : {4u, 5u}) cluster.isolate(id);
  MUST(cluster.change(1, simple({1, 4, 5})));
  cluster.advance(2s);
  EXPECT_FALSE(cluster.raft(1).is_leader());
}

TEST(RaftMembership, ALeaderOutsideTheNewConfigurationCommitsItAndHandsOver) {
  Cluster cluster(3);
  cluster.campaign(1);
  const Term term = cluster.raft(1).term();
  MUST(cluster.change(1, simple({2, 3})));
  cluster.settle();
  EXPECT_FALSE(cluster.raft(1).is_leader());
  const std::uint32_t heir = cluster.leader();
  ASSERT_TRUE(heir == 2 || heir == 3);
  EXPECT_EQ(cluster.raft(heir).term(), next(term)) << "without an election timeout";
  EXPECT_EQ(cluster.node(1).changes.back().reason, Reason::removed);
  EXPECT_EQ(*cluster.raft(1).config(), simple({2, 3})) << "it knows";
  cluster.advance(10s);
  EXPECT_EQ(cluster.raft(heir).term(), next(term)) << "and never campaigns";
}

TEST(RaftMembership, ALeaderThatIsNoVoterDoesNotCountItself) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({2, 3})));
  while (cluster.raft(1).config()->is_joint()) cluster.deliver(0);
  cluster.network.clear();
  cluster.isolate(3);
  const LogIndex left = cluster.raft(1).last_index();
  cluster.advance(80ms);
  EXPECT_TRUE(cluster.raft(1).is_leader());
  EXPECT_LT(cluster.raft(1).commit(), left) << "its own disk and n2's are one of two";
  cluster.heal();
  cluster.advance(200ms);
  EXPECT_FALSE(cluster.raft(1).is_leader());
}

TEST(RaftMembership, AllVotersAreReplaced) {
  Cluster cluster(1);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  learn(cluster, 1, {2});
  MUST(cluster.change(1, simple({2})));
  cluster.advance(1s);
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(*cluster.raft(2).config(), simple({2}));
  EXPECT_EQ(*cluster.raft(1).config(), simple({2}));
}

// Trap 35: the way out of a joint configuration leads over voters only.
TEST(RaftMembership, ASilentLearnerHoldsUpNoChange) {
  Cluster cluster(3, 1, {}, 2);
  cluster.campaign(1);
  cluster.isolate(5);
  MUST(cluster.change(1, simple({1, 2, 4}, {5})));
  cluster.settle();
  EXPECT_EQ(*cluster.raft(1).config(), simple({1, 2, 4}, {5}));
  EXPECT_TRUE(cluster.raft(1).config_settled());
}

TEST(RaftMembership, APromotedLearnerVotesBeforeItHasHeardOfIt) {
  Cluster cluster(2, 1, {}, 1);
  cluster.campaign(1);
  cluster.cut(1, 3);
  MUST(cluster.change(1, simple({1, 2, 3})));
  cluster.settle();
  EXPECT_EQ(*cluster.raft(2).config(), simple({1, 2, 3})) << "n1 and n2 are a majority of both";
  EXPECT_FALSE(cluster.raft(3).config()->is_voter(NodeId(3)));
  cluster.kill(1);
  cluster.campaign(2);
  EXPECT_TRUE(cluster.raft(2).is_leader()) << "with the vote of a node that still thinks it is a learner";
}

TEST(RaftMembership, ALearnerNeverCampaigns) {
  Cluster cluster(2, 1, {}, 1);
  cluster.campaign(1);
  cluster.kill(1);
  cluster.isolate(3);
  cluster.advance(10s);
  EXPECT_EQ(cluster.raft(3).role(), Role::follower);
  EXPECT_EQ(cluster.raft(3).next_wake(), Time::max());
}

TEST(RaftMembership, ANodeOutsideHearsThatItIsAndNothingBehindIt) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({1, 2})));
  cluster.settle();
  const LogIndex removed = cluster.raft(1).config_index();
  for (int i = 0; i < 3; ++i) {
    MUST(cluster.propose(1, {"a"}));
    cluster.flush(1);
    cluster.settle();
  }
  cluster.advance(100ms);
  EXPECT_EQ(*cluster.raft(3).config(), simple({1, 2}));
  EXPECT_EQ(cluster.raft(3).last_index(), removed);
  EXPECT_EQ(cluster.raft(3).commit(), removed);
  EXPECT_EQ(cluster.raft(1).peers().size(), 1u) << "it is no peer any more";
  cluster.advance(leaving_time);
  EXPECT_TRUE(cluster.take_messages<Heartbeat>(1, 3).empty());
  cluster.tick(1);
  cluster.now += 75ms;
  cluster.tick(1);
  cluster.flush(1);
  EXPECT_FALSE(cluster.take_messages<Heartbeat>(1, 2).empty());
  EXPECT_TRUE(cluster.take_messages<Heartbeat>(1, 3).empty());
}

}  // namespace
}  // namespace rift::raft::test
