#include "cp/gate.h"

#include <algorithm>

namespace rift::cp {

void Gate::hold(std::vector<Request> writes, Time now) {
  for (Request& request : writes) {
    const Time deadline = deadline_of(request, now);
    write_bytes_ += footprint(request);
    writes_deadline_ = std::min(writes_deadline_, deadline);
    writes_.push_back(Held{.request = std::move(request), .deadline = deadline});
  }
}

std::vector<Request> Gate::take_writes(Time now) {
  std::vector<Request> ready;
  ready.reserve(writes_.size());
  std::vector<Held> late;
  write_bytes_ = 0;
  writes_deadline_ = Time::max();
  for (Held& held : std::exchange(writes_, {})) {
    if (held.deadline <= now) {
      write_bytes_ += footprint(held.request);
      writes_deadline_ = std::min(writes_deadline_, held.deadline);
      late.push_back(std::move(held));
    } else {
      held.request.budget = held.deadline - now;
      ready.push_back(std::move(held.request));
    }
  }
  writes_ = std::move(late);
  return ready;
}

std::vector<RequestId> Gate::take_expired_writes(Time now) {
  std::vector<RequestId> expired;
  if (now < writes_deadline_) return expired;
  writes_deadline_ = Time::max();
  std::erase_if(writes_, [&](const Held& held) {
    if (held.deadline > now) {
      writes_deadline_ = std::min(writes_deadline_, held.deadline);
      return false;
    }
    write_bytes_ -= footprint(held.request);
    expired.push_back(held.request.id);
    return true;
  });
  return expired;
}

std::vector<RequestId> Gate::drop_writes() {
  std::vector<RequestId> dropped;
  for (const Held& held : writes_) dropped.push_back(held.request.id);
  writes_.clear();
  write_bytes_ = 0;
  writes_deadline_ = Time::max();
  return dropped;
}

void Gate::hold(std::vector<PendingRead> reads) {
  reads_.insert(reads_.end(), std::make_move_iterator(reads.begin()), std::make_move_iterator(reads.end()));
}

std::vector<PendingRead> Gate::take_expired_reads(Time now) {
  std::vector<PendingRead> expired;
  std::erase_if(reads_, [&](PendingRead& read) {
    if (read.deadline > now) return false;
    expired.push_back(std::move(read));
    return true;
  });
  return expired;
}

void Gate::cancel_read(RequestId id) {
  std::erase_if(reads_, [&](const PendingRead& read) { return read.id == id; });
}

Time Gate::next_deadline() const {
  Time next = writes_deadline_;
  for (const PendingRead& read : reads_) next = std::min(next, read.deadline);
  return next;
}

}  // namespace rift::cp
