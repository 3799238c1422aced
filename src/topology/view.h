// What a node currently believes: the catalog it has applied and who of the members answers pings. Immutable; a new one is observed by
// every replica when something changes. Liveness chooses routes and hints, and never changes ownership.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "topology/catalog.h"

namespace rift::topology {

struct View {
  std::shared_ptr<const Catalog> catalog;
  NodeId self;
  std::vector<NodeId> reachable;  // sorted; self included

  bool reaches(NodeId node) const { return std::binary_search(reachable.begin(), reachable.end(), node); }
  std::size_t count_reachable(const std::vector<NodeId>& nodes) const {
    return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [this](NodeId n) { return reaches(n); }));
  }
};

using ViewPtr = std::shared_ptr<const View>;

}  // namespace rift::topology
