#include "caller/session.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::caller {

bool Session::has_room() const {
  if (!opened_ && opening_) return false;
  // The other side refuses a request whose sequence is a whole window above its floor.
  return next_ - floor() < limits::dedup_window_max - 1;
}

OpId Session::start() {
  ASSERT(has_room());
  const std::uint64_t sequence = next_++;
  unfinished_.insert(sequence);
  while (next_ - floor() > limits::dedup_window_max / 2 && !unresolved_.empty()) give_up_oldest();
  if (!opened_) opening_ = sequence;
  return stamp(sequence, false);
}

OpId Session::stamp(std::uint64_t sequence, bool retry) const {
  return {.client = client_, .sequence = sequence, .floor = floor(), .first = !opened_, .retry = retry};
}

void Session::open() {
  opened_ = true;
  opening_.reset();
}

void Session::finish(std::uint64_t sequence, Outcome outcome) {
  if (opening_ == sequence) opening_.reset();
  if (outcome != Outcome::unknown) {
    unfinished_.erase(sequence);
    return;
  }
  unresolved_.push_back(sequence);
  if (unresolved_.size() > unresolved_max) give_up_oldest();
}

void Session::give_up_oldest() {
  unfinished_.erase(unresolved_.front());
  unresolved_.pop_front();
}

void Session::settle(std::uint64_t sequence) {
  const auto it = std::find(unresolved_.begin(), unresolved_.end(), sequence);
  if (it == unresolved_.end()) return;
  unresolved_.erase(it);
  unfinished_.erase(sequence);
}

void Session::renew(ClientId client) { *this = Session(client); }

}  // namespace rift::caller
