// Whether the copies of a keyspace agree: what each owner holds of each partition, read whole and summed up, and what other members keep for them
// (an ap keyspace: ANY, sloppy). Under a load copies differ by what is under way. Blocking; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "topology/catalog.h"

namespace rift::cluster {

struct CopyDigest {
  std::uint64_t keys = 0;  // deletes that are still kept are counted too
  std::uint64_t hash = 0;  // of keys, versions and values, in the store's order, which is the same on every owner
  friend bool operator==(const CopyDigest&, const CopyDigest&) = default;
};

struct Copies {
  std::map<PartitionId, std::map<NodeId, CopyDigest>>
      held;                              // of each owner that answered, and of who keeps keys for them
  std::map<NodeId, std::string> silent;  // who did not, and why

  std::vector<PartitionId> differing() const;  // of which two that were asked hold something else
  std::uint64_t keys() const;                  // of each partition, on the owner that holds most
  bool agree() const { return silent.empty() && differing().empty(); }
};

// Asks the owners that `catalog` names, and who may stand in for them, where it says they are.
Copies read_copies(const topology::Catalog& catalog, const topology::Keyspace& keyspace);

}  // namespace rift::cluster
