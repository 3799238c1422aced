// The order in which a Turn is carried out (DESIGN 1), over a store whose syncs end when the test says so.
#include "tests/unit/node/loop_world.h"

#include "base/limits.h"

namespace rift::node {
namespace {

TEST(ShardLoop, HandsOverWhatArrivedTogetherInOneSubmitAndOneBatch) {
  LoopWorld world;
  auto& replica = world.host(7);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.submit(7, "put"));
  world.executor.run();
  EXPECT_EQ(replica.batches, std::vector<std::size_t>{5});
  EXPECT_EQ(world.applied, std::vector<std::size_t>{5});
}

TEST(ShardLoop, AnswersWhenDurableOnlyAfterTheSync) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "put");
  world.submit(7, "now");
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 1u);  // the one that may overtake the disk
  EXPECT_EQ(world.replies[0].synced, 0u);
  EXPECT_EQ(world.replies[0].applied, 0u) << "the client works on while the store takes the batch";
  ASSERT_TRUE(world.store.finish_sync());
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 2u);
  EXPECT_EQ(world.replies[1].synced, 1u);
}

TEST(ShardLoop, AnswersWhenStoredOnlyAfterTheApply) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "later");
  world.executor.run();
  world.submit(7, "stored");
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 1u);
  EXPECT_EQ(world.replies[0].applied, 1u);
  EXPECT_EQ(world.replies[0].synced, 0u);
}

TEST(ShardLoop, SendsNowBeforeTheBatchIsAppliedAndTheRestAfterTheSync) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "send");
  world.executor.run();
  ASSERT_EQ(world.network.sent.size(), 1u);
  EXPECT_EQ(world.network.sent[0].messages, std::vector<std::string>{"early"});
  EXPECT_EQ(world.network.sent[0].applied, 0u);
  const std::uint64_t rounds = world.loop.counters().rounds;
  world.store.finish_sync();
  world.executor.run();
  ASSERT_EQ(world.network.sent.size(), 2u);
  EXPECT_EQ(world.loop.counters().rounds, rounds) << "what waited for the disk waits for no round";
  EXPECT_EQ(world.network.sent[1].messages, std::vector<std::string>{"durable"});
  EXPECT_EQ(world.network.sent[1].synced, 1u);
}

TEST(ShardLoop, WhatMayWaitIsVisibleAtOnceAndStoredWithTheNextRound) {
  LoopWorld world;
  auto& replica = world.host(7);
  world.submit(7, "later", 5);
  world.executor.run();
  EXPECT_EQ(world.store.applied(), 0u);
  EXPECT_EQ(world.applied, std::vector<std::size_t>{1}) << "visible";
  world.submit(7, "read", 0, "7/5");
  world.executor.run();
  EXPECT_EQ(replica.found, std::optional<Bytes>("v"));
  EXPECT_EQ(world.store.applied(), 0u);
  world.submit(7, "send");
  world.executor.run();
  ASSERT_EQ(world.network.sent.size(), 1u);
  EXPECT_EQ(world.network.sent[0].applied, 0u) << "it is stored behind what was to be sent";
  EXPECT_EQ(world.store.applied(), 1u);
  EXPECT_EQ(world.applied, (std::vector<std::size_t>{1, 1})) << "told once of each operation";
}

TEST(ShardLoop, WhatMayWaitIsStoredSoonOrWhenItIsReadFromOutside) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "later", 5);
  world.executor.advance(std::chrono::microseconds(999));
  EXPECT_EQ(world.store.applied(), 0u);
  world.executor.advance(std::chrono::microseconds(1));
  EXPECT_EQ(world.store.applied(), 1u);
  world.submit(7, "later", 6);
  world.executor.run();
  EXPECT_TRUE(MUST(world.loop.reader().get(env::Table::state_cp, "7/6")).has_value());
  EXPECT_EQ(world.store.applied(), 2u);
  world.executor.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(world.store.applied(), 2u);
}

TEST(ShardLoop, WhatMayWaitDoesNotPileUpAndNobodyWhoNeedsTheDiskWaits) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "later", 5, Bytes(std::string(256 * limits::kibi, 'x')));
  world.executor.run();
  EXPECT_EQ(world.store.applied(), 1u);
  world.submit(7, "later", 6);
  world.executor.run();
  bool is_durable = false;
  world.loop.when_durable([&] { is_durable = true; });
  world.executor.run();
  EXPECT_EQ(world.store.applied(), 2u);
  while (world.store.finish_sync()) world.executor.run();
  EXPECT_TRUE(is_durable);
}

// A sync covers what was applied before it was asked for: a batch that is applied while it runs waits for the next one.
TEST(ShardLoop, ALaterBatchWaitsForALaterSync) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "put", 1);
  world.executor.run();
  world.submit(7, "put", 2);
  world.executor.run();
  ASSERT_TRUE(world.store.finish_sync());
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 1u);
  EXPECT_EQ(world.replies[0].response.id, RequestId(1));
  ASSERT_TRUE(world.store.finish_sync());
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 2u);
}

// What a replica answers from its state without writing waits as well, while an earlier batch is not yet durable.
TEST(ShardLoop, WaitsForAllBatchesBeforeItNotOnlyItsOwn) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "now");
  world.executor.run();
  bool durable = false;
  world.loop.run([&](Turn&) { world.loop.when_durable([&] { durable = true; }); });
  world.executor.run();
  EXPECT_FALSE(durable);
  ASSERT_TRUE(world.store.finish_sync());
  world.executor.run();
  EXPECT_TRUE(durable);
}

TEST(ShardLoop, ReleasesAtOnceWhatNeedsNoDisk) {
  LoopWorld world;
  bool durable = false;
  world.loop.run([&](Turn&) { world.loop.when_durable([&] { durable = true; }); });
  world.executor.run();
  EXPECT_TRUE(durable);
  EXPECT_EQ(world.store.syncs_open(), 0u);
}

TEST(ShardLoop, SeveralReplicasShareOneBatchAndOneSync) {
  LoopWorld world;
  world.host(7);
  world.host(8);
  world.submit(7, "put");
  world.submit(8, "put");
  world.executor.run();
  EXPECT_EQ(world.applied, std::vector<std::size_t>{2});
  EXPECT_EQ(world.store.syncs_open(), 1u);
  world.store.finish_sync();
  world.executor.run();
  EXPECT_EQ(world.replies.size(), 2u);
}

TEST(ShardLoop, HandsAMessageToOneselfBackOnceDurable) {
  LoopWorld world;
  auto& replica = world.host(7);
  world.submit(7, "self");
  world.executor.run();
  EXPECT_TRUE(replica.received.empty());
  world.store.finish_sync();
  world.executor.run();
  ASSERT_EQ(replica.received.size(), 1u);
  EXPECT_EQ(replica.received[0], std::pair(NodeId(1), std::string("to myself")));
  EXPECT_TRUE(world.network.sent.empty());
}

TEST(ShardLoop, AMessageToOneselfDiesWithItsReplica) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "self");
  world.executor.run();
  world.loop.remove(PartitionId(7));
  world.store.finish_sync();
  world.executor.run();
  EXPECT_TRUE(world.network.sent.empty());
}

TEST(ShardLoop, AFailedReplicaStopsWithWhatItWroteAndTheOthersGoOn) {
  LoopWorld world;
  world.host(7);
  world.host(8);
  world.submit(7, "fail");
  world.submit(8, "put", 50);
  world.executor.run();
  EXPECT_EQ(world.applied, std::vector<std::size_t>{1});
  EXPECT_EQ(world.store.size(env::Table::state_cp), 1u);
  EXPECT_TRUE(world.network.sent.empty());
  ASSERT_EQ(world.stopped.size(), 1u);
  EXPECT_EQ(world.stopped[0].first, PartitionId(7));
  EXPECT_FALSE(world.loop.runs(PartitionId(7)));
  EXPECT_TRUE(world.loop.runs(PartitionId(8)));
  world.store.finish_sync();
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 1u);  // not the failed one's
  EXPECT_EQ(world.replies[0].response.id, RequestId(50));
}

TEST(ShardLoop, RefusesForAStoppedReplicaAsNotDone) {
  LoopWorld world;
  auto& replica = world.host(7);
  world.submit(7, "fail");
  world.executor.run();
  const auto batches = replica.batches.size();
  world.submit(7, "put", 50);
  world.executor.run();
  ASSERT_EQ(world.replies.size(), 1u);
  EXPECT_EQ(world.replies[0].response.code, Code::not_ready);
  EXPECT_EQ(world.replies[0].response.outcome, Outcome::not_done);
  EXPECT_EQ(replica.batches.size(), batches);
}

TEST(ShardLoop, ATickComesOnlyWhenItsWakeIsDue) {
  LoopWorld world;
  auto& replica = world.host(7);
  replica.ticks.clear();
  const Time start = world.executor.now().steady;
  world.submit(7, "wake");
  world.executor.advance(std::chrono::milliseconds(99));
  EXPECT_TRUE(replica.ticks.empty());
  world.executor.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(replica.ticks, std::vector<Time>{start + std::chrono::milliseconds(100)});
  world.executor.advance(std::chrono::seconds(5));
  EXPECT_EQ(replica.ticks.size(), 1u);  // used up
}

TEST(ShardLoop, ATimedTickCostsOneRound) {
  LoopWorld world;
  world.host(7);
  world.submit(7, "wake");
  world.executor.run();
  const auto rounds = world.loop.counters().rounds;
  world.executor.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(world.loop.counters().rounds, rounds + 1);
}

TEST(ShardLoop, RunsTimersInTheirOrder) {
  LoopWorld world;
  std::vector<int> order;
  const Time now = world.executor.now().steady;
  world.loop.call_at(now + std::chrono::milliseconds(20), [&] { order.push_back(2); });
  world.loop.call_at(now + std::chrono::milliseconds(10), [&] { order.push_back(1); });
  world.executor.advance(std::chrono::milliseconds(15));
  EXPECT_EQ(order, std::vector<int>{1});
  world.executor.advance(std::chrono::milliseconds(15));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ShardLoop, AFullInboxTakesNothingMore) {
  LoopWorld world;
  auto& replica = world.host(7);
  for (std::size_t i = 0; i < limits::shard_inbox_requests_max; ++i) ASSERT_TRUE(world.submit(7, "quiet"));
  EXPECT_FALSE(world.submit(7, "quiet"));
  world.executor.run();
  std::size_t taken = 0;
  for (const std::size_t batch : replica.batches) {
    EXPECT_LE(batch, 4096u);  // and heartbeats leave in between
    taken += batch;
  }
  EXPECT_EQ(taken, limits::shard_inbox_requests_max);
  EXPECT_EQ(world.loop.inbox_requests(), 0u);
  EXPECT_TRUE(world.submit(7, "quiet"));
}

TEST(ShardLoop, PeersCannotFillTheInboxWithoutBound) {
  LoopWorld world;
  auto& replica = world.host(7);
  const Bytes message("m");
  for (std::size_t i = 0; i < inbox_messages_max + 10; ++i)
    world.loop.receive(PartitionId(7), NodeId(2), env::Lane::data, message);
  world.loop.receive(PartitionId(7), NodeId(1), env::Lane::data, "my own is never lost");
  EXPECT_EQ(world.loop.counters().messages_dropped, 10u);
  world.executor.run();
  EXPECT_EQ(replica.received.size(), inbox_messages_max + 1);
  world.loop.receive(PartitionId(7), NodeId(2), env::Lane::data, message);
  EXPECT_EQ(world.loop.counters().messages_dropped, 10u);
}

TEST(ShardLoop, RemovingAReplicaGivesItsPlaceInTheInboxBack) {
  LoopWorld world;
  world.host(7);
  for (int i = 0; i < 10; ++i) world.submit(7, "quiet");
  world.loop.receive(PartitionId(7), NodeId(2), env::Lane::data, "m");
  world.loop.remove(PartitionId(7));
  EXPECT_EQ(world.loop.inbox_requests(), 0u);
  world.executor.run();
  world.host(8);
  for (std::size_t i = 0; i < limits::shard_inbox_requests_max; ++i) ASSERT_TRUE(world.submit(8, "quiet"));
}

// The last of a full inbox is rounds away from its replica.
TEST(ShardLoop, ACancelledRequestIsTakenOutOfTheInboxAndGivesItsPlaceBack) {
  LoopWorld world;
  auto& replica = world.host(7);
  for (std::size_t i = 0; i < limits::shard_inbox_requests_max - 1; ++i) ASSERT_TRUE(world.submit(7, "quiet"));
  ASSERT_TRUE(world.submit(7, "put", 1'000'000));
  world.loop.cancel(PartitionId(7), RequestId(1'000'000));
  world.executor.run();
  std::size_t taken = 0;
  for (const std::size_t batch : replica.batches) taken += batch;
  EXPECT_EQ(taken, limits::shard_inbox_requests_max - 1);
  EXPECT_EQ(world.loop.inbox_requests(), 0u);
  for (std::size_t i = 0; i < limits::shard_inbox_requests_max; ++i) ASSERT_TRUE(world.submit(7, "quiet"));
}

TEST(ShardLoop, AJobRunsBeforeTheReplicasOfItsRound) {
  LoopWorld world;
  auto& replica = world.host(7);
  std::size_t seen = 99;
  const std::size_t before = replica.batches.size();
  world.submit(7, "put");
  world.loop.run([&](Turn&) { seen = replica.batches.size(); });
  world.executor.run();
  EXPECT_EQ(seen, before);
  EXPECT_EQ(replica.batches.size(), before + 1);
}

TEST(ShardLoop, AFailedJobLeavesNothingBehind) {
  LoopWorld world;
  world.loop.run([](Turn& turn) {
    turn.put(env::Table::meta, "half", "written");
    turn.fail("could not finish");
  });
  world.executor.run();
  EXPECT_EQ(world.store.size(env::Table::meta), 0u);
}

class BrokenStore final : public env::Engine {
 public:
  Result<std::optional<Bytes>> get(env::Table, ByteView) override { return std::optional<Bytes>(); }
  Result<std::vector<env::KeyValue>> scan(env::Table, const env::Range&, std::size_t, std::size_t) override {
    return std::vector<env::KeyValue>();
  }
  Result<void> apply(const env::WriteBatch&) override { return fail(Code::io, "the disk has gone"); }
  void sync(Task) override {}
  env::Pressure pressure() override { return env::Pressure::none; }
  std::unique_ptr<env::Snapshot> pin() override { return nullptr; }
};

TEST(ShardLoop, AFailedApplyEndsTheNodeAndNothingThatNeededItIsAnswered) {
  LoopWorld world;
  BrokenStore broken;
  Env env{.clock = world.executor,
          .executor = world.executor,
          .storage = broken,
          .network = world.network,
          .log = *world.log,
          .seed = 1,
          .recorder = nullptr,
          .fatal = world.env.fatal};
  ShardLoop loop(env, world.options, world);
  loop.host(PartitionId(7), std::make_unique<ObedientReplica>(PartitionId(7)));
  for (const char* what : {"put", "stored"}) {
    Request request;
    request.id = RequestId(1);
    request.partition = PartitionId(7);
    request.key = what;
    ASSERT_TRUE(loop.submit(std::move(request)));
  }
  world.executor.run();
  EXPECT_EQ(world.fatal.size(), 1u);
  EXPECT_TRUE(world.replies.empty());
}

}  // namespace
}  // namespace rift::node
