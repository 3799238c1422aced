#include "node/replica_factory.h"

#include <array>

#include "ap/replica.h"
#include "base/coding.h"
#include "base/hash.h"
#include "base/limits.h"
#include "cp/recovery.h"
#include "cp/refound.h"
#include "cp/repair.h"
#include "cp/replica.h"
#include "node/amnesia.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

using env::Table;

constexpr Generation first_generation{1};
constexpr std::array<std::string_view, 2> birth_records = {"create", "learner"};

Result<bool> has_meta(PartitionId partition, std::string_view name, Turn& turn) {
  return TRY(turn.get(Table::meta, wire::partition_meta_key(partition, name))).has_value();
}

Result<void> give_birth_cp(const ReplicaSeed& seed, const topology::Catalog* founding, Turn& turn) {
  std::vector<wire::Command> first;
  if (founding != nullptr) {
    first.push_back(wire::Command{.verb = Verb::put,
                                  .key = Bytes(topology::catalog_key),
                                  .value = wire::encode(*founding),
                                  .condition = {},
                                  .op = std::nullopt});
  }
  return cp::give_birth({.partition = seed.partition.id,
                         .generation = first_generation,
                         .voters = seed.partition.founders,
                         .first = first},
                        turn);
}

Result<std::unique_ptr<Replica>> open_cp(const ReplicaSeed& seed, Turn& turn) {
  cp::CpReplica::Options options;
  options.partition = seed.partition.id;
  options.self = seed.self;
  options.name = seed.name;
  options.view = seed.view;
  options.check_invariants = seed.check_invariants;
  options.compaction = seed.cp.compaction;
  options.history = seed.cp.history;
  options.raft.append_bytes_max = seed.cp.append_bytes_max;
  options.snapshot = seed.cp.snapshot;
  options.watch = seed.cp.watch;
  options.verify_every = seed.cp.verify_every;
  options.spread_after = seed.cp.spread_after;
  options.refounded = times_refounded(TRY(group_generation(seed.partition.id, turn)));
  return std::unique_ptr<Replica>(TRY(cp::CpReplica::create(std::move(options), turn)));
}

Result<std::unique_ptr<Replica>> open_ap(const ReplicaSeed& seed, Turn& turn) {
  // From here on it is the replica that remembers.
  const bool has_forgotten = TRY(cp::read_health(seed.partition.id, turn)) != cp::Health::good;
  if (has_forgotten) cp::put_health(seed.partition.id, cp::Health::good, turn);
  ap::Options options;
  options.partition = seed.partition.id;
  options.name = seed.name;
  options.generation = first_generation;
  options.stamper = &seed.stamper;
  options.handoff = &seed.handoff;
  options.ledger = &seed.ledger;
  options.hedging = &seed.hedging;
  options.forgetful = has_forgotten || seed.replaced;
  options.unclean_start = seed.unclean_start || options.forgetful;
  return std::unique_ptr<Replica>(TRY(ap::ApReplica::create(options, seed.view, turn)));
}

InspectedKey inspect_cp(ByteView user_key, const wire::CpValue& value) {
  InspectedKey key;
  key.key = user_key;
  key.deleted = value.deleted;
  key.version.create_revision = value.create_revision;
  key.version.modify_revision = value.modify_revision;
  key.version.version = value.version;
  key.value_hash = xxh3_64(value.value);
  return key;
}

InspectedKey inspect_ap(ByteView user_key, const causal::Envelope& envelope) {
  InspectedKey key;
  key.key = user_key;
  key.deleted = envelope.kind == causal::Kind::tombstone;
  key.version.hlc = envelope.stamp.hlc.bits();
  key.version.dot_node = envelope.stamp.dot.node;
  key.version.dot_incarnation = envelope.stamp.dot.incarnation;
  key.version.dot_sequence = envelope.stamp.dot.sequence;
  key.value_hash = xxh3_64(envelope.payload);
  return key;
}

void describe(const InspectedKey& key, std::uint64_t value_bytes, KeyView& view) {
  view.found = true;
  view.version = key.version;
  view.deleted = key.deleted;
  view.value_bytes = value_bytes;
  view.value_hash = key.value_hash;
}

void describe_cp(const wire::CpValue& value, KeyView& view) {
  describe(inspect_cp({}, value), value.value.size(), view);
}

void describe_ap(const causal::Envelope& envelope, KeyView& view) {
  describe(inspect_ap({}, envelope), envelope.payload.size(), view);
  view.expiry = envelope.expiry;
  for (const causal::Actor& actor : envelope.context)
    view.seen.push_back({.node = actor.node, .incarnation = actor.incarnation, .sequence = actor.sequence});
}

void bury_ap(PartitionId partition, const std::map<NodeId, topology::Member>& members, Turn& turn) {
  for (const std::string_view name : {"create", "all_acked", "refill", "catching_up"})
    turn.erase(Table::meta, wire::partition_meta_key(partition, name));
  const auto range = wire::ap_data_range(partition, first_generation);
  turn.erase_range(Table::state_ap, range.first, range.last);
  for (const auto& [node, member] : members) {
    const auto hints = wire::hint_range(node, partition);
    turn.erase_range(Table::hint, hints.first, hints.last);
    turn.erase(Table::hint, wire::hint_dirty_key(node, partition));
  }
}

// Whatever it promised in a life that this disk has forgotten.
Result<void> doubt(PartitionId partition, Turn& turn) {
  if (TRY(may_be_forgotten(partition, turn))) cp::put_health(partition, cp::Health::forgetful, turn);
  return {};
}

void put_group_generation(PartitionId partition, std::uint64_t generation, Turn& turn) {
  if (generation == 0) return;
  turn.put(Table::meta, wire::partition_meta_key(partition, "refounded"), wire::encode_u64(generation));
}

}  // namespace

Result<bool> is_born(PartitionId partition, Turn& turn) {
  for (const std::string_view record : birth_records) {
    if (TRY(has_meta(partition, record, turn))) return true;
  }
  return false;
}

Result<std::optional<MapEpoch>> burial(PartitionId partition, Turn& turn) {
  const auto stored = TRY(turn.get(Table::meta, wire::partition_meta_key(partition, "tombstone")));
  if (!stored) return std::optional<MapEpoch>();
  return std::optional(MapEpoch(TRY(wire::decode_u64(*stored))));
}

Result<void> give_birth_as_learner(const topology::Partition& partition, Turn& turn) {
  TRY(doubt(partition.id, turn));
  turn.put(Table::meta, wire::partition_meta_key(partition.id, "learner"), wire::encode_u64(1));
  turn.erase(Table::meta, wire::partition_meta_key(partition.id, "tombstone"));
  put_group_generation(partition.id, group_generation(partition), turn);
  return {};
}

std::uint64_t group_generation(const topology::Partition& partition) {
  return group_generation(partition.refounded, partition.survivor);
}

Result<std::uint64_t> group_generation(PartitionId partition, Turn& turn) {
  const auto stored = TRY(turn.get(Table::meta, wire::partition_meta_key(partition, "refounded")));
  return stored ? TRY(wire::decode_u64(*stored)) : std::uint64_t{0};
}

Result<void> refound(PartitionId partition, NodeId self, std::uint32_t times, Turn& turn) {
  const auto found = TRY(cp::refound(partition, self, turn));
  put_group_generation(partition, group_generation(times, self), turn);
  LOG_WARN(turn.log(), "node.refounded",
           "partition={} times={} survivor={} committed={} taken_for_committed={}: what only the lost members held "
           "after that is gone",
           partition.value(), times, to_string(self), found.committed.value(), found.last.value());
  return {};
}

Result<bool> is_forgetful(PartitionId partition, Turn& turn) {
  return TRY(cp::read_health(partition, turn)) == cp::Health::forgetful;
}

void mark_forgetful(PartitionId partition, Turn& turn) { cp::put_health(partition, cp::Health::forgetful, turn); }

Result<void> give_birth(const ReplicaSeed& seed, const topology::Catalog* founding, Turn& turn) {
  TRY(doubt(seed.partition.id, turn));
  switch (seed.keyspace.mode) {
    case Mode::cp:
      return give_birth_cp(seed, founding, turn);
    case Mode::ap:
      turn.put(Table::meta, wire::partition_meta_key(seed.partition.id, "create"),
               wire::encode_u64(seed.keyspace.id.value()));
      return {};
  }
  return fail(Code::invalid, "unknown mode");
}

Result<std::unique_ptr<Replica>> open_replica(const ReplicaSeed& seed, Turn& turn) {
  switch (seed.keyspace.mode) {
    case Mode::cp:
      return open_cp(seed, turn);
    case Mode::ap:
      return open_ap(seed, turn);
  }
  return fail(Code::invalid, "unknown mode");
}

void prepare_stop(Mode mode, Replica& replica, Turn& turn) {
  switch (mode) {
    case Mode::cp:
      static_cast<cp::CpReplica&>(replica).hand_over(turn);
      return;
    case Mode::ap:
      static_cast<ap::ApReplica&>(replica).drain(turn);
      return;
  }
}

Result<env::Range> data_range(Mode mode, PartitionId partition, env::Reader& reader) {
  if (mode == Mode::ap) return wire::ap_data_range(partition, first_generation);
  return wire::cp_data_range(partition, TRY(cp::find_space(partition, reader)).generation);
}

Result<std::string> catalog_store_key(env::Reader& reader) {
  const auto space = TRY(cp::find_space(topology::system_partition, reader));
  return wire::cp_data_key(space.partition, space.generation, topology::catalog_key);
}

Result<std::string> catalog_store_key(Turn& turn) {
  const auto space = TRY(cp::find_space(topology::system_partition, turn));
  return wire::cp_data_key(space.partition, space.generation, topology::catalog_key);
}

Result<InspectedKey> inspect_record(Mode mode, PartitionId partition, const env::KeyValue& record) {
  const bool is_cp = mode == Mode::cp;
  InspectedKey key =
      is_cp ? inspect_cp(TRY(wire::parse_cp_data_key(record.key)), TRY(wire::decode_cp_value(record.value)))
            : inspect_ap(TRY(wire::parse_ap_data_key(record.key)), TRY(wire::decode_envelope(record.value)));
  key.partition = partition;
  return key;
}

Version version_of(const causal::Stamp& stamp) { return ap::version_of(stamp); }

Result<KeyView> read_key(Mode mode, const topology::Partition& partition, ByteView key, env::Reader& reader) {
  KeyView view;
  view.partition = partition.id;
  view.owners = partition.owners;
  if (mode == Mode::cp) {
    const auto space = TRY(cp::find_space(partition.id, reader));
    const auto bytes = TRY(reader.get(Table::state_cp, wire::cp_data_key(partition.id, space.generation, key)));
    if (bytes) describe_cp(TRY(wire::decode_cp_value(*bytes)), view);
    return view;
  }
  const auto bytes = TRY(reader.get(Table::state_ap, wire::ap_data_key(partition.id, first_generation, key)));
  if (!bytes) return view;
  const auto envelope = TRY(wire::decode_envelope(*bytes));
  describe_ap(envelope, view);
  for (const NodeId owner : partition.owners) {
    if (TRY(reader.get(Table::hint, wire::hint_key(owner, partition.id, key)))) view.hinted.push_back(owner);
    const auto mark = TRY(reader.get(Table::hint, wire::hint_dirty_key(owner, partition.id)));
    if (mark && TRY(wire::decode_hint(*mark)).first_hlc < envelope.stamp.hlc.bits()) view.dirty.push_back(owner);
  }
  return view;
}

Result<std::vector<PartitionId>> born_here(Turn& turn) {
  std::vector<PartitionId> born;
  env::Range rest{.first = wire::partition_range(PartitionId(1)).first, .last = {}};
  while (true) {
    const auto page = TRY(turn.scan(Table::meta, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) return born;
    for (const env::KeyValue& record : page) {
      const PartitionId partition(TRY(KeyReader(record.key).u32()));
      for (const std::string_view birth : birth_records) {
        if (record.key == wire::partition_meta_key(partition, birth)) born.push_back(partition);
      }
    }
    rest.first = page.back().key + std::string(1, '\0');
  }
}

// A partition has records of one mode; the map that said which may have gone.
void bury(PartitionId partition, const topology::Catalog& catalog, Turn& turn) {
  cp::bury(partition, turn);
  bury_ap(partition, catalog.members, turn);
  for (const std::string_view birth : birth_records)
    turn.erase(Table::meta, wire::partition_meta_key(partition, birth));
  turn.put(Table::meta, wire::partition_meta_key(partition, "tombstone"), wire::encode_u64(catalog.epoch.value()));
}

bool was_let_go(Mode mode, const Replica& replica) {
  return mode == Mode::cp && static_cast<const cp::CpReplica&>(replica).was_let_go();
}

std::vector<NodeId> departed(Mode mode, const Replica& replica, Time now) {
  if (mode != Mode::cp) return {};
  return static_cast<const cp::CpReplica&>(replica).departed(now);
}

Result<void> transfer(Mode mode, Replica& replica, NodeId to, Turn& turn) {
  if (mode != Mode::cp) return fail(Code::invalid, "an ap partition has no leader");
  return static_cast<cp::CpReplica&>(replica).transfer(to, turn);
}

}  // namespace rift::node
