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
  EXPECT_EQ(cluster.raft(3).commit(), LogIndex(15));
  EXPECT_EQ(cluster.raft(3).last_index(), LogIndex(15));
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

TEST(RaftSnapshot, ALostOneIsAskedForAgainOnceItIsGivenUp) {
  Cluster cluster(3);
  leave_behind(cluster);
  cluster.take_snapshots();
  cluster.advance(1s);
  EXPECT_TRUE(cluster.node(3).installed.empty()) << "nothing but beats until then";
  cluster.give_up_snapshots();
  cluster.advance(100ms);
  EXPECT_EQ(cluster.node(3).installed.size(), 1u);
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

}  // namespace
}  // namespace rift::raft::test
