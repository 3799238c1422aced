// A page of keys in their order, as the applied state has them. Bounded in keys, bytes and in rows looked at: a range full of deleted keys gives
// a short page, perhaps an empty one, that says where to go on. Used by CpReplica, on the shard's thread.
#pragma once

#include "base/limits.h"
#include "cp/space.h"

namespace rift::cp {

constexpr std::size_t scan_rows_max = 4 * limits::scan_page_keys_max;  // looked at for one page

constexpr std::size_t scan_read_bytes_max =
    4 * limits::scan_page_bytes_max;  // read for one page: of keys alone, above all

// Fills items and next_key.
Result<void> scan_page(Space space, ByteView first, const Operands& operands, Results& results, Turn& turn);

}  // namespace rift::cp
