// What a node currently believes: the catalog it has applied, who of the members answers pings, and whether its own clock is the odd one.
// Immutable; a new one is observed by every replica when something changes. Liveness chooses routes and hints, and never changes ownership.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "topology/catalog.h"

namespace rift::topology {

// This node's wall clock against the others': it must not stamp writes with it.
struct ClockSkew {
  std::chrono::milliseconds ahead{};  // of the median of the members that were heard; negative: behind
  std::vector<NodeId> of;             // those from whom it differs by more than the drift bound; sorted
  friend bool operator==(const ClockSkew&, const ClockSkew&) = default;
};
std::string to_string(const ClockSkew& skew);  // "60.000 s ahead of n2, n3"

struct View {
  std::shared_ptr<const Catalog> catalog;
  NodeId self;
  std::vector<NodeId> reachable;  // sorted; self included
  std::optional<ClockSkew> clock_skew = std::nullopt;

  bool reaches(NodeId node) const { return std::binary_search(reachable.begin(), reachable.end(), node); }
  std::size_t count_reachable(const std::vector<NodeId>& nodes) const {
    return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [this](NodeId n) { return reaches(n); }));
  }
};

using ViewPtr = std::shared_ptr<const View>;

}  // namespace rift::topology
