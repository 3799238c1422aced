// State: history, for watches: one record per entry under its first revision (DESIGN 13), and its compaction.
#include <algorithm>

#include "base/hash.h"
#include "cp/state.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

// A sweep's share of one entry. Every entry takes one: far more than an entry adds.
constexpr std::size_t swept_records_max = 64;
constexpr std::size_t swept_bytes_max = 256 * limits::kibi;

std::size_t bytes_of(const wire::HistoryEvent& event) {
  return history_event_overhead_bytes + event.key.size() + event.value.size();
}

}  // namespace

// A record must fit where an entry fits. An entry of many range deletes tells of more than it holds: its events then stand in several
// records. One revision's events never part.
void State::end_entry(Turn& turn) {
  if (events_.empty()) return;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t bytes = 0;  // of [begin, end)
  while (end < events_.size()) {
    std::size_t after = end;
    std::size_t more = 0;
    for (; after < events_.size() && events_[after].revision == events_[end].revision; ++after)
      more += bytes_of(events_[after]);
    if (end > begin && bytes + more > history_record_bytes_soft) {
      write_history(std::span(events_).subspan(begin, end - begin), turn);
      begin = end;
      bytes = 0;
    }
    bytes += more;
    end = after;
  }
  write_history(std::span(events_).subspan(begin), turn);
  events_.clear();
}

void State::write_history(std::span<const wire::HistoryEvent> events, Turn& turn) {
  Bytes record = wire::encode_history(events);
  applied_.history_bytes += record.size();
  turn.put(env::Table::state_cp, wire::cp_history_key(space_.partition, space_.generation, events.front().revision),
           std::move(record));
}

void State::compact(Revision up_to) {
  if (up_to <= applied_.compacted) return;
  applied_.compacted = up_to;
  has_swept_ = false;
  mix(up_to.value(), 0, 1);
}

// Bounds are counted here, record by record: how the store cuts its pages must not show.
Result<void> State::sweep(Turn& turn) {
  if (has_swept_) return {};
  const auto key_of = [&](Revision first) { return wire::cp_history_key(space_.partition, space_.generation, first); };
  const env::Range range{.first = key_of(next(applied_.swept)), .last = key_of(next(applied_.compacted))};
  const auto page = applied_.swept < applied_.compacted
                        ? TRY(turn.scan(env::Table::state_cp, range, swept_records_max, limits::mebi))
                        : std::vector<env::KeyValue>();
  std::size_t bytes = 0;
  for (const auto& stored : page) {
    if (bytes > swept_bytes_max) return {};
    const auto record = TRY(wire::decode_history(stored.value));
    if (record.events.back().revision > applied_.compacted) {  // it goes whole, later
      has_swept_ = true;
      return {};
    }
    TRY(sweep_record(record, turn));
    turn.erase(env::Table::state_cp, stored.key);
    applied_.swept = record.events.back().revision;
    applied_.history_bytes -= std::min<std::uint64_t>(applied_.history_bytes, stored.value.size());
    bytes += stored.value.size();
    mix(applied_.swept.value(), record.events.size(), 2);
  }
  has_swept_ = page.empty();
  return {};
}

// A tombstone says which delete explains an absence. Behind the floor nothing does: whoever reads the key is told the floor.
Result<void> State::sweep_record(const wire::HistoryRecord& record, Turn& turn) {
  for (const wire::HistoryEvent& event : record.events) {
    if (event.kind == Event::Kind::put) continue;
    const auto now = TRY(read(event.key, turn));
    if (!now || !now->deleted || now->modify_revision != event.revision) continue;
    turn.erase(env::Table::state_cp, wire::cp_data_key(space_.partition, space_.generation, event.key));
    mix(xxh3_64(event.key), event.revision.value(), 3);
  }
  return {};
}

}  // namespace rift::cp
