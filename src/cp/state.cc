#include "cp/state.h"

#include <algorithm>

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

const Bytes& expiry_row() {
  static const Bytes row(std::string(1, static_cast<char>(wire::record_format)));
  return row;
}

}  // namespace

wire::CpValue successor(const std::optional<wire::CpValue>& old, Revision revision) {
  const bool exists = is_live(old);
  wire::CpValue now;
  now.create_revision = exists ? old->create_revision : revision;
  now.modify_revision = revision;
  now.version = exists ? old->version + 1 : 1;
  return now;
}

wire::CpValue tombstone(const wire::CpValue& old, Revision revision) {
  wire::CpValue now;
  now.deleted = true;
  now.create_revision = old.create_revision;
  now.modify_revision = revision;
  now.version = old.version + 1;
  return now;
}

void State::begin_entry(const raft::Entry& entry) {
  ASSERT(entry.index == next(applied_.index));
  applied_.index = entry.index;
  applied_.term = entry.term;
  applied_.log_time = std::max(applied_.log_time, entry.log_time);
}

void State::store(const Bytes& key, const std::optional<wire::CpValue>& old, const wire::CpValue& now, Event::Kind kind,
                  Turn& turn) {
  ASSERT(now.modify_revision == applied_.revision);
  // What is replaced counts too: a record that has changed by itself is found when its key is written next.
  if (old) mix(xxh3_64(old->value), old->modify_revision.value(), old->version);
  write_record(key, now, turn);
  index_expiry(key, old ? old->expiry : Duration(), now.expiry, turn);
  events_.push_back(wire::HistoryEvent{.kind = kind,
                                       .revision = now.modify_revision,
                                       .key = key,
                                       .value = now.value,
                                       .create_revision = now.create_revision,
                                       .version = now.version});
}

void State::prolong(const Bytes& key, const wire::CpValue& old, const wire::CpValue& now, Turn& turn) {
  write_record(key, now, turn);
  index_expiry(key, old.expiry, now.expiry, turn);
}

void State::write_record(const Bytes& key, const wire::CpValue& now, Turn& turn) {
  Bytes record = wire::encode(now);
  mix(xxh3_64(key), xxh3_64(record), applied_.revision.value());
  turn.put(env::Table::state_cp, wire::cp_data_key(space_.partition, space_.generation, key), std::move(record));
}

// Only keys that have a time to live cost a row.
void State::index_expiry(const Bytes& key, Duration old, Duration now, Turn& turn) {
  if (old == now) return;
  if (old != Duration::zero()) erase_expiry_row(old, key, turn);
  if (now == Duration::zero()) return;
  turn.put(env::Table::state_cp, wire::cp_expiry_key(space_.partition, space_.generation, now, key), expiry_row());
  earliest_expiry_ = std::min(earliest_expiry_, now);
}

void State::erase_expiry_row(Duration at, ByteView key, Turn& turn) {
  turn.erase(env::Table::state_cp, wire::cp_expiry_key(space_.partition, space_.generation, at, key));
}

Result<void> State::find_earliest_expiry(Turn& turn) {
  const auto range = wire::cp_expiry_range(space_.partition, space_.generation);
  const auto first = TRY(turn.scan(env::Table::state_cp, range, 1, limits::key_bytes_max));
  earliest_expiry_ = first.empty() ? Duration::max() : TRY(wire::parse_cp_expiry_key(first.front().key)).at;
  return {};
}

// An entry's time may be anything: it comes from a log that others wrote.
Duration State::expiry_after(Duration ttl) const {
  if (ttl <= Duration::zero()) return Duration::zero();
  return std::max(std::min(applied_.log_time, Duration::max() - ttl), Duration::zero()) + ttl;
}

void State::mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  scratch_.clear();
  for (const std::uint64_t part : {applied_.hash, a, b, c}) put_u64(scratch_, part);
  applied_.hash = xxh3_64(scratch_);
}

}  // namespace rift::cp
