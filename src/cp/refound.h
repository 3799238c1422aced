// A group founded again from one survivor, after an operator has accepted the loss (DESIGN 7, `rift members recover --accept-loss`). Everything that
// the survivor's log holds is taken for committed and applied; what only the others held is gone. Called by node inside a Turn, with no replica of
// the partition running.
//
// What begins is another group: with an empty log of its own behind a floor that names this node as the only voter, so that whoever joins gets a
// snapshot, and nothing of the old group's log can be taken for its own. Index, term and revision begin far beyond any that the lost members can have reached:
// no version, fencing number or read position of theirs means anything else now, and a compare-and-set on one of their versions fails. The history of
// before counts as compacted: no revision lies between the two, and a watch that cannot know what was lost is refused by name.
#pragma once

#include "cp/space.h"

namespace rift::cp {

// The lost would have to be so far ahead of the survivor: twelve days at a million entries per second.
constexpr std::uint64_t refounding_stride = std::uint64_t{1} << 40;

struct Refounded {
  LogIndex last{};       // of the log that was found
  LogIndex committed{};  // as far as this replica knew
  LogIndex begins{};     // the floor of the new log
};

// Errors: invalid (it has no configuration: it was never a member; or it may have forgotten durable writes), corruption.
Result<Refounded> refound(PartitionId partition, NodeId survivor, Turn& turn);

}  // namespace rift::cp
