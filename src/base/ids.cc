#include "base/ids.h"

#include <fmt/format.h>

namespace rift {

std::string to_string(NodeId node) { return fmt::format("n{}", node.value()); }
std::string to_string(const Uuid& uuid) { return fmt::format("{:016x}{:016x}", uuid.high, uuid.low); }

}  // namespace rift
