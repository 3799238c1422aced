#include "replica/scan_page.h"

#include <algorithm>

namespace rift {
namespace {

constexpr std::size_t rows_per_step = 256;

}  // namespace

ScanPage::ScanPage(const Operands& operands, Results& results)
    : keys_only_(operands.keys_only),
      keys_max_(operands.keys_max == 0 ? limits::scan_page_keys_max : operands.keys_max),
      results_(results) {}

std::size_t ScanPage::rows_wanted() const { return std::min(rows_per_step, keys_max_ - results_.items.size() + 1); }

bool ScanPage::take(ByteView key, const Version& version, Bytes value, bool is_wanted) {
  const std::size_t row_bytes = key.size() + value.size();
  const std::size_t size = keys_only_ ? key.size() : row_bytes;
  const bool is_full =
      results_.items.size() >= keys_max_ || (!results_.items.empty() && bytes_ + size > limits::scan_page_bytes_max);
  if (rows_ >= scan_rows_max || read_bytes_ >= scan_read_bytes_max || (is_wanted && is_full)) {
    results_.next_key = Bytes(key);
    return false;
  }
  ++rows_;
  read_bytes_ += row_bytes;
  if (!is_wanted) return true;
  bytes_ += size;
  Item item{.key = Bytes(key), .found = true, .value = {}, .version = version};
  if (!keys_only_) item.value = std::move(value);
  results_.items.push_back(std::move(item));
  return true;
}

}  // namespace rift
