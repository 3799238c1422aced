#include "topology/changes.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/node_list.h"
#include "topology/address.h"
#include "topology/owners.h"

namespace rift::topology {
namespace {

using Nodes = std::vector<NodeId>;

Nodes::const_iterator find(const Nodes& nodes, NodeId node) { return std::find(nodes.begin(), nodes.end(), node); }
void erase(Nodes& nodes, NodeId node) { std::erase(nodes, node); }

Catalog next_of(const Catalog& catalog) {
  Catalog result = catalog;
  result.epoch = MapEpoch(catalog.epoch.value() + 1);
  return result;
}

Keyspace& system_of(Catalog& catalog) { return catalog.keyspaces.at(std::string(system_keyspace_name)); }

Result<void> check_address(const Member& member) {
  if (member.node == NodeId()) return fail(Code::invalid, "node id 0 is nobody");
  if (std::max(member.client_address.size(), member.peer_address.size()) > address_bytes_max)
    return fail(Code::too_large, fmt::format("an address has at most {} bytes", address_bytes_max));
  if (member.disk.is_zero()) return fail(Code::invalid, to_string(member.node) + " has not said which disk it has");
  return {};
}

Result<void> check_other_nodes(const Catalog& catalog, const Member& member) {
  for (const auto& [node, other] : catalog.members) {
    if (node == member.node) continue;
    if (other.disk == member.disk)
      return fail(Code::invalid, fmt::format("{} is known with this disk: a copied data directory", to_string(node)));
    if (other.peer_address == member.peer_address)
      return fail(Code::invalid, fmt::format("{} has the address {} already", to_string(node), other.peer_address));
  }
  return {};
}

Result<const Member*> find_member(const Catalog& catalog, NodeId node) {
  if (const Member* member = catalog.member(node)) return member;
  return fail(Code::invalid, to_string(node) + " is not a member of this cluster");
}

// More copies: the members with the least load. Fewer: the last owners go.
Result<void> set_copies(Catalog& catalog, Keyspace& keyspace, std::uint32_t copies) {
  if (keyspace.mode == Mode::ap)
    return fail(Code::invalid, "the copies of an ap keyspace cannot be altered: its partitions do not move");
  if (const auto nodes = active_members(catalog).size(); copies > nodes)
    return fail(Code::invalid, fmt::format("{} copies need {} nodes, the cluster has {}", copies, copies, nodes));
  for (Partition& partition : keyspace.partitions) {
    while (partition.owners.size() < copies) partition.owners.push_back(choose_another_owner(catalog, partition));
    while (partition.owners.size() > copies) partition.owners.pop_back();
  }
  keyspace.copies = copies;
  return {};
}

Result<void> demand_no_ap(const Catalog& catalog, NodeId leaver) {
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    const bool owns = std::any_of(keyspace.partitions.begin(), keyspace.partitions.end(),
                                  [&](const Partition& partition) { return holds(partition.owners, leaver); });
    if (keyspace.mode == Mode::cp || !owns) continue;
    return fail(Code::invalid, fmt::format("{} owns partitions of the ap keyspace {}, which do not move; drop it first",
                                           to_string(leaver), name));
  }
  return {};
}

// The newcomer takes the leaver's place in the order, so that the leaders stay spread.
Result<void> find_substitutes(Catalog& catalog, Keyspace& keyspace, NodeId leaver) {
  for (Partition& partition : keyspace.partitions) {
    const auto at = std::find(partition.owners.begin(), partition.owners.end(), leaver);
    if (at == partition.owners.end()) continue;
    const NodeId substitute = choose_another_owner(catalog, partition);
    if (substitute == NodeId()) {
      return fail(Code::invalid,
                  fmt::format("without {} there are too few nodes for {} copies of {}; lower them first: "
                              "rift keyspace alter {} --copies {}",
                              to_string(leaver), keyspace.copies, keyspace.name, keyspace.name, keyspace.copies - 1));
    }
    *at = substitute;
  }
  return {};
}

// Its replicas of now, owner's or not, count no more. Groups may name what the map's owners do not any more, so every group is asked.
void evict(Catalog& catalog, NodeId node) {
  for (auto& [name, keyspace] : catalog.keyspaces) {
    if (keyspace.mode == Mode::ap) continue;
    for (Partition& partition : keyspace.partitions) {
      if (!holds(partition.evicted, node)) partition.evicted.push_back(node);
    }
  }
}

// Out of `_system`'s order; the first learner moves up into a voter's place.
Result<void> leave_system(Catalog& catalog, NodeId node) {
  Keyspace& system = system_of(catalog);
  Partition& partition = system.partitions.front();
  if (partition.owners.size() < 2) return fail(Code::invalid, "the last member of a cluster cannot be removed");
  erase(partition.owners, node);
  system.copies = std::min(system.copies, static_cast<std::uint32_t>(partition.owners.size()));
  return {};
}

}  // namespace

Result<Catalog> alter_keyspace(const Catalog& catalog, const KeyspaceAlteration& wish) {
  if (catalog.find(wish.name) == nullptr) return fail(Code::unknown_keyspace, "no keyspace is called " + wish.name);
  if (wish.name == system_keyspace_name)
    return fail(Code::invalid,
                "_system has a copy on every node and is read and written by majority; `rift members promote` chooses "
                "its voters");
  Catalog result = next_of(catalog);
  Keyspace& keyspace = result.keyspaces.at(wish.name);
  if (wish.read) keyspace.read = *wish.read;
  if (wish.write) keyspace.write = *wish.write;
  TRY(check_promises(result, keyspace));
  if (wish.copies != 0 && wish.copies != keyspace.copies) TRY(set_copies(result, keyspace, wish.copies));
  if (result.keyspaces == catalog.keyspaces) return catalog;
  return result;
}

Result<Catalog> add_member(const Catalog& catalog, Member member) {
  TRY(check_address(member));
  const NodeId node = member.node;
  if (const Member* known = catalog.member(node)) {
    if (known->disk == member.disk && known->state == MemberState::active)
      return fail(Code::already_exists, to_string(node) + " is a member already");
    return fail(
        Code::invalid,
        known->state == MemberState::leaving
            ? fmt::format("{} is leaving; finish `rift members remove {}` first", to_string(node), to_string(node))
        : known->state == MemberState::lost
            ? fmt::format("{0} was given up; finish `rift members remove {0}` first", to_string(node))
            : fmt::format("{} is a member with another disk; `rift members replace {}` says that "
                          "the old one is gone",
                          to_string(node), to_string(node)));
  }
  TRY(check_other_nodes(catalog, member));
  if (catalog.members.size() >= limits::members_max)
    return fail(Code::too_large, fmt::format("at most {} nodes", limits::members_max));
  Catalog result = next_of(catalog);
  member.state = MemberState::active;
  member.first_partition = result.next_partition;
  Keyspace& system = system_of(result);
  Nodes& owners = system.partitions.front().owners;
  const bool votes = system.copies < system_voters_max;
  owners.insert(owners.begin() + static_cast<std::ptrdiff_t>(votes ? system.copies : owners.size()), node);
  if (votes) ++system.copies;
  result.members.emplace(node, std::move(member));
  return result;
}

Result<Catalog> remove_member(const Catalog& catalog, NodeId node) {
  const Member* member = TRY(find_member(catalog, node));
  if (member->state != MemberState::active) return catalog;
  TRY(demand_no_ap(catalog, node));  // before anything that can be helped
  Catalog result = next_of(catalog);
  result.members.at(node).state = MemberState::leaving;
  for (auto& [name, keyspace] : result.keyspaces) {
    if (keyspace.id != system_keyspace) TRY(find_substitutes(result, keyspace, node));
  }
  TRY(leave_system(result, node));
  return result;
}

Result<Catalog> forget_member(const Catalog& catalog, NodeId node) {
  const Member* member = TRY(find_member(catalog, node));
  if (member->state == MemberState::active)
    return fail(Code::invalid, to_string(node) + " is not leaving; `rift members remove` comes first");
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const Partition& partition : keyspace.partitions) {
      if (!holds(partition.owners, node)) continue;
      return fail(Code::invalid, fmt::format("{} held the last copy of {}; drop that keyspace first", to_string(node),
                                             partition_name(keyspace, partition)));
    }
  }
  Catalog result = next_of(catalog);
  result.members.erase(node);
  evict(result, node);
  return result;
}

Result<Catalog> promote_member(const Catalog& catalog, NodeId node, NodeId instead_of) {
  const Member* member = TRY(find_member(catalog, node));
  if (member->state != MemberState::active) return fail(Code::invalid, to_string(node) + " is leaving");
  Catalog result = next_of(catalog);
  Keyspace& system = system_of(result);
  Nodes& owners = system.partitions.front().owners;
  const auto rank = [&](NodeId n) { return static_cast<std::uint32_t>(find(owners, n) - owners.begin()); };
  if (rank(node) < system.copies) return fail(Code::already_exists, to_string(node) + " is a voter of _system already");
  if (instead_of != NodeId() && rank(instead_of) >= system.copies)
    return fail(Code::invalid, to_string(instead_of) + " is no voter of _system");
  if (instead_of == NodeId() && system.copies >= system_voters_max) {
    return fail(Code::invalid, fmt::format("_system has {} voters, the most there are; name the one that gives way: "
                                           "rift members promote {} --instead-of NODE",
                                           system.copies, to_string(node)));
  }
  if (instead_of != NodeId()) {
    std::swap(owners[rank(node)], owners[rank(instead_of)]);
  } else {
    std::swap(owners[rank(node)], owners[system.copies]);
    ++system.copies;
  }
  return result;
}

Result<Catalog> replace_member(const Catalog& catalog, const Member& member) {
  TRY(check_address(member));
  const Member* known = TRY(find_member(catalog, member.node));
  if (known->state != MemberState::active) return fail(Code::invalid, to_string(member.node) + " is leaving");
  if (known->disk == member.disk) return fail(Code::already_exists, to_string(member.node) + " has this disk already");
  TRY(check_other_nodes(catalog, member));
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const Partition& partition : keyspace.partitions) {
      if (keyspace.mode == Mode::cp && partition.owners == Nodes{member.node}) {
        return fail(Code::invalid,
                    fmt::format("the only copy of {} was on the old disk of {}: it is lost; drop the keyspace first",
                                partition_name(keyspace, partition), to_string(member.node)));
      }
    }
  }
  Catalog result = next_of(catalog);
  Member& renewed = result.members.at(member.node);
  renewed = member;
  renewed.first_partition = result.next_partition;
  evict(result, member.node);
  return result;
}

Result<Catalog> readmit(const Catalog& catalog, const std::vector<Departure>& departures) {
  std::map<PartitionId, Nodes> gone;
  for (const Departure& departure : departures) {
    const Member* member = catalog.member(departure.node);
    if ((member != nullptr ? member->disk : DiskId()) == departure.disk)
      gone[departure.partition].push_back(departure.node);
  }
  Catalog result = next_of(catalog);
  for (auto& [name, keyspace] : result.keyspaces) {
    for (Partition& partition : keyspace.partitions) {
      if (const auto at = gone.find(partition.id); at != gone.end())
        std::erase_if(partition.evicted, [&](NodeId node) { return holds(at->second, node); });
    }
  }
  return result.keyspaces == catalog.keyspaces ? catalog : result;
}

Result<Catalog> change_members(const Catalog& catalog, const MemberChange& change) {
  switch (change.kind) {
    case MemberChange::Kind::add:
      return add_member(catalog, change.member);
    case MemberChange::Kind::remove:
      return remove_member(catalog, change.node);
    case MemberChange::Kind::forget:
      return forget_member(catalog, change.node);
    case MemberChange::Kind::promote:
      return promote_member(catalog, change.node, change.instead_of);
    case MemberChange::Kind::replace:
      return replace_member(catalog, change.member);
  }
  return fail(Code::invalid, "unknown change of the members");
}

}  // namespace rift::topology
