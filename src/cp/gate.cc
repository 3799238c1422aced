#include "cp/gate.h"

#include <algorithm>

namespace rift::cp {

void Gate::hold(std::vector<Request> writes, Time now) {
  for (Request& request : writes) {
    const Time deadline = deadline_of(request, now);
    bytes_ += footprint(request);
    deadline_ = std::min(deadline_, deadline);
    writes_.push_back(Held{.request = std::move(request), .deadline = deadline});
  }
}

std::vector<Request> Gate::take(Time now) {
  std::vector<Request> ready;
  ready.reserve(writes_.size());
  std::vector<Held> late;
  bytes_ = 0;
  deadline_ = Time::max();
  for (Held& held : std::exchange(writes_, {})) {
    if (held.deadline <= now) {
      bytes_ += footprint(held.request);
      deadline_ = std::min(deadline_, held.deadline);
      late.push_back(std::move(held));
    } else {
      held.request.budget = held.deadline - now;
      ready.push_back(std::move(held.request));
    }
  }
  writes_ = std::move(late);
  return ready;
}

std::vector<RequestId> Gate::take_expired(Time now) {
  std::vector<RequestId> expired;
  if (now < deadline_) return expired;
  deadline_ = Time::max();
  std::erase_if(writes_, [&](const Held& held) {
    if (held.deadline > now) {
      deadline_ = std::min(deadline_, held.deadline);
      return false;
    }
    bytes_ -= footprint(held.request);
    expired.push_back(held.request.id);
    return true;
  });
  return expired;
}

std::vector<RequestId> Gate::take_all() {
  std::vector<RequestId> dropped;
  for (const Held& held : writes_) dropped.push_back(held.request.id);
  writes_.clear();
  bytes_ = 0;
  deadline_ = Time::max();
  return dropped;
}

}  // namespace rift::cp
