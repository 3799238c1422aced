// What a user of the SDK hands to Client::watch() and gets back. Callbacks run on the client's own thread and must not block; they may call
// submit(), never wait for an answer.
#pragma once

#include <functional>
#include <memory>

#include "caller/watch.h"

namespace rift {

struct WatchCallbacks {
  // In order within a partition, no gap and no repeat, whatever happens to nodes and connections meanwhile.
  std::function<void(caller::WatchBatch)> on_batch;
  // At most once, and nothing comes after it: `compacted` (results->compacted says up to where), the keyspace is gone, or the wish makes
  // no sense.
  std::function<void(Response)> on_end;
};

// Destroying it ends the watch: once that returns no callback runs any more. Not from a callback of the same client.
class WatchHandle {
 public:
  virtual ~WatchHandle() = default;
};

}  // namespace rift
