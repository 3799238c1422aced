#include "chaos/sim/sim_network.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace rift::chaos::sim {

std::unique_ptr<SimNetwork::Port> SimNetwork::open(NodeId node, env::Executor& executor, Fuse* fuse) {
  ASSERT(!ports_.contains(node));
  auto port = std::make_unique<Port>(*this, node, executor, fuse);
  ports_[node] = port.get();
  ++lives_[node];
  return port;
}

void SimNetwork::set_faults(double drop, double repeat, double reorder) {
  options_.drop = drop;
  options_.repeat = repeat;
  options_.reorder = reorder;
}

SimNetwork::Port* SimNetwork::port(NodeId node) const {
  const auto it = ports_.find(node);
  return it == ports_.end() ? nullptr : it->second;
}

void SimNetwork::Port::dial(NodeId peer, const std::string&) {
  if (dialled_.insert(peer).second) network_.dial(node_, peer);
}

bool SimNetwork::Port::send(NodeId peer, env::Lane lane, Bytes frame) {
  if (fuse_ != nullptr && !fuse_->step()) return true;  // died before it could send
  return network_.send(node_, peer, lane, std::move(frame));
}

void SimNetwork::dial(NodeId from, NodeId to) {
  for (const env::Lane lane : {env::Lane::control, env::Lane::data, env::Lane::bulk}) {
    world_.after(world_.random().between(options_.delay_min, options_.delay_max),
                 [this, key = Key(from, to, lane), life = lives_[from]] { try_connect(key, life); });
  }
}

// Redials for ever, like gRPC: a refused or held attempt comes again after a back-off.
void SimNetwork::try_connect(const Key& key, std::uint64_t sender_life) {
  const auto [from, to, lane] = key;
  Port* sender = port(from);
  if (sender == nullptr || lives_[from] != sender_life || !sender->dialled_.contains(to) || connections_.contains(key)) return;
  Port* receiver = port(to);
  const bool cut = is_cut(from, to);
  if (cut) ++held_[{from, to}];
  if (cut || receiver == nullptr || receiver->events_ == nullptr) {
    world_.after(world_.random().between(options_.reconnect_min, options_.reconnect_max),
                 [this, key, sender_life] { try_connect(key, sender_life); });
    return;
  }
  const env::ConnectionId id(next_connection_++);
  connections_[key] = Connection{.id = id, .accepted = true, .last_arrival = world_.now(), .receiver_life = lives_[to], .queued_bytes = 0};
  receiver->executor_.post([this, receiver, id, key, lane = lane, hello = sender->hello_, life = lives_[to]] {
    const auto it = connections_.find(key);
    if (it == connections_.end() || it->second.id != id || it->second.receiver_life != life) return;
    if (!receiver->events_->accept(id, lane, hello)) close(key, true);
  });
  sender->executor_.post([sender, to = to, lane = lane] { sender->events_->link_up(to, lane); });
}

bool SimNetwork::send(NodeId from, NodeId to, env::Lane lane, Bytes frame) {
  const Key key(from, to, lane);
  const auto it = connections_.find(key);
  if (it == connections_.end()) return false;
  if (lane == env::Lane::data && it->second.queued_bytes + frame.size() > limits::lane_data_bytes_max) {
    MARK(&world_.recorder(), "sim.data_lane_full");
    return false;
  }
  if (is_cut(from, to)) {  // held by the proxy: it will never arrive, since the heal resets the connection
    ++held_[{from, to}];
    it->second.queued_bytes += frame.size();
    return true;
  }
  if (world_.random().chance(options_.drop)) {
    MARK(&world_.recorder(), "sim.frame_dropped");
    return true;
  }
  Connection& connection = it->second;
  const bool reordered = world_.random().chance(options_.reorder);
  Time arrival = world_.now() + world_.random().between(options_.delay_min, options_.delay_max);
  if (reordered) {
    arrival += world_.random().between(Duration(0), 5 * options_.delay_max);
    MARK(&world_.recorder(), "sim.frame_reordered");
  } else {
    arrival = std::max(arrival, connection.last_arrival);
    connection.last_arrival = arrival;
  }
  connection.queued_bytes += frame.size();
  const bool repeated = world_.random().chance(options_.repeat);
  world_.at(arrival, [this, key, id = connection.id, life = connection.receiver_life, frame] { deliver(key, id, life, frame); });
  if (repeated) {
    MARK(&world_.recorder(), "sim.frame_repeated");
    world_.at(arrival + world_.random().between(Duration(0), 3 * options_.delay_max),
              [this, key, id = connection.id, life = connection.receiver_life, frame] { deliver(key, id, life, frame); });
  }
  return true;
}

void SimNetwork::deliver(const Key& key, env::ConnectionId connection, std::uint64_t receiver_life, Bytes frame) {
  const auto [from, to, lane] = key;
  const auto it = connections_.find(key);
  if (it == connections_.end() || it->second.id != connection) return;  // reset meanwhile
  it->second.queued_bytes -= std::min(it->second.queued_bytes, frame.size());
  Port* receiver = port(to);
  if (receiver == nullptr || lives_[to] != receiver_life || receiver->events_ == nullptr) return;
  if (is_cut(from, to)) {
    ++held_[{from, to}];
    return;
  }
  world_.trace("frame", (std::uint64_t{from.value()} << 32) | to.value(), frame);
  receiver->executor_.post([receiver, connection, lane = lane, frame = std::move(frame)]() mutable {
    receiver->events_->receive(connection, lane, std::move(frame));
  });
}

void SimNetwork::close(const Key& key, bool tell_sender) {
  const auto [from, to, lane] = key;
  const auto it = connections_.find(key);
  if (it == connections_.end()) return;
  const Connection connection = it->second;
  connections_.erase(it);
  if (Port* receiver = port(to); receiver != nullptr && lives_[to] == connection.receiver_life && receiver->events_ != nullptr) {
    receiver->executor_.post([receiver, id = connection.id] { receiver->events_->closed(id); });
  }
  if (Port* sender = port(from); sender != nullptr && tell_sender && sender->events_ != nullptr) {
    sender->executor_.post([sender, to = to, lane = lane] { sender->events_->link_down(to, lane); });
    world_.after(world_.random().between(options_.reconnect_min, options_.reconnect_max),
                 [this, key, life = lives_[from]] { try_connect(key, life); });
  }
}

void SimNetwork::heal() {
  const auto cuts = std::exchange(cuts_, {});
  for (const auto& [from, to] : cuts) {
    for (const env::Lane lane : {env::Lane::control, env::Lane::data, env::Lane::bulk}) close(Key(from, to, lane), true);
  }
}

void SimNetwork::node_gone(NodeId node) {
  ports_.erase(node);
  std::vector<Key> affected;
  for (const auto& [key, connection] : connections_) {
    if (std::get<0>(key) == node || std::get<1>(key) == node) affected.push_back(key);
  }
  for (const Key& key : affected) close(key, std::get<0>(key) != node);
}

std::uint64_t SimNetwork::held(NodeId from, NodeId to) const {
  const auto it = held_.find({from, to});
  return it == held_.end() ? 0 : it->second;
}

}  // namespace rift::chaos::sim
