#include "cp/recovery.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "base/limits.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t page_bytes_max = 4 * limits::mebi;
constexpr std::size_t tail_bytes_max = 4 * limits::mebi;  // kept to start the core with a warm memory

template <class Decode>
auto read_meta(Space space, std::string_view name, Turn& turn, Decode decode)
    -> Result<std::optional<typename decltype(decode(ByteView()))::value_type>> {
  using Value = typename decltype(decode(ByteView()))::value_type;
  const auto stored = TRY(turn.get(env::Table::meta, wire::partition_meta_key(space.partition, name)));
  if (!stored) return std::optional<Value>();
  return std::optional<Value>(TRY(decode(*stored)));
}

// What stands at the applied index, and every later one.
Result<std::vector<raft::ConfigAt>> read_configs(const ConfigPlaces& places, const Recovered& found, StoredLog& log) {
  std::vector<raft::ConfigAt> configs;
  const auto behind = std::upper_bound(places.begin(), places.end(), found.applied.index);
  for (auto at = behind == places.begin() ? behind : std::prev(behind); at != places.end(); ++at) {
    configs.push_back(*at <= found.floor.index ? found.floor.config : TRY(log.config(*at)));
  }
  return configs;
}

// The log from `from` to its end: the newest entries that fit tail_bytes_max, and where it ends.
Result<void> read_tail(LogIndex from, StoredLog& log, raft::Restored& restored) {
  std::deque<raft::Entry> tail;
  std::size_t bytes = 0;
  while (true) {
    auto page = TRY(log.page(from, page_bytes_max));
    if (page.empty()) break;
    for (raft::Entry& entry : page) {
      if (!tail.empty() && entry.term < tail.back().term) {
        return fail(Code::corruption, fmt::format("the term falls at entry {}", entry.index.value()));
      }
      bytes += entry.payload.size();
      tail.push_back(std::move(entry));
      for (; bytes > tail_bytes_max && tail.size() > 1; tail.pop_front()) bytes -= tail.front().payload.size();
    }
    from = next(tail.back().index);
  }
  if (tail.empty()) return {};
  restored.last_index = tail.back().index;
  restored.last_term = tail.back().term;
  restored.last_log_time = tail.back().log_time;
  restored.tail.assign(std::make_move_iterator(tail.begin()), std::make_move_iterator(tail.end()));
  return {};
}

Result<void> verify_applied(const wire::AppliedRecord& applied, const LogFloor& floor, StoredLog& log) {
  if (applied.index < floor.index) return fail(Code::corruption, "entries that were not applied are gone from the log");
  if (applied.index == LogIndex(0)) return {};
  const auto term = applied.index == floor.index ? std::optional(floor.term) : TRY(log.term(applied.index));
  if (!term)
    return fail(Code::corruption,
                fmt::format("entry {} was applied and is missing from the log", applied.index.value()));
  if (*term == applied.term) return {};
  return fail(Code::corruption,
              fmt::format("entry {} was applied in another term than the log says", applied.index.value()));
}

}  // namespace

Result<void> give_birth(const Birth& birth, Turn& turn) {
  const Space space{.partition = birth.partition, .generation = birth.generation};
  const auto create_key = wire::partition_meta_key(birth.partition, "create");
  if (TRY(turn.get(env::Table::meta, create_key))) return fail(Code::already_exists, "this replica was born before");
  raft::Config config;
  config.voters = birth.voters;
  std::sort(config.voters.begin(), config.voters.end());
  TRY(raft::validate(config));
  const raft::Entry founding = raft::founding_entry(config);

  if (!birth.first.empty()) {
    raft::Entry first{.term = founding.term,
                      .index = next(founding.index),
                      .kind = raft::EntryKind::command,
                      .log_time = {},
                      .payload = {}};
    first.payload = wire::encode_commands(birth.first);
    if (first.payload.size() > limits::entry_bytes_max)
      return fail(Code::too_large, "the first entry is above entry_bytes_max");
    put_entry(space, first, turn);
  }
  turn.put(env::Table::meta, create_key, wire::encode(config));
  put_entry(space, founding, turn);
  put_config_places(space, {founding.index}, turn);
  put_hard_state(space, raft::HardState{.term = founding.term, .vote = {}}, turn);
  turn.put(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation),
           wire::encode(wire::AppliedRecord{}));
  return {};
}

// Term and vote stay: the map may bring this replica back as a learner, and what it has promised in a term that is not over holds (trap 37).
void bury(PartitionId partition, Turn& turn) {
  const auto all = wire::partition_range(partition);
  const std::string promise = wire::partition_meta_key(partition, "hard_state");
  turn.erase_range(env::Table::meta, all.first, promise);
  turn.erase_range(env::Table::meta, promise + std::string(1, '\0'), all.last);
  for (const env::Table table : {env::Table::log, env::Table::state_cp}) turn.erase_range(table, all.first, all.last);
  turn.put(env::Table::meta, wire::partition_meta_key(partition, "tombstone"), wire::encode_u64(1));
}

Result<Recovered> recover(Space space, Turn& turn) {
  StoredLog log(space, turn);
  Recovered found;
  const auto hard_state =
      TRY(read_meta(space, "hard_state", turn, [](ByteView bytes) { return wire::decode_hard_state(bytes); }));
  const auto applied = TRY(turn.get(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation)));
  const auto floor =
      TRY(read_meta(space, "floor", turn, [](ByteView bytes) { return wire::decode_snapshot_meta(bytes); }));
  if (hard_state) found.raft.hard_state = *hard_state;
  if (applied) found.applied = TRY(wire::decode_applied(*applied));
  if (floor) found.floor = *floor;
  found.raft.first_index = next(found.floor.index);
  found.raft.before_term = found.raft.last_term = found.floor.term;
  found.raft.before_log_time = found.raft.last_log_time = found.floor.log_time;
  found.raft.last_index = found.floor.index;
  found.raft.applied = found.applied.index;

  TRY(verify_applied(found.applied, found.floor, log));
  const LogIndex begin = std::max(found.applied.index, found.raft.first_index);
  TRY(read_tail(begin, log, found.raft));
  // Birth is one batch: with a create record there is a term, an applied record and a log.
  const bool born = TRY(turn.get(env::Table::meta, wire::partition_meta_key(space.partition, "create"))).has_value();
  const bool whole = hard_state && applied && found.raft.last_index != LogIndex(0);
  if (born && !whole) return fail(Code::corruption, "a record of the replica's birth is missing");
  if (!hard_state && found.raft.last_index != LogIndex(0)) return fail(Code::corruption, "a log without a stored term");
  if (hard_state && found.raft.last_term > hard_state->term)
    return fail(Code::corruption, "the log is ahead of the stored term");

  found.places = TRY(read_config_places(space, turn));
  if (!found.places.empty() && found.places.back() > found.raft.last_index)
    return fail(Code::corruption, "the configuration lies behind the end of the log");
  found.raft.configs = TRY(read_configs(found.places, found, log));
  if (born && found.raft.configs.empty()) return fail(Code::corruption, "the configuration's place is missing");
  return found;
}

}  // namespace rift::cp
