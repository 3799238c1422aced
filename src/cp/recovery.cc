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

Result<raft::ConfigAt> read_config(LogIndex index, StoredLog& log) {
  const auto entry = TRY(log.read(index, index, page_bytes_max)).front();
  if (entry.kind != raft::EntryKind::config) {
    return fail(Code::corruption, fmt::format("entry {} should be a configuration", index.value()));
  }
  return raft::ConfigAt{.index = index, .config = TRY(raft::decode_config(entry.payload))};
}

Result<std::vector<raft::ConfigAt>> read_configs(ConfigPlaces places, StoredLog& log) {
  std::vector<raft::ConfigAt> configs;
  if (places.before != LogIndex(0) && places.before < places.newest)
    configs.push_back(TRY(read_config(places.before, log)));
  if (places.newest != LogIndex(0)) configs.push_back(TRY(read_config(places.newest, log)));
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

Result<void> verify_applied(const wire::AppliedRecord& applied, StoredLog& log) {
  if (applied.index == LogIndex(0)) return {};
  const auto term = TRY(log.term(applied.index));
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
  put_config_places(space, ConfigPlaces{.newest = founding.index, .before = founding.index}, turn);
  put_hard_state(space, raft::HardState{.term = founding.term, .vote = {}}, turn);
  turn.put(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation),
           wire::encode(wire::AppliedRecord{}));
  return {};
}

void bury(Space space, Turn& turn) {
  for (const std::string_view name : {"create", "hard_state", "config", "config_before", "first_index"}) {
    turn.erase(env::Table::meta, wire::partition_meta_key(space.partition, name));
  }
  const auto log = wire::log_range(space.partition, space.generation, LogIndex(0), LogIndex(~std::uint64_t{0}));
  turn.erase_range(env::Table::log, log.first, log.last);
  const auto state = wire::state_range(space.partition, space.generation);
  turn.erase_range(env::Table::state_cp, state.first, state.last);
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "tombstone"), wire::encode_u64(1));
}

Result<Recovered> recover(Space space, Turn& turn) {
  StoredLog log(space, turn);
  Recovered found;
  const auto hard_state =
      TRY(read_meta(space, "hard_state", turn, [](ByteView bytes) { return wire::decode_hard_state(bytes); }));
  const auto applied = TRY(turn.get(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation)));
  const auto first_index =
      TRY(read_meta(space, "first_index", turn, [](ByteView bytes) { return wire::decode_u64(bytes); }));
  if (hard_state) found.raft.hard_state = *hard_state;
  if (applied) found.applied = TRY(wire::decode_applied(*applied));
  if (first_index) found.raft.first_index = LogIndex(*first_index);
  found.raft.applied = found.applied.index;

  TRY(verify_applied(found.applied, log));
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
  if (found.places.newest > found.raft.last_index)
    return fail(Code::corruption, "the configuration lies behind the end of the log");
  found.raft.configs = TRY(read_configs(found.places, log));
  if (born && found.raft.configs.empty()) return fail(Code::corruption, "the configuration's place is missing");
  return found;
}

}  // namespace rift::cp
