#include "ap/hint_book.h"

#include <algorithm>
#include <set>

#include "base/coding.h"
#include "wire/keys.h"

namespace rift::ap {
namespace {

constexpr std::uint64_t row_overhead_bytes = 48;  // the fixed part of a row's key, and its value

std::uint64_t row_bytes(ByteView key) { return key.size() + row_overhead_bytes; }

}  // namespace

void HintBook::Entry::count(ByteView key, causal::Hlc first) {
  oldest = rows == 0 ? first : std::min(oldest, first);
  ++rows;
  bytes += row_bytes(key);
}

std::string HintBook::row_key(NodeId target, ByteView key) const {
  return wire::hint_key(target, core_.options.partition, key);
}

Result<void> HintBook::open(Turn& turn) {
  for (const NodeId owner : *core_.placement.owners()) {
    if (owner != core_.self()) TRY(open_target(turn, owner));
  }
  leftovers_ = !core_.placement.owner();
  TRY(drop_the_rest(turn));
  return forget_strangers(turn);
}

void HintBook::forget(Turn& turn, NodeId target) {
  MARK(turn.recorder(), "ap.hints_to_no_owner");
  LOG_INFO(turn.log(), "ap.hints_forgotten", "partition={} target={}: it is no owner any more",
           core_.options.partition.value(), to_string(target));
  const auto range = wire::hint_range(target, core_.options.partition);
  turn.erase_range(env::Table::hint, range.first, range.last);
  turn.erase(env::Table::hint, wire::hint_dirty_key(target, core_.options.partition));
}

void HintBook::observe(Turn& turn) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto current = entry++;
    if (core_.placement.owns(current->first)) continue;
    forget(turn, current->first);
    entries_.erase(current);
  }
}

// The map may have changed while this node was down. Rows stand by target first: one look for each target that this disk owes anything.
Result<void> HintBook::forget_strangers(Turn& turn) {
  std::set<NodeId> strangers;
  const auto meet = [&](NodeId target) {
    if (!core_.placement.owns(target)) strangers.insert(target);
  };
  env::Range rest{.first = wire::hint_range(NodeId(1)).first, .last = {}};
  while (true) {
    const auto next = TRY(turn.scan(env::Table::hint, rest, 1, limits::scan_page_bytes_max));
    if (next.empty()) break;
    const NodeId target = NodeId(TRY(KeyReader(next.front().key).u32()));
    const auto here = TRY(turn.scan(env::Table::hint, wire::hint_range(target, core_.options.partition), 1, 1));
    if (!here.empty()) meet(target);
    rest.first = wire::hint_range(target).last;
    if (rest.first.empty()) break;
  }
  env::Range marks = wire::hint_dirty_range();
  while (true) {
    const auto page = TRY(turn.scan(env::Table::hint, marks, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) break;
    for (const auto& [disk_key, value] : page) {
      const auto mark = TRY(wire::parse_hint_dirty_key(disk_key));
      if (mark.partition == core_.options.partition) meet(mark.target);
    }
    marks.first = page.back().key + '\0';
  }
  for (const NodeId stranger : strangers) forget(turn, stranger);
  return {};
}

Result<void> HintBook::open_target(Turn& turn, NodeId target) {
  Entry& entry = entries_[target];
  const auto mark = TRY(turn.get(env::Table::hint, wire::hint_dirty_key(target, core_.options.partition)));
  if (mark) {
    const auto record = TRY(wire::decode_hint(*mark));
    entry.dirty = Dirty{.since = causal::Hlc(record.first_hlc), .generation = ++generation_};
  }
  env::Range rest = wire::hint_range(target, core_.options.partition);
  while (true) {
    const auto page = TRY(turn.scan(env::Table::hint, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) return {};
    for (const auto& [disk_key, value] : page) {
      const auto row = TRY(wire::parse_hint_key(disk_key));
      entry.count(row.user_key, causal::Hlc(TRY(wire::decode_hint(value)).first_hlc));
    }
    rest.first = page.back().key + '\0';
  }
}

Result<void> HintBook::add(Turn& turn, NodeId target, ByteView key, const causal::Stamp& stamp) {
  Entry& entry = entries_[target];
  const Bounds& bounds = core_.options.bounds;
  if (entry.rows > 0 && !core_.placement.reaches(target) &&
      turn.now().wall - WallTime(entry.oldest.wall()) > bounds.hint_age_max) {
    MARK(turn.recorder(), "ap.hints_past_age");
    fold(turn, target, entry);
  }
  const std::string disk_key = row_key(target, key);
  const auto bytes = TRY(turn.get(env::Table::hint, disk_key));
  const bool is_full = entry.rows >= bounds.hints_max || entry.bytes + row_bytes(key) > bounds.hint_bytes_max;
  if (!bytes && is_full) {
    MARK(turn.recorder(), "ap.hints_past_bound");
    mark_dirty(turn, target, causal::Hlc(stamp.hlc.bits() - 1));
    return {};
  }
  wire::HintRecord record{.first_hlc = stamp.hlc.bits(), .last_hlc = stamp.hlc.bits(), .dot = stamp.dot};
  if (bytes) {
    const auto held = TRY(wire::decode_hint(*bytes));
    record.first_hlc = std::min(record.first_hlc, held.first_hlc);
    if (held.last_hlc > record.last_hlc) {
      record.last_hlc = held.last_hlc;
      record.dot = held.dot;
    }
  } else {
    entry.count(key, stamp.hlc);
    ++core_.counters.hints_made;
  }
  turn.put(env::Table::hint, disk_key, wire::encode(record));
  return {};
}

Result<void> HintBook::keep_for_owners(Turn& turn, ByteView key, const causal::Stamp& stamp) {
  for (const NodeId owner : *core_.placement.owners()) TRY(add(turn, owner, key, stamp));
  return {};
}

bool HintBook::is_marked() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.dirty.has_value(); });
}

// What a stand-in kept is where it belongs. A mark stands for any record: those stay until nothing is owed at all.
Result<void> HintBook::drop_if_paid(Turn& turn, ByteView key) {
  TRY(drop_the_rest(turn));
  if (core_.placement.owner() || is_marked()) return {};
  for (const NodeId owner : *core_.placement.owners()) {
    if (TRY(turn.get(env::Table::hint, row_key(owner, key)))) return {};
  }
  core_.records.erase(turn, key);
  MARK(turn.recorder(), "ap.stood_in");
  return {};
}

Result<void> HintBook::drop_the_rest(Turn& turn) {
  if (!leftovers_ || total() > 0) return {};
  leftovers_ = false;
  const auto all = core_.records.range();
  if (!TRY(turn.scan(env::Table::state_ap, all, 1, 1)).empty())
    turn.erase_range(env::Table::state_ap, all.first, all.last);
  return {};
}

Result<void> HintBook::settle(Turn& turn, NodeId target, ByteView key, const wire::HintRecord& seen) {
  const auto bytes = TRY(turn.get(env::Table::hint, row_key(target, key)));
  if (!bytes) return {};
  const auto record = TRY(wire::decode_hint(*bytes));
  if (record.last_hlc != seen.last_hlc || record.dot != seen.dot) {
    MARK(turn.recorder(), "ap.hint_renewed_while_delivered");
    return {};
  }
  ++core_.counters.hints_delivered;
  erase(turn, target, key);
  return drop_if_paid(turn, key);
}

void HintBook::erase(Turn& turn, NodeId target, ByteView key) {
  turn.erase(env::Table::hint, row_key(target, key));
  Entry& entry = entries_[target];
  if (entry.rows == 0) return;
  --entry.rows;
  entry.bytes = entry.rows == 0 ? 0 : entry.bytes - std::min(entry.bytes, row_bytes(key));
}

void HintBook::no_rows(NodeId target) {
  Entry& entry = entries_[target];
  entry.rows = entry.bytes = 0;
}

// An owner that is away for so long gets everything since then, which needs no rows.
void HintBook::fold(Turn& turn, NodeId target, Entry& entry) {
  const auto range = wire::hint_range(target, core_.options.partition);
  turn.erase_range(env::Table::hint, range.first, range.last);
  entry.rows = entry.bytes = 0;
  mark_dirty(turn, target, causal::Hlc(entry.oldest.bits() - 1));
}

void HintBook::mark_dirty(Turn& turn, NodeId target, causal::Hlc since) {
  Entry& entry = entries_[target];
  leftovers_ = !core_.placement.owner();
  const bool lower = !entry.dirty || since < entry.dirty->since;
  Dirty& dirty = entry.dirty ? *entry.dirty : entry.dirty.emplace(Dirty{});
  dirty.renewed = dirty.renewed ? std::min(*dirty.renewed, since) : since;
  dirty.generation = ++generation_;
  if (!lower) return;
  dirty.since = since;
  ++core_.counters.dirty_marks;
  put_mark(turn, target, since);
  LOG_INFO(turn.log(), "ap.dirty", "partition={} target={} since={}", core_.options.partition.value(),
           to_string(target), since.bits());
}

void HintBook::put_mark(Turn& turn, NodeId target, causal::Hlc since) {
  const wire::HintRecord record{.first_hlc = since.bits(), .last_hlc = since.bits(), .dot = {}};
  turn.put(env::Table::hint, wire::hint_dirty_key(target, core_.options.partition), wire::encode(record));
}

std::uint64_t HintBook::begin_pass(NodeId target) {
  Dirty& dirty = *entries_[target].dirty;
  dirty.renewed.reset();
  return dirty.generation;
}

Result<bool> HintBook::clear_dirty(Turn& turn, NodeId target, std::uint64_t generation) {
  Entry& entry = entries_[target];
  if (!entry.dirty) return false;
  entry.passed = generation;
  Dirty& dirty = *entry.dirty;
  if (dirty.generation != generation) {
    // Only what was marked behind the pass is left: each pass has less to bring, however many writes go on.
    dirty.since = *dirty.renewed;
    put_mark(turn, target, dirty.since);
    return false;
  }
  entry.dirty.reset();
  turn.erase(env::Table::hint, wire::hint_dirty_key(target, core_.options.partition));
  TRY(drop_the_rest(turn));
  return true;
}

bool HintBook::owes(NodeId target) const {
  const auto found = entries_.find(target);
  return found != entries_.end() && (found->second.rows > 0 || found->second.dirty);
}

std::uint64_t HintBook::rows(NodeId target) const {
  const auto found = entries_.find(target);
  return found == entries_.end() ? 0 : found->second.rows;
}

std::optional<HintBook::Dirty> HintBook::dirty(NodeId target) const {
  const auto found = entries_.find(target);
  return found == entries_.end() ? std::nullopt : found->second.dirty;
}

std::uint64_t HintBook::passed(NodeId target) const {
  const auto found = entries_.find(target);
  return found == entries_.end() ? 0 : found->second.passed;
}

std::vector<HintDebt> HintBook::debts() const {
  std::vector<HintDebt> debts;
  for (const auto& [target, entry] : entries_) {
    if (entry.rows == 0 && !entry.dirty) continue;
    HintDebt debt{.target = target, .keys = entry.rows, .bytes = entry.bytes, .oldest = {}, .dirty_since = {}};
    if (entry.rows > 0) debt.oldest = WallTime(entry.oldest.wall());
    // From the beginning on is since the first moment: zero would say that there is no mark.
    if (entry.dirty)
      debt.dirty_since = std::max(WallTime(entry.dirty->since.wall()), WallTime() + WallTime::duration(1));
    debts.push_back(debt);
  }
  return debts;
}

std::uint64_t HintBook::total() const {
  std::uint64_t sum = 0;
  for (const auto& [target, entry] : entries_) sum += entry.rows + (entry.dirty ? 1 : 0);
  return sum;
}

}  // namespace rift::ap
