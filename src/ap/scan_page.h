// A page of one partition's keys by their hashes, as they stand in the store, out of one owner's own copy. The position to go on from is a key: what is
// written or deleted between two pages moves no other key, so each that is there all the while comes exactly once, on this owner and on any other
// (trap T24). A range is a filter here, not an order. Pages together are not a snapshot. Bounded in keys, bytes and rows looked at. Part of ApReplica.
#pragma once

#include "ap/reads.h"

namespace rift::ap {

// Answers `request`. Refused by name: a level above ONE, an atomic keyspace; an owner that is catching up sends its client elsewhere.
Result<void> scan_page(Core& core, const Reads& reads, const Request& request, Turn& turn);

}  // namespace rift::ap
