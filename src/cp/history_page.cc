#include "cp/history_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t records_per_page = 256;

// The first record that begins within [from, last].
Result<std::optional<Revision>> first_within(Space space, Revision from, Revision last, Turn& turn) {
  const env::Range range{wire::cp_history_key(space.partition, space.generation, from),
                         wire::cp_history_key(space.partition, space.generation, next(last))};
  const auto rows = TRY(turn.scan(env::Table::state_cp, range, 1, 1));
  if (rows.empty()) return std::optional<Revision>();
  return std::optional(TRY(wire::parse_cp_history_key(rows.front().key)));
}

// Where the record that holds `wanted` begins: the last one at or before it. The store scans forwards only: back in doubling steps until one is
// found, then halving the distance.
Result<std::optional<Revision>> record_of(Space space, Revision wanted, Turn& turn) {
  std::uint64_t low = wanted.value();
  std::optional<Revision> found = TRY(first_within(space, wanted, wanted, turn));
  for (std::uint64_t step = 1; !found && low > 1; step *= 2) {
    const std::uint64_t high = low - 1;
    low = high > step ? high - step : 1;
    found = TRY(first_within(space, Revision(low), Revision(high), turn));
  }
  if (!found) return found;
  std::uint64_t high = wanted.value();
  while (found->value() < high) {
    const std::uint64_t middle = found->value() + (high - found->value() + 1) / 2;
    const auto later = TRY(first_within(space, Revision(middle), Revision(high), turn));
    if (later) {
      found = later;
    } else {
      high = middle - 1;
    }
  }
  return found;
}

}  // namespace

Result<HistoryPage> read_history(Space space, Revision from, Revision last, std::size_t bytes_max, Turn& turn) {
  HistoryPage page{.events = {}, .next = from};
  const auto begin = TRY(record_of(space, from, turn));
  if (!begin) return fail(Code::corruption, fmt::format("no history record holds revision {}", from.value()));
  const env::Range range{wire::cp_history_key(space.partition, space.generation, *begin),
                         wire::cp_history_key(space.partition, space.generation, next(last))};
  for (const env::KeyValue& row : TRY(turn.scan(env::Table::state_cp, range, records_per_page, bytes_max))) {
    auto record = TRY(wire::decode_history(row.value));
    for (wire::HistoryEvent& event : record.events) {
      if (event.revision < from) continue;
      // Each revision was spent by a change: none is missing.
      if (event.revision > page.next)
        return fail(Code::corruption, fmt::format("history has no revision {}", page.next.value()));
      if (event.revision == page.next) page.next = next(page.next);
      page.events.push_back(wire::to_event(std::move(event)));
    }
  }
  if (page.next == from) return fail(Code::corruption, fmt::format("history has no revision {}", from.value()));
  return page;
}

}  // namespace rift::cp
