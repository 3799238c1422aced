// Node: what arrives from other nodes, and the pings that tell who is reachable.
#include <fmt/format.h>

#include "node/node.h"
#include "wire/frame.h"
#include "wire/keys.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::node {

bool Node::accept(env::ConnectionId connection, env::Lane /*lane*/, ByteView hello) {
  const auto decoded = wire::decode_hello(hello);
  if (!decoded) {
    ++counters_["hellos_malformed"];
    return false;
  }
  auto verdict = judge(*decoded);
  if (identity_.cluster.is_zero() && !decoded->cluster.is_zero())
    claim_ = Claim{.cluster = decoded->cluster, .by = decoded->node, .at = loop_.now().steady};
  if (!verdict.peer) {
    ++counters_["hellos_refused"];
    LOG_WARN(env_.log, "node.peer_refused", "{} says hello, refused: {}", to_string(decoded->node), verdict.why);
    return false;
  }
  peers_.bind(connection, *verdict.peer, decoded->disk);
  if (verdict.raised) {
    loop_.run([name = Peers::start_name(*verdict.peer, decoded->disk), newest = decoded->starts.front()](Turn& turn) {
      turn.put(env::Table::meta, wire::node_meta_key(name), wire::encode_u64(newest));
    });
  }
  return true;
}

void Node::closed(env::ConnectionId connection) { peers_.unbind(connection); }

void Node::receive(env::ConnectionId connection, env::Lane lane, Bytes frame) {
  const auto from = peer_of(connection);
  if (!from) {
    ++counters_["frames_unknown_sender"];
    return;
  }
  auto decoded = wire::decode_frame(frame);
  if (!decoded) {
    ++counters_["frames_malformed"];
    return;
  }
  hear_epoch(*from, decoded->epoch);
  for (wire::FramePart& part : decoded->parts) {
    if (part.partition == PartitionId()) {
      on_node_message(*from, part.message);
    } else if (loop_.hosts(part.partition) && loop_.generation(part.partition) != part.generation) {
      // One of the two is of a group that is no more (DESIGN 7): the map says which.
      MARK(env_.recorder, "node.other_generation");
      ++counters_["messages_other_generation"];
      hear_of_unknown(*from, part.partition);
    } else if (loop_.hosts(part.partition)) {
      loop_.receive(part.partition, *from, lane, std::move(part.message));
    } else {
      // Unknown or buried (DESIGN 7): the map will say which; the sender repeats what matters.
      ++counters_["messages_unknown_partition"];
      hear_of_unknown(*from, part.partition);
      hear_successor(part.partition, part.generation, part.message);
    }
  }
}

void Node::link_up(NodeId peer, env::Lane lane) {
  LOG_DEBUG(env_.log, "node.link_up", "to={} lane={}", to_string(peer), static_cast<int>(lane));
}

void Node::link_down(NodeId peer, env::Lane lane) {
  LOG_DEBUG(env_.log, "node.link_down", "to={} lane={}", to_string(peer), static_cast<int>(lane));
  if (lane != env::Lane::data) return;
  fail_forwards(requests_.forwarded_to(peer), Code::disconnected,
                "the connection to " + to_string(peer) + " broke before it answered");
  loop_.schedule_round();
}

void Node::on_node_message(NodeId from, const Bytes& message) {
  auto decoded = wire::decode_message(message);
  if (!decoded) {
    ++counters_["messages_malformed"];
    return;
  }
  if (auto* ping = std::get_if<wire::Ping>(&*decoded)) {
    loop_.outbox().add(
        from, env::Lane::control, PartitionId(),
        wire::encode_message(wire::PingAck{.sequence = ping->sequence, .sent = ping->sent, .wall = loop_.now().wall}));
    loop_.schedule_round();
  } else if (auto* ack = std::get_if<wire::PingAck>(&*decoded)) {
    on_ping_ack(from, *ack);
  } else if (auto* request = std::get_if<wire::Forward>(&*decoded)) {
    if (!forwards_in_.is_new(from, request->request.id)) {
      ++counters_["forwards_repeated"];
      MARK(env_.recorder, "node.forward_repeated");
      return;
    }
    request->request.forwarded = true;
    route(FromPeer{from}, std::move(request->request));
    loop_.schedule_round();
  } else if (auto* reply = std::get_if<wire::ForwardReply>(&*decoded)) {
    const OpenRequest* open = requests_.find(reply->response.id);
    if (open == nullptr || open->forwarded_to != from) return;  // late, or not asked
    on_reply(std::move(reply->response), true);
    loop_.schedule_round();
  } else if (const auto* pull = std::get_if<wire::MapPull>(&*decoded)) {
    on_map_pull(from, *pull);
  } else if (const auto* push = std::get_if<wire::MapPush>(&*decoded)) {
    on_map_push(from, *push);
  } else {
    ++counters_["messages_misaddressed"];
  }
}

void Node::on_ping_ack(NodeId from, const wire::PingAck& ack) {
  const Now now = loop_.now();
  const auto heard = detector_.on_ack({.from = from, .sequence = ack.sequence, .sent = ack.sent}, now.steady);
  if (heard.round_trip) clock_watch_.note({.from = from, .wall = ack.wall, .round_trip = *heard.round_trip}, now);
  if (clock_watch_.judge(now) || heard.changed) publish_view();
}

// Before anything of the round is looked at: what it stamps is stamped with this clock.
void Node::on_round(const Now& now) {
  if (clock_watch_.has_stepped(now) && clock_watch_.judge(now)) publish_view();
}

void Node::ping() {
  const Now now = loop_.now();
  const auto ticked = detector_.tick(now.steady);
  for (const auto& ping : ticked.pings) {
    loop_.outbox().add(ping.to, env::Lane::control, PartitionId(),
                       wire::encode_message(wire::Ping{.sequence = ping.sequence, .sent = ping.sent}));
  }
  const Replica* system = loop_.replica(topology::system_partition);
  if (system != nullptr && system->status().leader != NodeId()) catalog_fresh_ = now.steady;
  if (clock_watch_.judge(now) || ticked.changed) publish_view();
  bury_released_replicas();
  readmit_departed();
  pull_map();
  loop_.schedule_round();
  loop_.call_at(detector_.next_tick(), [this] { ping(); });
}

}  // namespace rift::node
