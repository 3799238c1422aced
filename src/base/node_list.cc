#include "base/node_list.h"

namespace rift {

std::string names_of(const std::vector<NodeId>& nodes) {
  std::string names;
  for (const NodeId node : nodes) names += (names.empty() ? "" : ",") + to_string(node);
  return names;
}

}  // namespace rift
