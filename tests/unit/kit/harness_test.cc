// The harness must show a replica the world as the shard loop does, or the tests of cp and ap prove nothing.
#include <gtest/gtest.h>

#include "tests/kit/replica_cluster.h"

namespace rift::kit {
namespace {

constexpr Duration period = std::chrono::milliseconds(10);

// Writes each put, answers it once durable, tells every other node at once and itself once durable; ticks every 10 ms.
class Toy final : public Replica {
 public:
  Toy(NodeId self, std::vector<NodeId> all, Turn& turn) : self_(self), all_(std::move(all)) {
    if (MUST(turn.get(env::Table::state_ap, "durable"))) ++found_;
    turn.wake_at(turn.now().steady + period);
  }
  void submit(std::span<Request> requests, Turn& turn) override {
    for (const Request& request : requests) {
      if (request.verb == Verb::del) {
        turn.fail("asked to");
        return;
      }
      turn.put(env::Table::state_ap, request.key, request.value);
      for (const NodeId node : all_) {
        if (node == self_) turn.send_when_durable(node, env::Lane::data, request.key);
        if (node != self_) turn.send(node, env::Lane::data, request.key);
      }
      Response response;
      response.id = request.id;
      turn.reply_when_durable(std::move(response));
    }
  }
  void receive(NodeId from, env::Lane, const Bytes& message, Turn&) override {
    heard_ += to_string(from) + ":" + message.to_string() + " ";
  }
  void tick(Turn& turn) override {
    ++ticks_;
    turn.wake_at(turn.now().steady + period);
  }
  void observe(const topology::ViewPtr& view, Turn&) override { reachable_ = view->reachable.size(); }
  void cancel(std::span<const RequestId> requests, Turn&) override { cancelled_ += requests.size(); }
  ReplicaStatus status() const override {
    ReplicaStatus status;
    status.role = "toy";
    status.last_change = heard_;
    status.pending = reachable_;
    status.hints = found_;
    status.counters = {{"ticks", ticks_}, {"cancelled", cancelled_}};
    return status;
  }

 private:
  NodeId self_;
  std::vector<NodeId> all_;
  std::string heard_;
  std::uint64_t ticks_ = 0;
  std::size_t reachable_ = 0;
  std::uint64_t found_ = 0;
  std::uint64_t cancelled_ = 0;
};

TurnHarness::Factory toy_of_two() {
  return [](MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
    return std::make_unique<Toy>(NodeId(1), nodes_of({1, 2}), turn);
  };
}

TEST(TurnHarness, HoldsBackWhatWaitsForTheDisk) {
  TurnHarness harness({}, toy_of_two());
  MUST(harness.start());
  const RequestId id = harness.submit(put("k", "v"));
  ASSERT_EQ(harness.take_sent().size(), 1U);
  EXPECT_EQ(harness.held_sends().size(), 1U);
  EXPECT_EQ(harness.held_replies().size(), 1U);
  EXPECT_EQ(harness.take_reply(id), std::nullopt);
  EXPECT_EQ(harness.replica().status().last_change, "");
  harness.sync();
  EXPECT_EQ(harness.replica().status().last_change, "n1:k ");
  EXPECT_TRUE(harness.take_reply(id).has_value());
  EXPECT_EQ(harness.replies_last(id), 1U);
  EXPECT_TRUE(harness.held_sends().empty());
}

TEST(TurnHarness, AdvanceTicksAtEveryWishOnTheWay) {
  TurnHarness harness({}, toy_of_two());
  MUST(harness.start());
  const Now before = harness.now();
  harness.advance(std::chrono::milliseconds(35));
  EXPECT_EQ(harness.replica().status().counters.at("ticks"), 3U);
  EXPECT_EQ(harness.now().steady, before.steady + std::chrono::milliseconds(35));
  EXPECT_EQ(harness.now().wall, before.wall + std::chrono::milliseconds(35));
}

TEST(TurnHarness, WhatWaitsDiesWithTheProcess) {
  TurnHarness harness({}, toy_of_two());
  MUST(harness.start());
  const RequestId lost = harness.submit(put("durable", "v"));
  harness.crash(TurnHarness::Crash::power_loss);
  EXPECT_FALSE(harness.running());
  MUST(harness.start());
  harness.settle();
  EXPECT_EQ(harness.take_reply(lost), std::nullopt);
  EXPECT_EQ(harness.replica().status().hints, 0U);  // the write is gone

  harness.submit(put("durable", "v"));
  harness.settle();
  harness.crash(TurnHarness::Crash::power_loss);
  MUST(harness.start());
  EXPECT_EQ(harness.replica().status().hints, 1U);
}

TEST(TurnHarness, AFailedReplicaHearsNothingMore) {
  TurnHarness harness({}, toy_of_two());
  MUST(harness.start());
  harness.submit({put("k", "v"), del("k")});
  EXPECT_EQ(harness.failure(), "asked to");
  EXPECT_EQ(harness.store().applied(), 0U);
  EXPECT_TRUE(harness.take_sent().empty());
  harness.receive(NodeId(2), env::Lane::data, "x");
  EXPECT_EQ(harness.replica().status().last_change, "");
}

TEST(TurnHarness, RefusesToStartWhatItsFactoryRefuses) {
  TurnHarness harness(
      {}, [](MapStore&, Turn&) -> Result<std::unique_ptr<Replica>> { return fail(Code::corruption, "bad record"); });
  EXPECT_EQ(harness.start().error().code, Code::corruption);
  EXPECT_FALSE(harness.running());
}

class ClusterTest : public ::testing::Test {
 protected:
  static ReplicaCluster::Factory toys() {
    return [](const ReplicaCluster::Making& making) -> Result<std::unique_ptr<Replica>> {
      return std::make_unique<Toy>(making.self, making.keyspace.partitions.front().owners, making.turn);
    };
  }
  std::string heard(std::uint32_t node) { return cluster_.at(node).replica().status().last_change; }

  ReplicaCluster cluster_{{}, toys()};
};

TEST_F(ClusterTest, DeliversAfterADelayAndAnswersAfterTheDisk) {
  const RequestId id = cluster_.submit(NodeId(1), put("k", "v"));
  EXPECT_EQ(heard(2), "");
  cluster_.run_for(std::chrono::microseconds(199));
  EXPECT_EQ(heard(2), "");
  EXPECT_EQ(cluster_.take_reply(NodeId(1), id), std::nullopt);
  cluster_.run_for(std::chrono::milliseconds(1));
  EXPECT_EQ(heard(2), "n1:k ");
  EXPECT_EQ(heard(3), "n1:k ");
  EXPECT_TRUE(cluster_.take_reply(NodeId(1), id).has_value());
}

TEST_F(ClusterTest, CutsOneDirectionAndHeals) {
  cluster_.cut(NodeId(1), NodeId(2));
  EXPECT_TRUE(cluster_.call(NodeId(1), put("a", "v")).has_value());
  EXPECT_TRUE(cluster_.call(NodeId(2), put("b", "v")).has_value());
  cluster_.run_for(period);
  EXPECT_EQ(heard(2), "n2:b ");
  EXPECT_EQ(heard(1), "n1:a n2:b ");
  EXPECT_EQ(cluster_.lost(), 1U);
  cluster_.heal();
  EXPECT_TRUE(cluster_.call(NodeId(1), put("c", "v")).has_value());
  cluster_.run_for(period);
  EXPECT_EQ(heard(2), "n2:b n1:c ");
}

TEST_F(ClusterTest, AHeldDiskHoldsAnswers) {
  cluster_.hold_disk(NodeId(1));
  const RequestId id = cluster_.submit(NodeId(1), put("k", "v"));
  cluster_.run_for(std::chrono::seconds(1));
  EXPECT_EQ(cluster_.take_reply(NodeId(1), id), std::nullopt);
  cluster_.release_disk(NodeId(1));
  cluster_.run_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(cluster_.take_reply(NodeId(1), id).has_value());
}

TEST_F(ClusterTest, ACrashedReplicaIsSilentUntilItIsRestarted) {
  EXPECT_TRUE(cluster_.call(NodeId(2), put("durable", "v")).has_value());
  cluster_.crash(NodeId(2));
  EXPECT_FALSE(cluster_.call(NodeId(2), put("k", "v"), period).has_value());
  EXPECT_TRUE(cluster_.call(NodeId(1), put("k", "v")).has_value());
  cluster_.run_for(period);
  MUST(cluster_.restart(NodeId(2)));
  EXPECT_EQ(cluster_.at(2).replica().status().hints, 1U);
  EXPECT_EQ(heard(2), "");
  EXPECT_EQ(cluster_.at(2).replica().status().pending, 3U);  // it was shown the view again
  cluster_.run_for(std::chrono::milliseconds(35));
  EXPECT_EQ(cluster_.at(2).replica().status().counters.at("ticks"), 3U);
}

TEST_F(ClusterTest, EveryReplicaTicksInVirtualTime) {
  cluster_.run_for(std::chrono::seconds(1));
  for (const NodeId node : cluster_.nodes())
    EXPECT_NEAR(static_cast<double>(cluster_.at(node).replica().status().counters.at("ticks")), 100, 1);
}

TEST_F(ClusterTest, ShowsEachNodeItsOwnView) {
  cluster_.observe(NodeId(3), nodes_of({3}));
  EXPECT_EQ(cluster_.at(3).replica().status().pending, 1U);
  EXPECT_EQ(cluster_.at(1).replica().status().pending, 3U);
  EXPECT_EQ(cluster_.with_role("toy"), NodeId(1));
  EXPECT_EQ(cluster_.with_role("leader"), std::nullopt);
}

TEST(ReplicaClusterRuns, AreTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    ReplicaCluster::Options options;
    options.seed = seed;
    options.drop_probability = 0.3;
    ReplicaCluster cluster(options, [](const ReplicaCluster::Making& making) -> Result<std::unique_ptr<Replica>> {
      return std::make_unique<Toy>(making.self, making.keyspace.partitions.front().owners, making.turn);
    });
    for (int i = 0; i < 50; ++i)
      cluster.submit(NodeId(static_cast<std::uint32_t>(1 + i % 3)), put("k" + std::to_string(i), "v"));
    cluster.run_for(std::chrono::seconds(1));
    std::string trace;
    for (const NodeId node : cluster.nodes()) trace += cluster.at(node).replica().status().last_change + "\n";
    return trace;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace rift::kit
