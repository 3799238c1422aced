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

// What last-writer-wins must not lose if the clocks of the nodes agree: acknowledged writes that are not in the final state although every value
// that is there was written, and acknowledged, before they began. Writes that began within `slack` after that do not count: two stamps of the same
// millisecond may stand in either order.
constexpr Duration clock_slack = std::chrono::milliseconds(5);
LostReport find_sequentially_lost_writes(std::span<const Operation> operations, std::string_view keyspace,
                                         const FinalState& final_state, Duration slack = clock_slack);

// Documents: sets kept as one value, read, added to and written back (chaos/load). A write adds the last element of its value; nothing is ever
// taken out, so an element of an acknowledged write that no owner holds at the end was lost to a document that never saw it.
constexpr std::string_view document_prefix = "doc";  // of their keys
constexpr char element_separator = ' ';
LostReport find_lost_elements(std::span<const Operation> operations, std::string_view keyspace,
                              const FinalState& final_state);

}  // namespace rift::chaos::check
