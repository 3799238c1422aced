// The cluster map as plain values: members, keyspaces, partitions and their ordered owners. The catalog is the value of one key of the cp
// keyspace `_system`; a node decodes it when its own `_system` replica applies a change, and hands it on as an immutable View
// (DESIGN 7). The catalog holds the wish; a group's voters are what its own log says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "base/result.h"

namespace rift::topology {

constexpr KeyspaceId system_keyspace{0};
constexpr PartitionId system_partition{1};
constexpr std::string_view system_keyspace_name = "_system";
constexpr std::string_view catalog_key = "catalog";

// fsync: an acknowledgement means on disk. wal: handed to the operating system. none: in some memory (a teaching variant).
enum class Durability : std::uint8_t { fsync = 1, wal = 2, none = 3 };

// A cp partition's owners are a wish: the first `copies` of them are to vote (the first of all leads when it can), the others learn. Who does
// vote is what the group's own log says (DESIGN 7).
struct Partition {
  PartitionId id;
  std::vector<NodeId> owners;      // ordered: the preference list
  std::vector<NodeId> founders{};  // voters of the group's first configuration, the same for ever
  std::vector<NodeId>
      evicted{};  // nodes whose disk was replaced or that were forgotten: the old replica leaves before a new one enters
  std::uint32_t refounded = 0;  // times that it was re-founded from one survivor, with possible loss
  NodeId survivor{};            // the one of the last time
  friend bool operator==(const Partition&, const Partition&) = default;
};

struct Keyspace {
  KeyspaceId id;
  std::string name;
  Mode mode = Mode::cp;
  std::uint32_t copies = 3;
  Level read = Level::majority;
  Level write = Level::majority;
  Durability durability = Durability::fsync;
  bool atomic = false;  // ap: reads and writes of a key are linearizable; both by majority, fsync only
  // Teaching variants (DESIGN 4), for catalogs with allow_teaching: so that what they lose can be watched.
  bool sloppy = false;      // ap: a level counts nodes that stand in for owners out of reach
  bool wall_clock = false;  // ap: versions are stamped by the bare wall clock, whatever is there
  std::vector<Partition> partitions;
  friend bool operator==(const Keyspace&, const Keyspace&) = default;
};

// leaving: owns nothing any more, and is a member until its groups have let it go. lost: the same, and its disk was given up (loss.h): nobody
// listens to it any more, should it come back.
enum class MemberState : std::uint8_t { active = 0, leaving = 1, lost = 2 };

struct Member {
  NodeId node;
  std::string client_address;  // advertised, "host:port"
  std::string peer_address;
  DiskId disk;
  MemberState state = MemberState::active;
  PartitionId
      first_partition{};  // older partitions were born before this disk came: it is no founder of theirs (trap 37)
  friend bool operator==(const Member&, const Member&) = default;
};

struct Catalog {
  ClusterId cluster;
  MapEpoch epoch;
  std::map<NodeId, Member> members;
  std::map<std::string, Keyspace> keyspaces;  // `_system` included
  KeyspaceId next_keyspace{1};
  PartitionId next_partition{2};
  bool allow_teaching = false;  // as founded

  const Keyspace* find(std::string_view name) const;
  const Member* member(NodeId node) const;
  const Partition* partition(PartitionId id) const;
  friend bool operator==(const Catalog&, const Catalog&) = default;
};

// The wish for a new keyspace; zero and unspecified fields take the mode's defaults (CONTRACTS 3).
struct KeyspaceWish {
  std::string name;
  Mode mode = Mode::cp;
  std::uint32_t copies = 0;
  std::uint32_t partitions = 0;
  Level read = Level::unspecified;
  Level write = Level::unspecified;
  Durability durability = Durability::fsync;
  bool atomic = false;
  bool sloppy = false;
  bool wall_clock = false;
};

// What an atomic keyspace must be: ap, fsync, read and written by majority, without teaching variants; what may have those: an ap keyspace of a
// cluster that allows them. Its levels: not any, which a request asks for itself. Errors: invalid, by name.
Result<void> check_promises(const Catalog& catalog, const Keyspace& keyspace);
// `node`, which need not own anything of an ap keyspace, may keep copies for owners that are out of reach: a member that stays or leaves in order. Not
// of an atomic keyspace, whose majorities are of owners.
bool may_stand_in(const Catalog& catalog, const Keyspace& keyspace, NodeId node);
// It gives up on purpose what others promise.
bool is_teaching(const Keyspace& keyspace);

constexpr std::uint32_t system_voters_max = 5;

// The first catalog: the founding members and `_system` on all of them, up to five as voters. Errors: no member, duplicate or zero node id.
Result<Catalog> found(ClusterId cluster, std::vector<Member> members, bool allow_teaching = false);
// Each returns the next catalog, with the epoch raised by one. Pure. Leaders (first owners of cp partitions) and copies go to the active members
// that have the fewest, round robin among equals. Errors: invalid name, already_exists, more copies than members, too many partitions,
// unknown_keyspace, `_system`.
Result<Catalog> create_keyspace(const Catalog& catalog, const KeyspaceWish& wish);
Result<Catalog> drop_keyspace(const Catalog& catalog, std::string_view name);

// Placement (CONTRACTS 3): XXH3-64 of the `{tag}` if the key has a non-empty one, else of the key, modulo partitions.
const Partition& place(const Keyspace& keyspace, ByteView key);

// Whether `node` is born a voter of `partition`, if it has never hosted it (DESIGN 7). Pure of what its disk says.
bool is_founder(const Catalog& catalog, const Partition& partition, NodeId node);

// Who the catalog wants in a cp group, in order: not those who were evicted and have not left yet.
struct GroupWish {
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
  std::vector<NodeId> gone{};  // evicted: their disk will never answer again
  friend bool operator==(const GroupWish&, const GroupWish&) = default;
};
GroupWish group_wish(const Keyspace& keyspace, const Partition& partition);

// "bank/0"
std::string partition_name(const Keyspace& keyspace, const Partition& partition);

// MAJORITY of `copies`.
constexpr std::uint32_t majority(std::uint32_t copies) { return copies / 2 + 1; }

}  // namespace rift::topology
