// Applier: the state machine of a cp partition. A pure function of the log (trap 45): no clock, no random numbers, no order of a map; time is
// the log's own. A malformed command is a no-op, the same on every replica (review 23). It decides neither what is committed nor
// who gets an answer. Owned by CpReplica, on the shard's thread.
#pragma once

#include <span>
#include <vector>

#include "cp/dedup.h"
#include "cp/execute.h"
#include "raft/types.h"

namespace rift::cp {

class Applier {
 public:
  Applier(Space space, wire::AppliedRecord applied, DedupTable dedup)
      : state_(space, applied), dedup_(std::move(dedup)) {}

  // The next entry of the log, in order. One result per command; none for an entry that is no (readable) list of commands. The span
  // lives until the next call. An error means that the store holds something unreadable: the replica must stop.
  Result<std::span<const Applied>> apply(const raft::Entry& entry, Turn& turn);
  // Writes what is kept once per round: dedup rows and the applied record. Must follow apply() in the same Turn.
  void finish(Turn& turn);

  const wire::AppliedRecord& applied() const { return state_.applied(); }
  LogIndex index() const { return applied().index; }
  std::size_t dedup_clients() const { return dedup_.clients(); }
  std::uint64_t malformed() const { return malformed_; }

  // What a leader asks before it proposes an expire: whether a key is due at this log time, looked up in the index.
  Result<bool> is_expiry_due(Duration log_time, Turn& turn);
  // Nothing is due before; zero: not known.
  Duration earliest_expiry() const { return state_.earliest_expiry(); }
  // History behind the floor is still being erased, a piece with every entry.
  bool is_sweeping() const { return !state_.has_swept() && applied().swept < applied().compacted; }

 private:
  Result<Applied> apply_command(const wire::Command& command, Turn& turn);
  Result<Applied> apply_named(const wire::Command& command, Turn& turn);

  State state_;
  DedupTable dedup_;
  std::vector<Applied> results_;
  std::uint64_t malformed_ = 0;
};

}  // namespace rift::cp
