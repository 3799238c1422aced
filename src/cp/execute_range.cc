// What touches keys that the command does not name: del_range, expire; and compact.
#include "cp/execute.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

// What one command may look at and delete; the caller goes on from next_key.
constexpr std::size_t deleted_key_bytes_max = 512 * limits::kibi;
constexpr std::size_t examined_keys_max = 4 * limits::batch_ops_max;
constexpr std::size_t examined_bytes_max = 4 * limits::mebi;
constexpr std::size_t page_keys_max = 256;
constexpr std::size_t page_bytes_max = limits::mebi;
static_assert(deleted_key_bytes_max + limits::batch_ops_max * history_event_overhead_bytes < limits::entry_bytes_max);

struct Victim {
  Bytes key;
  wire::CpValue value;
};

struct Found {
  std::vector<Victim> victims;
  Bytes next_key;  // empty: nothing is left
};

env::Range range_of(const wire::Command& command, Space space) {
  env::Range range = wire::cp_data_range(space.partition, space.generation);
  if (!command.key.empty()) range.first = wire::cp_data_key(space.partition, space.generation, command.key);
  if (command.operands && !command.operands->range_end.empty())
    range.last = wire::cp_data_key(space.partition, space.generation, command.operands->range_end);
  return range;
}

// Bounds are counted key by key: how the store cuts its pages must not show.
Result<Found> find_victims(env::Range range, Turn& turn) {
  Found found;
  std::size_t examined = 0;
  std::size_t bytes = 0;
  std::size_t key_bytes = 0;
  while (range.first < range.last) {
    const auto page = TRY(turn.scan(env::Table::state_cp, range, page_keys_max, page_bytes_max));
    if (page.empty()) break;
    for (const auto& record : page) {
      const ByteView key = TRY(wire::parse_cp_data_key(record.key));
      const bool full = found.victims.size() == limits::batch_ops_max || key_bytes > deleted_key_bytes_max - key.size();
      if (full || examined == examined_keys_max || bytes > examined_bytes_max) {
        found.next_key = Bytes(key);
        return found;
      }
      ++examined;
      bytes += record.value.size();
      auto value = TRY(wire::decode_cp_value(record.value));
      if (value.deleted || value.lock) continue;
      key_bytes += key.size();
      value.value = Bytes();
      found.victims.push_back(Victim{.key = Bytes(key), .value = std::move(value)});
    }
    range.first = page.back().key + std::string(1, '\0');
  }
  return found;
}

}  // namespace

// Locks stay: who holds one would not know that it is gone.
Result<Applied> execute_del_range(const wire::Command& command, State& state, Turn& turn) {
  Found found = TRY(find_victims(range_of(command, state.space()), turn));
  Results results;
  results.deleted = found.victims.size();
  results.next_key = std::move(found.next_key);
  if (!found.victims.empty()) results.revision = state.spend();
  for (const Victim& victim : found.victims) {
    state.store(victim.key, victim.value, tombstone(victim.value, results.revision), Event::Kind::del, turn);
  }
  Applied result;
  result.version.modify_revision = results.revision;
  result.results = std::move(results);
  return result;
}

// Judged by what the keys say when the entry is applied: a write or a keep-alive that came before it in the log has moved the row. So an entry
// that a deposed leader left behind can do no harm (trap 46).
Result<Applied> execute_expire(State& state, Turn& turn) {
  const Space space = state.space();
  env::Range range = wire::cp_expiry_range(space.partition, space.generation, state.applied().log_time);
  Applied result;
  std::size_t rows = 0;
  std::size_t key_bytes = 0;
  while (true) {
    const auto page = TRY(turn.scan(env::Table::state_cp, range, page_keys_max, page_bytes_max));
    if (page.empty()) break;
    for (const auto& row : page) {
      const auto due = TRY(wire::parse_cp_expiry_key(row.key));
      if (rows == limits::expired_keys_per_entry_max || key_bytes > deleted_key_bytes_max - due.user_key.size())
        return result;
      ++rows;
      key_bytes += due.user_key.size();
      const auto old = TRY(state.read(due.user_key, turn));
      if (!is_live(old) || old->expiry != due.at)
        return fail(Code::corruption, "the expiry index names a key that does not expire then");
      if (result.version.modify_revision == Revision()) result.version.modify_revision = state.spend();
      state.store(Bytes(due.user_key), old, tombstone(*old, state.applied().revision), Event::Kind::expired, turn);
    }
    range.first = page.back().key + std::string(1, '\0');
  }
  return result;
}

// Values stay: it is watches that can no longer begin there, and deletes that no longer explain an absence.
Applied execute_compact(const wire::Command& command, State& state) {
  const Revision up_to = command.operands ? command.operands->revision : Revision();
  if (up_to > state.applied().revision)
    return refused(Code::invalid, Outcome::not_done, "the revision has not come yet");
  state.compact(up_to);
  Applied result;
  result.results.emplace().compacted = state.applied().compacted;
  return result;
}

}  // namespace rift::cp
