// The hand-ordered bytes of every key on disk (CONTRACTS 1). Big-endian. Golden-byte tests hold them: they are dear to change.
// Pure functions, any thread. Parsers treat their input as hostile.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "causal/version.h"
#include "env/storage.h"

namespace rift::wire {

// Table::meta. Node-wide names: identity, incarnation, clean_stop, hlc_ceiling, batch_number.
std::string node_meta_key(std::string_view name);
// Per replica: hard_state, config, generation, group, floor, first_index, tombstone, horizon, create, repair, disputed.
std::string partition_meta_key(PartitionId partition, std::string_view name);

// All keys of one partition, of every generation, in meta, log, state_cp and state_ap.
env::Range partition_range(PartitionId partition);
// All keys of one generation in log, state_cp or state_ap.
env::Range state_range(PartitionId partition, Generation generation);

// Table::log: partition, group generation, index.
std::string log_key(PartitionId partition, Generation generation, LogIndex index);
env::Range log_range(PartitionId partition, Generation generation, LogIndex first, LogIndex past_last);
Result<LogIndex> parse_log_key(ByteView key);

// Table::state_cp.
std::string cp_data_key(PartitionId partition, Generation generation, ByteView user_key);
env::Range cp_data_range(PartitionId partition, Generation generation);
Result<ByteView> parse_cp_data_key(ByteView key);  // the user key inside
// History records, in the order of the first revision each holds.
std::string cp_history_key(PartitionId partition, Generation generation, Revision first);
bool is_cp_history_key(ByteView key);  // of any partition, in state_cp
env::Range cp_history_range(PartitionId partition, Generation generation);
Result<Revision> parse_cp_history_key(ByteView key);
// Expiry index: keys that live until `at` of log time, soonest first.
std::string cp_expiry_key(PartitionId partition, Generation generation, Duration at, ByteView user_key);
env::Range cp_expiry_range(PartitionId partition, Generation generation);
env::Range cp_expiry_range(PartitionId partition, Generation generation, Duration last);  // `last` included
struct ExpiryKey {
  Duration at{};
  ByteView user_key;  // inside the key parsed
};
Result<ExpiryKey> parse_cp_expiry_key(ByteView key);
std::string cp_dedup_key(PartitionId partition, Generation generation, const ClientId& client);
env::Range cp_dedup_range(PartitionId partition, Generation generation);
Result<ClientId> parse_cp_dedup_key(ByteView key);
std::string cp_applied_key(PartitionId partition, Generation generation);

// Table::state_ap.
std::string ap_data_key(PartitionId partition, Generation generation, ByteView user_key);
env::Range ap_data_range(PartitionId partition, Generation generation);
Result<ByteView> parse_ap_data_key(ByteView key);
std::string ap_merkle_key(PartitionId partition, Generation generation, std::uint32_t leaf);
std::string ap_tombstone_key(PartitionId partition, Generation generation, std::uint64_t hlc, ByteView user_key);

// Table::hint: target node, partition, key hash, user key.
std::string hint_key(NodeId target, PartitionId partition, ByteView user_key);
env::Range hint_range(NodeId target, PartitionId partition);
env::Range hint_range(NodeId target);
struct HintKey {
  NodeId target;
  PartitionId partition;
  std::string user_key;
};
Result<HintKey> parse_hint_key(ByteView key);
// Dirty mark on (target, partition): its hints overflowed, or an unclean stop may have lost some.
std::string hint_dirty_key(NodeId target, PartitionId partition);
env::Range hint_dirty_range();  // the marks of all targets; in no hint_range
struct DirtyKey {
  NodeId target;
  PartitionId partition;
};
Result<DirtyKey> parse_hint_dirty_key(ByteView key);

// Table::ledger: the time at which the loss was seen, partition, key hash, the loser's dot. The oldest first, of all partitions.
struct LedgerKey {
  WallTime seen_at{};
  PartitionId partition;
  std::uint32_t key_hash = 0;
  causal::Dot loser;
  friend bool operator==(const LedgerKey&, const LedgerKey&) = default;
};
std::string ledger_key(WallTime seen_at, PartitionId partition, ByteView user_key, const causal::Dot& loser);
env::Range ledger_range(WallTime first, WallTime past_last);
Result<LedgerKey> parse_ledger_key(ByteView key);

}  // namespace rift::wire
