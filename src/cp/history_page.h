// HistoryPage: events of the history from a revision on, as the records in the store have them (one record for an entry, keyed by the first
// revision in it). Pure reading; it knows nothing of watchers. Used by Watches, on the shard's thread.
#pragma once

#include <vector>

#include "cp/space.h"

namespace rift::cp {

struct HistoryPage {
  std::vector<Event> events{};  // in order; all events of each revision
  Revision next{};              // everything below has been read
};

// From `from` to `last`, which has been applied, about bytes_max of it. `from` must be above the compacted revision. A hole in the history is
// Code::corruption: a watch must not pass over it.
Result<HistoryPage> read_history(Space space, Revision from, Revision last, std::size_t bytes_max, Turn& turn);

}  // namespace rift::cp
