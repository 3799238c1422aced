// Whole Nodes over kit::MapStore in virtual time, and peers that the test plays by hand: what no seat answers for, the test says itself. Frames are
// delivered in the order they were sent, no link loses any unless it is cut. It is not the simulator: no skew, no delays, no seeds. Used by the
// tests of this room, on their thread.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"
#include "tests/kit/requests.h"
#include "tests/unit/node/loop_world.h"
#include "wire/messages.h"

namespace rift::node {

struct Letter {
  NodeId to;
  env::Lane lane = env::Lane::data;
  PartitionId partition;
  wire::Message message;
};

// What one node sends, decoded, and as frames for the seats that exist.
class Post final : public env::Network {
 public:
  void start(env::NetworkEvents& owner) override { events = &owner; }
  void set_hello(Bytes bytes) override { hello = std::move(bytes); }
  void dial(NodeId peer, const std::string& address) override { dialled[peer] = address; }
  void forget(NodeId peer) override { dialled.erase(peer); }
  bool send(NodeId peer, env::Lane lane, Bytes frame) override;

  struct Sent {
    NodeId to;
    env::Lane lane;
    Bytes frame;
  };
  env::NetworkEvents* events = nullptr;
  Bytes hello;
  std::map<NodeId, std::string> dialled;
  std::vector<Sent> frames;
  std::vector<Letter> letters;  // of all frames, pings left out
  std::set<NodeId> refused;     // no connection to these
  bool keeps_letters = true;
};

struct Seat {
  NodeId id;
  kit::MapStore store;
  ManualExecutor executor;
  Post network;
  std::unique_ptr<Log> log = make_null_log();
  Recorder recorder;
  std::vector<Error> fatal;
  std::uint64_t seed = 0;
  cp::Tuning cp;           // of its next life
  bool hold_disk = false;  // syncs do not finish
  std::vector<Response> replies;
  std::function<void()> at_delivery;    // before each
  std::vector<std::size_t> deliveries;  // replies per ReplySink::deliver
  std::unique_ptr<Node> node;           // last: it uses the rest
};

class NodeWorld {
 public:
  static constexpr SinkId sink{1};

  // Seats n1..n<nodes>, started.
  explicit NodeWorld(std::uint32_t nodes = 1);
  ~NodeWorld();
  NodeWorld(const NodeWorld&) = delete;
  NodeWorld& operator=(const NodeWorld&) = delete;

  Seat& seat(std::uint32_t n = 1) { return *seats_.at(NodeId(n)); }
  Node& node(std::uint32_t n = 1) { return *seat(n).node; }

  // Lives.
  Result<void> start(std::uint32_t n = 1);
  void kill(std::uint32_t n = 1);  // what was applied survives
  void lose_power(std::uint32_t n = 1);
  // Until the node says that it has stopped; false: it never did.
  bool stop(std::uint32_t n = 1);

  // Time. settle: everything that is due now; pass: in steps of five milliseconds.
  void settle();
  void pass(Duration by);
  bool pass_until(const std::function<bool()>& done, Duration most = std::chrono::seconds(20));

  // Maps. `members` nodes, those with a seat by their true disks; `_system` on all of them.
  topology::Catalog first_catalog(std::uint32_t members) const;
  static void add(topology::Catalog& catalog, const std::string& name, Mode mode,
                  std::vector<std::vector<NodeId>> owners);
  static PartitionId partition_of(const topology::Catalog& catalog, const std::string& name) {
    return catalog.find(name)->partitions.front().id;
  }
  // On every seat, and until each serves.
  void found(const topology::Catalog& catalog);
  Result<void> found_one(const topology::Catalog& catalog, std::uint32_t n = 1);
  // Every group of this seat whose owners all have seats.
  void await_leaders(std::uint32_t n = 1);

  // Clients.
  RequestId submit(Request request, std::uint32_t n = 1);
  std::optional<Response> take_reply(RequestId id, std::uint32_t n = 1);
  // Submits and lets time pass until the answer.
  Response call(Request request, std::uint32_t n = 1);
  NodeStatus status(std::uint32_t n = 1);
  std::uint64_t counter(const std::string& name, std::uint32_t n = 1) { return status(n).counters[name]; }

  // Peers without a seat.
  void play(NodeId peer) { played_.insert(peer); }  // it answers pings, and its clock is right
  void silence(NodeId peer) { played_.erase(peer); }
  bool say_hello(NodeId peer, const wire::Hello& hello, env::ConnectionId connection, std::uint32_t n = 1);
  wire::Hello hello_of(NodeId peer) const;  // as the founded catalog knows it
  // Over a connection that is made at the first word.
  void say(NodeId peer, PartitionId partition, const wire::Message& message, std::uint32_t n = 1);
  // The Forwards that this seat has sent to `peer`, oldest first.
  std::vector<Request> forwards_to(NodeId peer, std::uint32_t n = 1);

  void cut(std::uint32_t a, std::uint32_t b);
  void heal() { cuts_.clear(); }

 private:
  bool are_led(const NodeStatus& status) const;
  bool deliver();
  void deliver(NodeId from, Post::Sent sent);
  void answer_pings(NodeId from, NodeId peer, const Bytes& frame);
  std::optional<env::ConnectionId> connection(NodeId from, NodeId to, env::Lane lane, const Bytes& hello);
  void drop_connections(NodeId node);

  std::map<NodeId, std::unique_ptr<Seat>> seats_;
  std::set<NodeId> played_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::map<std::tuple<NodeId, NodeId, env::Lane>, env::ConnectionId> connections_;
  std::optional<topology::Catalog> catalog_;
  std::uint64_t last_connection_ = 0;
  std::uint64_t last_request_ = 0;
};

// The request, for another keyspace than kit's "k".
inline Request in(const std::string& keyspace, Request request) {
  request.keyspace = keyspace;
  return request;
}

inline std::string describe(const Response& response) {
  return std::string(to_string(response.outcome)) + " " + std::string(to_string(response.code)) + " " + response.why;
}

}  // namespace rift::node
