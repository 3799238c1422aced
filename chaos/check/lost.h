// Acknowledged writes that are gone (CONTRACTS 6): acknowledged, not in the final state, and not overwritten by a write that saw
// it or started after its end. A compare-and-set saw the value it expected. In a cp keyspace every write is applied to the
// state that all earlier ones left, so there a write that overlapped in time and stands later in the group's order saw it too;
// under last-writer-wins an overlapping write saw nothing, and the loser counts as lost.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

// What the owners held once the load had stopped and the cluster was quiet: every distinct value of a key that any of them has.
// A key that is not in here was absent everywhere.
using FinalState = std::map<std::string, std::vector<std::string>, std::less<>>;

struct LostReport {
  std::uint64_t judged = 0;         // acknowledged writes looked at
  std::vector<std::uint64_t> lost;  // operation indexes, in order
};

LostReport find_lost_writes(std::span<const Operation> operations, std::string_view keyspace, Mode mode,
                            const FinalState& final_state);

}  // namespace rift::chaos::check
