#include "cp/repair.h"

#include "raft/quorum.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t helpers_min = 2;  // of two owners, one alone is no majority

constexpr std::string_view disputed = "disputed";

std::string key_of(PartitionId partition) { return wire::partition_meta_key(partition, "repair"); }

}  // namespace

Result<Health> read_health(PartitionId partition, Turn& turn) {
  const auto stored = TRY(turn.get(env::Table::meta, key_of(partition)));
  if (!stored) return Health::good;
  const auto value = wire::decode_u64(*stored);
  return value && *value == static_cast<std::uint64_t>(Health::quarantined) ? Health::quarantined : Health::forgetful;
}

void put_health(PartitionId partition, Health health, Turn& turn) {
  if (health == Health::good) {
    turn.erase(env::Table::meta, key_of(partition));
  } else {
    turn.put(env::Table::meta, key_of(partition), wire::encode_u64(static_cast<std::uint64_t>(health)));
  }
}

void put_forgetful(PartitionId partition, env::WriteBatch& batch) {
  batch.put(env::Table::meta, key_of(partition), wire::encode_u64(static_cast<std::uint64_t>(Health::forgetful)));
}

Result<bool> read_disputed(PartitionId partition, Turn& turn) {
  return TRY(turn.get(env::Table::meta, wire::partition_meta_key(partition, disputed))).has_value();
}

void put_disputed(PartitionId partition, bool is_disputed, Turn& turn) {
  const std::string key = wire::partition_meta_key(partition, disputed);
  if (is_disputed) {
    turn.put(env::Table::meta, key, wire::encode_u64(1));
  } else {
    turn.erase(env::Table::meta, key);
  }
}

bool others_can_decide(const raft::Config* known, const std::vector<NodeId>& helpers, NodeId self) {
  if (known == nullptr) return helpers.size() >= helpers_min;
  return raft::is_quorum(*known, [self](NodeId node) { return node != self; });
}

}  // namespace rift::cp
