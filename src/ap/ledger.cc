#include "ap/ledger.h"

#include <algorithm>

#include "base/hash.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::ap {
namespace {

constexpr std::uint64_t room_made_at_once = 16;  // this part of the bound goes when it is reached

std::uint64_t size_of(const env::KeyValue& row) { return row.key.size() + row.value.size(); }
env::Range everything() { return wire::ledger_range(WallTime(), WallTime::max()); }

}  // namespace

void Ledger::remember(const Loss& loss) {
  known_.insert(loss);
  known_in_order_.push_back(loss);
  if (known_in_order_.size() <= remembered_max) return;
  known_.erase(known_in_order_.front());
  known_in_order_.pop_front();
}

// Once in a life: what the disk holds.
Result<void> Ledger::count(Turn& turn) {
  env::Range rest = everything();
  while (true) {
    const auto page = TRY(turn.scan(env::Table::ledger, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) break;
    for (const env::KeyValue& row : page) {
      bytes_ += size_of(row);
      oldest_ = std::min(oldest_, TRY(wire::parse_ledger_key(row.key)).seen_at);
    }
    rest.first = page.back().key + '\0';
  }
  is_counted_ = true;
  return {};
}

Result<void> Ledger::make_room(Turn& turn, std::uint64_t bytes) {
  const WallTime too_old = turn.now().wall - std::chrono::duration_cast<WallTime::duration>(bounds_.age_max);
  const bool is_full = bytes_ + bytes > bounds_.bytes_max;
  if (!is_full && oldest_ >= too_old) return {};
  const std::uint64_t wanted = is_full ? bounds_.bytes_max - bounds_.bytes_max / room_made_at_once : bounds_.bytes_max;
  env::Range rest = everything();
  while (true) {
    const auto page = TRY(turn.scan(env::Table::ledger, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    for (const env::KeyValue& row : page) {
      oldest_ = TRY(wire::parse_ledger_key(row.key)).seen_at;
      if (oldest_ >= too_old && bytes_ + bytes <= wanted) return {};
      turn.erase(env::Table::ledger, row.key);
      bytes_ -= std::min(bytes_, size_of(row));
    }
    if (page.empty()) break;
    rest.first = page.back().key + '\0';
  }
  oldest_ = WallTime::max();
  return {};
}

Result<void> Ledger::keep(Turn& turn, PartitionId partition, ByteView key, const causal::Envelope& winner,
                          const causal::Envelope& loser) {
  const Loss loss{xxh3_64(key) ^ partition.value(), loser.stamp.dot};
  if (is_known(loss)) return {};
  if (!is_counted_) TRY(count(turn));
  const WallTime now = turn.now().wall;
  env::KeyValue row{
      .key = wire::ledger_key(now, partition, key, loser.stamp.dot),
      .value = wire::encode(wire::LedgerRecord{.key = Bytes(key), .winner = winner, .loser = loser, .seen_by = self_})};
  TRY(make_room(turn, size_of(row)));
  MARK(turn.recorder(), "ap.loss_kept");
  bytes_ += size_of(row);
  oldest_ = std::min(oldest_, now);
  turn.put(env::Table::ledger, row.key, std::move(row.value));
  remember(loss);
  return {};
}

Result<void> Ledger::forget(Turn& turn, PartitionId partition) {
  env::Range rest = everything();
  while (true) {
    const auto page = TRY(turn.scan(env::Table::ledger, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) return {};
    for (const env::KeyValue& row : page) {
      if (TRY(wire::parse_ledger_key(row.key)).partition != partition) continue;
      turn.erase(env::Table::ledger, row.key);
      bytes_ -= std::min(bytes_, size_of(row));
    }
    rest.first = page.back().key + '\0';
  }
}

}  // namespace rift::ap
