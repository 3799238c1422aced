#include "cli/watch_told.h"

#include <fmt/core.h>

namespace rift::cli {

WatchTold::WatchTold(Format format, std::uint64_t most, const caller::WatchWish& wish)
    : format_(format), most_(most == 0 ? ~std::uint64_t{0} : most), wish_(wish), position_(wish.resume) {}

void WatchTold::take(const caller::WatchBatch& batch) {
  Lock lock(mutex_);
  // What comes after the last that is shown is left for whoever goes on, and so is how far it would have come.
  if (shown_ == most_) return;
  for (const Event& event : batch.events) {
    if (shown_ == most_) {
      // In the middle of a revision: the others of its events come again, or they would never come.
      const auto last = position_.find(batch.partition);
      if (last != position_.end() && last->second == event.revision)
        last->second = Revision(event.revision.value() - 1);
      return;
    }
    show_event(format_, batch.partition, event);
    ++shown_;
    position_[batch.partition] = event.revision;
  }
  if (batch.events.empty()) show_progress(format_, batch.partition, batch.revision);
  position_[batch.partition] = batch.revision;
}

void WatchTold::end(Response response) {
  Lock lock(mutex_);
  ended_ = std::move(response);
}

bool WatchTold::is_over() const {
  Lock lock(mutex_);
  return ended_.has_value() || shown_ == most_;
}

std::optional<Response> WatchTold::ended() const {
  Lock lock(mutex_);
  return ended_;
}

WatchTold::Resume WatchTold::resume(const std::vector<PartitionId>& partitions) const {
  Lock lock(mutex_);
  std::map<PartitionId, Revision> position = position_;
  Resume resume;
  for (const PartitionId partition : partitions) {
    if (position.contains(partition)) continue;
    if (const auto known = caller::known_of(wish_, partition)) {
      position[partition] = *known;
    } else {
      resume.unknown.push_back(partition);
    }
  }
  for (const auto& [partition, revision] : position)
    resume.flags += fmt::format(" --resume {}:{}", partition.value(), revision.value());
  return resume;
}

}  // namespace rift::cli
