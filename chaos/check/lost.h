// Acknowledged writes that are gone (CONTRACTS 6): acknowledged, not in the final state, and not overwritten by a write that saw
// it or started after its end. A compare-and-set saw the value it expected. In a cp keyspace every write is applied to the
// state that all earlier ones left, so there an overlapping write is excused if the value found at the end can be the later of
// the two: not if that value had been confirmed, by its own end or by a read of it, before the write began, nor if it stands
// earlier in the group's order. Under last-writer-wins an overlapping write saw nothing, and the loser counts as lost.
// What is called lost is lost; a state at the end that fits no order for subtler reasons is found by zone.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

struct LostReport {
  std::uint64_t judged = 0;         // acknowledged writes looked at
  std::vector<std::uint64_t> lost;  // operation indexes, in order
};

LostReport find_lost_writes(std::span<const Operation> operations, std::string_view keyspace, Mode mode,
                            const FinalState& final_state);

}  // namespace rift::chaos::check
