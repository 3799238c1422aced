#include "cp/stored_log.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t page_entries_max = 1024;
constexpr std::uint64_t single_erases_max = 16;  // a longer tail is erased as a range

template <class Reader>
Result<raft::ConfigAt> read_config(Space space, LogIndex index, Reader& reader) {
  const auto record = TRY(reader.get(env::Table::log, wire::log_key(space.partition, space.group, index)));
  if (!record) return fail(Code::corruption, fmt::format("entry {} is missing from the log", index.value()));
  const auto entry = TRY(wire::decode_log_record(*record, index));
  if (entry.kind != raft::EntryKind::config) {
    return fail(Code::corruption, fmt::format("entry {} should be a configuration", index.value()));
  }
  return raft::ConfigAt{.index = index, .config = TRY(raft::decode_config(entry.payload))};
}

template <class Reader>
Result<ConfigPlaces> read_places(Space space, Reader& reader) {
  const auto stored = TRY(reader.get(env::Table::meta, wire::partition_meta_key(space.partition, "config")));
  if (!stored) return ConfigPlaces();
  return wire::decode_config_places(*stored);
}

template <class Reader>
Result<std::optional<raft::ConfigAt>> find_config(Space space, const ConfigPlaces& places, const LogFloor& floor,
                                                  LogIndex index, Reader& reader) {
  const auto behind = std::upper_bound(places.begin(), places.end(), index);
  if (behind == places.begin() || index < floor.index) return std::optional<raft::ConfigAt>();
  const LogIndex at = *std::prev(behind);
  if (at <= floor.index) return std::optional(floor.config);
  return std::optional(TRY(read_config(space, at, reader)));
}

template <class Reader>
Result<std::optional<raft::ConfigAt>> stored_config(Space space, LogIndex index, Reader& reader) {
  const ConfigPlaces places = TRY(read_places(space, reader));
  const auto stored = TRY(reader.get(env::Table::meta, wire::partition_meta_key(space.partition, "floor")));
  const LogFloor floor = stored ? TRY(wire::decode_snapshot_meta(*stored)) : LogFloor{};
  return find_config(space, places, floor, index, reader);
}

}  // namespace

Result<std::vector<raft::Entry>> StoredLog::page(LogIndex from, std::size_t bytes_max) {
  const auto range = wire::log_range(space_.partition, space_.group, from, LogIndex(~std::uint64_t{0}));
  const auto records = TRY(turn_.scan(env::Table::log, range, page_entries_max, bytes_max));
  std::vector<raft::Entry> entries;
  entries.reserve(records.size());
  LogIndex expected = from;
  for (const auto& record : records) {
    const LogIndex found = TRY(wire::parse_log_key(record.key));
    if (found != expected) {
      return fail(Code::corruption,
                  fmt::format("the log has entry {} where {} belongs", found.value(), expected.value()));
    }
    entries.push_back(TRY(wire::decode_log_record(record.value, expected)));
    expected = next(expected);
  }
  return entries;
}

Result<std::vector<raft::Entry>> StoredLog::read(LogIndex from, LogIndex to, std::size_t bytes_max) {
  std::vector<raft::Entry> entries;
  std::size_t bytes = 0;
  for (LogIndex index = from; index <= to; index = next(index)) {
    const auto key = wire::log_key(space_.partition, space_.group, index);
    const auto record = TRY(turn_.get(env::Table::log, key));
    if (!record) return fail(Code::corruption, fmt::format("entry {} is missing from the log", index.value()));
    auto entry = TRY(wire::decode_log_record(*record, index));
    bytes += entry.payload.size();
    if (bytes > bytes_max && !entries.empty()) break;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<raft::ConfigAt> StoredLog::config(LogIndex index) { return read_config(space_, index, turn_); }

Result<std::optional<Term>> StoredLog::term(LogIndex index) {
  const auto record = TRY(turn_.get(env::Table::log, wire::log_key(space_.partition, space_.group, index)));
  if (!record) return std::optional<Term>();
  return std::optional(TRY(wire::decode_log_record(*record, index)).term);
}

void LogWriter::write(const raft::Effects& effects, Turn& turn) {
  if (effects.installed) install(*effects.installed, turn);
  if (effects.truncation) erase(*effects.truncation, turn);
  for (const raft::Entry& entry : effects.entries) {
    put_entry(space_, entry, turn);
    if (entry.kind != raft::EntryKind::config) continue;
    places_.push_back(entry.index);
    put_places(turn);
  }
  if (effects.hard_state) put_hard_state(space_, *effects.hard_state, turn);
}

void LogWriter::install(const raft::SnapshotMeta& meta, Turn& turn) {
  const auto all = wire::log_range(space_.partition, space_.group, LogIndex(0), LogIndex(~std::uint64_t{0}));
  turn.erase_range(env::Table::log, all.first, all.last);
  floor_ = meta;
  put_floor(space_, floor_, turn);
  places_ = {meta.config.index};
  put_places(turn);
}

Result<void> LogWriter::compact(const raft::LogPlace& place, Turn& turn) {
  ASSERT(place.index > floor_.index);
  auto config = TRY(find_config(space_, places_, floor_, place.index, turn));
  ASSERT(config.has_value());
  const auto range = wire::log_range(space_.partition, space_.group, next(floor_.index), next(place.index));
  turn.erase_range(env::Table::log, range.first, range.last);
  floor_ = LogFloor{.index = place.index, .term = place.term, .log_time = place.log_time, .config = std::move(*config)};
  put_floor(space_, floor_, turn);
  const auto kept = std::find(places_.begin(), places_.end(), floor_.config.index);
  ASSERT(kept != places_.end());
  if (kept == places_.begin()) return {};
  places_.erase(places_.begin(), kept);
  put_places(turn);
  return {};
}

// Whatever the new entries will overwrite goes too: a shorter log must not keep a stale tail behind its end (trap 20).
void LogWriter::erase(const raft::Truncation& truncation, Turn& turn) {
  ASSERT(truncation.from <= truncation.to);
  if (truncation.to - truncation.from >= single_erases_max) {
    const auto range = wire::log_range(space_.partition, space_.group, truncation.from, next(truncation.to));
    turn.erase_range(env::Table::log, range.first, range.last);
  } else {
    for (LogIndex index = truncation.from; index <= truncation.to; index = next(index)) {
      turn.erase(env::Table::log, wire::log_key(space_.partition, space_.group, index));
    }
  }
  if (places_.empty() || places_.back() < truncation.from) return;
  places_.erase(std::lower_bound(places_.begin(), places_.end(), truncation.from), places_.end());
  put_places(turn);
}

void LogWriter::put_places(Turn& turn) const { put_config_places(space_, places_, turn); }

void put_entry(Space space, const raft::Entry& entry, Turn& turn) {
  turn.put(env::Table::log, wire::log_key(space.partition, space.group, entry.index), wire::encode_log_record(entry));
}

void put_hard_state(Space space, const raft::HardState& state, Turn& turn) {
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "hard_state"), wire::encode(state));
}

void put_config_places(Space space, const ConfigPlaces& places, Turn& turn) {
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "config"), wire::encode_config_places(places));
}

void put_floor(Space space, const LogFloor& floor, Turn& turn) {
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "floor"), wire::encode(floor));
}

Result<ConfigPlaces> read_config_places(Space space, Turn& turn) { return read_places(space, turn); }

Result<std::optional<raft::ConfigAt>> newest_config(Space space, Turn& turn) {
  return stored_config(space, LogIndex(~std::uint64_t{0}), turn);
}

Result<std::optional<raft::ConfigAt>> config_at(Space space, LogIndex index, env::Reader& reader) {
  return stored_config(space, index, reader);
}

}  // namespace rift::cp
