// What a watch of `rift watch` has shown, and the flags with which another goes on exactly after it. It prints the events; it decides neither when to
// stop nor what comes. The client's thread tells it, the main thread looks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "caller/watch.h"
#include "cli/output.h"

namespace rift::cli {

class WatchTold {
 public:
  // `most` events are shown, and nothing is taken after them; 0: no end.
  WatchTold(Format format, std::uint64_t most, const caller::WatchWish& wish);

  void take(const caller::WatchBatch& batch);
  void end(Response response);
  bool is_over() const;
  std::optional<Response> ended() const;
  // " --resume 17:42 --resume 18:9": whoever follows sees what comes after what was shown, of each partition. `partitions`: those of the watch, by the
  // map. One that has not answered a watch from now on has no place yet: it is named, for nobody can say where it would go on.
  struct Resume {
    std::string flags;
    std::vector<PartitionId> unknown;
  };
  Resume resume(const std::vector<PartitionId>& partitions) const;

 private:
  const Format format_;
  const std::uint64_t most_;
  const caller::WatchWish wish_;
  mutable Mutex mutex_;  // the client's thread tells, the main thread looks
  std::uint64_t shown_ GUARDED_BY(mutex_) = 0;
  std::map<PartitionId, Revision> position_ GUARDED_BY(mutex_);  // the last revision shown, or known before
  std::optional<Response> ended_ GUARDED_BY(mutex_);
};

}  // namespace rift::cli
