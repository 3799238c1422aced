#include "node/forward_window.h"

#include <algorithm>

namespace rift::node {

bool ForwardWindow::is_new(NodeId peer, RequestId id) {
  const auto life = static_cast<std::uint32_t>(id.value() >> 32);
  const auto number = static_cast<std::uint32_t>(id.value());
  Seen& seen = peers_[peer];
  if (seen.life != life) {
    if (std::find(seen.ended.begin(), seen.ended.end(), life) != seen.ended.end()) return false;
    seen.ended.push_back(seen.life);
    if (seen.ended.size() > forward_lives_max) seen.ended.pop_front();
    seen = Seen{.life = life, .ended = std::move(seen.ended), .floor = 0, .ids = {}};
  }
  if (number <= seen.floor || !seen.ids.insert(number).second) return false;
  if (seen.ids.size() > forward_window_max) {
    seen.floor = *seen.ids.begin();
    seen.ids.erase(seen.ids.begin());
  }
  return true;
}

}  // namespace rift::node
