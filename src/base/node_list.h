// Lists of nodes as maps and configurations keep them: short, in an order that means something. Called by every room, from any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace rift {

inline bool holds(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string names_of(const std::vector<NodeId>& nodes, std::string_view between = ", ");  // "n1, n2, n5"

}  // namespace rift
