// The clock that stamps are made with, and the stamper that all ap replicas of a node share. Stamps of a node rise for ever, over restarts
// and clock steps too, because none is seen outside before a ceiling at or above it is on disk (trap T06). Not a timer, and no I/O: the
// caller puts the ceiling into its batch. Used on the shard's thread.
#pragma once

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "causal/version.h"

namespace rift::causal {

constexpr Hlc successor(Hlc hlc) { return Hlc(hlc.bits() + 1); }
// The latest stamp that a clock within the drift bound can have made at `wall`.
Hlc drift_limit(WallTime wall);

// Hybrid logical clock (Kulkarni et al. 2014): at or above the wall clock, strictly above everything issued or seen.
class HybridClock {
 public:
  explicit HybridClock(Hlc floor = {}) : latest_(floor) {}
  Hlc latest() const { return latest_; }
  Hlc tick(WallTime wall, Hlc above);
  // False, and nothing changes, for a stamp from beyond the drift bound: it must not drag this clock along (trap T03).
  bool observe(Hlc remote, WallTime wall);
  void stand_above(Hlc kept) { latest_ = std::max(latest_, kept); }

 private:
  Hlc latest_;
};

class Stamper {
 public:
  // How far the ceiling is written ahead, and how much of that must be left. Below the drift bound: a node that restarts at once stamps
  // above its old ceiling, and its peers must not take that for a fast clock.
  static constexpr std::chrono::milliseconds ceiling_ahead{400};
  static constexpr std::chrono::milliseconds ceiling_margin{200};
  static_assert(ceiling_margin < ceiling_ahead);
  static_assert(ceiling_ahead < limits::clock_drift_max);

  struct Options {
    NodeId node;
    std::uint64_t incarnation = 0;
    std::uint64_t last_sequence = 0;  // of this incarnation: 0 unless it is continued after a clean stop
    Hlc ceiling;                      // meta node/hlc_ceiling as found at start; zero on a new disk
  };
  explicit Stamper(const Options& options);

  struct Issued {
    Stamp stamp;
    // Must go into the caller's batch as node/hlc_ceiling; ceiling_durable() once that batch is on disk.
    std::optional<Hlc> raise_ceiling;
    // A ceiling at or above the stamp is on disk: the stamp may leave the node before the batch that holds it is durable.
    bool covered = false;
    // The key already held a stamp from beyond the drift bound: this one stands just above it, and the clock stays where it was.
    bool beyond_drift = false;
  };
  // A stamp above everything this node has issued or seen, and above `stored`, the stamp that the key holds here.
  Issued issue(WallTime wall, Hlc stored);

  bool observe(Hlc remote, WallTime wall) { return clock_.observe(remote, wall); }
  // What this node has kept of its own past, however the wall clock stands now: no later stamp is at or below it.
  void stand_above(Hlc kept) { clock_.stand_above(kept); }
  void ceiling_durable(Hlc ceiling);
  // A batch that may have held a ceiling was dropped: the next stamp asks for it again.
  void ceiling_dropped() { reserved_ = durable_; }

  // How far the next stamp would stand beyond what others take for an honest clock: this node's wall clock was set back, or ran ahead before.
  // Zero: not at all.
  std::chrono::milliseconds ahead(WallTime wall) const;

  NodeId node() const { return node_; }
  std::uint64_t incarnation() const { return incarnation_; }
  std::uint64_t last_sequence() const { return sequence_; }
  Hlc latest() const { return clock_.latest(); }
  Hlc durable_ceiling() const { return durable_; }

 private:
  NodeId node_;
  std::uint64_t incarnation_;
  std::uint64_t sequence_;
  HybridClock clock_;
  Hlc reserved_;  // written into a batch
  Hlc durable_;   // on disk
};

}  // namespace rift::causal
