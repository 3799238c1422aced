#include "caller/router.h"

namespace rift::caller {

NodeId Router::choose(Mode mode, PartitionId partition, const std::vector<NodeId>& nodes, std::uint32_t attempt,
                      Time now) const {
  if (nodes.empty()) return NodeId();
  if (mode == Mode::cp) {
    const auto known = leaders_.find(partition);
    if (known != leaders_.end() && !is_suspect(known->second, now)) return known->second;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeId node = nodes[(attempt + i) % nodes.size()];
    if (!is_suspect(node, now)) return node;
  }
  return nodes[attempt % nodes.size()];
}

void Router::learn(PartitionId partition, NodeId from, const Response& response) {
  if (response.code == Code::unreachable || response.code == Code::disconnected) return;
  suspects_.erase(from);
  const NodeId leader = response.receipt.leader;
  if (response.code == Code::no_leader) {
    leaders_.erase(partition);
  } else if (leader != NodeId()) {
    leaders_[partition] = leader;
  } else if (response.code == Code::not_leader || response.code == Code::leadership_lost) {
    leaders_.erase(partition);
  }
}

void Router::suspect(PartitionId partition, NodeId node, Time now) {
  suspects_[node] = now + suspicion;
  const auto known = leaders_.find(partition);
  if (known != leaders_.end() && known->second == node) leaders_.erase(known);
}

std::optional<NodeId> Router::leader(PartitionId partition) const {
  const auto known = leaders_.find(partition);
  if (known == leaders_.end()) return std::nullopt;
  return known->second;
}

bool Router::is_suspect(NodeId node, Time now) const {
  const auto it = suspects_.find(node);
  return it != suspects_.end() && now < it->second;
}

}  // namespace rift::caller
