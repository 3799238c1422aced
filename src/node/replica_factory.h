// The one place where a keyspace's mode is switched on (DESIGN 2): a partition becomes a cp or an ap replica. Called by Node inside a Turn.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ap/handoff_budget.h"
#include "ap/hedging.h"
#include "ap/ledger.h"
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
  ap::HandoffBudget& handoff;
  ap::Ledger& ledger;
  ap::Hedging& hedging;
  bool unclean_start = false;
  bool replaced = false;  // the partition was born on another disk of this node
  bool check_invariants = false;
  topology::ViewPtr view;
  cp::Tuning cp{};
};

// True when this disk holds the record of the partition's birth, as a voter or as a learner.
Result<bool> is_born(PartitionId partition, Turn& turn);
// The map's epoch at which it died here, if it did. Only a later map that names this node as an owner lets it in again, as a learner: it is never
// a founder any more (DESIGN 7).
Result<std::optional<MapEpoch>> burial(PartitionId partition, Turn& turn);
// A founder's birth: the create record and, for cp, the same first log entries on every founder. `founding` is set for `_system` only.
Result<void> give_birth(const ReplicaSeed& seed, const topology::Catalog* founding, Turn& turn);
// A cp replica that waits for what the leader sends: it has no configuration, so it neither votes nor campaigns. It is of the group as the map has
// it now.
Result<void> give_birth_as_learner(const topology::Partition& partition, Turn& turn);
Result<std::unique_ptr<Replica>> open_replica(const ReplicaSeed& seed, Turn& turn);
// Before a clean stop: a cp leader hands over, an ap replica turns what is pending into hints.
void prepare_stop(Mode mode, Replica& replica, Turn& turn);
// Where a partition's values stand in its table now; and where that of the catalog key does.
Result<env::Range> data_range(Mode mode, PartitionId partition, env::Reader& reader);
Result<std::string> catalog_store_key(env::Reader& reader);
Result<std::string> catalog_store_key(Turn& turn);
// What a stored state record says, whichever mode wrote it.
Result<InspectedKey> inspect_record(Mode mode, PartitionId partition, const env::KeyValue& record);
// All that the disk knows of a key: its version, and to whom it is owed.
Result<KeyView> read_key(Mode mode, const topology::Partition& partition, ByteView key, env::Reader& reader);
Version version_of(const causal::Stamp& stamp);
// The partitions with a create record on this disk, whichever the map names.
Result<std::vector<PartitionId>> born_here(Turn& turn);
// Deletes what the partition stored, what it owed to the members too, and leaves a durable tombstone with the map's epoch.
void bury(PartitionId partition, const topology::Catalog& catalog, Turn& turn);
// Which group the partition's replicas are of: how often it has been founded again and from whom (topology/loss.h); 0: as it was founded. One has
// nothing to say to another. By the map; and as this disk holds it, which may be older or, in the midst of a recovery, newer.
constexpr std::uint64_t group_generation(std::uint32_t refounded, NodeId survivor) {
  return refounded == 0 ? 0 : (std::uint64_t{refounded} << 32) | survivor.value();
}
constexpr std::uint32_t times_refounded(std::uint64_t generation) {
  return static_cast<std::uint32_t>(generation >> 32);
}
std::uint64_t group_generation(const topology::Partition& partition);
Result<std::uint64_t> group_generation(PartitionId partition, Turn& turn);
// cp: founds the partition's group again, for the `times`th time, from what this disk holds of it, with `self` as its only voter. Its replica does
// not run. The log says what that may have cost. Errors: invalid (this disk was never a member, or has forgotten durable writes), corruption.
Result<void> refound(PartitionId partition, NodeId self, std::uint32_t times, Turn& turn);
// This disk has lost durable writes of the partition and is not refilled yet.
Result<bool> is_forgetful(PartitionId partition, Turn& turn);
void mark_forgetful(PartitionId partition, Turn& turn);
// cp: the group of this replica has let it go, and its map agrees.
bool was_let_go(Mode mode, const Replica& replica);
// cp, leader: of the nodes that the map has evicted, those that the committed configuration does not name any more.
std::vector<NodeId> departed(Mode mode, const Replica& replica, Time now);
// cp: this replica, the leader, tells `to` to take over. Errors: not_leader, invalid (no voter), overloaded (it is handing over already).
Result<void> transfer(Mode mode, Replica& replica, NodeId to, Turn& turn);

}  // namespace rift::node
