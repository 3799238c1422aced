#include "topology/loss.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/node_list.h"
#include "topology/owners.h"
#include "topology/verify.h"

namespace rift::topology {
namespace {

Result<void> check_survivor(const Keyspace& keyspace, const Partition& partition, NodeId survivor,
                            const AcceptedLoss& loss) {
  const std::string name = partition_name(keyspace, partition);
  if (keyspace.mode != Mode::cp) return fail(Code::invalid, name + " is an ap partition: it has no majority to lose");
  const bool is_owner = holds(partition.owners, survivor) && !holds(partition.evicted, survivor);
  if (holds(loss.lost, survivor) || !is_owner)
    return fail(Code::invalid, fmt::format("{} is no survivor of {}", to_string(survivor), name));
  return {};
}

Result<void> check(const Catalog& catalog, const AcceptedLoss& loss) {
  if (catalog.epoch != loss.epoch) {
    return fail(Code::invalid, fmt::format("the map has changed since it was looked at (epoch {}, now {}); look again",
                                           loss.epoch.value(), catalog.epoch.value()));
  }
  if (loss.lost.empty()) return fail(Code::invalid, "nobody was named as lost");
  for (const NodeId node : loss.lost) {
    if (catalog.member(node) == nullptr)
      return fail(Code::invalid, to_string(node) + " is not a member of this cluster");
  }
  std::size_t found = 0;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const Partition& partition : keyspace.partitions) {
      const auto survivor = loss.survivors.find(partition.id);
      if (survivor == loss.survivors.end()) continue;
      TRY(check_survivor(keyspace, partition, survivor->second, loss));
      ++found;
    }
  }
  if (found != loss.survivors.size())
    return fail(Code::invalid, "a survivor was named of a partition that there is not");
  const auto& system = catalog.find(system_keyspace_name)->partitions.front().owners;
  if (std::all_of(system.begin(), system.end(), [&](NodeId n) { return holds(loss.lost, n); }))
    return fail(Code::invalid, "nobody would be left who holds the map");
  return {};
}

void shrink(Partition& partition, const AcceptedLoss& loss) {
  const auto is_lost = [&](NodeId node) { return holds(loss.lost, node); };
  if (std::all_of(partition.owners.begin(), partition.owners.end(), is_lost)) return;
  std::erase_if(partition.owners, is_lost);
  const auto survivor = loss.survivors.find(partition.id);
  if (survivor == loss.survivors.end()) return;
  ++partition.refounded;
  partition.survivor = survivor->second;
  partition.evicted.clear();  // of the group that is no more; in this one nobody has an old disk
  std::erase(partition.owners, partition.survivor);
  partition.owners.insert(partition.owners.begin(), partition.survivor);
}

// Copies come back where there are nodes for them.
void fill_up(Catalog& catalog, Keyspace& keyspace) {
  if (keyspace.mode == Mode::ap) return;
  const auto nodes = static_cast<std::uint32_t>(active_members(catalog).size());
  keyspace.copies = std::min(keyspace.copies, nodes);
  if (keyspace.id == system_keyspace) return;
  for (Partition& partition : keyspace.partitions) {
    const auto is_lost = [&](NodeId node) { return catalog.member(node)->state == MemberState::lost; };
    if (std::all_of(partition.owners.begin(), partition.owners.end(), is_lost)) continue;
    while (partition.owners.size() < keyspace.copies) {
      const NodeId another = choose_another_owner(catalog, partition);
      if (another == NodeId()) break;
      partition.owners.push_back(another);
    }
  }
}

// The lost may have gone on from a newer map than the survivor's, unheard. Theirs must never be newer than what follows, and no id that they have
// given out is given out again.
Result<void> leave_the_old_maps_behind(Catalog& catalog) {
  const auto room = [](std::uint32_t next) { return ~std::uint32_t{0} - next > lost_ids_stride; };
  if (!room(catalog.next_partition.value()) || !room(catalog.next_keyspace.value()))
    return fail(Code::invalid, "the cluster has no ids of partitions and keyspaces left");
  if (catalog.epoch.value() > epoch_max - lost_epochs_stride) return fail(Code::invalid, "the map has no epochs left");
  catalog.epoch = MapEpoch(catalog.epoch.value() + lost_epochs_stride);
  catalog.next_partition = PartitionId(catalog.next_partition.value() + lost_ids_stride);
  catalog.next_keyspace = KeyspaceId(catalog.next_keyspace.value() + lost_ids_stride);
  return {};
}

}  // namespace

Result<Catalog> accept_loss(const Catalog& catalog, const AcceptedLoss& loss) {
  TRY(check(catalog, loss));
  Catalog result = catalog;
  for (const NodeId node : loss.lost) result.members.at(node).state = MemberState::lost;
  for (auto& [name, keyspace] : result.keyspaces) {
    for (Partition& partition : keyspace.partitions) shrink(partition, loss);
  }
  for (auto& [name, keyspace] : result.keyspaces) fill_up(result, keyspace);
  if (result == catalog) return catalog;
  result.epoch = MapEpoch(catalog.epoch.value() + 1);
  if (loss.survivors.contains(system_partition)) TRY(leave_the_old_maps_behind(result));
  return result;
}

}  // namespace rift::topology
