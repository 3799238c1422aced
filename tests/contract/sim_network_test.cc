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

INSTANTIATE_TEST_SUITE_P(Sim, NetworkContract, ::testing::Values(&make_sim_world));

}  // namespace
}  // namespace rift::contract
