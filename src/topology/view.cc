#include "topology/view.h"

#include <fmt/format.h>

#include "base/node_list.h"
#include "base/time.h"

namespace rift::topology {

std::string to_string(const ClockSkew& skew) {
  return fmt::format("{:.3f} s {} {}", to_seconds(std::chrono::abs(skew.ahead)),
                     skew.ahead.count() < 0 ? "behind" : "ahead of", names_of(skew.of));
}

}  // namespace rift::topology
