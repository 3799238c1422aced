#include "membership/failure_detector.h"

#include <algorithm>
#include <utility>

namespace rift::membership {

bool FailureDetector::set_members(std::span<const NodeId> members) {
  bool changed = false;
  for (auto it = peers_.begin(); it != peers_.end();) {
    const bool stays = std::find(members.begin(), members.end(), it->first) != members.end();
    changed = changed || (!stays && it->second.reachable);
    it = stays ? std::next(it) : peers_.erase(it);
  }
  for (const NodeId member : members) {
    if (member != options_.self) peers_.try_emplace(member);
  }
  return changed;
}

// A node that was itself stopped or starved must not blame its peers for the silence (local health, Lifeguard): what it overslept does
// not count. They still have the rest of down_after to answer.
void FailureDetector::forgive_own_pause(Time now) {
  if (!last_round_) return;
  const Duration overslept = (now - *last_round_) - options_.interval;
  if (overslept < options_.interval) return;
  for (auto& [node, peer] : peers_) peer.heard = std::min(now, peer.heard + overslept);
}

FailureDetector::Ticked FailureDetector::tick(Time now) {
  Ticked result;
  if (last_round_ && now < next_tick_) return result;
  forgive_own_pause(now);
  last_round_ = now;
  next_tick_ = now + options_.interval;
  ++sequence_;
  for (auto& [node, peer] : peers_) {
    if (peer.reachable && now - peer.heard >= options_.down_after) {
      peer.reachable = false;
      result.changed = true;
    }
    peer.open[sequence_ % open_pings_max] = OpenPing{.sequence = sequence_, .sent = now};
    result.pings.push_back(Ping{.to = node, .sequence = sequence_, .sent = now});
  }
  return result;
}

FailureDetector::Heard FailureDetector::on_ack(const Ack& ack, Time now) {
  const auto found = peers_.find(ack.from);
  if (found == peers_.end()) return {};
  Peer& peer = found->second;
  OpenPing& open = peer.open[ack.sequence % open_pings_max];
  if (ack.sequence == 0 || open.sequence != ack.sequence || open.sent != ack.sent || now < open.sent) return {};
  const Duration round_trip = now - open.sent;
  open = OpenPing{};
  // An answer that was long under way says that the peer lived then, not now.
  if (round_trip >= options_.down_after) return {};
  peer.heard = std::max(peer.heard, now);
  return Heard{.changed = !std::exchange(peer.reachable, true), .round_trip = round_trip};
}

std::vector<NodeId> FailureDetector::reachable() const {
  std::vector<NodeId> nodes{options_.self};
  for (const auto& [node, peer] : peers_) {
    if (peer.reachable) nodes.push_back(node);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace rift::membership
