// Gate: writes and reads that have arrived while enough of their kind is under way. What comes in during one commit or one read round makes the
// next, larger one: natural batching, no timers. A lone client never waits here. Nothing in here has been proposed, so it can always be
// refused as not done. Owned by CpReplica, on the shard's thread.
#pragma once

#include <vector>

#include "cp/proposals.h"
#include "cp/reads.h"

namespace rift::cp {

// Entries of this leader that may wait for a majority at a time while smaller writes gather behind them.
constexpr std::uint64_t uncommitted_entries_max = 2;
// A read round without an answer for so long (a lost beat) does not hold back the next one.
constexpr Duration read_round_patience = std::chrono::milliseconds(50);

class Gate {
 public:
  void hold(std::vector<Request> writes, Time now);
  // In order of arrival, each with the budget that is left; those without any stay for take_expired_writes.
  std::vector<Request> take_writes(Time now);
  std::vector<RequestId> take_expired_writes(Time now);
  std::vector<RequestId> drop_writes();  // leadership is lost
  std::size_t writes() const { return writes_.size(); }
  std::size_t write_bytes() const { return write_bytes_; }

  void hold(std::vector<PendingRead> reads);
  std::vector<PendingRead> take_reads() { return std::exchange(reads_, {}); }
  std::vector<PendingRead> take_expired_reads(Time now);
  void cancel_read(RequestId id);
  std::size_t reads() const { return reads_.size(); }

  Time next_deadline() const;

 private:
  struct Held {
    Request request;
    Time deadline;
  };
  std::vector<Held> writes_;
  std::size_t write_bytes_ = 0;
  Time writes_deadline_ = Time::max();
  std::vector<PendingRead> reads_;
};

}  // namespace rift::cp
