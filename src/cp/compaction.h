// When a group's log may lose its oldest entries, and how many: by size (DESIGN 5). A count of what stands in the log up to the applied entry; it
// erases nothing. Owned by CpReplica, on the shard's thread.
#pragma once

#include <cstdint>
#include <deque>

#include "base/ids.h"
#include "base/limits.h"

namespace rift::cp {

struct CompactionLimits {
  std::size_t bytes_max = 8 * limits::mebi;  // of applied payload: above it half of it goes
  std::uint64_t entries_max = 50'000;
  // A living peer that is behind keeps what it needs up to so many times the limits; the receiver of a snapshot up to hold_bytes_max.
  std::uint64_t patience = 4;
  std::size_t hold_bytes_max = 256 * limits::mebi;
};

// Of the changes that watches can be told; what is older goes, by an entry of the log.
struct HistoryLimits {
  std::uint64_t revisions_max = 100'000;
  std::uint64_t bytes_max = 64 * limits::mebi;
};

class LogMeter {
 public:
  // The log begins behind `floor`; the sizes of its entries up to `applied` are not known (a restart).
  LogMeter(CompactionLimits limits, LogIndex floor, LogIndex applied);

  void applied(LogIndex index, std::size_t bytes);  // in order
  void dropped(LogIndex up_to);

  bool is_due() const;
  // The last entry that may go: half of the limits stays for followers that are a little behind.
  LogIndex excess() const;
  bool is_patient() const;  // a living peer may still hold entries back
  bool may_hold() const;    // and a snapshot on its way

  std::uint64_t entries() const { return applied_ - floor_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Piece {
    LogIndex last{};
    std::size_t bytes = 0;
  };

  CompactionLimits limits_;
  LogIndex floor_;
  LogIndex applied_;
  std::deque<Piece> pieces_;  // the newest grows until it holds a sixteenth of a limit
  std::size_t bytes_ = 0;
};

}  // namespace rift::cp
