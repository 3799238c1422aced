// Changes of the cluster map beyond keyspaces that come and go: each takes the catalog and returns the next one, with the epoch raised by one, or
// says why not. Pure; called by node, which writes the result into `_system` by compare-and-set.
#pragma once

#include <optional>

#include "topology/catalog.h"

namespace rift::topology {

// What is to be different; the rest stays. Copies of an ap keyspace cannot be altered.
struct KeyspaceAlteration {
  std::string name;
  std::optional<Level> read;
  std::optional<Level> write;
  std::uint32_t copies = 0;  // 0: as they are
};
Result<Catalog> alter_keyspace(const Catalog& catalog, const KeyspaceAlteration& wish);

// A new member: a voter of `_system` while there are fewer than five, else a learner; owns nothing else. The same member again changes nothing
// and is refused as already_exists.
Result<Catalog> add_member(const Catalog& catalog, Member member);

// Its cp partitions get another owner, or it is refused: too few other members for some keyspace's copies, or owner of an ap partition (moves of
// those do not exist). The member is `leaving` until forget_member.
Result<Catalog> remove_member(const Catalog& catalog, NodeId node);
// Refused unless it is leaving. `rift members remove` waits until no group's configuration names it; nobody else need have. So each cp partition
// keeps a mark that evicts it, until its group says that it does not name the node: whoever comes under its id enters no earlier.
Result<Catalog> forget_member(const Catalog& catalog, NodeId node);

// A learner of `_system` becomes a voter: in the place of `instead_of`, if that is not 0; needed when there are five.
Result<Catalog> promote_member(const Catalog& catalog, NodeId node, NodeId instead_of);

// One of the changes above or below, as an administrator asks for it.
struct MemberChange {
  enum class Kind : std::uint8_t { add = 1, remove = 2, forget = 3, promote = 4, replace = 5 };
  Kind kind = Kind::add;
  Member member{};      // add, replace
  NodeId node{};        // remove, forget, promote
  NodeId instead_of{};  // promote
  friend bool operator==(const MemberChange&, const MemberChange&) = default;
};
Result<Catalog> change_members(const Catalog& catalog, const MemberChange& change);

// The node comes with another disk, perhaps at other addresses. Whatever its old disk voted for and acknowledged is forgotten, so its old replica
// leaves each group before the new one may enter it (review 2b).
Result<Catalog> replace_member(const Catalog& catalog, const Member& member);
// The group of `partition` names no replica of `node`, whose disk the map says is `disk` (zero: it is no member).
struct Departure {
  PartitionId partition{};
  NodeId node{};
  DiskId disk{};
  friend bool operator==(const Departure&, const Departure&) = default;
};
// Nothing else erases the marks of `evicted` of a group that goes on; one that is founded again (loss.h) begins without any. Those of another disk
// stand: its group has not spoken of them.
Result<Catalog> readmit(const Catalog& catalog, const std::vector<Departure>& departures);

}  // namespace rift::topology
