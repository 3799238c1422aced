#include "node/forward_window.h"

#include <algorithm>

namespace rift::node {

bool ForwardWindow::is_new(NodeId peer, RequestId id) {
  const auto life = static_cast<std::uint32_t>(id.value() >> 32);
  const auto number = static_cast<std::uint32_t>(id.value());
  Seen& seen = peers_[peer];
  if (seen.life != life) seen = Seen{.life = life, .floor = 0, .ids = {}};
  if (number <= seen.floor || !seen.ids.insert(number).second) return false;
  if (seen.ids.size() > forward_window_max) {
    seen.floor = *seen.ids.begin();
    seen.ids.erase(seen.ids.begin());
  }
  return true;
}

}  // namespace rift::node
