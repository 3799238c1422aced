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
  if (durability == v1::DURABILITY_NONE) return topology::Durability::none;
  return fail(Code::invalid, fmt::format("unknown durability {}", static_cast<int>(durability)));
}

Uuid to_uuid(const v1::Uuid& message) { return {message.high(), message.low()}; }

namespace {

std::vector<NodeId> to_nodes(const google::protobuf::RepeatedField<std::uint32_t>& message) {
  std::vector<NodeId> nodes;
  for (const std::uint32_t node : message) nodes.emplace_back(node);
  return nodes;
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
  keyspace.atomic = message.atomic();
  keyspace.sloppy = message.sloppy();
  keyspace.wall_clock = message.wall_clock();
  if (message.partitions().empty()) return fail(Code::invalid, "keyspace " + message.name() + " has no partition");
  for (const v1::Partition& p : message.partitions()) {
    topology::Partition partition;
    partition.id = PartitionId(p.id());
    partition.owners = to_nodes(p.owners());
    if (partition.owners.empty()) return fail(Code::invalid, "a partition of " + message.name() + " has no owner");
    partition.founders = p.founders().empty() ? partition.owners : to_nodes(p.founders());
    partition.evicted = to_nodes(p.evicted());
    partition.refounded = p.refounded();
    partition.survivor = NodeId(p.survivor());
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
  message.set_atomic(keyspace.atomic);
  message.set_sloppy(keyspace.sloppy);
  message.set_wall_clock(keyspace.wall_clock);
  for (const topology::Partition& partition : keyspace.partitions) {
    v1::Partition& p = *message.add_partitions();
    p.set_id(partition.id.value());
    for (const NodeId owner : partition.owners) p.add_owners(owner.value());
    for (const NodeId founder : partition.founders) p.add_founders(founder.value());
    for (const NodeId node : partition.evicted) p.add_evicted(node.value());
    p.set_refounded(partition.refounded);
    p.set_survivor(partition.survivor.value());
  }
}

}  // namespace

Result<topology::Member> to_member(const v1::Member& message) {
  if (message.node() == 0) return fail(Code::invalid, "node id 0 is nobody");
  if (message.state() < v1::MEMBER_STATE_ACTIVE || message.state() > v1::MEMBER_STATE_LOST)
    return fail(Code::invalid, fmt::format("unknown member state {}", static_cast<int>(message.state())));
  return topology::Member{.node = NodeId(message.node()),
                          .client_address = message.client_address(),
                          .peer_address = message.peer_address(),
                          .disk = to_uuid(message.disk()),
                          .state = static_cast<topology::MemberState>(message.state()),
                          .first_partition = PartitionId(message.first_partition())};
}

Result<topology::Catalog> to_catalog(const v1::Catalog& message) {
  topology::Catalog catalog;
  catalog.cluster = to_uuid(message.cluster());
  catalog.epoch = MapEpoch(message.epoch());
  catalog.next_keyspace = KeyspaceId(message.next_keyspace());
  catalog.next_partition = PartitionId(message.next_partition());
  catalog.allow_teaching = message.allow_teaching();
  for (const v1::Member& m : message.members()) {
    const topology::Member member = TRY(to_member(m));
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
  message.set_state(static_cast<v1::MemberState>(member.state));
  message.set_first_partition(member.first_partition.value());
}

void fill(const topology::Catalog& catalog, v1::Catalog& message) {
  fill(catalog.cluster, *message.mutable_cluster());
  message.set_epoch(catalog.epoch.value());
  message.set_next_keyspace(catalog.next_keyspace.value());
  message.set_next_partition(catalog.next_partition.value());
  message.set_allow_teaching(catalog.allow_teaching);
  for (const auto& [node, member] : catalog.members) fill(member, *message.add_members());
  for (const auto& [name, keyspace] : catalog.keyspaces) fill_keyspace(keyspace, *message.add_keyspaces());
}

}  // namespace rift::rpc
