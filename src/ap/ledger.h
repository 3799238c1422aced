// The lost-write ledger of a node: which acknowledged versions last-writer-wins has thrown away although the winner's writer had not seen them,
// both versions whole (DESIGN 6, trap T01). A loss is written in the batch of the merge that caused it, by each owner where the two met. Bounded in
// bytes and age, the oldest go first. One per node, beside the stamper; used by its ap replicas, on the shard's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "base/limits.h"
#include "causal/version.h"
#include "replica/turn.h"

namespace rift::ap {

class Ledger {
 public:
  struct Bounds {
    std::uint64_t bytes_max = limits::ledger_bytes_max;
    Duration age_max = limits::ledger_age_max;
  };
  Ledger(NodeId self, Bounds bounds) : self_(self), bounds_(bounds) {}
  explicit Ledger(NodeId self) : Ledger(self, Bounds{}) {}

  // A loss that came up before in this life of the node, by a repeated message, is not written again.
  Result<void> keep(Turn& turn, PartitionId partition, ByteView key, const causal::Envelope& winner,
                    const causal::Envelope& loser);
  // The partition is dropped: nobody may ask for its values any more.
  Result<void> forget(Turn& turn, PartitionId partition);

 private:
  static constexpr std::size_t remembered_max = 4096;
  using Loss = std::pair<std::uint64_t, causal::Dot>;  // hash of partition and key, the loser

  Result<void> count(Turn& turn);
  Result<void> make_room(Turn& turn, std::uint64_t bytes);
  bool is_known(const Loss& loss) const { return known_.contains(loss); }
  void remember(const Loss& loss);

  NodeId self_;
  Bounds bounds_;
  bool is_counted_ = false;
  std::uint64_t bytes_ = 0;
  WallTime oldest_ = WallTime::max();  // no row is older
  std::set<Loss> known_;
  std::deque<Loss> known_in_order_;
};

}  // namespace rift::ap
