// What one ap replica is told when it is made, and its bounds and timers. Plain values.
#pragma once

#include <string>

#include "ap/handoff_budget.h"
#include "ap/hedging.h"
#include "ap/ledger.h"
#include "base/limits.h"
#include "causal/clock.h"

namespace rift::ap {

// Bounds of one replica. A node has many: these are shares of the node's bounds in base/limits.h.
struct Bounds {
  std::size_t pending_writes_max = limits::pending_writes_max / 8;  // beyond: the missing owners get a hint at once
  std::size_t pending_bytes_max = limits::pending_bytes_max / 8;
  std::size_t pending_reads_max = 64 * limits::kibi;  // beyond: a multi-get is refused
  std::uint64_t hints_max = 64 * limits::kibi;        // rows per owner; beyond: a dirty mark
  std::uint64_t hint_bytes_max = 16 * limits::mebi;   // of those rows; likewise
  Duration hint_age_max = std::chrono::hours(3);      // of the oldest row for an owner that is away; likewise
};

struct Timers {
  Duration hint_after = limits::hint_after_max;  // min(budget, this): a silent owner gets a hint
  Duration delivery_jitter =
      std::chrono::milliseconds(100);  // an owner that comes back is not rushed by all at once (trap T29)
  Duration delivery_delay = std::chrono::milliseconds(100);  // hints for an owner that seems to be there
  Duration delivery_stall = std::chrono::milliseconds(500);  // no answer to an offer or a copy: once more
  Duration delivery_backoff_max = std::chrono::seconds(2);
  Duration read_retry = std::chrono::milliseconds(200);  // questions and repairs without an answer: once more
  // For a version that a client has seen and no owner in reach holds: one question may be lost.
  Duration token_wait = std::chrono::milliseconds(300);
  Duration low_water_interval = std::chrono::seconds(1);
};

struct Options {
  PartitionId partition;
  std::string name;  // "carts/0", for status, refusals and logs
  Generation generation{1};
  causal::Stamper* stamper = nullptr;  // the node's one; outlives the replica
  HandoffBudget* handoff = nullptr;    // likewise
  Ledger* ledger = nullptr;            // likewise
  Hedging* hedging = nullptr;          // likewise
  // The node was not stopped cleanly: writes that were in the pending table have left neither a hint nor a trace but themselves.
  bool unclean_start = false;
  // This disk lacks writes that it has acknowledged: it is a new one in an old one's place, or has lost durable writes. Its copy proves nothing
  // until every other owner has brought back what it holds (trap T39).
  bool forgetful = false;
  Bounds bounds;
  Timers timers;
};

}  // namespace rift::ap
