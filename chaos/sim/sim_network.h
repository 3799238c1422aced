// The network between simulated nodes: per (from, to, lane) one connection at a time, drawn delays, and faults per directed link: cut (held, then reset at
// the heal, as the real proxy does), drop, repeat, reorder. Frames are never corrupted. Each node sees it through a Port.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "chaos/sim/fuse.h"
#include "chaos/sim/world.h"
#include "env/executor.h"
#include "env/network.h"

namespace rift::chaos::sim {

class SimNetwork {
 public:
  struct Options {
    Duration delay_min = std::chrono::microseconds(50);
    Duration delay_max = std::chrono::milliseconds(2);
    double drop = 0;     // of a frame
    double repeat = 0;   // delivered twice
    double reorder = 0;  // overtakes or is overtaken
    Duration reconnect_min = std::chrono::milliseconds(20);
    Duration reconnect_max = std::chrono::milliseconds(300);
  };
  class Port;

  SimNetwork(World& world, const Options& options) : world_(world), options_(options) {}

  // The port of a node's new life. The earlier port, if any, must be gone.
  std::unique_ptr<Port> open(NodeId node, env::Executor& executor, Fuse* fuse = nullptr);
  void set_faults(double drop, double repeat, double reorder);

  // Directed. A cut link holds; heal resets everything that was open or held.
  void cut(NodeId from, NodeId to) { cuts_.insert({from, to}); }
  void heal();
  bool is_cut(NodeId from, NodeId to) const { return cuts_.contains({from, to}); }
  // How often a cut link held a frame or a connection attempt: proof that the fault bit.
  std::uint64_t held(NodeId from, NodeId to) const;

 private:
  friend class Port;
  using Key = std::tuple<NodeId, NodeId, env::Lane>;
  struct Connection {
    env::ConnectionId id;
    bool accepted = false;
    Time last_arrival{};
    std::uint64_t receiver_life = 0;
    std::size_t queued_bytes = 0;
  };

  void dial(NodeId from, NodeId to);
  void try_connect(const Key& key, std::uint64_t sender_life);
  bool send(NodeId from, NodeId to, env::Lane lane, Bytes frame);
  void deliver(const Key& key, env::ConnectionId connection, std::uint64_t receiver_life, Bytes frame);
  void close(const Key& key, bool tell_sender);
  void node_gone(NodeId node);
  Port* port(NodeId node) const;

  World& world_;
  Options options_;
  std::map<NodeId, Port*> ports_;
  std::map<NodeId, std::uint64_t> lives_;
  std::map<Key, Connection> connections_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> held_;
  std::uint64_t next_connection_ = 1;
};

class SimNetwork::Port final : public env::Network {
 public:
  Port(SimNetwork& network, NodeId node, env::Executor& executor, Fuse* fuse)
      : network_(network), node_(node), executor_(executor), fuse_(fuse) {}
  ~Port() override { network_.node_gone(node_); }

  void start(env::NetworkEvents& events) override { events_ = &events; }
  void set_hello(Bytes hello) override { hello_ = std::move(hello); }
  void dial(NodeId peer, const std::string& address) override;
  void forget(NodeId peer) override { dialled_.erase(peer); }
  bool send(NodeId peer, env::Lane lane, Bytes frame) override;

 private:
  friend class SimNetwork;
  SimNetwork& network_;
  NodeId node_;
  env::Executor& executor_;
  Fuse* fuse_;
  env::NetworkEvents* events_ = nullptr;
  Bytes hello_;
  std::set<NodeId> dialled_;
};

}  // namespace rift::chaos::sim
