// A store that has lost durable batches says so once (engine.h, Options::amnesia); here that becomes a mark on every replica that was born in it, and
// on the node itself: a partition that it does not know may have lived here too. Until the own replica of `_system` is refilled: the map that it
// holds then was committed after this node had started anew, so what that map does not name yet is born later. Healing is the replicas' part
// (cp/repair.h). Called by Node and the replica factory.
#pragma once

#include "base/ids.h"
#include "env/storage.h"
#include "replica/turn.h"

namespace rift::node {

// The engine's record, of Table::meta. Erased by take_amnesia().
std::string amnesia_key();

// True: the store has forgotten. The batch then holds the marks, and the record goes with it.
Result<bool> take_amnesia(env::Reader& reader, env::WriteBatch& batch);
// What is born here now may have been born here before, and forgotten.
Result<bool> may_be_forgotten(PartitionId partition, Turn& turn);
// Every partition is still in doubt.
Result<bool> forgets(Turn& turn);
// `_system` is sound again, and holds a map with this next partition.
void end_forgetting(PartitionId next_partition, Turn& turn);

}  // namespace rift::node
