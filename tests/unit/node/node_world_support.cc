#include <algorithm>

#include <fmt/format.h>

#include "tests/unit/node/node_world.h"
#include "wire/frame.h"

namespace rift::node {
namespace {

constexpr Duration step = std::chrono::milliseconds(5);

class Collector final : public ReplySink {
 public:
  explicit Collector(Seat& seat) : seat_(seat) {}
  void deliver(std::vector<Response> responses) override {
    if (seat_.at_delivery) seat_.at_delivery();
    seat_.deliveries.push_back(responses.size());
    for (Response& response : responses) seat_.replies.push_back(std::move(response));
  }

 private:
  Seat& seat_;
};

DiskId disk_of_played(NodeId peer) { return DiskId{.high = 0xd15c, .low = peer.value()}; }

}  // namespace

bool Post::send(NodeId peer, env::Lane lane, Bytes frame) {
  if (refused.contains(peer)) return false;
  for (const wire::FramePart& part :
       keeps_letters ? MUST(wire::decode_frame(frame)).parts : std::vector<wire::FramePart>()) {
    wire::Message message = MUST(wire::decode_message(part.message));
    if (std::holds_alternative<wire::Ping>(message) || std::holds_alternative<wire::PingAck>(message)) continue;
    letters.push_back(Letter{.to = peer, .lane = lane, .partition = part.partition, .message = std::move(message)});
  }
  frames.push_back(Sent{.to = peer, .lane = lane, .frame = std::move(frame)});
  return true;
}

NodeWorld::NodeWorld(std::uint32_t nodes) {
  for (std::uint32_t n = 1; n <= nodes; ++n) {
    auto seat = std::make_unique<Seat>();
    seat->id = NodeId(n);
    seat->seed = 100 * n;
    seats_.emplace(NodeId(n), std::move(seat));
    MUST(start(n));
  }
}

NodeWorld::~NodeWorld() {
  for (auto& [id, seat] : seats_) {
    seat->executor.drop();
    seat->node.reset();
  }
}

Result<void> NodeWorld::start(std::uint32_t n) {
  Seat& seat = this->seat(n);
  seat.node = TRY(Node::create({.self = seat.id, .dial = {}, .cp = seat.cp, .check_invariants = true},
                               Env{.clock = seat.executor,
                                   .executor = seat.executor,
                                   .storage = seat.store,
                                   .network = seat.network,
                                   .log = *seat.log,
                                   .seed = ++seat.seed,
                                   .recorder = &seat.recorder,
                                   .fatal = [&seat](const Error& error) { seat.fatal.push_back(error); }}));
  seat.node->attach(sink, std::make_unique<Collector>(seat));
  settle();
  return {};
}

void NodeWorld::drop_connections(NodeId node) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const auto [from, to, lane] = it->first;
    if (from != node && to != node) {
      ++it;
      continue;
    }
    const auto other = seats_.find(to);
    if (to != node && other != seats_.end() && other->second->node) other->second->network.events->closed(it->second);
    it = connections_.erase(it);
  }
}

void NodeWorld::kill(std::uint32_t n) {
  Seat& seat = this->seat(n);
  seat.executor.drop();
  seat.node.reset();
  seat.network = Post();
  seat.store.kill();
  drop_connections(seat.id);
}

void NodeWorld::lose_power(std::uint32_t n) {
  Seat& seat = this->seat(n);
  seat.executor.drop();
  seat.node.reset();
  seat.network = Post();
  seat.store.lose_power();
  drop_connections(seat.id);
}

bool NodeWorld::stop(std::uint32_t n) {
  const auto stopped = std::make_shared<bool>(false);  // it may say so after this has given up
  node(n).stop([stopped] { *stopped = true; });
  return pass_until([&] { return *stopped; }, std::chrono::seconds(5));
}

void NodeWorld::settle() {
  for (int i = 0; i < 10'000; ++i) {
    bool moved = false;
    for (auto& [id, seat] : seats_) {
      moved = moved || seat->executor.waiting() > 0;
      seat->executor.run();
      if (!seat->hold_disk) moved = seat->store.finish_sync() || moved;
    }
    moved = deliver() || moved;
    if (!moved) return;
  }
  ADD_FAILURE() << "the nodes never rest";
}

void NodeWorld::pass(Duration by) {
  for (Duration left = by; left > Duration::zero(); left -= step) {
    for (auto& [id, seat] : seats_) seat->executor.advance(std::min(left, step));
    settle();
  }
}

bool NodeWorld::pass_until(const std::function<bool()>& done, Duration most) {
  settle();
  for (Duration left = most; !done(); left -= step) {
    if (left <= Duration::zero()) return false;
    pass(step);
  }
  return true;
}

topology::Catalog NodeWorld::first_catalog(std::uint32_t members) const {
  std::vector<topology::Member> list;
  for (std::uint32_t n = 1; n <= members; ++n) {
    DiskId disk = disk_of_played(NodeId(n));
    if (const auto it = seats_.find(NodeId(n)); it != seats_.end()) {
      it->second->node->identity([&disk](const Result<NodeIdentity>& identity) { disk = MUST(identity).disk; });
    }
    list.push_back({.node = NodeId(n),
                    .client_address = fmt::format("127.0.0.1:{}", 7000 + n),
                    .peer_address = fmt::format("127.0.0.1:{}", 7100 + n),
                    .disk = disk});
  }
  return MUST(topology::found(ClusterId{.high = 0xc1, .low = 1}, std::move(list)));
}

void NodeWorld::add(topology::Catalog& catalog, const std::string& name, Mode mode,
                    std::vector<std::vector<NodeId>> owners) {
  catalog = MUST(topology::create_keyspace(
      catalog, {.name = name, .mode = mode, .copies = 1, .partitions = static_cast<std::uint32_t>(owners.size())}));
  topology::Keyspace& keyspace = catalog.keyspaces.at(name);
  keyspace.copies = static_cast<std::uint32_t>(owners.front().size());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    keyspace.partitions[i].founders = owners[i];
    keyspace.partitions[i].owners = std::move(owners[i]);
  }
}

Result<void> NodeWorld::found_one(const topology::Catalog& catalog, std::uint32_t n) {
  const auto before = std::exchange(catalog_, catalog);
  const auto told = std::make_shared<std::optional<Result<void>>>();
  node(n).found(catalog, [told](Result<void> result) { *told = std::move(result); });
  pass_until([&] { return told->has_value(); }, std::chrono::seconds(2));
  if (!*told) return fail(Code::timeout, "it never said so");
  if (!**told) catalog_ = before;
  return **told;
}

void NodeWorld::found(const topology::Catalog& catalog) {
  for (auto& [id, seat] : seats_) MUST(found_one(catalog, id.value()));
  const bool ready = pass_until([&] {
    for (auto& [id, seat] : seats_) {
      const NodeStatus now = status(id.value());
      if (!now.ready || now.reachable.size() != seats_.size() + played_.size() || !are_led(now)) return false;
    }
    return true;
  });
  EXPECT_TRUE(ready);
}

// Groups with an owner that nobody speaks for may stay without a leader.
bool NodeWorld::are_led(const NodeStatus& status) const {
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      const bool seated =
          std::all_of(partition.owners.begin(), partition.owners.end(), [&](NodeId n) { return seats_.contains(n); });
      if (keyspace.mode != Mode::cp || !seated) continue;
      for (const ReplicaStatus& replica : status.replicas) {
        if (replica.partition == partition.id && replica.leader == NodeId()) return false;
      }
    }
  }
  return true;
}

void NodeWorld::await_leaders(std::uint32_t n) {
  EXPECT_TRUE(pass_until([&] { return status(n).ready && are_led(status(n)); }));
}

RequestId NodeWorld::submit(Request request, std::uint32_t n) {
  if (request.id == RequestId()) request.id = RequestId(++last_request_);
  const RequestId id = request.id;
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  node(n).submit(sink, std::move(requests));
  return id;
}

std::optional<Response> NodeWorld::take_reply(RequestId id, std::uint32_t n) {
  auto& replies = seat(n).replies;
  const auto it =
      std::find_if(replies.begin(), replies.end(), [&](const Response& response) { return response.id == id; });
  if (it == replies.end()) return std::nullopt;
  Response response = std::move(*it);
  replies.erase(it);
  return response;
}

Response NodeWorld::call(Request request, std::uint32_t n) {
  const RequestId id = submit(std::move(request), n);
  std::optional<Response> response;
  pass_until([&] { return (response = take_reply(id, n)).has_value(); });
  if (response) return *response;
  ADD_FAILURE() << "no answer";
  return {};
}

NodeStatus NodeWorld::status(std::uint32_t n) {
  NodeStatus status;
  node(n).status([&status](Result<NodeStatus> told) { status = MUST(std::move(told)); });
  return status;
}

wire::Hello NodeWorld::hello_of(NodeId peer) const {
  return {.cluster = catalog_->cluster,
          .node = peer,
          .disk = catalog_->member(peer)->disk,
          .protocol_min = wire::protocol_version,
          .protocol_max = wire::protocol_version,
          .epoch = MapEpoch(),
          .starts = {(std::uint64_t{1} << 32) | peer.value()}};
}

bool NodeWorld::say_hello(NodeId, const wire::Hello& hello, env::ConnectionId connection, std::uint32_t n) {
  return seat(n).network.events->accept(connection, env::Lane::data, wire::encode_hello(hello));
}

void NodeWorld::say(NodeId peer, PartitionId partition, const wire::Message& message, std::uint32_t n) {
  const auto id = connection(peer, NodeId(n), env::Lane::data, wire::encode_hello(hello_of(peer)));
  ASSERT_TRUE(id.has_value());
  wire::Frame frame{.epoch = catalog_->epoch, .parts = {}};
  frame.parts.push_back({.partition = partition, .message = wire::encode_message(message)});
  seat(n).network.events->receive(*id, env::Lane::data, wire::encode_frame(frame));
}

std::vector<Request> NodeWorld::forwards_to(NodeId peer, std::uint32_t n) {
  std::vector<Request> requests;
  for (const Letter& letter : seat(n).network.letters) {
    const auto* forward = std::get_if<wire::Forward>(&letter.message);
    if (forward != nullptr && letter.to == peer) requests.push_back(forward->request);
  }
  return requests;
}

void NodeWorld::cut(std::uint32_t a, std::uint32_t b) {
  cuts_.insert({NodeId(a), NodeId(b)});
  cuts_.insert({NodeId(b), NodeId(a)});
}

bool NodeWorld::deliver() {
  bool moved = false;
  for (auto& [id, seat] : seats_) {
    for (Post::Sent& sent : std::exchange(seat->network.frames, {})) {
      moved = true;
      deliver(id, std::move(sent));
    }
  }
  return moved;
}

void NodeWorld::deliver(NodeId from, Post::Sent sent) {
  if (played_.contains(sent.to)) {
    if (sent.lane == env::Lane::control) answer_pings(from, sent.to, sent.frame);
    return;
  }
  const auto it = seats_.find(sent.to);
  if (it == seats_.end() || !it->second->node || cuts_.contains({from, sent.to})) return;
  env::NetworkEvents* events = it->second->network.events;
  if (events == nullptr) return;  // it is starting
  const auto id = connection(from, sent.to, sent.lane, seats_.at(from)->network.hello);
  if (id) events->receive(*id, sent.lane, std::move(sent.frame));
}

void NodeWorld::answer_pings(NodeId from, NodeId peer, const Bytes& frame) {
  for (const wire::FramePart& part : MUST(wire::decode_frame(frame)).parts) {
    const wire::Message message = MUST(wire::decode_message(part.message));
    const auto* ping = std::get_if<wire::Ping>(&message);
    if (ping == nullptr) continue;
    say(peer, PartitionId(),
        wire::PingAck{.sequence = ping->sequence, .sent = ping->sent, .wall = seats_.at(from)->executor.right_wall()},
        from.value());
  }
}

std::optional<env::ConnectionId> NodeWorld::connection(NodeId from, NodeId to, env::Lane lane, const Bytes& hello) {
  const auto key = std::tuple(from, to, lane);
  if (const auto it = connections_.find(key); it != connections_.end()) return it->second;
  const env::ConnectionId id(++last_connection_);
  if (!seats_.at(to)->network.events->accept(id, lane, hello)) return std::nullopt;
  connections_.emplace(key, id);
  return id;
}

}  // namespace rift::node
