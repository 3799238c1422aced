// The one place where a keyspace's mode is switched on (DESIGN 2): a partition becomes a cp or an ap replica. Called by Node inside a Turn.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "causal/clock.h"
#include "node/env.h"
#include "replica/front.h"
#include "topology/view.h"

namespace rift::node {

struct ReplicaSeed {
  const topology::Keyspace& keyspace;
  const topology::Partition& partition;
  NodeId self;
  std::string name;  // "bank/0", for refusals and logs
  causal::Stamper& stamper;
  bool unclean_start = false;
  bool check_invariants = false;
  topology::ViewPtr view;
};

// True when this disk holds the partition's create record: it was born here before.
Result<bool> is_born(PartitionId partition, Turn& turn);
// True when it has died here: a buried partition never comes back (DESIGN 7).
Result<bool> is_buried(PartitionId partition, Turn& turn);
// Writes the create record and, for cp, the same first log entries on every owner. `founding` is set for `_system` only.
Result<void> give_birth(const ReplicaSeed& seed, const topology::Catalog* founding, Turn& turn);
Result<std::unique_ptr<Replica>> open_replica(const ReplicaSeed& seed, Turn& turn);
// Before a clean stop: a cp leader hands over, an ap replica turns what is pending into hints.
void prepare_stop(Mode mode, Replica& replica, Turn& turn);
// What a stored state record says, whichever mode wrote it.
Result<InspectedKey> inspect_record(Mode mode, PartitionId partition, const env::KeyValue& record);
// The partitions with a create record on this disk, whichever the map names.
Result<std::vector<PartitionId>> born_here(Turn& turn);
// Deletes what the partition stored, what it owed to `members` too, and leaves a durable tombstone.
void bury(PartitionId partition, const std::map<NodeId, topology::Member>& members, Turn& turn);

}  // namespace rift::node
