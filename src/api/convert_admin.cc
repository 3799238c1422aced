#include <fmt/format.h>

#include "api/convert.h"
#include "base/limits.h"
#include "riftkv/v1/admin.pb.h"

namespace rift::api {

namespace v1 = riftkv::v1;

namespace {

Uuid to_uuid(const v1::Uuid& message) { return {message.high(), message.low()}; }

void fill_uuid(const Uuid& uuid, v1::Uuid& message) {
  message.set_high(uuid.high);
  message.set_low(uuid.low);
}

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

void fill_replica(const ReplicaStatus& status, v1::ReplicaStatus& message) {
  message.set_partition(status.partition.value());
  message.set_mode(static_cast<v1::Mode>(status.mode));
  message.set_role(status.role);
  message.set_leader(status.leader.value());
  message.set_term(status.term.value());
  message.set_commit(status.commit.value());
  message.set_applied(status.applied.value());
  message.set_last(status.last.value());
  message.set_pending(status.pending);
  message.set_hints(status.hints);
  message.set_last_change(status.last_change);
  for (const auto& [name, count] : status.counters) (*message.mutable_counters())[name] = count;
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

Result<topology::KeyspaceWish> to_wish(const v1::CreateKeyspaceRequest& message) {
  topology::KeyspaceWish wish;
  wish.name = message.name();
  wish.mode = TRY(to_mode(message.mode()));
  wish.copies = message.copies();
  wish.partitions = message.partitions();
  wish.read = TRY(to_level(message.read()));
  wish.write = TRY(to_level(message.write()));
  wish.durability = TRY(to_durability(message.durability()));
  return wish;
}

void fill(const topology::Catalog& catalog, v1::Catalog& message) {
  fill_uuid(catalog.cluster, *message.mutable_cluster());
  message.set_epoch(catalog.epoch.value());
  message.set_next_keyspace(catalog.next_keyspace.value());
  message.set_next_partition(catalog.next_partition.value());
  for (const auto& [node, member] : catalog.members) {
    v1::Member& m = *message.add_members();
    m.set_node(node.value());
    m.set_client_address(member.client_address);
    m.set_peer_address(member.peer_address);
    fill_uuid(member.disk, *m.mutable_disk());
  }
  for (const auto& [name, keyspace] : catalog.keyspaces) fill_keyspace(keyspace, *message.add_keyspaces());
}

void fill(const NodeIdentity& identity, v1::IdentityResponse& message) {
  message.set_node(identity.node.value());
  fill_uuid(identity.cluster, *message.mutable_cluster());
  fill_uuid(identity.disk, *message.mutable_disk());
  message.set_incarnation(identity.incarnation);
}

void fill(const NodeStatus& status, v1::StatusResponse& message) {
  fill(status.identity, *message.mutable_identity());
  message.set_ready(status.ready);
  message.set_not_ready_because(status.not_ready_because);
  message.set_epoch(status.epoch.value());
  for (const NodeId node : status.reachable) message.add_reachable(node.value());
  for (const ReplicaStatus& replica : status.replicas) fill_replica(replica, *message.add_replicas());
  for (const auto& [name, count] : status.counters) (*message.mutable_counters())[name] = count;
}

void fill(const InspectPage& page, v1::InspectResponse& message) {
  for (const InspectedKey& key : page.keys) {
    v1::InspectedKey& k = *message.add_keys();
    k.set_partition(key.partition.value());
    k.set_key(key.key);
    fill(key.version, *k.mutable_version());
    k.set_deleted(key.deleted);
    k.set_value_hash(key.value_hash);
  }
  message.set_next(page.next);
}

}  // namespace rift::api
