// The network contract on the simulator's network, without faults.
#include "chaos/sim/sim_network.h"
#include "chaos/sim/sim_executor.h"
#include "tests/contract/network_suite.h"

namespace rift::contract {
namespace {

using chaos::sim::SimExecutor;
using chaos::sim::SimNetwork;
using chaos::sim::World;

class SimNetworkWorld final : public NetworkWorld {
 public:
  SimNetworkWorld() {
    for (std::uint32_t i = 1; i <= 3; ++i) open(NodeId(i));
  }
  env::Network& network(NodeId node) override { return *nodes_.at(node).port; }
  std::string address(NodeId node) override { return SimNetwork::address_of(node); }
  bool run_until(const std::function<bool()>& done) override {
    const Time end = world_.now() + std::chrono::seconds(60);
    while (!done() && world_.now() < end) world_.run_for(std::chrono::milliseconds(1));
    return done();
  }
  void run_for(Duration span) override { world_.run_for(span); }
  SimNetwork& sim() { return network_; }
  void restart(NodeId node) override {
    nodes_.erase(node);
    open(node);
  }

 private:
  struct Life {  // the port goes first: it is told of nothing that it cannot pass on
    std::unique_ptr<SimExecutor> executor;
    std::unique_ptr<SimNetwork::Port> port;
  };
  void open(NodeId node) {
    Life& life = nodes_[node];
    life.executor = std::make_unique<SimExecutor>(world_, SimExecutor::Options{});
    life.port = network_.open(node, *life.executor);
  }
  World world_{1};
  SimNetwork network_{world_, SimNetwork::Options{}};
  std::map<NodeId, Life> nodes_;
};

std::unique_ptr<NetworkWorld> make_sim_world() { return std::make_unique<SimNetworkWorld>(); }

// A jam is a queue before a narrow place. When that is wide again, what has queued up passes at once and in order.
TEST(SimNetworkJam, WhatQueuedUpPassesWhenTheJamIsOver) {
  SimNetworkWorld world;
  EventLog n1;
  EventLog n2;
  world.network(NodeId(1)).start(n1);
  world.network(NodeId(2)).start(n2);
  world.network(NodeId(1)).dial(NodeId(2), world.address(NodeId(2)));
  ASSERT_TRUE(world.run_until([&] { return n1.is_up(NodeId(2)); }));
  world.sim().set_quality(NodeId(1), NodeId(2), {.bytes_per_second = 1'000});
  const auto send = [&](char name) {
    EXPECT_TRUE(world.network(NodeId(1)).send(NodeId(2), env::Lane::data, Bytes(std::string(1'000, name))));
  };
  for (const char name : {'a', 'b', 'c', 'd'}) send(name);
  const auto arrived = [&] {
    std::string names;
    for (const auto& [id, incoming] : n2.incoming) {
      for (const std::string& frame : incoming.frames) names += frame.front();
    }
    return names;
  };
  world.run_for(std::chrono::milliseconds(1'500));
  EXPECT_EQ(arrived(), "a");
  world.sim().set_quality(NodeId(1), NodeId(2), {});
  send('e');
  world.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(arrived(), "abcde");
  world.run_for(std::chrono::seconds(5));
  EXPECT_EQ(arrived(), "abcde") << "each once";
}

INSTANTIATE_TEST_SUITE_P(Sim, NetworkContract, ::testing::Values(&make_sim_world));

}  // namespace
}  // namespace rift::contract
