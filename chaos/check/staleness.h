// Stale reads (CONTRACTS 6): an acknowledged write of the key began after the write that the read returned had ended, and ended
// before the read began. The age is the read's start minus the end of the earliest such write: how long the read's answer had
// been out of date. O(n log n) per key. Also phantoms, values that no write can have produced: no mode allows those.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

struct StaleRead {
  std::uint64_t read = 0;         // operation index
  std::uint64_t overwritten = 0;  // index of the write whose value it returned; 0 with was_absent
  std::uint64_t newer = 0;        // index of the earliest write that should have been seen
  Duration age{};
};

struct StalenessReport {
  std::uint64_t reads = 0;  // judged
  std::uint64_t stale = 0;
  Duration worst{};
  std::vector<StaleRead> offenders;    // the worst first, at most offenders_max
  std::vector<std::uint64_t> indexes;  // of all stale reads, in order
  std::vector<std::uint64_t>
      phantoms;                // reads of values that nobody wrote, or that were reported not done, or not yet begun
  std::uint64_t unjudged = 0;  // absent answers that fit more than one delete
};

constexpr std::size_t offenders_max = 20;

// By what a write is newer than the one that a read returned. Under last-writer-wins a write may lose to an earlier one, and then its absence is a loss,
// not an old answer: there its version must be the larger one as well.
enum class NewerBy : std::uint8_t { time, time_and_version };

StalenessReport find_stale_reads(std::span<const Operation> operations, std::string_view keyspace,
                                 NewerBy newer_by = NewerBy::time);

}  // namespace rift::chaos::check
