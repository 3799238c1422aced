// One page of a scan while it fills: bounded in keys and bytes answered, and in rows and bytes that were read for it. The first row beyond is where the
// next page goes on. A plain value around one answer; used by the scans of both modes, on the shard's thread.
#pragma once

#include "base/limits.h"
#include "replica/request.h"

namespace rift {

constexpr std::size_t scan_rows_max = 4 * limits::scan_page_keys_max;         // looked at for one page
constexpr std::size_t scan_read_bytes_max = 4 * limits::scan_page_bytes_max;  // read for one page

class ScanPage {
 public:
  ScanPage(const Operands& operands, Results& results);

  // To read at once: no more than what may still come into the page, and the row that ends it.
  std::size_t rows_wanted() const;
  // The next row; one that is not wanted (deleted, outside the range) costs reading alone. False: it no longer belongs to the page.
  bool take(ByteView key, const Version& version, Bytes value, bool is_wanted);

 private:
  bool keys_only_;
  std::size_t keys_max_;
  Results& results_;
  std::size_t rows_ = 0;
  std::size_t read_bytes_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace rift
