// Which nodes a partition goes to, so that leaders and copies spread over the active members. Pure values; called by the changes of the catalog.
#pragma once

#include "topology/catalog.h"

namespace rift::topology {

// A member that takes on work: neither leaving nor lost.
bool is_active(const Catalog& catalog, NodeId node);
std::vector<NodeId> active_members(const Catalog& catalog);

// Owners for a new partition, the first of them its preferred leader. `copies` is at most the number of active members.
std::vector<NodeId> choose_owners(const Catalog& catalog, Mode mode, PartitionId partition, std::uint32_t copies);

// The active member that owns least of those that do not own `partition` yet; nobody: all own it.
NodeId choose_another_owner(const Catalog& catalog, const Partition& partition);

}  // namespace rift::topology
