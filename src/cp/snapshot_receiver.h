// SnapshotReceiver: the pulling side of a state transfer (DESIGN 5, 8). Asks for one chunk after the other and writes the records into the next
// generation of the state, where nobody looks; whoever owns it switches the generation when all have come. A crash on the way leaves
// records there that the next transfer erases first. Owned by CpReplica, on the shard's thread.
#pragma once

#include <memory>
#include <optional>

#include "cp/snapshot_sender.h"

namespace rift::cp {

class SnapshotReceiver {
 public:
  enum class Took : std::uint8_t {
    nothing,   // repeated, late or of another transfer
    records,   // ask for the next
    complete,  // all records are written, and are what was sent
    damaged,   // they are not: begin again
  };

  explicit SnapshotReceiver(SnapshotLimits limits) : limits_(limits) {}

  bool is_receiving() const { return place_ != nullptr; }
  bool is_current(NodeId from, std::uint64_t id) const { return is_receiving() && from == from_ && id == offer_.id; }
  NodeId from() const { return from_; }
  const wire::SnapshotOffer& offer() const { return offer_; }
  Space target() const { return target_; }

  // `target` is the generation to write, `place` the node's place for an incoming transfer. Ends what was under way.
  Result<void> begin(NodeId from, const wire::SnapshotOffer& offer, Space target, std::shared_ptr<const void> place,
                     Turn& turn);
  Result<void> restart(Turn& turn);  // from the first chunk
  Result<Took> take(NodeId from, const wire::SnapshotChunk& chunk, Turn& turn);
  // What to ask for: at once after begin() and each chunk; again when no answer comes.
  wire::SnapshotPull pull(Time now);
  // The next pull leaves when what has been taken is durable; asked once.
  bool take_sync_wish();
  bool is_repeat_due(Time now) const { return is_receiving() && now - asked_ >= limits_.repeat; }
  // Asked again and again in vain: the sender stands somewhere else. Only restart() brings both together.
  bool is_lost(Time now) const { return next_ > 1 && now - heard_ >= lost_after * limits_.repeat; }
  bool is_over(Time now) const { return is_receiving() && now - heard_ >= limits_.patience; }
  // What was written stays until erase_other_generations().
  void end();
  Time next_wake() const;

 private:
  static constexpr int lost_after = 3;

  SnapshotLimits limits_;
  std::shared_ptr<const void> place_;
  NodeId from_;
  wire::SnapshotOffer offer_;
  Space target_;
  std::uint64_t next_ = 1;
  std::uint64_t sum_ = 0;
  std::size_t unsynced_bytes_ = 0;
  Time asked_{};
  Time heard_{};
};

// True when records of another generation than the replica's own are stored: what a switch or a broken-off transfer has left.
Result<bool> has_other_generations(Space space, Turn& turn);
void erase_other_generations(Space space, Turn& turn);

}  // namespace rift::cp
