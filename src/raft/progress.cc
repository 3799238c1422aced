#include "raft/progress.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::raft {

bool Progress::may_send(std::size_t messages_max, std::size_t bytes_max) const {
  switch (state_) {
    case State::probe:
      return !probe_sent_;
    case State::replicate:
      return in_flight_.size() < messages_max && in_flight_bytes_ < bytes_max;
    case State::snapshot:
      return false;
  }
  return false;
}

bool Progress::has_room(std::size_t bytes, std::size_t bytes_max) const {
  return in_flight_.empty() || in_flight_bytes_ + bytes <= bytes_max;
}

void Progress::sent(LogIndex last, std::size_t bytes, Time now) {
  if (state_ == State::probe) {
    probe_sent_ = true;
    last_progress_ = now;
    return;
  }
  ASSERT(state_ == State::replicate);
  if (last < next_) return;  // empty: it asks, it carries nothing that could fill the peer
  if (in_flight_.empty()) last_progress_ = now;
  next_ = rift::next(last);
  in_flight_.push_back({.last = last, .bytes = bytes});
  in_flight_bytes_ += bytes;
}

void Progress::commit_sent(LogIndex commit, Time now) {
  const bool is_first = commit_sent_ == LogIndex(0);  // the commit of an earlier leader, on the first append: no news
  if (commit > commit_sent_ && !is_first) commit_sent_at_ = now;
  commit_sent_ = commit;
}

void Progress::echoed(std::uint64_t position) { read_position_ = std::max(read_position_, position); }

void Progress::accepted(LogIndex match, LogIndex first_index, Time now) {
  if (match > match_) {
    match_ = match;
    last_progress_ = now;
  }
  while (!in_flight_.empty() && in_flight_.front().last <= match_) {
    in_flight_bytes_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
  }
  // A snapshot's acknowledgement counts by what it holds, not by which snapshot it was (trap 39).
  const LogIndex asked = state_ == State::snapshot ? first_index : next_;
  if (state_ != State::replicate && rift::next(match) >= asked) {
    state_ = State::replicate;
    next_ = rift::next(match_);
  }
  next_ = std::max(next_, rift::next(match_));
}

bool Progress::is_stale_rejection(LogIndex rejected_prev) const {
  switch (state_) {
    case State::probe:
      return rejected_prev != previous(next_);
    case State::replicate:
      return rejected_prev <= match_;
    case State::snapshot:
      return true;
  }
  return true;
}

void Progress::rejected(LogIndex next) {
  state_ = State::probe;
  next_ = std::max(next, rift::next(match_));
  probe_sent_ = false;
  in_flight_.clear();
  in_flight_bytes_ = 0;
}

void Progress::probe(LogIndex next) {
  if (state_ == State::snapshot) rejected(next);
}

void Progress::needs_snapshot() {
  state_ = State::snapshot;
  in_flight_.clear();
  in_flight_bytes_ = 0;
}

bool Progress::suspects_loss(LogIndex verified, Time now, Duration interval) {
  if (now - last_progress_ < interval) return false;
  switch (state_) {
    case State::probe:
      probe_sent_ = false;
      return false;
    case State::replicate:
      if (rift::next(match_) == next_ && verified >= match_) return false;
      last_progress_ = now;
      return true;
    case State::snapshot:
      return false;
  }
  return false;
}

}  // namespace rift::raft
