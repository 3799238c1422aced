#include "base/node_list.h"

namespace rift {

std::string names_of(const std::vector<NodeId>& nodes, std::string_view between) {
  std::string names;
  for (const NodeId node : nodes) {
    if (!names.empty()) names += between;
    names += to_string(node);
  }
  return names;
}

}  // namespace rift
