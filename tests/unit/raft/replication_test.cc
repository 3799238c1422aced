#include "cluster.h"

namespace rift::raft::test {
namespace {

std::vector<std::string> payloads(const std::vector<Entry>& log) {
  std::vector<std::string> result;
  for (const Entry& entry : log) {
    if (entry.kind == EntryKind::command) result.push_back(entry.payload.to_string());
  }
  return result;
}

void write(Cluster& cluster, const char* payload) {
  MUST(cluster.propose(1, {payload}));
  cluster.flush(1);
  cluster.settle();
}

TEST(RaftReplication, AProposalReachesEveryDiskAndIsCommitted) {
  Cluster cluster(3);
  cluster.campaign(1);
  const Proposed proposed = MUST(cluster.propose(1, {"a", "b", "c"}));
  EXPECT_EQ(proposed.first, LogIndex(3));
  cluster.flush(1);
  cluster.settle();
  for (std::uint32_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(payloads(cluster.node(id).durable.log), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(cluster.raft(id).commit(), LogIndex(5)) << "followers learn the commit without waiting for a heartbeat";
  }
}

TEST(RaftReplication, UnderLoadACommitTravelsWithTheNextAppend) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, "a");
  write(cluster, "b");
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(3)) << "the second notice within the interval waits";
  cluster.now += commit_notice_interval - 1ns;
  cluster.flush(1);
  EXPECT_TRUE(cluster.network.empty());
  MUST(cluster.propose(1, {"c"}));
  cluster.flush(1);
  EXPECT_TRUE(cluster.take_messages<Heartbeat>(1).empty());
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(5));
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(4));
}

// With the answer to a follower's read comes an index that is committed: the read need not wait for the notice.
TEST(RaftReplication, AFollowerLearnsACommitThatItsLeaderQuotes) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, "a");
  write(cluster, "b");
  ASSERT_EQ(cluster.raft(2).commit(), LogIndex(3));
  const Term term = cluster.raft(1).term();
  MUST(cluster.raft(2).learn_commit(Term(term.value() - 1), LogIndex(4), cluster.context(NodeId(2))));
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(3)) << "of another term";
  MUST(cluster.raft(2).learn_commit(term, LogIndex(99), cluster.context(NodeId(2))));
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(4)) << "no further than its log is the leader's";
}

// A new leader's first append repeats an old commit. That is no news, and holds nothing up.
TEST(RaftReplication, ANewLeadersFirstCommitIsToldAtOnce) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, "a");
  cluster.now += 1s;
  cluster.tick(2);
  cluster.flush(2);
  cluster.settle();
  ASSERT_TRUE(cluster.raft(2).is_leader());
  EXPECT_EQ(cluster.raft(2).commit(), cluster.raft(2).last_index());
  EXPECT_EQ(cluster.raft(1).commit(), cluster.raft(2).commit());
  EXPECT_EQ(cluster.raft(3).commit(), cluster.raft(2).commit());
}

TEST(RaftReplication, TheLastCommitIsToldWithinTheInterval) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, "a");
  write(cluster, "b");
  EXPECT_LE(cluster.raft(1).next_wake(), cluster.now + commit_notice_interval);
  cluster.advance(commit_notice_interval);
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(4));
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(4));
  EXPECT_GT(cluster.raft(1).next_wake(), cluster.now);
}

TEST(RaftReplication, ARoundIsOneAppendPerFollower) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b"}));
  MUST(cluster.propose(1, {"c"}));
  cluster.flush(1);
  const auto appends = cluster.take_messages<Append>(1, 2);
  ASSERT_EQ(appends.size(), 1u);
  EXPECT_EQ(std::get<Append>(appends.front().message).entries.size(), 3u);
}

TEST(RaftReplication, OnlyTheLeaderTakesProposals) {
  Cluster cluster(3);
  cluster.campaign(1);
  EXPECT_EQ(cluster.propose(2, {"a"}).error().code, Code::not_leader);
  EXPECT_EQ(cluster.propose(1, {}).error().code, Code::invalid);
  EXPECT_EQ(cluster.propose(1, {std::string(limits::entry_bytes_max + 1, 'x')}).error().code, Code::too_large);
  EXPECT_EQ(cluster.raft(1).last_index(), LogIndex(2)) << "a refusal leaves nothing behind";
}

TEST(RaftReplication, UncommittedBytesAreBoundedAndFreedByCommit) {
  Cluster cluster(3, 1, [](Options& options) { options.uncommitted_bytes_max = 10; });
  cluster.campaign(1);
  ASSERT_TRUE(cluster.propose(1, {"12345678"}).has_value());
  EXPECT_EQ(cluster.propose(1, {"abc"}).error().code, Code::overloaded);
  cluster.flush(1);
  cluster.settle();
  EXPECT_TRUE(cluster.propose(1, {"abc"}).has_value());
}

TEST(RaftReplication, TheLeadersOwnDiskIsOneVoteLikeAnyOther) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(2)) << "in memory everywhere is not durable anywhere";
  cluster.sync(1);
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(2));
  cluster.sync(2);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(3));
}

TEST(RaftReplication, OneFollowersAckIsNoQuorumWhileTheLeadersOwnDiskLags) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  cluster.sync(2);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(2));
  cluster.sync(1);
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(3));
}

TEST(RaftReplication, CommitsByTheFollowersAloneAndAppliesOnlyWhatIsDurable) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  cluster.sync(2);
  cluster.sync(3);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(3)) << "a quorum of followers needs no leader's disk";
  EXPECT_EQ(cluster.raft(1).applicable(), LogIndex(2)) << "I15";
  EXPECT_EQ(cluster.raft(1).durable_on_all_voters(), LogIndex(2));
  cluster.sync(1);
  EXPECT_EQ(cluster.raft(1).applicable(), LogIndex(3));
  EXPECT_EQ(cluster.raft(1).durable_on_all_voters(), LogIndex(3));
}

// Trap 10: an ack waits for its own entries and for everything before them.
TEST(RaftReplication, AnAckLeavesOnlyWhenTheEntriesAreDurable) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  const auto appends = cluster.take_messages<Append>(1, 2);
  cluster.step(appends.front());
  cluster.step(
      appends.front());  // the repetition changes nothing and must not be acknowledged earlier than the original
  EXPECT_TRUE(cluster.take_messages<AppendAck>().empty());
  cluster.sync(2);
  const auto acks = cluster.take_messages<AppendAck>(2, 1);
  ASSERT_FALSE(acks.empty());
  EXPECT_EQ(std::get<AppendAck>(acks.back().message).match, LogIndex(3));
}

TEST(RaftReplication, AppendsOfOneRoundAreAcknowledgedOnce) {
  Cluster cluster(3);
  cluster.campaign(1);
  for (const char* payload : {"a", "b", "c"}) {
    MUST(cluster.propose(1, {payload}));
    cluster.flush(1);
  }
  for (Envelope& append : cluster.take_messages<Append>(1, 2)) cluster.step(std::move(append), false);
  cluster.flush(2);
  const auto acks = cluster.take_messages<AppendAck>(2, 1);
  ASSERT_EQ(acks.size(), 1u);
  EXPECT_EQ(std::get<AppendAck>(acks.front().message).match, LogIndex(5));
}

// Campaigns until it leads and says nothing about it.
void lead_silently(Cluster& cluster, std::uint32_t id) {
  cluster.now += 2s;
  cluster.tick(id);
  cluster.flush(id);
  cluster.deliver_until(id, Role::leader);
  cluster.network.clear();
}

// Figure 8 of the paper (trap 24), up to (c): n1 has brought "two", an entry of its earlier term, to n2 and n3.
std::unique_ptr<Cluster> figure_eight() {
  auto cluster = std::make_unique<Cluster>(5);
  cluster->campaign(1);
  MUST(cluster->propose(1, {"two"}));  // (a) it reaches n2 only
  cluster->flush(1);
  for (Envelope& append : cluster->take_messages<Append>(1, 2)) cluster->step(std::move(append));
  cluster->network.clear();
  cluster->kill(1);
  cluster->isolate(2);
  lead_silently(*cluster, 5);  // (b) n5 leads by n3 and n4; only n5 holds its no-op
  cluster->kill(5);
  cluster->heal();
  cluster->restart(1);
  lead_silently(*cluster, 1);  // (c) n1 leads again; its own no-op is held back
  for (const std::uint32_t peer : {2u, 3u}) {
    const Term term = cluster->raft(1).term();
    cluster->step({.from = NodeId(1),
                   .to = NodeId(peer),
                   .message = Append{.term = term,
                                     .prev_index = LogIndex(2),
                                     .prev_term = Term(2),
                                     .commit = LogIndex(2),
                                     .entries = {command(3, 2, "two")}}});
  }
  for (Envelope& ack : cluster->take_messages<AppendAck>()) cluster->step(std::move(ack));
  return cluster;
}

TEST(RaftReplication, AnOlderTermsEntryIsNotCommittedByCountingCopies) {
  auto cluster = figure_eight();
  ASSERT_EQ(cluster->raft(1).peers()[0].match, LogIndex(3));
  ASSERT_EQ(cluster->raft(1).peers()[1].match, LogIndex(3));
  EXPECT_EQ(cluster->raft(1).commit(), LogIndex(2)) << "on three of five, and yet not committed";
  cluster->kill(1);  // (d) n5 may still overwrite it
  cluster->network.clear();
  cluster->restart(5);
  lead_silently(*cluster, 5);
  cluster->advance(500ms);
  EXPECT_EQ(cluster->raft(2).commit(), cluster->raft(5).last_index());
  EXPECT_EQ(payloads(cluster->node(2).durable.log), std::vector<std::string>{});
}

TEST(RaftReplication, AnOlderTermsEntryIsCommittedByOneOfTheOwnTermAboveIt) {
  auto cluster = figure_eight();
  cluster->advance(500ms);  // (e) the no-op gets through
  EXPECT_GT(cluster->raft(1).commit(), LogIndex(3));
  EXPECT_EQ(payloads(cluster->node(3).durable.log), std::vector<std::string>{"two"});
}

// Trap 11: durable in an earlier life of the log. n1's write of entry 3 becomes durable after n2's entry has replaced it.
TEST(RaftReplication, AStaleDurableAckOfAnOverwrittenEntryIsDropped) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"old"}));
  const auto taken = MUST(cluster.raft(1).take(cluster.context(1)));
  write(cluster.node(1).visible, {.effects = taken, .applied = {}});
  write(cluster.node(1).durable, {.effects = taken, .applied = {}});
  ASSERT_TRUE(taken.self_ack.has_value());
  const Term later = next(next(cluster.raft(1).term()));
  const Append overwrite{.term = later,
                         .prev_index = LogIndex(2),
                         .prev_term = cluster.raft(1).term(),
                         .commit = LogIndex(2),
                         .entries = {command(3, later.value(), "new")}};
  cluster.step({.from = NodeId(2), .to = NodeId(1), .message = overwrite});
  EXPECT_EQ(cluster.raft(1).durable(), LogIndex(2));
  MUST(cluster.raft(1).log_durable(*taken.self_ack, cluster.context(1)));
  EXPECT_EQ(cluster.raft(1).durable(), LogIndex(2));
  EXPECT_EQ(cluster.recorder.marks().at("raft.self_ack_of_another_term"), 1u);
  cluster.sync(1);
  EXPECT_EQ(cluster.raft(1).durable(), LogIndex(3));
}

// The same within one term: the follower's old suffix is attested again in the new term and then overwritten in it.
TEST(RaftReplication, AStaleDurableAckOfTheSameTermIsDropped) {
  Cluster cluster(3);
  const auto append = [&](std::uint64_t term, std::uint64_t prev, std::uint64_t prev_term, std::vector<Entry> entries) {
    cluster.step({.from = NodeId(2),
                  .to = NodeId(1),
                  .message = Append{.term = Term(term),
                                    .prev_index = LogIndex(prev),
                                    .prev_term = Term(prev_term),
                                    .commit = LogIndex(1),
                                    .entries = std::move(entries)}},
                 false);
  };
  append(2, 1, 1, {command(2, 2, "a"), command(3, 2, "b")});
  cluster.auto_sync = false;
  append(5, 3, 2, {});
  const auto attested = MUST(cluster.raft(1).take(cluster.context(1)));
  ASSERT_EQ(attested.self_ack, (SelfAck{.writer = Term(5), .index = LogIndex(3), .entry_term = Term(2)}));
  cluster = Cluster(3);
  append(2, 1, 1, {command(2, 2, "a"), command(3, 2, "b")});
  cluster.auto_sync = false;
  append(5, 1, 1, {command(2, 5, "c"), command(3, 5, "d")});
  const auto replaced = MUST(cluster.raft(1).take(cluster.context(1)));
  EXPECT_EQ(replaced.self_ack, (SelfAck{.writer = Term(5), .index = LogIndex(3), .entry_term = Term(5)}));
  MUST(cluster.raft(1).log_durable(*attested.self_ack, cluster.context(1)));
  EXPECT_EQ(cluster.raft(1).durable(), LogIndex(1)) << "term and index agree; the entry does not";
  MUST(cluster.raft(1).log_durable(*replaced.self_ack, cluster.context(1)));
  EXPECT_EQ(cluster.raft(1).durable(), LogIndex(3));
}

// Trap 23: whatever a heartbeat says, a follower commits only what it has verified against this leader.
TEST(RaftReplication, ACommitBeyondWhatWasVerifiedIsClamped) {
  Cluster cluster(3);
  cluster.step({.from = NodeId(2), .to = NodeId(1), .message = Heartbeat{.term = Term(3), .commit = LogIndex(100)}});
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(0));
  cluster.step({.from = NodeId(2),
                .to = NodeId(1),
                .message = Append{.term = Term(3),
                                  .prev_index = LogIndex(1),
                                  .prev_term = Term(1),
                                  .commit = LogIndex(100),
                                  .entries = {command(2, 3, "a")}}});
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(2));
}

TEST(RaftReplication, AHeartbeatCarriesNoMoreThanTheFollowersMatch) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.cut_both(1, 3);
  MUST(cluster.propose(1, {"a", "b"}));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(4));
  cluster.heal();
  cluster.now = cluster.raft(1).next_wake();
  cluster.tick(1);
  cluster.flush(1);
  const auto beats = cluster.take_messages<Heartbeat>(1, 3);
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(std::get<Heartbeat>(beats.front().message).commit, LogIndex(2));
}

// Trap 22.
TEST(RaftReplication, ReorderedAndRepeatedAppendsEndInTheSameLog) {
  Cluster cluster(3);
  cluster.campaign(1);
  for (int i = 0; i < 6; ++i) {
    MUST(cluster.propose(1, {std::to_string(i)}));
    cluster.flush(1);
  }
  auto appends = cluster.take_messages<Append>(1, 2);
  ASSERT_EQ(appends.size(), 6u);
  for (const std::size_t i : {5u, 0u, 0u, 2u, 1u, 5u, 2u, 4u, 3u, 0u}) cluster.step(appends[i]);
  cluster.settle();
  cluster.advance(300ms);
  EXPECT_EQ(cluster.node(2).durable.log, cluster.node(1).durable.log);
  EXPECT_EQ(cluster.raft(2).commit(), cluster.raft(1).last_index());
}

// I6: an old append that ends inside the log must not cut what came after it.
TEST(RaftReplication, ALateShortAppendTruncatesNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  auto late = cluster.take_messages<Append>(1, 2);
  cluster.step(late.front());
  MUST(cluster.propose(1, {"b"}));
  cluster.flush(1);
  cluster.settle();
  ASSERT_EQ(cluster.raft(2).last_index(), LogIndex(4));
  cluster.step(late.front());
  EXPECT_EQ(cluster.raft(2).last_index(), LogIndex(4));
}

TEST(RaftReplication, LogTimeNeverFalls) {
  Cluster cluster(3);
  cluster.campaign(1);
  const std::vector<Proposal> proposals{{.payload = Bytes("a"), .log_time = 5s},
                                        {.payload = Bytes("b"), .log_time = 3s}};
  MUST(cluster.raft(1).propose(proposals, cluster.context(1)));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.raft(1).last_log_time(), 5s);
  cluster.kill(1);
  cluster.campaign(2);
  EXPECT_EQ(cluster.node(2).durable.log.back().kind, EntryKind::noop);
  EXPECT_EQ(cluster.node(2).durable.log.back().log_time, 5s) << "log time stands still without a leader";
}

TEST(RaftReplication, AConfigCountsFromTheMomentItIsAppendedAndGoesWithItsEntry) {
  Cluster cluster(3);
  const Config wider{.voters = {NodeId(1), NodeId(2), NodeId(3), NodeId(4)}, .outgoing = cluster.config().voters};
  Entry entry = command(2, 2, "");
  entry.kind = EntryKind::config;
  entry.payload = encode(wider);
  cluster.step(
      {.from = NodeId(2),
       .to = NodeId(1),
       .message =
           Append{.term = Term(2), .prev_index = LogIndex(1), .prev_term = Term(1), .commit = {}, .entries = {entry}}});
  EXPECT_EQ(*cluster.raft(1).config(), wider);
  cluster.step({.from = NodeId(3),
                .to = NodeId(1),
                .message = Append{.term = Term(3),
                                  .prev_index = LogIndex(1),
                                  .prev_term = Term(1),
                                  .commit = {},
                                  .entries = {command(2, 3, "other")}}});
  EXPECT_EQ(*cluster.raft(1).config(), cluster.config()) << "truncated with its entry (I8)";
}

TEST(RaftFates, AnOverwrittenProposalIsProvedNotDone) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.isolate(1);
  const Proposed lost = MUST(cluster.propose(1, {"a", "b", "c"}));
  cluster.flush(1);
  cluster.advance(5s);
  const std::uint32_t leader = cluster.leader();
  ASSERT_NE(leader, 1u);
  EXPECT_TRUE(cluster.node(1).superseded.empty()) << "cut off, nothing is proved yet";
  cluster.heal();
  cluster.advance(1s);
  std::set<LogIndex> proved;
  for (const Superseded& fate : cluster.node(1).superseded) {
    EXPECT_EQ(fate.term, lost.term);
    for (LogIndex index = fate.first; index <= fate.last; index = next(index)) proved.insert(index);
  }
  EXPECT_EQ(proved, (std::set<LogIndex>{lost.first, next(lost.first), next(next(lost.first))}))
      << "one committed entry of a later term settles everything above it";
}

TEST(RaftFates, ADeposedLeadersProposalThatIsCommittedLaterIsNotCalledSuperseded) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  for (Envelope& append : cluster.take_messages<Append>(1, 2)) cluster.step(std::move(append));
  cluster.network.clear();  // n2 has it, n1 does not know
  cluster.isolate(1);
  cluster.advance(5s);
  ASSERT_EQ(cluster.leader(), 2u);
  cluster.heal();
  cluster.advance(1s);
  EXPECT_EQ(payloads(cluster.node(1).durable.log), (std::vector<std::string>{"a"}));
  EXPECT_TRUE(cluster.node(1).superseded.empty());
}

}  // namespace
}  // namespace rift::raft::test
