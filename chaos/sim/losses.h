// Is any acknowledged write of an ap keyspace gone without a word (trap T01)? At the end of a run each is what an owner holds, or was overwritten by
// somebody who had seen it, or is in the ledger of a node, or was overwritten by one that is.
#pragma once

#include <string>
#include <vector>

#include "chaos/sim/cluster.h"
#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {

// Those of the keyspace's writes in `answers` that are not; every node is up.
// None in an atomic keyspace, where what was overwritten has come before.
std::vector<Answered> find_silent_losses(Cluster& cluster, const std::string& keyspace,
                                         const std::vector<Answered>& answers);
std::string describe_silent_loss(const Answered& write);

}  // namespace rift::chaos::sim
