#include "rpc/catalog.h"

#include <fmt/format.h>

#include "riftkv/v1/admin.pb.h"

namespace rift::rpc {

namespace v1 = riftkv::v1;

Result<Level> to_level(v1::Level level) {
  if (!v1::Level_IsValid(level)) return fail(Code::invalid, fmt::format("unknown level {}", static_cast<int>(level)));
  return static_cast<Level>(level);
}

Result<Mode> to_mode(v1::Mode mode) {
  if (mode == v1::MODE_CP) return Mode::cp;
  if (mode == v1::MODE_AP) return Mode::ap;
  return fail(Code::invalid, "a keyspace is cp or ap");
}

Result<topology::Durability> to_durability(v1::Durability durability) {
  if (durability == v1::DURABILITY_UNSPECIFIED || durability == v1::DURABILITY_FSYNC)
    return topology::Durability::fsync;
  if (durability == v1::DURABILITY_WAL) return topology::Durability::wal;
  return fail(Code::invalid, fmt::format("unknown durability {}", static_cast<int>(durability)));
}

Uuid to_uuid(const v1::Uuid& message) { return {message.high(), message.low()}; }

namespace {

Result<topology::Keyspace> to_keyspace(const v1::Keyspace& message) {
  topology::Keyspace keyspace;
  keyspace.id = KeyspaceId(message.id());
  keyspace.name = message.name();
  keyspace.mode = TRY(to_mode(message.mode()));
  keyspace.copies = message.copies();
  keyspace.read = TRY(to_level(message.read()));
  keyspace.write = TRY(to_level(message.write()));
  keyspace.durability = TRY(to_durability(message.durability()));
  if (message.partitions().empty()) return fail(Code::invalid, "keyspace " + message.name() + " has no partition");
  for (const v1::Partition& p : message.partitions()) {
    topology::Partition partition;
    partition.id = PartitionId(p.id());
    for (const std::uint32_t owner : p.owners()) partition.owners.push_back(NodeId(owner));
    keyspace.partitions.push_back(std::move(partition));
  }
  return keyspace;
}

void fill_keyspace(const topology::Keyspace& keyspace, v1::Keyspace& message) {
  message.set_id(keyspace.id.value());
  message.set_name(keyspace.name);
  message.set_mode(static_cast<v1::Mode>(keyspace.mode));
  message.set_copies(keyspace.copies);
  message.set_read(static_cast<v1::Level>(keyspace.read));
  message.set_write(static_cast<v1::Level>(keyspace.write));
  message.set_durability(static_cast<v1::Durability>(keyspace.durability));
  for (const topology::Partition& partition : keyspace.partitions) {
    v1::Partition& p = *message.add_partitions();
    p.set_id(partition.id.value());
    for (const NodeId owner : partition.owners) p.add_owners(owner.value());
  }
}

}  // namespace

Result<topology::Catalog> to_catalog(const v1::Catalog& message) {
  topology::Catalog catalog;
  catalog.cluster = to_uuid(message.cluster());
  catalog.epoch = MapEpoch(message.epoch());
  catalog.next_keyspace = KeyspaceId(message.next_keyspace());
  catalog.next_partition = PartitionId(message.next_partition());
  for (const v1::Member& m : message.members()) {
    if (m.node() == 0) return fail(Code::invalid, "node id 0 is nobody");
    topology::Member member{NodeId(m.node()), m.client_address(), m.peer_address(), to_uuid(m.disk())};
    if (!catalog.members.emplace(member.node, member).second) {
      return fail(Code::invalid, "two members are called " + to_string(member.node));
    }
  }
  for (const v1::Keyspace& k : message.keyspaces()) {
    topology::Keyspace keyspace = TRY(to_keyspace(k));
    const std::string name = keyspace.name;
    if (!catalog.keyspaces.emplace(name, std::move(keyspace)).second)
      return fail(Code::invalid, "two keyspaces are called " + name);
  }
  return catalog;
}

void fill(const Uuid& uuid, v1::Uuid& message) {
  message.set_high(uuid.high);
  message.set_low(uuid.low);
}

void fill(const topology::Member& member, v1::Member& message) {
  message.set_node(member.node.value());
  message.set_client_address(member.client_address);
  message.set_peer_address(member.peer_address);
  fill(member.disk, *message.mutable_disk());
}

void fill(const topology::Catalog& catalog, v1::Catalog& message) {
  fill(catalog.cluster, *message.mutable_cluster());
  message.set_epoch(catalog.epoch.value());
  message.set_next_keyspace(catalog.next_keyspace.value());
  message.set_next_partition(catalog.next_partition.value());
  for (const auto& [node, member] : catalog.members) fill(member, *message.add_members());
  for (const auto& [name, keyspace] : catalog.keyspaces) fill_keyspace(keyspace, *message.add_keyspaces());
}

}  // namespace rift::rpc
