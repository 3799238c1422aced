#include "cp/scan.h"

#include <algorithm>

#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t rows_per_step = 256;

// Rows become items until the page is full; a row too many gives next_key.
class Page {
 public:
  Page(const Operands& operands, Results& results)
      : keys_only_(operands.keys_only),
        keys_max_(operands.keys_max == 0 ? limits::scan_page_keys_max : operands.keys_max),
        results_(results) {}

  std::size_t rows_wanted() const { return std::min(rows_per_step, keys_max_ - results_.items.size() + 1); }
  // False: this row no longer belongs to the page.
  bool take(ByteView key, wire::CpValue value) {
    const std::size_t row_bytes = key.size() + value.value.size();
    const std::size_t size = key.size() + (keys_only_ ? 0 : value.value.size());
    const bool is_full =
        results_.items.size() >= keys_max_ || (!results_.items.empty() && bytes_ + size > limits::scan_page_bytes_max);
    if (rows_ >= scan_rows_max || read_bytes_ >= scan_read_bytes_max || (!value.deleted && is_full)) {
      results_.next_key = Bytes(key);
      return false;
    }
    ++rows_;
    read_bytes_ += row_bytes;
    if (value.deleted) return true;
    bytes_ += size;
    Item item{.key = Bytes(key), .found = true, .value = {}, .version = version_of(value)};
    if (!keys_only_) item.value = std::move(value.value);
    results_.items.push_back(std::move(item));
    return true;
  }

 private:
  bool keys_only_;
  std::size_t keys_max_;
  Results& results_;
  std::size_t rows_ = 0;
  std::size_t read_bytes_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<void> scan_page(Space space, ByteView first, const Operands& operands, Results& results, Turn& turn) {
  env::Range range = wire::cp_data_range(space.partition, space.generation);
  range.first = wire::cp_data_key(space.partition, space.generation, first);
  if (!operands.range_end.empty())
    range.last = wire::cp_data_key(space.partition, space.generation, operands.range_end.view());
  Page page(operands, results);
  while (range.first < range.last) {
    const auto rows = TRY(turn.scan(env::Table::state_cp, range, page.rows_wanted(), limits::scan_page_bytes_max));
    if (rows.empty()) return {};
    for (const env::KeyValue& row : rows) {
      const ByteView key = TRY(wire::parse_cp_data_key(row.key));
      auto value = TRY(wire::decode_cp_value(row.value));
      if (!page.take(key, std::move(value))) return {};
    }
    range.first = rows.back().key + std::string(1, '\0');
  }
  return {};
}

}  // namespace rift::cp
