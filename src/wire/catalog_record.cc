#include "base/limits.h"
#include "topology/verify.h"
#include "wire/describe_client.h"
#include "wire/records.h"
#include "wire/stored.h"

namespace rift::wire {
namespace proto {

// The catalog with its maps as lists.
struct StoredCatalog {
  ClusterId cluster;
  MapEpoch epoch;
  std::vector<topology::Member> members;
  std::vector<topology::Keyspace> keyspaces;
  KeyspaceId next_keyspace;
  PartitionId next_partition;
  bool allow_teaching = false;
};

constexpr std::size_t keyspaces_max = 65536;

template <class Io, Is<topology::Member> M>
void describe(Io& io, M& m) {
  io.required(1, m.node);
  io.bytes(2, m.client_address);
  io.bytes(3, m.peer_address);
  io.message(4, m.disk);
  io.enumeration(5, m.state);
  io.scalar(6, m.first_partition);
}

template <class Io, Is<topology::Partition> M>
void describe(Io& io, M& m) {
  io.required(1, m.id);
  io.packed(2, m.owners);
  io.packed(3, m.founders);
  io.packed(4, m.evicted);
  io.scalar(5, m.refounded);
  io.scalar(6, m.survivor);
}

template <class Io, Is<topology::Keyspace> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.id);
  io.required(2, m.name);
  io.enumeration(3, m.mode);
  io.required(4, m.copies);
  io.enumeration(5, m.read);
  io.enumeration(6, m.write);
  io.enumeration(7, m.durability);
  io.messages(8, m.partitions, limits::partitions_per_keyspace_max);
  io.scalar(9, m.atomic);
  io.scalar(10, m.sloppy);
  io.scalar(11, m.wall_clock);
}

template <class Io, Is<StoredCatalog> M>
void describe(Io& io, M& m) {
  io.message(1, m.cluster);
  io.scalar(2, m.epoch);
  io.messages(3, m.members, limits::members_max);
  io.messages(4, m.keyspaces, keyspaces_max);
  io.scalar(5, m.next_keyspace);
  io.scalar(6, m.next_partition);
  io.scalar(7, m.allow_teaching);
}

}  // namespace proto

Bytes encode(const topology::Catalog& catalog) {
  proto::StoredCatalog stored{.cluster = catalog.cluster,
                              .epoch = catalog.epoch,
                              .members = {},
                              .keyspaces = {},
                              .next_keyspace = catalog.next_keyspace,
                              .next_partition = catalog.next_partition,
                              .allow_teaching = catalog.allow_teaching};
  for (const auto& [node, member] : catalog.members) stored.members.push_back(member);
  for (const auto& [name, keyspace] : catalog.keyspaces) stored.keyspaces.push_back(keyspace);
  return proto::store(stored);
}

Result<topology::Catalog> decode_catalog(ByteView bytes) {
  auto stored = TRY(proto::load<proto::StoredCatalog>(bytes, nullptr, "catalog"));
  topology::Catalog catalog;
  catalog.cluster = stored.cluster;
  catalog.epoch = stored.epoch;
  catalog.next_keyspace = stored.next_keyspace;
  catalog.next_partition = stored.next_partition;
  catalog.allow_teaching = stored.allow_teaching;
  for (auto& member : stored.members) {
    const NodeId node = member.node;
    if (!catalog.members.emplace(node, std::move(member)).second)
      return fail(Code::corruption, "catalog: two members with one id");
  }
  for (auto& keyspace : stored.keyspaces) {
    for (auto& partition : keyspace.partitions) {
      if (partition.founders.empty()) partition.founders = partition.owners;  // written when owners never changed
    }
    const std::string name = keyspace.name;
    if (!catalog.keyspaces.emplace(name, std::move(keyspace)).second)
      return fail(Code::corruption, "catalog: two keyspaces with one name");
  }
  if (const auto sound = topology::verify(catalog); !sound)
    return fail(Code::corruption, "catalog: " + sound.error().detail);
  return catalog;
}

}  // namespace rift::wire
