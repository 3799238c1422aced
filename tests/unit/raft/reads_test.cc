#include "cluster.h"

namespace rift::raft::test {
namespace {

TEST(RaftReads, AQuorumsEchoMakesAReadReady) {
  Cluster cluster(3);
  cluster.campaign(1);
  const ReadPosition position = MUST(cluster.read(1));
  cluster.flush(1);
  EXPECT_TRUE(cluster.node(1).reads_ready.empty());
  cluster.settle();
  ASSERT_EQ(cluster.node(1).reads_ready.size(), 1u);
  EXPECT_EQ(cluster.node(1).reads_ready.front().position, position);
  EXPECT_EQ(cluster.node(1).reads_ready.front().index, LogIndex(2));
}

TEST(RaftReads, ReadsOfOneRoundShareAPosition) {
  Cluster cluster(3);
  cluster.campaign(1);
  const ReadPosition first = MUST(cluster.read(1));
  EXPECT_EQ(MUST(cluster.read(1)), first);
  cluster.flush(1);
  EXPECT_EQ(cluster.take_messages<Heartbeat>(1).size(), 2u) << "one beat per peer, however many reads";
  EXPECT_GT(MUST(cluster.read(1)), first) << "a position that was sent takes no more reads";
}

TEST(RaftReads, BeyondTwoRoundsInFlightReadsWaitAndShareTheNext) {
  Cluster cluster(3);
  cluster.campaign(1);
  for (std::size_t i = 0; i < read_rounds_in_flight_max; ++i) {
    MUST(cluster.read(1));
    cluster.flush(1);
  }
  const auto beats = cluster.take_messages<Heartbeat>(1);
  ASSERT_EQ(beats.size(), 2 * read_rounds_in_flight_max);
  const ReadPosition waiting = MUST(cluster.read(1));
  cluster.flush(1);
  EXPECT_TRUE(cluster.take_messages<Heartbeat>(1).empty());
  EXPECT_EQ(MUST(cluster.read(1)), waiting);

  for (const Envelope& beat : beats) cluster.step(beat);
  cluster.settle();
  ASSERT_EQ(cluster.node(1).reads_ready.size(), read_rounds_in_flight_max + 1);
  EXPECT_EQ(cluster.node(1).reads_ready.back().position, waiting);
}

// A beat that only carries a commit leaves while a position is open: its echo must not confirm the reads that join later.
TEST(RaftReads, AnOpenPositionIsNotGivenAway) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.settle();
  std::uint64_t sent = 0;
  for (std::size_t i = 0; i < read_rounds_in_flight_max; ++i) {
    sent = MUST(cluster.read(1)).number;
    cluster.flush(1);
  }
  cluster.take_messages<Heartbeat>(1);
  const ReadPosition open = MUST(cluster.read(1));
  ASSERT_EQ(open.number, sent + 1);
  MUST(cluster.propose(1, {"write"}));
  cluster.flush(1);
  for (Envelope& append : cluster.take_messages<Append>(1, 2)) cluster.step(std::move(append));
  cluster.now += commit_notice_interval;
  for (Envelope& ack : cluster.take_messages<AppendAck>(2, 1)) cluster.step(std::move(ack));
  cluster.flush(1);
  const auto beats = cluster.take_messages<Heartbeat>(1);
  ASSERT_FALSE(beats.empty());
  for (const Envelope& beat : beats) EXPECT_EQ(std::get<Heartbeat>(beat.message).read_position, sent);
  EXPECT_EQ(MUST(cluster.read(1)), open);
}

TEST(RaftReads, OnlyALeaderServes) {
  Cluster cluster(3);
  cluster.campaign(1);
  EXPECT_EQ(cluster.read(2).error().code, Code::not_leader);
}

TEST(RaftReads, ALeaderAloneNeedsNobodysEcho) {
  Cluster cluster(1);
  ASSERT_EQ(cluster.elect(), 1u);
  MUST(cluster.read(1));
  cluster.flush(1);
  EXPECT_EQ(cluster.node(1).reads_ready.size(), 1u);
}

// Trap 1: n2 leads but does not know yet what n1 committed. The echoes come before the no-op is committed.
TEST(RaftReads, AFreshLeaderServesOnlyAfterItsNoopIsCommitted) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.advance(100ms);
  cluster.cut(1, 3);
  MUST(cluster.propose(1, {"acknowledged"}));
  cluster.flush(1);
  for (Envelope& append : cluster.take_messages<Append>(1, 2)) cluster.step(std::move(append));
  for (Envelope& ack : cluster.take_messages<AppendAck>(2, 1)) cluster.step(std::move(ack));
  ASSERT_EQ(cluster.raft(1).commit(), LogIndex(3));
  cluster.network.clear();
  cluster.kill(1);
  ASSERT_EQ(cluster.raft(2).commit(), LogIndex(2));

  cluster.now += 2s;
  cluster.tick(2);
  cluster.flush(2);
  cluster.deliver_until(2, Role::leader);
  auto held = cluster.take_messages<Append>(2);
  MUST(cluster.read(2));
  cluster.flush(2);
  cluster.settle();
  EXPECT_TRUE(cluster.node(2).reads_ready.empty());
  for (Envelope& append : held) cluster.step(std::move(append));
  cluster.settle();
  ASSERT_EQ(cluster.node(2).reads_ready.size(), 1u);
  EXPECT_GE(cluster.node(2).reads_ready.front().index, LogIndex(4));
}

// Trap 2 (etcd#20418): acks of an earlier beat, delayed and doubled, arrive after a newer read was asked.
TEST(RaftReads, LateEchoesOfAnEarlierPositionDoNotConfirmALaterRead) {
  Cluster cluster(5);
  cluster.campaign(1);
  MUST(cluster.read(1));
  cluster.flush(1);
  for (Envelope& beat : cluster.take_messages<Heartbeat>(1)) cluster.step(std::move(beat));
  const auto late = cluster.take_messages<HeartbeatAck>();
  ASSERT_EQ(late.size(), 4u);
  cluster.step(late[0]);
  cluster.step(late[1]);
  ASSERT_EQ(cluster.node(1).reads_ready.size(), 1u);
  cluster.isolate(1);
  const ReadPosition second = MUST(cluster.read(1));
  cluster.flush(1);
  cluster.heal();
  for (int i = 0; i < 3; ++i) {
    for (const Envelope& ack : late) cluster.step(ack);
  }
  EXPECT_EQ(cluster.node(1).reads_ready.size(), 1u) << second.number;
}

TEST(RaftReads, EchoesOfAnotherTermConfirmNothing) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.read(1));
  cluster.flush(1);
  for (Envelope& beat : cluster.take_messages<Heartbeat>(1)) cluster.step(std::move(beat));
  const auto late = cluster.take_messages<HeartbeatAck>();
  cluster.campaign(2);
  cluster.campaign(1);
  const std::size_t before = cluster.node(1).reads_ready.size();
  cluster.isolate(1);
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.heal();
  for (const Envelope& ack : late) cluster.step(ack);
  EXPECT_EQ(cluster.node(1).reads_ready.size(), before);
}

// n1 leads again; a beat of its earlier term, delayed until now, reaches n2 in the new term. The answer carries the new term and must not
// carry the old position: numbers start again in each term.
TEST(RaftReads, ABeatOfAnEarlierTermIsNotEchoedInALaterOne) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.read(1));
  cluster.flush(1);
  const auto late = cluster.take_messages<Heartbeat>(1, 2);
  ASSERT_EQ(late.size(), 1u);
  cluster.settle();
  cluster.campaign(2);
  cluster.campaign(1);
  cluster.node(1).reads_ready.clear();
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.network.clear();
  cluster.step(late.front());
  cluster.settle();
  EXPECT_TRUE(cluster.node(1).reads_ready.empty());
  EXPECT_TRUE(cluster.raft(1).is_leader());
}

TEST(RaftReads, ADeposedLeaderFailsItsReads) {
  Cluster cluster(3, 4);
  cluster.campaign(1);
  cluster.isolate(1);
  const ReadPosition position = MUST(cluster.read(1));
  cluster.flush(1);
  cluster.advance(5s);
  EXPECT_FALSE(cluster.raft(1).is_leader());
  EXPECT_TRUE(cluster.node(1).reads_ready.empty());
  EXPECT_EQ(cluster.node(1).reads_failed, (std::vector<ReadPosition>{position}));
}

TEST(RaftReads, AReadSeesWhatWasCommittedInItsOwnRound) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  for (Envelope& append : cluster.take_messages<Append>(1)) cluster.step(std::move(append));
  const auto acks = cluster.take_messages<AppendAck>();
  MUST(cluster.read(1));
  for (const Envelope& ack : acks) cluster.step(ack, false);
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.settle();
  ASSERT_EQ(cluster.node(1).reads_ready.size(), 1u);
  EXPECT_EQ(cluster.node(1).reads_ready.front().index, LogIndex(3));
}

TEST(RaftReads, EchoesDoNotWaitForTheDisk) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.auto_sync = false;
  MUST(cluster.propose(1, {"a"}));
  MUST(cluster.read(1));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.node(1).reads_ready.size(), 1u);
}

// Each heartbeat sends the open position along, whatever is in flight; without echoes the leader steps down long before the bound, unless
// its beats are very close.
TEST(RaftReads, WaitingRoundsAreBounded) {
  Cluster cluster(3, 1, [](Options& options) { options.heartbeat_interval = 1ms; });
  cluster.campaign(1);
  cluster.isolate(1);
  std::size_t served = 0;
  while (served < 2 * reads_pending_max && cluster.read(1).has_value()) {
    ++served;
    cluster.flush(1);
    cluster.now += 1ms;
    cluster.tick(1);
  }
  EXPECT_GE(served, reads_pending_max);
  EXPECT_LT(served, 2 * reads_pending_max);
  EXPECT_EQ(cluster.read(1).error().code, Code::overloaded);
}

TEST(RaftReads, PeersSayWhichPositionTheyEchoed) {
  Cluster cluster(3);
  cluster.campaign(1);
  const ReadPosition position = MUST(cluster.read(1));
  cluster.cut_both(1, 3);
  cluster.flush(1);
  cluster.settle();
  const auto peers = cluster.raft(1).peers();
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[0].read_position, position.number);
  EXPECT_LT(peers[1].read_position, position.number);
}

}  // namespace
}  // namespace rift::raft::test
