// Who this node is, from its own disk: node id, disk id, cluster, the incarnation (DESIGN 6), counter | random, drawn anew after an unclean stop and
// kept after a clean one, and the starts from this disk, likewise but one for each: by them the peers know an old copy of the disk (peers.h).
// Read before anything else; what it wants written must be durable before the first message leaves.
#pragma once

#include "base/rng.h"
#include "env/storage.h"
#include "replica/front.h"

namespace rift::node {

struct StartState {
  NodeIdentity identity;
  std::uint64_t hlc_ceiling = 0;
  std::uint64_t dot_sequence = 0;     // last one used in this incarnation
  std::vector<std::uint64_t> starts;  // this one first
  bool unclean = false;               // the last stop left no mark: hints may be missing
};

// Reads or makes the identity and puts what must change into `batch`. Errors: invalid (the directory belongs to another node),
// corruption.
Result<StartState> load_identity(env::Reader& reader, NodeId self, Rng& rng, env::WriteBatch& batch);

// The node joins `cluster`: the identity record is rewritten.
void put_identity(const NodeIdentity& identity, env::WriteBatch& batch);

}  // namespace rift::node
