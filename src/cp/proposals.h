// Proposals: who waits for which log entry. A proposal stays here, whatever happens to the leadership, until its fate is known or every budget is
// spent: applied in its own term (done), overtaken by an entry of another term (proof of not done), or out of time (unknown). It knows
// nothing of Raft; pack() turns requests into entry payloads. Owned by CpReplica, on the shard's thread.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "base/limits.h"
#include "replica/request.h"

namespace rift::cp {

// One request of an entry; at the same position as its command. A zero id has been answered.
struct Waiter {
  RequestId id{};
  Verb verb = Verb::put;
  Level asked = Level::unspecified;
  Time deadline{};
};

// Budgets are judged on this grid: deadlines of many requests fall together and cost one scan.
constexpr Duration deadline_grid = std::chrono::milliseconds(10);
Time deadline_of(const Request& request, Time now);  // on the grid, never early

struct PackedEntry {
  Bytes payload{};
  std::vector<Waiter> waiters{};
};
// Writes in order, split into entries at limits::entry_bytes_soft; one larger command travels alone.
std::vector<PackedEntry> pack(std::span<Request> writes, Time now);

class Proposals {
 public:
  // (term, index) only grow: lexicographically above all before.
  void add(Term term, LogIndex index, std::vector<Waiter> waiters);

  // The waiters of exactly this entry, which leave; empty: nobody waits.
  std::vector<Waiter> take(Term term, LogIndex index);
  // Those of `term` at [first, last].
  std::vector<Waiter> take_range(Term term, LogIndex first, LogIndex last);

  struct Expired {
    Term term{};
    Waiter waiter{};
  };
  // Those whose budget is spent; their entry's other waiters stay.
  std::vector<Expired> take_expired(Time now);

  Time next_deadline() const { return next_deadline_; }
  std::size_t waiting() const { return waiting_; }

 private:
  struct Proposal {
    Term term{};
    LogIndex index{};
    std::vector<Waiter> waiters{};
  };
  void drop_settled();
  std::size_t count(const std::vector<Waiter>& waiters) const;

  std::deque<Proposal> table_;  // by (term, index); a settled one is empty until it reaches the front
  std::size_t waiting_ = 0;
  Time next_deadline_ = Time::max();
};

}  // namespace rift::cp
