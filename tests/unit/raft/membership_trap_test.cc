// Published membership bugs as schedules (research traps 33, 35, 36, 37, 42). The cluster itself fails when anything is committed twice, or a
// leader lacks what was committed.
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

// The three schedules of the raft-dev list (2015): four voters; n1 appends its change where few see it; n2, leader of the next term, changes
// something else and commits; n1 comes back with what it has. A change is one step away from the other, so that majorities need not meet.
struct Schedule {
  Config first{};                    // n1's
  std::vector<std::uint32_t> see{};  // who has n1's change before n2 leads
  Config second{};                   // n2's
};

void run(const Schedule& schedule) {
  Cluster cluster(4, 1, {}, 2);  // n5 and n6 are learners, and may become voters at once
  cluster.campaign(1);
  for (std::uint32_t id = 2; id <= 6; ++id) {
    if (std::find(schedule.see.begin(), schedule.see.end(), id) == schedule.see.end()) cluster.cut_both(1, id);
  }
  MUST(cluster.change(1, schedule.first));
  cluster.settle();
  ASSERT_FALSE(cluster.raft(1).config_settled());
  for (const std::uint32_t id : schedule.see) cluster.isolate(id);
  cluster.isolate(1);

  cluster.now += 1s;
  cluster.tick(2);
  cluster.flush(2);
  while (!cluster.raft(2).is_leader()) {
    ASSERT_FALSE(cluster.network.empty());
    cluster.deliver(0);
  }
  const auto early = cluster.change(2, schedule.second);
  ASSERT_FALSE(early.has_value()) << "before it has committed anything in its term";
  EXPECT_EQ(early.error().code, Code::overloaded);
  EXPECT_EQ(*cluster.raft(2).config(), cluster.config());
  cluster.settle();
  MUST(cluster.change(2, schedule.second));
  cluster.settle();
  ASSERT_TRUE(cluster.raft(2).config_settled()) << "the second change is committed";

  cluster.heal();
  cluster.isolate(2);
  cluster.isolate(3);
  cluster.advance(5s);
  EXPECT_FALSE(cluster.raft(1).is_leader()) << "n1 has no majority for a log without the second change";
  cluster.heal();
  cluster.advance(3s);
  const std::uint32_t leader = cluster.elect();
  ASSERT_NE(leader, 0u);
  EXPECT_EQ(*cluster.raft(leader).config(), schedule.second);
}

TEST(RaftMembershipTrap, AnAdditionAndARemovalOfTwoLeadersCannotBothBeCommitted) {
  run({.first = simple({1, 2, 3, 4, 5}, {6}), .see = {5}, .second = simple({2, 3, 4}, {5, 6})});
}

TEST(RaftMembershipTrap, TwoAdditionsOfTwoLeadersCannotBothBeCommitted) {
  run({.first = simple({1, 2, 3, 4, 5}, {6}), .see = {5}, .second = simple({1, 2, 3, 4, 6}, {5})});
}

TEST(RaftMembershipTrap, TwoRemovalsOfTwoLeadersCannotBothBeCommitted) {
  run({.first = simple({1, 2, 3}, {5, 6}), .see = {}, .second = simple({2, 3, 4}, {5, 6})});
}

// openraft#364: a single voter commits by its own disk; not what makes it one of two.
TEST(RaftMembershipTrap, ALeaderAloneDoesNotCommitTheEntryThatEndsItsSolitude) {
  Cluster cluster(1, 1, {}, 1);
  cluster.campaign(1);
  cluster.advance(100ms);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"before"}));
  const LogIndex joint = MUST(cluster.change(1, simple({1, 2})));
  MUST(cluster.propose(1, {"behind"}));
  cluster.flush(1);
  cluster.network.clear();
  cluster.sync(1);
  EXPECT_LT(cluster.raft(1).commit(), joint) << "n2 has not got it";
  cluster.auto_sync = true;
  cluster.advance(300ms);
  EXPECT_EQ(*cluster.raft(1).config(), simple({1, 2}));
  EXPECT_EQ(cluster.raft(1).commit(), cluster.raft(1).last_index());
}

// raft#79, cockroach#105578: the leader that entered the joint configuration dies, is demoted, or is cut off in it.
TEST(RaftMembershipTrap, WhoeverLeadsNextLeavesTheJointConfiguration) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({2, 3})));
  while (cluster.raft(2).last_index() < cluster.raft(1).config_index() ||
         cluster.raft(3).last_index() < cluster.raft(1).config_index())
    cluster.deliver(0);
  ASSERT_TRUE(cluster.raft(2).config()->is_joint());
  cluster.network.clear();
  cluster.kill(1);
  cluster.advance(5s);
  const std::uint32_t leader = cluster.elect();
  ASSERT_NE(leader, 0u);
  cluster.advance(100ms);
  EXPECT_EQ(*cluster.raft(leader).config(), simple({2, 3}));
  EXPECT_TRUE(cluster.raft(leader).config_settled());
}

TEST(RaftMembershipTrap, ADemotedLeaderHandsOverAndStaysALearner) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({2, 3}, {1})));
  cluster.settle();
  EXPECT_FALSE(cluster.raft(1).is_leader());
  const std::uint32_t heir = cluster.leader();
  ASSERT_NE(heir, 0u);
  MUST(cluster.propose(heir, {"a"}));
  cluster.flush(heir);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).last_index(), cluster.raft(heir).last_index()) << "it goes on learning";
  cluster.kill(heir);
  cluster.advance(10s);
  EXPECT_EQ(cluster.raft(1).role(), Role::follower) << "and never campaigns";
}

TEST(RaftMembershipTrap, ARemovedLeaderWithoutAnHeirStepsDown) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.change(1, simple({2, 3})));
  while (!cluster.raft(1).config_settled()) {
    ASSERT_FALSE(cluster.network.empty());
    cluster.deliver(0);
  }
  for (int beats = 0; cluster.raft(1).is_leader(); ++beats) {
    ASSERT_LT(beats, 20) << "it asks for ever";
    cluster.take_messages<TimeoutNow>();
    cluster.settle();
    cluster.now += limits::heartbeat_interval;
    cluster.tick(1);
    cluster.flush(1);
  }
  EXPECT_EQ(cluster.node(1).changes.back().reason, Reason::removed);
  cluster.advance(5s);
  EXPECT_NE(cluster.elect(), 0u);
}

TEST(RaftMembershipTrap, ARemovedNodeThatWasNotToldDisturbsNobody) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(3);
  MUST(cluster.change(1, simple({1, 2})));
  cluster.advance(3s);
  const Term term = cluster.raft(1).term();
  cluster.heal();
  cluster.advance(30s);
  EXPECT_TRUE(cluster.raft(3).config()->is_voter(NodeId(3))) << "nobody sends it anything any more";
  EXPECT_TRUE(cluster.raft(1).is_leader());
  EXPECT_EQ(cluster.raft(1).term(), term);
}

// A former life's acknowledgement, late: it claims no more than the entry that removed the node, which others hold.
TEST(RaftMembershipTrap, ANodeThatIsAddedAnewIsAskedWhatItHas) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b", "c"}));
  cluster.flush(1);
  std::vector<Envelope> old;
  cluster.deliver_until(1, Role::leader);
  while (old.empty()) {
    cluster.deliver(0);
    for (Envelope& ack : cluster.take_messages<AppendAck>(3, 1)) old.push_back(std::move(ack));
  }
  cluster.settle();
  MUST(cluster.change(1, simple({1, 2})));
  cluster.settle();
  const LogIndex removed = cluster.raft(1).config_index();
  cluster.power_loss(3);
  cluster.node(3).visible = cluster.node(3).durable = Disk{};
  MUST(cluster.change(1, simple({1, 2}, {3})));
  cluster.network.clear();
  for (const Envelope& ack : old) cluster.step(ack);
  for (const PeerStatus& peer : cluster.raft(1).peers()) {
    EXPECT_TRUE(peer.node != NodeId(3) || peer.match <= removed);
  }
  const auto promoted = cluster.change(1, simple({1, 2, 3}));
  ASSERT_FALSE(promoted.has_value());
  EXPECT_EQ(promoted.error().code, Code::overloaded) << "it has not acknowledged the entry that added it";
}

TEST(RaftMembershipTrap, ANodeThatIsAddedAnewCatchesUpFromNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b", "c"}));
  cluster.flush(1);
  cluster.settle();
  MUST(cluster.change(1, simple({1, 2})));
  cluster.settle();
  cluster.power_loss(3);
  cluster.node(3).visible = cluster.node(3).durable = Disk{};
  cluster.restart(3);
  MUST(cluster.change(1, simple({1, 2, 3})));
  cluster.advance(500ms);
  MUST(cluster.change(1, simple({1, 2, 3})));
  cluster.advance(500ms);
  EXPECT_EQ(*cluster.raft(3).config(), simple({1, 2, 3}));
  EXPECT_EQ(cluster.raft(3).last_index(), cluster.raft(1).last_index());
}

// Two nodes are let go, lose their logs and come back. Would they replay the log from its begin, they would be two of three voters of its first
// configuration for a while, and elect each other although the group, which is one node by now, has acknowledged more.
TEST(RaftMembershipTrap, WhoComesBackHasNoVoteInAConfigurationOfBefore) {
  Cluster cluster(3, 1, [](Options& options) { options.append_bytes_max = 1; });
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b", "c", "d"}));
  cluster.flush(1);
  cluster.settle();
  MUST(cluster.change(1, simple({1})));
  cluster.advance(5s);
  ASSERT_EQ(*cluster.raft(1).config(), simple({1}));
  for (const std::uint32_t id : {2u, 3u}) {
    cluster.kill(id);
    const HardState promised = cluster.node(id).durable.hard_state;
    cluster.node(id).visible = cluster.node(id).durable = Disk{.hard_state = promised};
    cluster.restart(id);
  }
  MUST(cluster.propose(1, {"acknowledged by all there are"}));
  cluster.flush(1);
  MUST(cluster.change(1, simple({1}, {2, 3})));
  cluster.flush(1);
  for (int steps = 0; !cluster.network.empty(); ++steps) {
    ASSERT_LT(steps, 1000);
    cluster.deliver(0);
    for (const std::uint32_t id : {2u, 3u}) {
      const Config* config = cluster.raft(id).config();
      ASSERT_TRUE(config == nullptr || !config->is_voter(NodeId(id)))
          << "n" << id << " has a vote after " << steps << " messages";
    }
  }
  cluster.advance(1s);
  EXPECT_EQ(cluster.raft(2).last_index(), cluster.raft(1).last_index());
  EXPECT_EQ(*cluster.raft(3).config(), simple({1}, {2, 3}));
}

// It has said that it has nothing; then an acknowledgement of its former life arrives, of less than this log still holds.
TEST(RaftMembershipTrap, ALateWordOfAFormerLifeDoesNotChangeWhatANewcomerNeeds) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b", "c", "d"}));
  cluster.flush(1);
  cluster.settle();
  MUST(cluster.change(1, simple({1, 2})));
  cluster.advance(5s);
  cluster.kill(3);
  cluster.node(3).visible = cluster.node(3).durable = Disk{};
  cluster.restart(3);
  cluster.compact(1);
  const LogIndex gone = cluster.raft(1).floor().index;
  cluster.cut(1, 3);  // no snapshot reaches it
  MUST(cluster.change(1, simple({1, 2}, {3})));
  cluster.settle();
  const Term term = cluster.raft(1).term();
  const LogIndex last = cluster.raft(1).last_index();
  cluster.step({.from = NodeId(3),
                .to = NodeId(1),
                .message = AppendAck{.term = term, .accepted = false, .rejected_prev = previous(last)}});
  cluster.step({.from = NodeId(3),
                .to = NodeId(1),
                .message = AppendAck{.term = term, .accepted = false, .rejected_prev = last}});
  cluster.step({.from = NodeId(3),
                .to = NodeId(1),
                .message = AppendAck{.term = term, .accepted = true, .match = previous(previous(gone))}});
  for (const PeerStatus& peer : cluster.raft(1).peers()) {
    EXPECT_TRUE(peer.node != NodeId(3) || peer.state == Progress::State::snapshot);
  }
  cluster.heal();
  cluster.advance(1s);
  EXPECT_EQ(cluster.raft(3).last_index(), cluster.raft(1).last_index());
}

// A state from before the entry that adds the newcomer is of no use to it, however recent.
TEST(RaftMembershipTrap, ANewcomerWaitsForAStateThatHoldsTheEntryThatAddedIt) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.add_node(4);
  cluster.isolate(2);
  cluster.isolate(3);
  MUST(cluster.change(1, simple({1, 2, 3}, {4})));
  cluster.advance(300ms);
  ASSERT_FALSE(cluster.raft(1).config_settled());
  EXPECT_EQ(cluster.raft(4).config(), nullptr);
  cluster.heal();
  cluster.advance(300ms);
  ASSERT_NE(cluster.raft(4).config(), nullptr);
  EXPECT_EQ(*cluster.raft(4).config(), simple({1, 2, 3}, {4}));
}

// A leader that took a late rejection for a new one sends again what is committed already; the configurations in it have been judged once.
TEST(RaftMembershipTrap, ARepeatThatReachesBelowTheCommitIsTaken) {
  Cluster cluster(3);
  const Config before = cluster.config();
  const Config after{.voters = {NodeId(1), NodeId(2), NodeId(4)}, .outgoing = {}, .learners = {}};
  Config joint = after;
  joint.outgoing = before.voters;
  const auto entry = [](std::uint64_t index, const Config& config) {
    return Entry{.term = Term(2),
                 .index = LogIndex(index),
                 .kind = EntryKind::config,
                 .log_time = {},
                 .payload = encode(config)};
  };
  Append message{.term = Term(2),
                 .prev_index = LogIndex(1),
                 .prev_term = Term(1),
                 .commit = LogIndex(2),
                 .entries = {entry(2, joint)}};
  MUST(cluster.raft(2).step(NodeId(1), message, cluster.context(2)));  // committed, and not applied: the disk is slow
  message.entries = {entry(2, joint), entry(3, after)};
  MUST(cluster.raft(2).step(NodeId(1), message, cluster.context(2)));
  EXPECT_EQ(*cluster.raft(2).config(), after);
}

TEST(RaftMembershipTrap, AConfigThatCannotFollowIsNotTakenFromALeader) {
  Cluster cluster(3);
  const auto offer = [&](Config config) {
    Entry entry{
        .term = Term(2), .index = LogIndex(2), .kind = EntryKind::config, .log_time = {}, .payload = encode(config)};
    const auto done = cluster.raft(1).step(
        NodeId(2),
        Append{.term = Term(2), .prev_index = LogIndex(1), .prev_term = Term(1), .commit = {}, .entries = {entry}},
        cluster.context(1));
    return done ? Code::ok : done.error().code;
  };
  EXPECT_EQ(offer(simple({4})), Code::invalid) << "no majority in common";
  EXPECT_EQ(offer({.voters = nodes({4}), .outgoing = nodes({5}), .learners = {}}), Code::invalid);
  EXPECT_EQ(cluster.raft(1).last_index(), LogIndex(1));
  EXPECT_EQ(offer({.voters = nodes({4}), .outgoing = nodes({1, 2, 3}), .learners = {}}), Code::ok);
}

TEST(RaftMembershipTrap, AStoreWhoseConfigsDoNotFollowIsCorrupt) {
  Restored restored = founded(simple({1, 2, 3}));
  restored.tail.push_back({.term = Term(1),
                           .index = LogIndex(2),
                           .kind = EntryKind::config,
                           .log_time = {},
                           .payload = encode(simple({4}))});
  restored.last_index = LogIndex(2);
  restored.configs.push_back({LogIndex(2), simple({4})});
  const auto created = Raft::create({.self = NodeId(1)}, restored, Rng(1), Time(1s));
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code, Code::corruption);
}

// It left, its replica died, and it came back empty in the same term. An acknowledgement of its first life comes late: the leader takes the empty log
// for one that holds all that, and asks for what follows, for ever.
TEST(RaftMembershipTrap, AnAckOfAFormerLifeDoesNotKeepALearnerFromLearning) {
  for (const bool comes_before_the_first_answer : {true, false}) {
    Cluster cluster(3, 1, {}, 1);
    cluster.campaign(1);
    cluster.advance(100ms);
    MUST(cluster.propose(1, {"a", "b", "c"}));
    cluster.flush(1);
    cluster.settle();
    const AppendAck late{.term = cluster.raft(1).term(), .accepted = true, .match = cluster.raft(4).last_index()};
    MUST(cluster.change(1, simple({1, 2, 3})));
    cluster.advance(200ms);
    cluster.kill(4);
    cluster.node(4).visible = cluster.node(4).durable = Disk{};
    const auto hear = [&] { cluster.step({.from = NodeId(4), .to = NodeId(1), .message = Message(late)}); };
    MUST(cluster.propose(1, {"meanwhile"}));
    cluster.flush(1);
    cluster.settle();
    cluster.restart(4);
    MUST(cluster.change(1, simple({1, 2, 3}, {4})));
    if (comes_before_the_first_answer) hear();
    cluster.flush(1);
    cluster.settle();
    if (!comes_before_the_first_answer) hear();
    MUST(cluster.propose(1, {"after"}));
    cluster.flush(1);
    cluster.advance(2s);
    EXPECT_EQ(cluster.raft(4).last_index(), cluster.raft(1).last_index()) << comes_before_the_first_answer;
    EXPECT_EQ(cluster.raft(4).commit(), cluster.raft(1).commit());
    MUST(cluster.change(1, simple({1, 2, 3, 4})));
    cluster.advance(1s);
    EXPECT_TRUE(cluster.raft(1).config_settled());
  }
}

}  // namespace
}  // namespace rift::raft::test
