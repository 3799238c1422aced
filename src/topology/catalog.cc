#include "topology/catalog.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/limits.h"
#include "topology/address.h"
#include "topology/owners.h"

namespace rift::topology {
namespace {

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > limits::keyspace_name_bytes_max || name.front() == '_') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

std::uint32_t default_partitions(Mode mode) { return mode == Mode::cp ? 1 : 16; }
Level default_level(const KeyspaceWish& wish) {
  return wish.mode == Mode::cp || wish.atomic ? Level::majority : Level::one;
}

Result<void> check_wish(const Catalog& catalog, const KeyspaceWish& wish, std::uint32_t copies,
                        std::uint32_t partitions) {
  if (!is_name(wish.name)) {
    return fail(Code::invalid,
                fmt::format("a keyspace name has 1 to {} letters, digits, '-', '_' or '.', and no leading '_'",
                            limits::keyspace_name_bytes_max));
  }
  if (catalog.find(wish.name) != nullptr)
    return fail(Code::already_exists, "keyspace " + wish.name + " exists already");
  if (const auto nodes = active_members(catalog).size(); copies > nodes) {
    return fail(Code::invalid, fmt::format("{} copies need {} nodes, the cluster has {}", copies, copies, nodes));
  }
  if (partitions > limits::partitions_per_keyspace_max) {
    return fail(Code::too_large, fmt::format("at most {} partitions", limits::partitions_per_keyspace_max));
  }
  return {};
}

Result<void> check_atomic(const Keyspace& keyspace) {
  if (!keyspace.atomic) return {};
  if (keyspace.mode != Mode::ap)
    return fail(Code::invalid, keyspace.name + " is cp, and linearizable without `atomic`: that is for ap keyspaces");
  if (keyspace.durability != Durability::fsync) {
    return fail(Code::invalid, keyspace.name +
                                   " is atomic, so its durability is fsync: what a majority has acknowledged must "
                                   "outlive a power loss");
  }
  if (keyspace.read != Level::majority || keyspace.write != Level::majority)
    return fail(Code::invalid, keyspace.name + " is atomic: it is read and written by majority, at no other level");
  if (keyspace.sloppy || keyspace.wall_clock)
    return fail(Code::invalid, keyspace.name + " is atomic: its majorities are of owners, and no clock orders it");
  return {};
}

Result<void> check_teaching(const Catalog& catalog, const Keyspace& keyspace) {
  if (!is_teaching(keyspace)) return {};
  const std::string_view what = keyspace.sloppy       ? "sloppy quorums"
                                : keyspace.wall_clock ? "versions by the bare wall clock"
                                                      : "durability none";
  if (keyspace.mode != Mode::ap)
    return fail(Code::invalid, fmt::format("{} is cp; {} is a teaching variant of ap keyspaces", keyspace.name, what));
  if (catalog.allow_teaching) return {};
  return fail(Code::invalid, fmt::format("{} loses acknowledged writes so that people can watch it; this cluster was "
                                         "not founded for that: `rift cluster up --allow-teaching` (or `cluster init "
                                         "--allow-teaching`) founds one that is",
                                         what));
}

}  // namespace

const Keyspace* Catalog::find(std::string_view name) const {
  const auto it = keyspaces.find(std::string(name));
  return it == keyspaces.end() ? nullptr : &it->second;
}

const Member* Catalog::member(NodeId node) const {
  const auto it = members.find(node);
  return it == members.end() ? nullptr : &it->second;
}

const Partition* Catalog::partition(PartitionId id) const {
  for (const auto& [name, keyspace] : keyspaces) {
    for (const Partition& partition : keyspace.partitions) {
      if (partition.id == id) return &partition;
    }
  }
  return nullptr;
}

Result<Catalog> found(ClusterId cluster, std::vector<Member> members, bool allow_teaching) {
  if (members.empty()) return fail(Code::invalid, "a cluster is founded by at least one node");
  if (members.size() > limits::members_max)
    return fail(Code::too_large, fmt::format("at most {} nodes", limits::members_max));
  Catalog catalog;
  catalog.cluster = cluster;
  catalog.epoch = MapEpoch(1);
  catalog.allow_teaching = allow_teaching;
  Partition partition;
  partition.id = system_partition;
  for (Member& member : members) {
    if (member.node == NodeId()) return fail(Code::invalid, "node id 0 is nobody");
    if (std::max(member.client_address.size(), member.peer_address.size()) > address_bytes_max) {
      return fail(Code::too_large, fmt::format("an address has at most {} bytes", address_bytes_max));
    }
    const NodeId node = member.node;
    if (!catalog.members.emplace(node, std::move(member)).second) {
      return fail(Code::invalid, "two founding nodes are called " + to_string(node));
    }
  }
  for (const auto& [node, member] : catalog.members) partition.owners.push_back(node);
  Keyspace system;
  system.id = system_keyspace;
  system.name = system_keyspace_name;
  system.copies = std::min(static_cast<std::uint32_t>(catalog.members.size()), system_voters_max);
  partition.founders.assign(partition.owners.begin(), partition.owners.begin() + system.copies);
  system.partitions.push_back(std::move(partition));
  catalog.keyspaces.emplace(system.name, std::move(system));
  return catalog;
}

Result<Catalog> create_keyspace(const Catalog& catalog, const KeyspaceWish& wish) {
  const auto members = static_cast<std::uint32_t>(active_members(catalog).size());
  const std::uint32_t copies = wish.copies != 0 ? wish.copies : std::min(3U, members);
  const std::uint32_t partitions = wish.partitions != 0 ? wish.partitions : default_partitions(wish.mode);
  TRY(check_wish(catalog, wish, copies, partitions));

  Catalog result = catalog;
  result.epoch = MapEpoch(catalog.epoch.value() + 1);
  Keyspace keyspace{.id = result.next_keyspace,
                    .name = wish.name,
                    .mode = wish.mode,
                    .copies = copies,
                    .read = wish.read != Level::unspecified ? wish.read : default_level(wish),
                    .write = wish.write != Level::unspecified ? wish.write : default_level(wish),
                    .durability = wish.durability,
                    .atomic = wish.atomic,
                    .sloppy = wish.sloppy,
                    .wall_clock = wish.wall_clock,
                    .partitions = {}};
  TRY(check_promises(catalog, keyspace));
  result.next_keyspace = KeyspaceId(keyspace.id.value() + 1);
  Keyspace& made = result.keyspaces.emplace(keyspace.name, std::move(keyspace)).first->second;
  for (std::uint32_t p = 0; p < partitions; ++p) {
    Partition partition;
    partition.id = result.next_partition;
    partition.owners = choose_owners(result, made.mode, partition.id, copies);
    partition.founders = partition.owners;
    result.next_partition = PartitionId(partition.id.value() + 1);
    made.partitions.push_back(std::move(partition));
  }
  return result;
}

bool is_teaching(const Keyspace& keyspace) {
  return keyspace.sloppy || keyspace.wall_clock || keyspace.durability == Durability::none;
}

bool may_stand_in(const Catalog& catalog, const Keyspace& keyspace, NodeId node) {
  const Member* member = catalog.member(node);
  return keyspace.mode == Mode::ap && !keyspace.atomic && member != nullptr && member->state != MemberState::lost;
}

Result<void> check_promises(const Catalog& catalog, const Keyspace& keyspace) {
  if (keyspace.read == Level::any || keyspace.write == Level::any)
    return fail(Code::invalid, "level any is asked for by a single write: a keyspace's level counts owners");
  TRY(check_atomic(keyspace));
  return check_teaching(catalog, keyspace);
}

Result<Catalog> drop_keyspace(const Catalog& catalog, std::string_view name) {
  if (name == system_keyspace_name) return fail(Code::invalid, "_system holds the cluster map and cannot be dropped");
  if (catalog.find(name) == nullptr) return fail(Code::unknown_keyspace, "no keyspace is called " + std::string(name));
  Catalog result = catalog;
  result.epoch = MapEpoch(catalog.epoch.value() + 1);
  result.keyspaces.erase(std::string(name));
  return result;
}

const Partition& place(const Keyspace& keyspace, ByteView key) {
  ByteView hashed = key;
  if (const auto open = key.find('{'); open != ByteView::npos) {
    const auto close = key.find('}', open + 1);
    if (close != ByteView::npos && close > open + 1) hashed = key.substr(open + 1, close - open - 1);
  }
  return keyspace.partitions[xxh3_64(hashed) % keyspace.partitions.size()];
}

bool is_founder(const Catalog& catalog, const Partition& partition, NodeId node) {
  const Member* member = catalog.member(node);
  if (member == nullptr || partition.id < member->first_partition || partition.refounded > 0) return false;
  return std::find(partition.founders.begin(), partition.founders.end(), node) != partition.founders.end();
}

GroupWish group_wish(const Keyspace& keyspace, const Partition& partition) {
  GroupWish wish{.voters = {}, .learners = {}, .gone = partition.evicted};
  for (std::size_t i = 0; i < partition.owners.size(); ++i) {
    const NodeId owner = partition.owners[i];
    if (std::find(partition.evicted.begin(), partition.evicted.end(), owner) != partition.evicted.end()) continue;
    (i < keyspace.copies ? wish.voters : wish.learners).push_back(owner);
  }
  return wish;
}

std::string partition_name(const Keyspace& keyspace, const Partition& partition) {
  return fmt::format("{}/{}", keyspace.name, partition.id.value() - keyspace.partitions.front().id.value());
}

}  // namespace rift::topology
