// A page of keys in their order, as the applied state has them. Bounded in keys, bytes and in rows looked at: a range full of deleted keys gives
// a short page, perhaps an empty one, that says where to go on. Used by CpReplica, on the shard's thread.
#pragma once

#include "cp/space.h"
#include "replica/scan_page.h"

namespace rift::cp {

// Fills items and next_key.
Result<void> scan_page(Space space, ByteView first, const Operands& operands, Results& results, Turn& turn);

}  // namespace rift::cp
