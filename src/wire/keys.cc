#include "wire/keys.h"

#include <algorithm>

#include "base/coding.h"
#include "base/hash.h"

namespace rift::wire {
namespace {

constexpr char data_tag = 'd';
constexpr char history_tag = 'h';
constexpr char expiry_tag = 'e';
constexpr char dedup_tag = 'c';
constexpr char applied_tag = 'a';
constexpr char merkle_tag = 'm';
constexpr char tombstone_tag = 't';
constexpr char dirty_tag = 'x';
constexpr std::size_t state_prefix_bytes = 9;  // partition, generation, tag
constexpr std::size_t hint_prefix_bytes = 12;  // target, partition, key hash
constexpr std::size_t ledger_key_bytes = 36;

std::uint32_t order_hash(ByteView user_key) { return static_cast<std::uint32_t>(xxh3_64(user_key) >> 32); }

std::string state_prefix(PartitionId partition, Generation generation, char tag, std::size_t more) {
  std::string key;
  key.reserve(state_prefix_bytes + more);
  put_u32(key, partition.value());
  put_u32(key, generation.value());
  key.push_back(tag);
  return key;
}

// Everything that begins with `prefix`, which has a byte that is not 0xff.
env::Range range_of(std::string prefix) {
  std::string last = prefix;
  while (!last.empty() && last.back() == '\xff') last.pop_back();
  if (!last.empty()) last.back() = static_cast<char>(static_cast<unsigned char>(last.back()) + 1);
  return env::Range{.first = std::move(prefix), .last = std::move(last)};
}

// What follows (partition, generation, tag).
Result<ByteView> after_state_prefix(ByteView key, char tag) {
  if (key.size() < state_prefix_bytes || key[state_prefix_bytes - 1] != tag)
    return fail(Code::corruption, "not a key of this kind");
  return key.substr(state_prefix_bytes);
}

std::string hint_prefix(NodeId target, PartitionId partition) {
  std::string key;
  put_u32(key, target.value());
  put_u32(key, partition.value());
  return key;
}

// Node 0 is nobody: these rows stand before all hints and inside no target's range.
std::string dirty_prefix() {
  std::string key;
  put_u32(key, 0);
  key.push_back(dirty_tag);
  return key;
}

// Never before 1970, so that the unsigned order is the order of time.
std::string ledger_prefix(WallTime seen_at) {
  std::string key;
  put_u64(key, static_cast<std::uint64_t>(std::max(seen_at, WallTime()).time_since_epoch().count()));
  return key;
}

}  // namespace

std::string node_meta_key(std::string_view name) { return "node/" + std::string(name); }

std::string partition_meta_key(PartitionId partition, std::string_view name) {
  std::string key;
  put_u32(key, partition.value());
  key.push_back('/');
  key.append(name);
  return key;
}

env::Range partition_range(PartitionId partition) {
  std::string prefix;
  put_u32(prefix, partition.value());
  return range_of(std::move(prefix));
}

std::string log_key(PartitionId partition, Generation generation, LogIndex index) {
  std::string key;
  key.reserve(16);
  put_u32(key, partition.value());
  put_u32(key, generation.value());
  put_u64(key, index.value());
  return key;
}

env::Range log_range(PartitionId partition, Generation generation, LogIndex first, LogIndex past_last) {
  return env::Range{.first = log_key(partition, generation, first), .last = log_key(partition, generation, past_last)};
}

Result<LogIndex> parse_log_key(ByteView key) {
  KeyReader reader(key);
  TRY(reader.u32());
  TRY(reader.u32());
  const LogIndex index(TRY(reader.u64()));
  if (!reader.rest().empty()) return fail(Code::corruption, "log key is longer than its layout");
  return index;
}

env::Range state_range(PartitionId partition, Generation generation) {
  std::string prefix;
  put_u32(prefix, partition.value());
  put_u32(prefix, generation.value());
  return range_of(std::move(prefix));
}

std::string cp_data_key(PartitionId partition, Generation generation, ByteView user_key) {
  std::string key = state_prefix(partition, generation, data_tag, user_key.size());
  key.append(user_key);
  return key;
}

env::Range cp_data_range(PartitionId partition, Generation generation) {
  return range_of(state_prefix(partition, generation, data_tag, 0));
}

Result<ByteView> parse_cp_data_key(ByteView key) {
  const ByteView user_key = TRY(after_state_prefix(key, data_tag));
  if (user_key.empty()) return fail(Code::corruption, "data key without a user key");
  return user_key;
}

std::string cp_history_key(PartitionId partition, Generation generation, Revision first) {
  std::string key = state_prefix(partition, generation, history_tag, 8);
  put_u64(key, first.value());
  return key;
}

bool is_cp_history_key(ByteView key) {
  return key.size() == state_prefix_bytes + 8 && key[state_prefix_bytes - 1] == history_tag;
}

env::Range cp_history_range(PartitionId partition, Generation generation) {
  return range_of(state_prefix(partition, generation, history_tag, 0));
}

Result<Revision> parse_cp_history_key(ByteView key) {
  KeyReader reader(TRY(after_state_prefix(key, history_tag)));
  const Revision first(TRY(reader.u64()));
  if (!reader.rest().empty()) return fail(Code::corruption, "history key is longer than its layout");
  return first;
}

// Times are never negative, so that their unsigned order is theirs.
std::string cp_expiry_key(PartitionId partition, Generation generation, Duration at, ByteView user_key) {
  std::string key = state_prefix(partition, generation, expiry_tag, 8 + user_key.size());
  put_u64(key, static_cast<std::uint64_t>(std::max(at, Duration::zero()).count()));
  key.append(user_key);
  return key;
}

env::Range cp_expiry_range(PartitionId partition, Generation generation) {
  return range_of(state_prefix(partition, generation, expiry_tag, 0));
}

env::Range cp_expiry_range(PartitionId partition, Generation generation, Duration last) {
  env::Range range = cp_expiry_range(partition, generation);
  if (last < Duration::max()) range.last = cp_expiry_key(partition, generation, last + Duration(1), {});
  return range;
}

Result<ExpiryKey> parse_cp_expiry_key(ByteView key) {
  KeyReader reader(TRY(after_state_prefix(key, expiry_tag)));
  const std::uint64_t at = TRY(reader.u64());
  if (at > static_cast<std::uint64_t>(Duration::max().count()) || reader.rest().empty())
    return fail(Code::corruption, "not an expiry's key");
  return ExpiryKey{.at = Duration(static_cast<std::int64_t>(at)), .user_key = reader.rest()};
}

std::string cp_dedup_key(PartitionId partition, Generation generation, const ClientId& client) {
  std::string key = state_prefix(partition, generation, dedup_tag, 16);
  put_u64(key, client.high);
  put_u64(key, client.low);
  return key;
}

env::Range cp_dedup_range(PartitionId partition, Generation generation) {
  return range_of(state_prefix(partition, generation, dedup_tag, 0));
}

Result<ClientId> parse_cp_dedup_key(ByteView key) {
  KeyReader reader(TRY(after_state_prefix(key, dedup_tag)));
  ClientId client;
  client.high = TRY(reader.u64());
  client.low = TRY(reader.u64());
  if (!reader.rest().empty()) return fail(Code::corruption, "dedup key is longer than its layout");
  return client;
}

std::string cp_applied_key(PartitionId partition, Generation generation) {
  return state_prefix(partition, generation, applied_tag, 0);
}

std::string ap_data_key(PartitionId partition, Generation generation, ByteView user_key) {
  std::string key = state_prefix(partition, generation, data_tag, 4 + user_key.size());
  put_u32(key, order_hash(user_key));
  key.append(user_key);
  return key;
}

env::Range ap_data_range(PartitionId partition, Generation generation) {
  return range_of(state_prefix(partition, generation, data_tag, 0));
}

Result<ByteView> parse_ap_data_key(ByteView key) {
  KeyReader reader(TRY(after_state_prefix(key, data_tag)));
  const std::uint32_t hash = TRY(reader.u32());
  if (reader.rest().empty()) return fail(Code::corruption, "data key without a user key");
  if (hash != order_hash(reader.rest())) return fail(Code::corruption, "data key whose hash is not its user key's");
  return reader.rest();
}

std::string ap_merkle_key(PartitionId partition, Generation generation, std::uint32_t leaf) {
  std::string key = state_prefix(partition, generation, merkle_tag, 4);
  put_u32(key, leaf);
  return key;
}

std::string ap_tombstone_key(PartitionId partition, Generation generation, std::uint64_t hlc, ByteView user_key) {
  std::string key = state_prefix(partition, generation, tombstone_tag, 12);
  put_u64(key, hlc);
  put_u32(key, order_hash(user_key));
  return key;
}

std::string hint_key(NodeId target, PartitionId partition, ByteView user_key) {
  std::string key = hint_prefix(target, partition);
  key.reserve(hint_prefix_bytes + user_key.size());
  put_u32(key, order_hash(user_key));
  key.append(user_key);
  return key;
}

env::Range hint_range(NodeId target, PartitionId partition) { return range_of(hint_prefix(target, partition)); }

env::Range hint_range(NodeId target) {
  std::string prefix;
  put_u32(prefix, target.value());
  return range_of(std::move(prefix));
}

Result<HintKey> parse_hint_key(ByteView key) {
  KeyReader reader(key);
  HintKey parsed;
  parsed.target = NodeId(TRY(reader.u32()));
  parsed.partition = PartitionId(TRY(reader.u32()));
  const std::uint32_t hash = TRY(reader.u32());
  if (parsed.target == NodeId() || reader.rest().empty()) return fail(Code::corruption, "not a hint's key");
  if (hash != order_hash(reader.rest())) return fail(Code::corruption, "hint key whose hash is not its user key's");
  parsed.user_key = std::string(reader.rest());
  return parsed;
}

std::string hint_dirty_key(NodeId target, PartitionId partition) {
  return dirty_prefix() + hint_prefix(target, partition);
}

env::Range hint_dirty_range() { return range_of(dirty_prefix()); }

Result<DirtyKey> parse_hint_dirty_key(ByteView key) {
  if (!key.starts_with(dirty_prefix())) return fail(Code::corruption, "not a dirty mark's key");
  KeyReader reader(key.substr(dirty_prefix().size()));
  DirtyKey parsed;
  parsed.target = NodeId(TRY(reader.u32()));
  parsed.partition = PartitionId(TRY(reader.u32()));
  if (!reader.rest().empty()) return fail(Code::corruption, "dirty mark's key is longer than its layout");
  return parsed;
}

std::string ledger_key(WallTime seen_at, PartitionId partition, ByteView user_key, const causal::Dot& loser) {
  std::string key = ledger_prefix(seen_at);
  key.reserve(ledger_key_bytes);
  put_u32(key, partition.value());
  put_u32(key, order_hash(user_key));
  put_u32(key, loser.node.value());
  put_u64(key, loser.incarnation);
  put_u64(key, loser.sequence);
  return key;
}

env::Range ledger_range(WallTime first, WallTime past_last) {
  return env::Range{.first = ledger_prefix(first), .last = ledger_prefix(past_last)};
}

Result<LedgerKey> parse_ledger_key(ByteView key) {
  KeyReader reader(key);
  LedgerKey parsed;
  const std::uint64_t seen_at = TRY(reader.u64());
  parsed.partition = PartitionId(TRY(reader.u32()));
  parsed.key_hash = TRY(reader.u32());
  parsed.loser.node = NodeId(TRY(reader.u32()));
  parsed.loser.incarnation = TRY(reader.u64());
  parsed.loser.sequence = TRY(reader.u64());
  if (seen_at > static_cast<std::uint64_t>(WallTime::max().time_since_epoch().count()) || !reader.rest().empty())
    return fail(Code::corruption, "not a ledger key");
  parsed.seen_at = WallTime(WallTime::duration(static_cast<std::int64_t>(seen_at)));
  return parsed;
}

}  // namespace rift::wire
