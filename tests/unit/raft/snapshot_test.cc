// The log's lower end: compaction, peers that fall below it, and snapshots in place of what is gone.
#include "cluster.h"

namespace rift::raft::test {
namespace {

void write(Cluster& cluster, std::uint32_t id, int entries) {
  for (int i = 0; i < entries; ++i) {
    MUST(cluster.propose(id, {"w" + std::to_string(i)}));
    cluster.flush(id);
    cluster.settle();
    cluster.advance(commit_notice_interval);
  }
}

// n3 was away while ten entries were written and forgotten; the snapshot for it is on its way, and nothing else.
void leave_behind(Cluster& cluster) {
  cluster.campaign(1);
  cluster.isolate(3);
  write(cluster, 1, 10);
  cluster.compact(1);
  cluster.compact(2);
  cluster.heal();
  while (cluster.network.empty() || !cluster.network.back().snapshot) {
    cluster.now += 75ms;
    cluster.tick(1);
    cluster.flush(1);
    for (int i = 0; i < 8 && !cluster.network.empty() && !cluster.network.front().snapshot; ++i) cluster.deliver(0);
  }
}

TEST(RaftSnapshot, APeerBelowTheLogsStartGetsOne) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.settle();
  ASSERT_EQ(cluster.node(3).installed.size(), 1u);
  EXPECT_EQ(cluster.node(3).installed.front().index, LogIndex(12));
  EXPECT_EQ(cluster.raft(3).first_index(), LogIndex(13));
  EXPECT_EQ(cluster.raft(3).applicable(), LogIndex(12));
  EXPECT_EQ(*cluster.raft(3).config(), cluster.config());
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::replicate) << "its acknowledgement came back";
  write(cluster, 1, 1);
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(13));
}

TEST(RaftSnapshot, CompactionStopsAtWhatIsApplied) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, 1, 3);
  const LogIndex applied = cluster.node(1).visible.applied;
  const auto refused = cluster.raft(1).compacted(LogIndex(applied.value() + 2), cluster.context(1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(cluster.raft(1).first_index(), LogIndex(1));
  cluster.compact(1);
  EXPECT_EQ(cluster.raft(1).first_index(), next(applied));
  MUST(cluster.raft(1).compacted(LogIndex(2), cluster.context(1)));
  EXPECT_EQ(cluster.raft(1).first_index(), next(applied)) << "never backwards";
}

TEST(RaftSnapshot, ALogThatStartsBehindOneSurvivesARestart) {
  for (const bool warm : {false, true}) {
    Cluster cluster(3);
    cluster.warm_start = warm;
    leave_behind(cluster);
    cluster.settle();
    for (const std::uint32_t id : {1u, 2u, 3u}) cluster.kill(id);
    for (const std::uint32_t id : {1u, 2u, 3u}) cluster.restart(id);
    EXPECT_EQ(cluster.raft(3).floor().index, LogIndex(12));
    const std::uint32_t leader = cluster.elect();
    ASSERT_NE(leader, 0u);
    write(cluster, leader, 2);
    cluster.advance(200ms);
    for (const std::uint32_t id : {1u, 2u, 3u}) EXPECT_EQ(cluster.raft(id).commit(), cluster.raft(leader).last_index());
  }
}

TEST(RaftSnapshot, OneThatBringsNothingNewIsRefusedAndChangesNothing) {
  Cluster cluster(3);
  leave_behind(cluster);
  const Envelope late = cluster.take_snapshots().front();
  cluster.step(late);
  cluster.settle();
  write(cluster, 1, 3);
  const auto again = cluster.raft(3).install(late.from, Term(2), *late.snapshot, cluster.context(3));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Code::invalid);
  SnapshotMeta older = *late.snapshot;
  older.index = LogIndex(8);
  EXPECT_FALSE(cluster.raft(3).install(late.from, Term(2), older, cluster.context(3)).has_value());
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(15));
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(15));
  EXPECT_EQ(cluster.raft(3).first_index(), LogIndex(13));
}

// The entries behind the snapshot were acknowledged, and may be what made them committed.
TEST(RaftSnapshot, OneWhoseEntryTheLogHoldsTakesNothingAway) {
  Cluster cluster(3);
  cluster.campaign(1);
  write(cluster, 1, 5);
  const SnapshotMeta meta = MUST(cluster.raft(1).snapshot_meta(cluster.context(1).log));
  ASSERT_EQ(meta.index, LogIndex(7));
  cluster.kill(3);
  cluster.node(3).visible.applied = LogIndex(0);
  cluster.restart(3);
  ASSERT_EQ(cluster.raft(3).commit(), LogIndex(0));
  const auto refused = cluster.raft(3).install(NodeId(1), Term(2), meta, cluster.context(3));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(cluster.raft(3).first_index(), LogIndex(1));
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(7));
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(7)) << "but it proves what is committed";
}

TEST(RaftSnapshot, OneThatTheLogContradictsReplacesIt) {
  Cluster cluster(3);
  cluster.campaign(3);
  cluster.isolate(3);
  MUST(cluster.propose(3, {"lost", "lost", "lost"}));
  cluster.flush(3);
  cluster.campaign(1);
  write(cluster, 1, 10);
  cluster.compact(1);
  cluster.compact(2);
  cluster.heal();
  cluster.advance(300ms);
  ASSERT_EQ(cluster.node(3).installed.size(), 1u);
  EXPECT_EQ(cluster.raft(3).commit(), cluster.raft(1).commit());
  EXPECT_EQ(cluster.node(3).visible.log.size(), 0u);
}

TEST(RaftSnapshot, ALeaderInstallsNone) {
  Cluster cluster(3);
  cluster.campaign(1);
  const SnapshotMeta meta{
      .index = LogIndex(50), .term = Term(2), .log_time = {}, .config = {LogIndex(1), cluster.config()}};
  EXPECT_FALSE(cluster.raft(1).install(NodeId(2), Term(3), meta, cluster.context(1)).has_value());
  EXPECT_TRUE(cluster.raft(1).is_leader());
}

TEST(RaftSnapshot, ALostOneIsProbedForOnceItIsGivenUp) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.take_snapshots();
  cluster.give_up_snapshots();
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::probe);
  cluster.advance(100ms);
  EXPECT_EQ(cluster.node(3).installed.size(), 1u);
}

// Whoever carries snapshots may have dropped the wish for one: a peer that still needs it would stay where it is until the leader changes.
TEST(RaftSnapshot, IsWantedWithEachBeatUntilItIsThere) {
  Cluster cluster(3);
  leave_behind(cluster);
  for (int i = 0; i < 3; ++i) {
    cluster.take_snapshots();
    EXPECT_TRUE(cluster.node(3).installed.empty());
    cluster.now += 75ms;
    cluster.tick(1);
    cluster.flush(1);
    for (int k = 0; k < 8 && !cluster.network.empty() && !cluster.network.front().snapshot; ++k) cluster.deliver(0);
    cluster.flush(1);
    const auto wanted = cluster.take_snapshots();
    ASSERT_EQ(wanted.size(), 1u) << i;
    if (i == 2) cluster.step(wanted.front());
  }
  cluster.settle();
  EXPECT_EQ(cluster.node(3).installed.size(), 1u);
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::replicate);
}

TEST(RaftSnapshot, TheBeatTellsOfALostAcknowledgement) {
  Cluster cluster(3);
  leave_behind(cluster);
  const Envelope snapshot = cluster.take_snapshots().front();
  cluster.step(snapshot);
  cluster.take_messages<AppendAck>(3, 1);
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::snapshot);
  cluster.advance(200ms);
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::replicate);
}

TEST(RaftSnapshot, OneThatCompactionOvertookIsFollowedByANewerOne) {
  Cluster cluster(3);
  leave_behind(cluster);
  const Envelope old = cluster.take_snapshots().front();
  cluster.cut_both(1, 3);
  write(cluster, 1, 5);
  cluster.compact(1);
  cluster.heal();
  cluster.step(old);
  cluster.settle();
  ASSERT_EQ(cluster.node(3).installed.size(), 2u);
  EXPECT_EQ(cluster.raft(3).commit(), cluster.raft(1).commit());
}

TEST(RaftSnapshot, CarriesTheConfigurationThatStandsAtItsIndex) {
  Cluster cluster(3);
  cluster.campaign(1);
  EXPECT_EQ(MUST(cluster.raft(1).snapshot_meta(cluster.context(1).log)).config.index, LogIndex(1));
  cluster.add_node(4);
  Config wish = cluster.config();
  wish.learners = {NodeId(4)};
  const LogIndex changed = MUST(cluster.change(1, wish));
  EXPECT_EQ(MUST(cluster.raft(1).snapshot_meta(cluster.context(1).log)).config.index, LogIndex(1))
      << "appended is not applied";
  cluster.settle();
  const SnapshotMeta meta = MUST(cluster.raft(1).snapshot_meta(cluster.context(1).log));
  EXPECT_EQ(meta.config, (ConfigAt{changed, wish}));
  EXPECT_EQ(meta.index, changed);
}

// Trap 40: between the snapshot and the next append there is no gap, and nothing below it is looked at.
TEST(RaftSnapshot, AnAppendBelowTheSnapshotIsSkippedAndOneThatReachesOverItIsTaken) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.step(cluster.take_snapshots().front());
  cluster.network.clear();
  const auto append = [&](std::uint64_t prev, std::uint64_t prev_term, std::uint64_t count) {
    Append message{.term = Term(2), .prev_index = LogIndex(prev), .prev_term = Term(prev_term), .commit = LogIndex(12)};
    for (std::uint64_t i = 1; i <= count; ++i) {
      message.entries.push_back({.term = Term(2),
                                 .index = LogIndex(prev + i),
                                 .kind = EntryKind::command,
                                 .log_time = {},
                                 .payload = Bytes("x")});
    }
    cluster.step({.from = NodeId(1), .to = NodeId(3), .message = message});
  };
  append(5, 2, 3);
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(12));
  append(10, 2, 4);
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(14));
  EXPECT_EQ(cluster.raft(3).first_index(), LogIndex(13));
  append(15, 2, 1);
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(14)) << "a gap is refused";
}

TEST(RaftSnapshot, ALateAcknowledgementOfAnOlderOneDoesNotEndTheWait) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.take_snapshots();
  cluster.step({.from = NodeId(3),
                .to = NodeId(1),
                .message = AppendAck{.term = cluster.raft(1).term(), .accepted = true, .match = LogIndex(7)}});
  EXPECT_EQ(cluster.raft(1).peers().back().state, Progress::State::snapshot);
  EXPECT_EQ(cluster.raft(1).peers().back().match, LogIndex(7));
  EXPECT_EQ(cluster.take_snapshots().size(), 1u) << "but it says that a newer one is needed";
}

TEST(RaftSnapshot, ARejectionBelowTheLogsStartLeadsToOneAtOnce) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.network.clear();
  cluster.isolate(3);
  write(cluster, 1, 4);  // the log goes on behind its start
  cluster.kill(1);
  cluster.heal();
  auto marks = cluster.recorder.marks();
  const auto rejected = marks["raft.append_rejected"];
  cluster.campaign(2);
  EXPECT_EQ(cluster.recorder.marks().at("raft.append_rejected"), rejected + 1) << "no probe at the log's start";
  EXPECT_EQ(cluster.node(3).installed.size(), 1u);
}

TEST(RaftSnapshot, ACandidateTakesOneFromATermThatIsOver) {
  Cluster cluster(3);
  leave_behind(cluster);
  const Envelope snapshot = cluster.take_snapshots().front();
  cluster.network.clear();
  cluster.isolate(3);
  cluster.now += 2s;
  cluster.tick(3);
  cluster.flush(3);
  ASSERT_EQ(cluster.raft(3).role(), Role::pre_candidate);
  MUST(cluster.raft(3).install(NodeId(1), Term(2), *snapshot.snapshot, cluster.context(3)));
  cluster.flush(3);
  EXPECT_EQ(cluster.raft(3).role(), Role::follower);
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(12));
}

TEST(RaftSnapshot, OneOfAnOverTermIsTakenByAVoterOfALaterOne) {
  Cluster cluster(3);
  leave_behind(cluster);
  const Envelope snapshot = cluster.take_snapshots().front();
  cluster.network.clear();
  cluster.step({.from = NodeId(2), .to = NodeId(3), .message = Heartbeat{.term = Term(9), .commit = {}}});
  MUST(cluster.raft(3).install(NodeId(1), Term(2), *snapshot.snapshot, cluster.context(3)));
  cluster.network.clear();
  cluster.flush(3);
  EXPECT_EQ(cluster.raft(3).leader(), NodeId(2));
  ASSERT_FALSE(cluster.network.empty());
  const auto& ack = std::get<AppendAck>(cluster.network.back().message);
  EXPECT_EQ(cluster.network.back().to, NodeId(2)) << "the acknowledgement goes to the leader of today";
  EXPECT_EQ(ack.match, LogIndex(12));
}

TEST(RaftSnapshot, AMalformedOneIsRefused) {
  Cluster cluster(3);
  const auto refused = [&](SnapshotMeta meta, std::uint64_t term) {
    const auto done = cluster.raft(1).install(NodeId(2), Term(term), meta, cluster.context(1));
    return !done && done.error().code == Code::invalid;
  };
  const SnapshotMeta good{
      .index = LogIndex(50), .term = Term(2), .log_time = {}, .config = {LogIndex(1), cluster.config()}};
  SnapshotMeta bad = good;
  bad.index = LogIndex(0);
  EXPECT_TRUE(refused(bad, 3));
  bad = good;
  bad.term = Term(4);
  EXPECT_TRUE(refused(bad, 3));
  bad = good;
  bad.config.index = LogIndex(51);
  EXPECT_TRUE(refused(bad, 3));
  bad = good;
  bad.config.config.voters.clear();
  EXPECT_TRUE(refused(bad, 3));
  bad = good;
  bad.config.index = LogIndex(0);
  EXPECT_TRUE(refused(bad, 3));
  bad = good;
  bad.index = next(index_max);
  EXPECT_TRUE(refused(bad, 3)) << "the next index would be far from any that there is";
  EXPECT_TRUE(refused(good, term_max.value() + 1));
  EXPECT_TRUE(refused(good, 2 + term_step_max)) << "no election comes after it";
  EXPECT_EQ(cluster.raft(1).commit(), LogIndex(0));
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
  EXPECT_FALSE(refused(good, 3));
}

// What was proposed up to the snapshot's index has no proof; what came behind it in an older term never happened.
TEST(RaftSnapshot, ProvesTheFateOfWhatWasProposedBehindItInAnOlderTerm) {
  Cluster cluster(3);
  cluster.campaign(3);
  cluster.isolate(3);
  MUST(cluster.propose(3, std::vector<std::string>(20, "lost")));
  cluster.flush(3);
  cluster.campaign(1);
  write(cluster, 1, 5);
  cluster.compact(1);
  cluster.compact(2);
  cluster.heal();
  cluster.advance(300ms);
  ASSERT_EQ(cluster.node(3).installed.size(), 1u);
  const LogIndex at = cluster.node(3).installed.front().index;
  ASSERT_EQ(cluster.node(3).superseded.size(), 1u);
  EXPECT_EQ(cluster.node(3).superseded.front(), (Superseded{.term = Term(2), .first = next(at), .last = LogIndex(22)}));
}

TEST(RaftSnapshot, NothingIsTakenBeforeAnythingIsApplied) {
  Cluster cluster(3);
  const auto meta = cluster.raft(1).snapshot_meta(cluster.context(1).log);
  ASSERT_FALSE(meta.has_value());
  EXPECT_EQ(meta.error().code, Code::not_ready);
}

}  // namespace
}  // namespace rift::raft::test
