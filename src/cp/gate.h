// Gate: writes that have arrived while an entry is on its way to a majority. What comes in during one commit makes the next, larger
// entry: natural batching, no timers. A lone client never waits here. Nothing in here has been proposed, so it can always be refused as
// not done. Owned by CpReplica, on the shard's thread. (Reads are gathered by the core, behind read_rounds_in_flight_max.)
#pragma once

#include <vector>

#include "cp/proposals.h"

namespace rift::cp {

// Entries of this leader that may wait for a majority at a time while smaller writes gather behind them. Two: while one is on its way the
// next is made, so neither cores nor disks wait.
constexpr std::uint64_t uncommitted_entries_max = 2;

class Gate {
 public:
  void hold(std::vector<Request> writes, Time now);
  // In order of arrival, each with the budget that is left; those without any stay for take_expired.
  std::vector<Request> take(Time now);
  std::vector<RequestId> take_expired(Time now);
  std::vector<RequestId> take_all();  // leadership is lost
  std::size_t size() const { return writes_.size(); }
  std::size_t bytes() const { return bytes_; }

  Time next_deadline() const { return deadline_; }

 private:
  struct Held {
    Request request;
    Time deadline;
  };
  std::vector<Held> writes_;
  std::size_t bytes_ = 0;
  Time deadline_ = Time::max();
};

}  // namespace rift::cp
