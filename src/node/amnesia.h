// A store that has lost durable batches says so once (engine.h, Options::amnesia); here that becomes a mark on every replica that was born in it, and
// on the node itself: a partition that it does not know may have lived here too. Healing is the replicas' part (cp/repair.h). Called by
// Node::create and the replica factory.
#pragma once

#include "base/ids.h"
#include "env/storage.h"
#include "replica/turn.h"

namespace rift::node {

// The engine's record, of Table::meta. Erased by take_amnesia().
std::string amnesia_key();

// True: the store has forgotten. The batch then holds the marks, and the record goes with it.
Result<bool> take_amnesia(env::Reader& reader, env::WriteBatch& batch);
// Since it forgot, ever: what is born here now may have been born before.
Result<bool> has_forgotten(Turn& turn);

}  // namespace rift::node
