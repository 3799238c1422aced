#include "client/convert.h"
#include "riftkv/v1/admin.pb.h"

namespace rift::client {
namespace {

namespace v1 = riftkv::v1;

Uuid to_uuid(const v1::Uuid& message) { return {message.high(), message.low()}; }
Level to_level(v1::Level level) { return v1::Level_IsValid(level) ? static_cast<Level>(level) : Level::unspecified; }

Result<topology::Keyspace> to_keyspace(const v1::Keyspace& message) {
  if (message.mode() != v1::MODE_CP && message.mode() != v1::MODE_AP)
    return fail(Code::corruption, "a keyspace of an unknown mode");
  if (message.partitions().empty()) return fail(Code::corruption, "a keyspace without partitions");
  topology::Keyspace keyspace;
  keyspace.id = KeyspaceId(message.id());
  keyspace.name = message.name();
  keyspace.mode = static_cast<Mode>(message.mode());
  keyspace.copies = message.copies();
  keyspace.read = to_level(message.read());
  keyspace.write = to_level(message.write());
  keyspace.durability =
      message.durability() == v1::DURABILITY_WAL ? topology::Durability::wal : topology::Durability::fsync;
  for (const v1::Partition& p : message.partitions()) {
    topology::Partition partition{.id = PartitionId(p.id()), .owners = {}};
    for (const std::uint32_t owner : p.owners()) partition.owners.push_back(NodeId(owner));
    keyspace.partitions.push_back(std::move(partition));
  }
  return keyspace;
}

ReplicaStatus to_replica(const v1::ReplicaStatus& message) {
  ReplicaStatus status;
  status.partition = PartitionId(message.partition());
  status.mode = message.mode() == v1::MODE_AP ? Mode::ap : Mode::cp;
  status.role = message.role();
  status.leader = NodeId(message.leader());
  status.term = Term(message.term());
  status.commit = LogIndex(message.commit());
  status.applied = LogIndex(message.applied());
  status.last = LogIndex(message.last());
  status.pending = message.pending();
  status.hints = message.hints();
  status.last_change = message.last_change();
  for (const auto& [name, count] : message.counters()) status.counters[name] = count;
  return status;
}

}  // namespace

void fill(const Uuid& uuid, v1::Uuid& message) {
  message.set_high(uuid.high);
  message.set_low(uuid.low);
}

void fill(const topology::KeyspaceWish& wish, v1::CreateKeyspaceRequest& message) {
  message.set_name(wish.name);
  message.set_mode(static_cast<v1::Mode>(wish.mode));
  message.set_copies(wish.copies);
  message.set_partitions(wish.partitions);
  message.set_read(static_cast<v1::Level>(wish.read));
  message.set_write(static_cast<v1::Level>(wish.write));
  message.set_durability(static_cast<v1::Durability>(wish.durability));
}

void fill(const topology::Member& member, v1::Member& message) {
  message.set_node(member.node.value());
  message.set_client_address(member.client_address);
  message.set_peer_address(member.peer_address);
  fill(member.disk, *message.mutable_disk());
}

Result<topology::Catalog> to_catalog(const v1::Catalog& message) {
  topology::Catalog catalog;
  catalog.cluster = to_uuid(message.cluster());
  catalog.epoch = MapEpoch(message.epoch());
  catalog.next_keyspace = KeyspaceId(message.next_keyspace());
  catalog.next_partition = PartitionId(message.next_partition());
  for (const v1::Member& m : message.members()) {
    topology::Member member{NodeId(m.node()), m.client_address(), m.peer_address(), to_uuid(m.disk())};
    const NodeId node = member.node;
    catalog.members.insert_or_assign(node, std::move(member));
  }
  for (const v1::Keyspace& k : message.keyspaces()) {
    topology::Keyspace keyspace = TRY(to_keyspace(k));
    std::string name = keyspace.name;
    catalog.keyspaces.insert_or_assign(std::move(name), std::move(keyspace));
  }
  return catalog;
}

NodeIdentity to_identity(const v1::IdentityResponse& message) {
  return {.node = NodeId(message.node()),
          .cluster = to_uuid(message.cluster()),
          .disk = to_uuid(message.disk()),
          .incarnation = message.incarnation()};
}

NodeStatus to_node_status(const v1::StatusResponse& message) {
  NodeStatus status;
  status.identity = to_identity(message.identity());
  status.ready = message.ready();
  status.not_ready_because = message.not_ready_because();
  status.epoch = MapEpoch(message.epoch());
  for (const std::uint32_t node : message.reachable()) status.reachable.push_back(NodeId(node));
  for (const v1::ReplicaStatus& replica : message.replicas()) status.replicas.push_back(to_replica(replica));
  for (const auto& [name, count] : message.counters()) status.counters[name] = count;
  return status;
}

InspectPage to_page(const v1::InspectResponse& message) {
  InspectPage page;
  for (const v1::InspectedKey& key : message.keys()) {
    page.keys.push_back({.partition = PartitionId(key.partition()),
                         .key = key.key(),
                         .version = to_version(key.version()),
                         .deleted = key.deleted(),
                         .value_hash = key.value_hash()});
  }
  page.next = message.next();
  return page;
}

}  // namespace rift::client
