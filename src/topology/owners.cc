#include "topology/owners.h"

#include <algorithm>
#include <tuple>

#include "base/node_list.h"

namespace rift::topology {
namespace {

struct Load {
  std::map<NodeId, std::size_t> leads;  // first in a partition of the mode in question
  std::map<NodeId, std::size_t> owns;
};

// `_system` is on every node: it says nothing.
Load load_of(const Catalog& catalog, Mode mode) {
  Load load;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    if (keyspace.id == system_keyspace) continue;
    for (const Partition& partition : keyspace.partitions) {
      if (keyspace.mode == mode) ++load.leads[partition.owners.front()];
      for (const NodeId owner : partition.owners) ++load.owns[owner];
    }
  }
  return load;
}

std::size_t count(const std::map<NodeId, std::size_t>& counts, NodeId node) {
  const auto it = counts.find(node);
  return it == counts.end() ? 0 : it->second;
}

}  // namespace

bool is_active(const Catalog& catalog, NodeId node) {
  const Member* member = catalog.member(node);
  return member != nullptr && member->state == MemberState::active;
}

std::vector<NodeId> active_members(const Catalog& catalog) {
  std::vector<NodeId> nodes;
  for (const auto& [node, member] : catalog.members) {
    if (member.state == MemberState::active) nodes.push_back(node);
  }
  return nodes;
}

// Among equals the one that comes next in a rotation which starts at the partition's number: neighbours differ.
std::vector<NodeId> choose_owners(const Catalog& catalog, Mode mode, PartitionId partition, std::uint32_t copies) {
  std::vector<NodeId> rest = active_members(catalog);
  std::rotate(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(partition.value() % rest.size()), rest.end());
  const Load load = load_of(catalog, mode);
  std::vector<NodeId> owners;
  while (owners.size() < copies) {
    const bool leads = owners.empty();
    const auto least = std::min_element(rest.begin(), rest.end(), [&](NodeId a, NodeId b) {
      const auto weight = [&](NodeId n) { return std::tuple(leads ? count(load.leads, n) : 0, count(load.owns, n)); };
      return weight(a) < weight(b);
    });
    owners.push_back(*least);
    rest.erase(least);
  }
  return owners;
}

NodeId choose_another_owner(const Catalog& catalog, const Partition& partition) {
  const Load load = load_of(catalog, Mode::cp);
  NodeId best;
  for (const NodeId node : active_members(catalog)) {
    if (holds(partition.owners, node)) continue;
    if (best == NodeId() || count(load.owns, node) < count(load.owns, best)) best = node;
  }
  return best;
}

}  // namespace rift::topology
