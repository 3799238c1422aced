// The network between simulated nodes: per (dialler, peer, lane) one connection at a time, drawn delays, and faults per directed link: cut (held, then
// reset at the heal, as the real proxy does), drop, repeat, reorder. Frames are never corrupted. Each node sees it through a Port. Without faults
// it keeps the contract of env/network.h, by the same suite as gRPC (tests/contract).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
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
    double drop = 0;                                           // of a frame
    double repeat = 0;                                         // delivered twice
    double reorder = 0;                                        // overtakes or is overtaken
    Duration repeat_delay_max = std::chrono::milliseconds(6);  // how much later the second copy comes
    Duration reconnect_min = std::chrono::milliseconds(20);
    Duration reconnect_max = std::chrono::milliseconds(300);
  };
  struct Faults {
    double drop = 0;
    double repeat = 0;
    double reorder = 0;
    Duration repeat_delay_max = std::chrono::milliseconds(6);
  };
  // How one directed link carries what it carries. Lost packets are sent again by TCP: they come later and hold up what follows.
  struct LinkQuality {
    Duration delay{};  // besides the network's own
    Duration jitter{};
    double packet_loss = 0;
    std::uint64_t bytes_per_second = 0;  // 0: no bound
  };
  class Port;

  SimNetwork(World& world, const Options& options) : world_(world), options_(options) {}

  // Where a node's port is found; a node is dialled by it.
  static std::string address_of(NodeId node);

  // The port of a node's new life. The earlier port, if any, must be gone.
  std::unique_ptr<Port> open(NodeId node, env::Executor& executor, Fuse* fuse = nullptr);
  void set_faults(const Faults& faults);

  // Directed. A cut link holds; heal resets everything that was open or held.
  void cut(NodeId from, NodeId to);
  void heal();
  // Gives back these links only.
  void restore(const std::set<std::pair<NodeId, NodeId>>& links);
  void set_quality(NodeId from, NodeId to, const LinkQuality& quality);
  void reset_qualities();
  // Sees every frame just before it reaches its receiver; an empty one ends it.
  using Watcher = std::function<void(NodeId from, NodeId to, const Bytes& frame)>;
  void watch(Watcher watcher) { watcher_ = std::move(watcher); }
  bool is_cut(NodeId from, NodeId to) const { return cuts_.contains({from, to}); }
  // How often a cut link held a frame or a connection attempt: proof that the fault bit.
  std::uint64_t held(NodeId from, NodeId to) const;
  // Frames that a link's quality made late, and those that were delivered twice or out of order: the same proof for those faults.
  std::uint64_t slowed(NodeId from, NodeId to) const;
  std::uint64_t garbled() const { return garbled_; }

 private:
  friend class Port;
  // Who dials, whom it believes to dial, on which lane. The address decides who answers.
  using Key = std::tuple<NodeId, NodeId, env::Lane>;
  struct Travelling {
    Time arrival{};
    Bytes frame;
  };
  struct Connection {
    Key key;
    NodeId to;                        // who answered
    std::uint64_t receiver_life = 0;  // of `to`
    bool accepted = false;            // the receiver has taken it
    bool up = false;                  // and the sender has been told so
    Time last_arrival{};              // of what is not reordered
    Time last_event{};                // everything sent has arrived by then
    std::size_t queued_bytes = 0;
    std::map<std::uint64_t, Travelling> travelling{};  // what was sent and has not arrived, by frame number
  };

  void dial(NodeId from, NodeId peer);
  void try_connect(const Key& key, std::uint64_t dial_number);
  void try_again(const Key& key, std::uint64_t dial_number);
  void offer(env::ConnectionId id);
  void answer(env::ConnectionId id, bool welcome);
  bool send(NodeId from, NodeId peer, env::Lane lane, Bytes frame);
  Time arrival_of_next(Connection& connection, std::size_t bytes);
  Duration slowness(const Connection& connection, std::size_t bytes);
  void send_copy(Connection& connection, env::ConnectionId id, Time arrival, const Bytes& frame);
  void let_flow(NodeId from, NodeId to, Duration delay);
  void deliver(env::ConnectionId id, std::uint64_t number);
  enum class Redial : std::uint8_t { yes, no };
  void close(env::ConnectionId id, Redial redial);
  void sender_gone(env::ConnectionId id);
  void node_gone(NodeId node);
  Connection* find(env::ConnectionId id);
  Port* receiver(const Connection& connection) const;
  Port* port(NodeId node) const;
  Duration delay() { return world_.random().between(options_.delay_min, options_.delay_max); }

  World& world_;
  Options options_;
  std::map<NodeId, Port*> ports_;
  std::map<NodeId, std::uint64_t> lives_;
  std::map<env::ConnectionId, Connection> connections_;
  std::map<Key, env::ConnectionId> current_;  // without those whose sender is dead
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> held_;
  std::map<std::pair<NodeId, NodeId>, LinkQuality> qualities_;
  std::map<std::pair<NodeId, NodeId>, Time> link_free_;  // of links with a bound on bytes per second
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> slowed_;
  std::uint64_t garbled_ = 0;
  Watcher watcher_;
  std::uint64_t next_connection_ = 1;
  std::uint64_t next_dial_ = 1;
  std::uint64_t next_frame_ = 1;
};

class SimNetwork::Port final : public env::Network {
 public:
  Port(SimNetwork& network, NodeId node, env::Executor& executor, Fuse* fuse)
      : network_(network), node_(node), executor_(executor), fuse_(fuse) {}
  ~Port() override { network_.node_gone(node_); }

  void start(env::NetworkEvents& events) override { events_ = &events; }
  void set_hello(Bytes hello) override { hello_ = std::move(hello); }
  void dial(NodeId peer, const std::string& address) override;
  void forget(NodeId peer) override;
  bool send(NodeId peer, env::Lane lane, Bytes frame) override;

 private:
  friend class SimNetwork;
  struct Dialled {
    std::string address;
    std::optional<NodeId> target;  // none: nobody will ever answer there
    std::uint64_t number = 0;      // attempts of an earlier dial stop
  };
  SimNetwork& network_;
  NodeId node_;
  env::Executor& executor_;
  Fuse* fuse_;
  env::NetworkEvents* events_ = nullptr;
  Bytes hello_;
  std::map<NodeId, Dialled> dialled_;
};

}  // namespace rift::chaos::sim
