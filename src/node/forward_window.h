// Which forwarded requests of each peer have been taken in: the network may repeat a frame (DESIGN 8), and a request that is carried out twice
// takes effect twice around another's (found by the simulator: a compare-and-set without an op id failed against its own first copy). Ids
// carry the sender's life in their upper half and grow in the lower. Used by Node only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>

#include "base/ids.h"

namespace rift::node {

constexpr std::size_t forward_window_max = 16 * 1024;  // per peer; older ids count as seen
constexpr std::size_t forward_lives_max = 8;           // remembered per peer

class ForwardWindow {
 public:
  // True the first time; false for a repetition, or for an id too old to tell: it is dropped, and its sender ends it as unknown.
  bool is_new(NodeId peer, RequestId id);

 private:
  struct Seen {
    std::uint32_t life = 0;
    std::deque<std::uint32_t> ended;  // earlier lives: what is left of them on the way comes too late
    std::uint32_t floor = 0;          // this and all below are taken as seen
    std::set<std::uint32_t> ids;
  };
  std::map<NodeId, Seen> peers_;
};

}  // namespace rift::node
