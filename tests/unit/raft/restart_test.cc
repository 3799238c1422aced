#include "cluster.h"

namespace rift::raft::test {
namespace {

TEST(RaftRestart, CommittedEntriesSurviveAPowerLossOfEveryNode) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a", "b"}));
  cluster.flush(1);
  cluster.settle();
  const auto committed = cluster.committed();
  ASSERT_EQ(committed.rbegin()->first, LogIndex(4));
  for (std::uint32_t id = 1; id <= 3; ++id) cluster.power_loss(id);
  for (std::uint32_t id = 1; id <= 3; ++id) cluster.restart(id);
  ASSERT_NE(cluster.elect(), 0u);
  for (const auto& [index, entry] : committed) {
    for (std::uint32_t id = 1; id <= 3; ++id) EXPECT_EQ(cluster.node(id).durable.log[index.value() - 1], entry);
  }
}

TEST(RaftRestart, UndurableEntriesOfAPowerLossAreFetchedAgain) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  cluster.power_loss(2);
  cluster.restart(2);
  EXPECT_EQ(cluster.raft(2).last_index(), LogIndex(2));
  cluster.auto_sync = true;
  for (std::uint32_t id = 1; id <= 3; ++id) cluster.flush(id);
  cluster.advance(500ms);
  EXPECT_EQ(cluster.node(2).durable.log, cluster.node(1).durable.log);
}

// An idle group: the restarted follower has every entry, so no append comes, and heartbeats alone must not move its commit (trap
// 23). The leader notices that it has verified nothing and asks.
TEST(RaftRestart, ARestartedFollowerOfAnIdleGroupLearnsTheCommit) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  cluster.kill(2);
  cluster.node(2).visible.applied = LogIndex(1);
  cluster.restart(2);
  ASSERT_EQ(cluster.raft(2).commit(), LogIndex(1));
  cluster.advance(300ms);
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.raft(2).commit(), LogIndex(3));
}

TEST(RaftRestart, StartsWithAnyPartOfTheLogInMemory) {
  for (const bool warm : {false, true}) {
    Cluster cluster(3);
    cluster.warm_start = warm;
    cluster.campaign(1);
    MUST(cluster.propose(1, {"a", "b", "c"}));
    cluster.flush(1);
    cluster.settle();
    cluster.kill(1);
    cluster.restart(1);
    EXPECT_EQ(cluster.raft(1).last_index(), LogIndex(5));
    EXPECT_EQ(cluster.raft(1).durable(), LogIndex(5));
    cluster.campaign(1);
    EXPECT_EQ(cluster.raft(1).commit(), LogIndex(6));
  }
}

TEST(RaftRestart, ReportsItsStart) {
  Cluster cluster(3);
  cluster.flush(1);
  ASSERT_FALSE(cluster.node(1).changes.empty());
  EXPECT_EQ(cluster.node(1).changes.front(),
            (RoleChange{.role = Role::follower, .term = Term(1), .leader = {}, .reason = Reason::started}));
}

Result<Raft> create(Restored restored) {
  return Raft::create({.self = NodeId(1)}, std::move(restored), Rng(1), Time(1s));
}

TEST(RaftRestart, AStoreThatContradictsItselfIsCorruption) {
  const Config config{.voters = {NodeId(1), NodeId(2), NodeId(3)}, .learners = {}};
  const Restored good = founded(config);
  ASSERT_TRUE(create(good).has_value());

  std::vector<Restored> broken(8, good);
  broken[0].hard_state.term = Term(0);
  broken[1].applied = LogIndex(2);
  broken[2].first_index = LogIndex(3);
  broken[3].tail.front().index = LogIndex(2);
  broken[4].tail.front().term = Term(2);
  broken[5].configs.front().index = LogIndex(2);
  broken[6].configs.push_back(broken[6].configs.front());
  broken[7].first_index = LogIndex(0);
  for (std::size_t i = 0; i < broken.size(); ++i) {
    const auto created = create(broken[i]);
    ASSERT_FALSE(created.has_value()) << i;
    EXPECT_EQ(created.error().code, Code::corruption) << i;
  }
}

// n1's log begins at 11; what stood at 10, of term 2, is known.
Restored behind_a_snapshot(LogIndex last) {
  Restored restored{};
  restored.hard_state.term = Term(3);
  restored.configs = {{LogIndex(4), Config{.voters = {NodeId(1), NodeId(2), NodeId(3)}}}};
  restored.first_index = LogIndex(11);
  restored.before_term = Term(2);
  restored.before_log_time = 7s;
  restored.last_index = last;
  restored.last_term = last == LogIndex(10) ? Term(2) : Term(3);
  restored.last_log_time = last == LogIndex(10) ? 7s : 9s;
  restored.applied = LogIndex(10);
  return restored;
}

TEST(RaftRestart, AnEmptyLogBehindASnapshotEndsWhereTheSnapshotDoes) {
  const Raft raft = MUST(create(behind_a_snapshot(LogIndex(10))));
  EXPECT_EQ(raft.last_index(), LogIndex(10));
  EXPECT_EQ(raft.first_index(), LogIndex(11));
  EXPECT_EQ(raft.last_log_time(), 7s);
  EXPECT_EQ(raft.commit(), LogIndex(10));
}

TEST(RaftRestart, ALogThatContradictsItsStartIsCorruption) {
  ASSERT_TRUE(create(behind_a_snapshot(LogIndex(10))).has_value());
  ASSERT_TRUE(create(behind_a_snapshot(LogIndex(12))).has_value());
  std::vector<Restored> broken(7, behind_a_snapshot(LogIndex(10)));
  broken[0].before_term = Term(0);
  broken[1].last_term = Term(1);
  broken[2].configs.clear();
  broken[3].applied = LogIndex(9);
  broken[4].last_index = LogIndex(9);
  broken[5] = behind_a_snapshot(LogIndex(12));
  broken[5].last_term = Term(1);
  broken[6] = behind_a_snapshot(LogIndex(11));
  broken[6].tail = {{.term = Term(1), .index = LogIndex(11), .kind = EntryKind::noop, .log_time = {}, .payload = {}}};
  broken[6].last_term = Term(1);
  for (std::size_t i = 0; i < broken.size(); ++i) {
    const auto created = create(broken[i]);
    ASSERT_FALSE(created.has_value()) << i;
    EXPECT_EQ(created.error().code, Code::corruption) << i;
  }
  Restored whole = founded(Config{.voters = {NodeId(1)}});
  whole.before_term = Term(1);
  EXPECT_FALSE(create(whole).has_value());
}

TEST(RaftOptions, AreValidatedTogether) {
  const auto refused = [](Options options) { return !Raft::create(options, Restored{}, Rng(1), Time(1s)).has_value(); };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({.self = NodeId(1), .heartbeat_interval = 0s}));
  EXPECT_TRUE(refused({.self = NodeId(1), .heartbeat_interval = 500ms, .election_timeout_min = 500ms}));
  EXPECT_TRUE(refused({.self = NodeId(1), .election_timeout_min = 500ms, .election_timeout_max = 400ms}));
  EXPECT_TRUE(refused({.self = NodeId(1), .append_bytes_max = 0}));
  EXPECT_FALSE(refused({.self = NodeId(1)}));
}

}  // namespace
}  // namespace rift::raft::test
