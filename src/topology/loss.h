// The map after a loss that an operator has accepted (`rift members recover --accept-loss`): members whose disks are gone for good own nothing any
// more, and each cp group that cannot decide any more is founded again from one survivor. Whatever only the lost had acknowledged is lost. Pure;
// called by node.
#pragma once

#include "topology/catalog.h"

namespace rift::topology {

// When `_system` itself is gone on from a survivor: how far the lost may have counted beyond its map. Of epochs there are 2^48 (verify.h), of ids 2^32.
constexpr std::uint64_t lost_epochs_stride = std::uint64_t{1} << 32;
constexpr std::uint32_t lost_ids_stride = std::uint32_t{1} << 20;

struct AcceptedLoss {
  MapEpoch epoch;            // of the map that this was thought out for; no other is changed
  std::vector<NodeId> lost;  // members that will never come back with the disks they had
  std::map<PartitionId, NodeId>
      survivors;  // of the cp groups that have lost their majority: who holds the most of each, of those that answered
  friend bool operator==(const AcceptedLoss&, const AcceptedLoss&) = default;
};

// The lost stay in the map as `lost` until their groups have let them go (forget_member). A partition of which nobody is left stays as it is: it
// serves nothing, and its keyspace can be dropped. Errors: invalid: another epoch, a stranger is named, a survivor is lost or owns nothing of its
// group, or nobody would be left of `_system`; or epochs or ids have come to their end.
Result<Catalog> accept_loss(const Catalog& catalog, const AcceptedLoss& loss);

}  // namespace rift::topology
