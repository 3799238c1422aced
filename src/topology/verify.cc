#include "topology/verify.h"

#include <algorithm>
#include <set>

#include "base/limits.h"

namespace rift::topology {
namespace {

bool is_set(const std::vector<NodeId>& nodes) { return std::set(nodes.begin(), nodes.end()).size() == nodes.size(); }

bool holds_nobody(const std::vector<NodeId>& nodes) {
  return std::find(nodes.begin(), nodes.end(), NodeId()) != nodes.end();
}

Result<void> verify_members(const Catalog& catalog) {
  if (catalog.members.empty() || catalog.members.size() > limits::members_max)
    return fail(Code::invalid, "no members, or too many");
  for (const auto& [node, member] : catalog.members) {
    if (node == NodeId() || member.node != node) return fail(Code::invalid, "a member that is nobody");
  }
  return {};
}

Result<void> verify_partition(const Partition& partition, const Catalog& catalog) {
  if (partition.id == PartitionId() || partition.id >= catalog.next_partition)
    return fail(Code::invalid, "a partition id that was never given out");
  if (partition.owners.empty()) return fail(Code::invalid, "a partition without owners");
  if (!is_set(partition.owners)) return fail(Code::invalid, "an owner named twice");
  if (!is_set(partition.founders)) return fail(Code::invalid, "a founder named twice");
  if (!is_set(partition.evicted)) return fail(Code::invalid, "a node evicted twice");
  if (holds_nobody(partition.founders)) return fail(Code::invalid, "founder 0");
  if (holds_nobody(partition.evicted)) return fail(Code::invalid, "node 0 evicted");
  for (const NodeId owner : partition.owners) {
    if (!catalog.members.contains(owner)) return fail(Code::invalid, "an owner that is no member");
  }
  return {};
}

Result<void> verify_system(const Catalog& catalog) {
  const Keyspace* system = catalog.find(system_keyspace_name);
  if (system == nullptr) return fail(Code::invalid, "it has no _system");
  const bool is_one = system->id == system_keyspace && system->mode == Mode::cp && system->partitions.size() == 1 &&
                      system->partitions.front().id == system_partition;
  if (!is_one) return fail(Code::invalid, "its _system is not the one partition 1");
  return {};
}

}  // namespace

Result<void> verify(const Catalog& catalog) {
  if (catalog.epoch == MapEpoch() || catalog.epoch.value() > epoch_max)
    return fail(Code::invalid, "an epoch that nobody has counted to");
  TRY(verify_members(catalog));
  TRY(verify_system(catalog));
  std::set<PartitionId> partitions;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    if (keyspace.name != name || name.empty()) return fail(Code::invalid, "a keyspace under another name");
    if (keyspace.id >= catalog.next_keyspace) return fail(Code::invalid, "a keyspace id that was never given out");
    if (keyspace.copies == 0) return fail(Code::invalid, "a keyspace without copies");
    if (keyspace.partitions.empty()) return fail(Code::invalid, "a keyspace without partitions");
    TRY(check_promises(catalog, keyspace));
    for (const Partition& partition : keyspace.partitions) {
      if (!partitions.insert(partition.id).second) return fail(Code::invalid, "two partitions with one id");
      TRY(verify_partition(partition, catalog));
    }
  }
  return {};
}

}  // namespace rift::topology
