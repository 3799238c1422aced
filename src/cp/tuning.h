// The sizes by which cp groups fill messages, shorten their logs and histories, send snapshots, tell watches and compare their states. Each replica's own: the others need
// not agree. Handed from node's options to every CpReplica; the simulator and tests make them small, so that what is rare in production is not.
#pragma once

#include "base/limits.h"
#include "cp/compaction.h"
#include "cp/membership.h"
#include "cp/snapshot_sender.h"
#include "cp/watches.h"

namespace rift::cp {

struct Tuning {
  CompactionLimits compaction{};
  HistoryLimits history{};
  SnapshotLimits snapshot{};
  WatchLimits watch{};
  std::size_t append_bytes_max = limits::entry_bytes_soft;  // of a message; a larger entry travels alone
  std::uint64_t verify_every = 1024;                        // entries between two comparisons of the state
  Duration spread_after = spread_after_default;  // without an election: leadership goes to the preferred leader
};

}  // namespace rift::cp
