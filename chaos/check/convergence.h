// How long the replicas took to agree after the heal (CONTRACTS 6): every key last written before the heal has the same version
// on all owners, looked at each 100 ms; and at the end, with the load stopped, the full digests are equal. The load leaves a few
// keys alone from the heal on (chaos/load), so that there is something to look at. Pure functions, called after a run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

constexpr Duration sample_period = std::chrono::milliseconds(100);

// The versions of keys on each owner, as asked for at `at`; the owners always in the same order, "" for an absent key.
struct VersionSample {
  Time at{};
  std::map<std::string, std::vector<std::string>, std::less<>> versions;
};

struct Convergence {
  std::optional<Duration>
      took;                   // from the heal to the first sample from which on all agree; nullopt: never, or not shown
  std::uint64_t keys = 0;     // keys looked at in the last sample that had any
  std::uint64_t samples = 0;  // taken after the heal
};

Convergence find_convergence(std::span<const Operation> operations, std::string_view keyspace, Time heal,
                             std::span<const VersionSample> samples);

// True when all are equal. Whether they are of all replicas is for the caller to know.
bool digests_agree(std::span<const std::string> digests);

}  // namespace rift::chaos::check
