#include "chaos/sim/sim_network.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/limits.h"

namespace rift::chaos::sim {
namespace {

constexpr env::Lane lanes[] = {env::Lane::control, env::Lane::data, env::Lane::bulk};
constexpr std::string_view scheme = "sim:";
// TCP on a lossy link (RFC 8985): a probe soon finds the first loss of a packet; one that is lost again is found by what is acknowledged after it, at
// the latest by the retransmission timer.
constexpr Duration loss_probe = std::chrono::milliseconds(20);
constexpr Duration retransmit_min = std::chrono::milliseconds(200);
constexpr int retransmits_max = 6;

std::optional<NodeId> node_at(std::string_view address) {
  std::uint32_t number = 0;
  if (!address.starts_with(scheme)) return std::nullopt;
  address.remove_prefix(scheme.size());
  const auto [end, error] = std::from_chars(address.data(), address.data() + address.size(), number);
  if (error != std::errc() || end != address.data() + address.size()) return std::nullopt;
  return NodeId(number);
}

}  // namespace

std::string SimNetwork::address_of(NodeId node) { return std::string(scheme) + std::to_string(node.value()); }

std::unique_ptr<SimNetwork::Port> SimNetwork::open(NodeId node, env::Executor& executor, Fuse* fuse) {
  ASSERT(!ports_.contains(node));
  auto port = std::make_unique<Port>(*this, node, executor, fuse);
  ports_[node] = port.get();
  ++lives_[node];
  return port;
}

void SimNetwork::set_faults(const Faults& faults) {
  options_.drop = faults.drop;
  options_.repeat = faults.repeat;
  options_.reorder = faults.reorder;
  options_.repeat_delay_max = faults.repeat_delay_max;
}

SimNetwork::Port* SimNetwork::port(NodeId node) const {
  const auto it = ports_.find(node);
  return it == ports_.end() ? nullptr : it->second;
}

// The port that a connection leads to, as long as it is the one that it led to at first.
SimNetwork::Port* SimNetwork::receiver(const Connection& connection) const {
  Port* found = port(connection.to);
  const bool same =
      found != nullptr && found->events_ != nullptr && lives_.at(connection.to) == connection.receiver_life;
  return same ? found : nullptr;
}

SimNetwork::Connection* SimNetwork::find(env::ConnectionId id) {
  const auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : &it->second;
}

void SimNetwork::Port::dial(NodeId peer, const std::string& address) {
  if (const auto it = dialled_.find(peer); it != dialled_.end()) {
    if (it->second.address == address) return;
    forget(peer);
  }
  dialled_[peer] = Dialled{.address = address, .target = node_at(address), .number = network_.next_dial_++};
  network_.dial(node_, peer);
}

void SimNetwork::Port::forget(NodeId peer) {
  if (dialled_.erase(peer) == 0) return;
  for (const env::Lane lane : lanes) {
    if (const auto it = network_.current_.find(Key(node_, peer, lane)); it != network_.current_.end())
      network_.close(it->second, Redial::no);
  }
}

bool SimNetwork::Port::send(NodeId peer, env::Lane lane, Bytes frame) {
  if (fuse_ != nullptr && !fuse_->step()) return true;  // died before it could send
  return network_.send(node_, peer, lane, std::move(frame));
}

void SimNetwork::dial(NodeId from, NodeId peer) {
  const std::uint64_t number = port(from)->dialled_.at(peer).number;
  for (const env::Lane lane : lanes) {
    world_.after(delay(), [this, key = Key(from, peer, lane), number] { try_connect(key, number); });
  }
}

// Redials for ever, like gRPC: a refused or held attempt comes again after a back-off.
void SimNetwork::try_connect(const Key& key, std::uint64_t dial_number) {
  const auto [from, peer, lane] = key;
  Port* sender = port(from);
  if (sender == nullptr || current_.contains(key)) return;
  const auto dialled = sender->dialled_.find(peer);
  if (dialled == sender->dialled_.end() || dialled->second.number != dial_number) return;
  const auto target = dialled->second.target;
  const bool cut = target && is_cut(from, *target);
  if (cut) ++held_[{from, *target}];
  Port* found = target ? port(*target) : nullptr;
  if (cut || found == nullptr || found->events_ == nullptr) return try_again(key, dial_number);
  const env::ConnectionId id(next_connection_++);
  connections_[id] = Connection{.key = key,
                                .to = *target,
                                .receiver_life = lives_[*target],
                                .last_arrival = world_.now(),
                                .last_event = world_.now()};
  current_[key] = id;
  found->executor_.post([this, id] { offer(id); });
}

void SimNetwork::try_again(const Key& key, std::uint64_t dial_number) {
  world_.after(world_.random().between(options_.reconnect_min, options_.reconnect_max),
               [this, key, dial_number] { try_connect(key, dial_number); });
}

// On the receiver's thread: the hello comes before everything else.
void SimNetwork::offer(env::ConnectionId id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  const auto [from, peer, lane] = connection->key;
  Port* sender = port(from);
  if (sender == nullptr) return;
  connection->accepted = receiver(*connection)->events_->accept(id, lane, sender->hello_);
  world_.after(delay(), [this, id, welcome = connection->accepted] { answer(id, welcome); });
}

// The receiver's word arrives at the sender, which may only now send.
void SimNetwork::answer(env::ConnectionId id, bool welcome) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  const NodeId from = std::get<0>(connection->key);
  if (is_cut(from, connection->to)) {  // held: the heal resets the connection
    ++held_[{from, connection->to}];
    return;
  }
  if (!welcome) return close(id, Redial::yes);
  Port* sender = port(from);
  if (sender == nullptr) return;
  sender->executor_.post([this, sender, id] {
    Connection* opened = find(id);
    if (opened == nullptr) return;
    opened->up = true;
    sender->events_->link_up(std::get<1>(opened->key), std::get<2>(opened->key));
  });
}

bool SimNetwork::send(NodeId from, NodeId peer, env::Lane lane, Bytes frame) {
  const auto current = current_.find(Key(from, peer, lane));
  if (current == current_.end() || frame.size() > limits::frame_bytes_max) return false;
  const env::ConnectionId id = current->second;
  Connection& connection = connections_.at(id);
  if (!connection.up) return false;
  if (lane == env::Lane::data && connection.queued_bytes + frame.size() > limits::lane_data_bytes_max) {
    MARK(&world_.recorder(), "sim.data_lane_full");
    return false;
  }
  if (is_cut(from, connection.to)) {  // held by the proxy: it will never arrive, since the heal resets the connection
    ++held_[{from, connection.to}];
    connection.queued_bytes += frame.size();
    return true;
  }
  if (world_.random().chance(options_.drop)) {
    MARK(&world_.recorder(), "sim.frame_dropped");
    return true;
  }
  const Time arrival = arrival_of_next(connection, frame.size());
  send_copy(connection, id, arrival, frame);
  if (world_.random().chance(options_.repeat)) {
    ++garbled_;
    MARK(&world_.recorder(), "sim.frame_repeated");
    send_copy(connection, id, arrival + world_.random().between(Duration(0), options_.repeat_delay_max), frame);
  }
  return true;
}

// In the order sent, unless the network is told to reorder.
Time SimNetwork::arrival_of_next(Connection& connection, std::size_t bytes) {
  const bool reordered = world_.random().chance(options_.reorder);
  const Time arrival = world_.now() + delay() + slowness(connection, bytes);
  if (reordered) {
    ++garbled_;
    MARK(&world_.recorder(), "sim.frame_reordered");
    return arrival + world_.random().between(Duration(0), 5 * options_.delay_max);
  }
  connection.last_arrival = std::max(arrival, connection.last_arrival);
  return connection.last_arrival;
}

// What the quality of the link adds to the way of one frame.
Duration SimNetwork::slowness(const Connection& connection, std::size_t bytes) {
  const std::pair link(std::get<0>(connection.key), connection.to);
  const auto found = qualities_.find(link);
  if (found == qualities_.end()) return Duration(0);
  const LinkQuality& quality = found->second;
  Duration added = quality.delay;
  if (quality.jitter > Duration(0)) added += world_.random().between(Duration(0), 2 * quality.jitter) - quality.jitter;
  // What waits behind a lost packet travels with it when it is sent again: only what leaves by itself can be lost by itself.
  const bool is_held_up = connection.last_arrival > world_.now() + added + options_.delay_max;
  for (int i = 0; !is_held_up && i < retransmits_max && world_.random().chance(quality.packet_loss); ++i)
    added += i == 0 ? loss_probe : retransmit_min;
  if (quality.bytes_per_second > 0) {
    Time& free = link_free_[link];
    free = std::max(free, world_.now()) +
           Duration(static_cast<std::int64_t>(bytes * std::uint64_t{1'000'000'000} / quality.bytes_per_second));
    added += free - world_.now();
  }
  if (added > Duration(0)) ++slowed_[link];
  return std::max(added, Duration(0));
}

void SimNetwork::send_copy(Connection& connection, env::ConnectionId id, Time arrival, const Bytes& frame) {
  connection.queued_bytes += frame.size();
  connection.last_event = std::max(connection.last_event, arrival);
  const std::uint64_t number = next_frame_++;
  connection.travelling[number] = {.arrival = arrival, .frame = frame};
  world_.at(arrival, [this, id, number] { deliver(id, number); });
}

void SimNetwork::set_quality(NodeId from, NodeId to, const LinkQuality& quality) {
  LinkQuality& current = qualities_[{from, to}];
  const bool was_jammed = current.bytes_per_second > 0;
  current = quality;
  if (was_jammed && quality.bytes_per_second == 0) let_flow(from, to, quality.delay);
}

void SimNetwork::reset_qualities() {
  const auto before = std::exchange(qualities_, {});
  for (const auto& [link, quality] : before) {
    if (quality.bytes_per_second > 0) let_flow(link.first, link.second, Duration(0));
  }
}

// What has queued up behind a bound passes at once when the bound is lifted: nothing slows it down any more.
void SimNetwork::let_flow(NodeId from, NodeId to, Duration delay) {
  link_free_.erase({from, to});
  for (auto& [id, connection] : connections_) {
    if (std::get<0>(connection.key) != from || connection.to != to) continue;
    const Time arrival = world_.now() + delay + this->delay();
    for (auto& [number, travelling] : connection.travelling) {
      if (travelling.arrival <= arrival) continue;
      travelling.arrival = arrival;
      world_.at(arrival, [this, id = id, number = number] { deliver(id, number); });
    }
    connection.last_arrival = std::min(connection.last_arrival, arrival);
    connection.last_event = std::min(connection.last_event, arrival);
  }
}

void SimNetwork::deliver(env::ConnectionId id, std::uint64_t number) {
  Connection* connection = find(id);
  if (connection == nullptr) return;  // reset meanwhile
  const auto arrived = connection->travelling.find(number);
  if (arrived == connection->travelling.end() || arrived->second.arrival > world_.now()) return;  // at another time
  Bytes frame = std::move(arrived->second.frame);
  connection->travelling.erase(arrived);
  connection->queued_bytes -= frame.size();
  const auto [from, peer, lane] = connection->key;
  if (is_cut(from, connection->to)) {
    ++held_[{from, connection->to}];
    return;
  }
  Port* to = receiver(*connection);
  ASSERT(to != nullptr);  // a receiver that goes takes its connections with it
  const NodeId receiver_id = connection->to;
  if (watcher_) watcher_(from, receiver_id, frame);
  world_.trace("frame", (std::uint64_t{from.value()} << 32) | receiver_id.value(), frame);
  to->executor_.post(
      [to, id, lane = lane, frame = std::move(frame)]() mutable { to->events_->receive(id, lane, std::move(frame)); });
}

// Both sides are told, each as far as it knew of the connection.
void SimNetwork::close(env::ConnectionId id, Redial redial) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  const Connection connection = it->second;
  connections_.erase(it);
  if (Port* to = receiver(connection); to != nullptr && connection.accepted) {
    to->executor_.post([to, id] { to->events_->closed(id); });
  }
  const auto current = current_.find(connection.key);
  if (current == current_.end() || current->second != id) return;  // its sender is dead
  current_.erase(current);
  const auto [from, peer, lane] = connection.key;
  Port* sender = port(from);
  if (connection.up) {
    sender->executor_.post([sender, peer = peer, lane = lane] { sender->events_->link_down(peer, lane); });
  }
  if (redial == Redial::yes) try_again(connection.key, sender->dialled_.at(peer).number);
}

// A process that dies does not take back what it has sent: that arrives, then the connection ends.
void SimNetwork::sender_gone(env::ConnectionId id) {
  const Connection& connection = connections_.at(id);
  current_.erase(connection.key);
  world_.at(connection.last_event, [this, id] { close(id, Redial::no); });
}

void SimNetwork::cut(NodeId from, NodeId to) {
  if (cuts_.insert({from, to}).second) world_.tell(fmt::format("cut: {} to {}", to_string(from), to_string(to)));
}

void SimNetwork::heal() { restore(std::set(cuts_)); }

void SimNetwork::restore(const std::set<std::pair<NodeId, NodeId>>& links) {
  std::set<std::pair<NodeId, NodeId>> cuts;
  for (const auto& link : links) {
    if (cuts_.erase(link) != 0) cuts.insert(link);
  }
  std::vector<env::ConnectionId> affected;
  for (const auto& [id, connection] : connections_) {
    if (cuts.contains({std::get<0>(connection.key), connection.to})) affected.push_back(id);
  }
  for (const auto& [from, to] : cuts) world_.tell(fmt::format("healed: {} to {}", to_string(from), to_string(to)));
  for (const env::ConnectionId id : affected) close(id, Redial::yes);
}

void SimNetwork::node_gone(NodeId node) {
  std::vector<env::ConnectionId> answered;
  std::vector<env::ConnectionId> dialled;
  for (const auto& [id, connection] : connections_) {
    if (connection.to == node) answered.push_back(id);
  }
  for (const auto& [key, id] : current_) {
    if (std::get<0>(key) == node) dialled.push_back(id);
  }
  ports_.erase(node);
  for (const env::ConnectionId id : dialled) sender_gone(id);
  for (const env::ConnectionId id : answered) close(id, Redial::yes);
}

std::uint64_t SimNetwork::slowed(NodeId from, NodeId to) const {
  const auto it = slowed_.find({from, to});
  return it == slowed_.end() ? 0 : it->second;
}

std::uint64_t SimNetwork::held(NodeId from, NodeId to) const {
  const auto it = held_.find({from, to});
  return it == held_.end() ? 0 : it->second;
}

}  // namespace rift::chaos::sim
