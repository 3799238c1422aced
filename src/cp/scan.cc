#include "cp/scan.h"

#include "wire/keys.h"

namespace rift::cp {

Result<void> scan_page(Space space, ByteView first, const Operands& operands, Results& results, Turn& turn) {
  env::Range range = wire::cp_data_range(space.partition, space.generation);
  range.first = wire::cp_data_key(space.partition, space.generation, first);
  if (!operands.range_end.empty())
    range.last = wire::cp_data_key(space.partition, space.generation, operands.range_end.view());
  ScanPage page(operands, results);
  while (range.first < range.last) {
    const auto rows = TRY(turn.scan(env::Table::state_cp, range, page.rows_wanted(), limits::scan_page_bytes_max));
    if (rows.empty()) return {};
    for (const env::KeyValue& row : rows) {
      const ByteView key = TRY(wire::parse_cp_data_key(row.key));
      auto value = TRY(wire::decode_cp_value(row.value));
      const bool is_there = !value.deleted;
      if (!page.take(key, version_of(value), std::move(value.value), is_there)) return {};
    }
    range.first = rows.back().key + std::string(1, '\0');
  }
  return {};
}

}  // namespace rift::cp
