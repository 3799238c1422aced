// Birth, recovery and burial of a cp replica's records (DESIGN 7). Birth writes the same first entries on every founder; recovery reads what a
// restart found and checks it. Everything found must be durable before recover() is called (review 10). Called by node's replica factory and
// by CpReplica::create, inside a Turn.
#pragma once

#include <span>

#include "cp/stored_log.h"

namespace rift::cp {

struct Birth {
  PartitionId partition{};
  Generation generation{1};
  std::vector<NodeId> voters{};            // the owners, in any order
  std::span<const wire::Command> first{};  // what the group's state begins with: entry 2, identical on every founder
};

// Writes the create record, entry 1 (the configuration), entry 2 (if `first` is not empty), term 1 and an applied record of zero.
// Errors: already_exists, too_large, invalid (no voter, a duplicate).
Result<void> give_birth(const Birth& birth, Turn& turn);

// Deletes every record of every generation but term and vote, and leaves a tombstone: a partition id is never reused.
void bury(PartitionId partition, Turn& turn);

struct Recovered {
  raft::Restored raft{};
  wire::AppliedRecord applied{};
  ConfigPlaces places{};
  LogFloor floor{};
};

// Reads hard state, configuration, applied record, and the log from the last applied entry on: what lies before needs no second look.
// Code::corruption: a record is damaged, missing or contradicts another; this replica must not start.
Result<Recovered> recover(Space space, Turn& turn);

}  // namespace rift::cp
