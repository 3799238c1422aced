// Availability per side while links were cut (CONTRACTS 6): the share of attempts, counted by the instant at which the open loop
// scheduled them, that the service answered (done or condition failed) before the heal. An answer that arrives after the heal
// belongs to the healed network and does not count for the cut one. Pure functions, called after a run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "chaos/check/timeline.h"

namespace rift::chaos::check {

struct Tally {
  std::uint64_t attempts = 0;
  std::uint64_t available = 0;
  double ratio() const { return attempts == 0 ? 0.0 : static_cast<double>(available) / static_cast<double>(attempts); }
};

struct OutcomeCounts {
  std::uint64_t ok = 0;
  std::uint64_t not_done = 0;
  std::uint64_t unknown = 0;
  std::uint64_t total() const { return ok + not_done + unknown; }
};

struct SideAvailability {
  OutcomeCounts outcomes;  // of all attempts scheduled between cut and heal
  Tally all;               // of those outside the grace
  Tally reads;
  Tally writes;
  std::optional<Duration> first_success;  // from the cut to the end of the first done operation that began after it
  Duration longest_gap{};                 // between answers, from cut to heal
  // Done operations that break A0: invoked later than 0.1 s after the cut and done before the heal. Indexes, at most six.
  std::uint64_t late_done = 0;
  std::vector<std::uint64_t> late_done_witness{};
};

struct AvailabilityOptions {
  Duration grace = std::chrono::milliseconds(2500);  // after each change
  Duration last_words = std::chrono::milliseconds(100);
};

SideAvailability availability_of(std::span<const Operation> operations, std::string_view keyspace, Side side,
                                 const Timeline& timeline, const AvailabilityOptions& options = {});

// Keys that were used on both sides during the cut, by at least one write.
std::uint64_t contended_keys(std::span<const Operation> operations, std::string_view keyspace,
                             const Timeline& timeline);

// For the strips of the report: attempts of one node in steps of `step`, over the whole run.
struct Step {
  Tally tally;
  std::uint64_t stale = 0;  // of the answered: reads that returned an old value
};
struct NodeSeries {
  NodeId node;
  std::vector<Step> steps;
};
constexpr Duration strip_step = std::chrono::milliseconds(250);
// `stale_reads` are operation indexes in order (staleness.h); may be empty.
std::vector<NodeSeries> node_series(std::span<const Operation> operations, std::string_view keyspace,
                                    const Timeline& timeline, std::span<const std::uint64_t> stale_reads = {});

}  // namespace rift::chaos::check
