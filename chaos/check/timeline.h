// What was done to the network in one run, as the checkers need it: when the links were cut and healed, and who stood where.
// Not the schedule (chaos/fault): these are the times at which things had happened. Filled by the driver of a story.
#pragma once

#include <algorithm>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

struct Timeline {
  Time start{};
  Time cut{};                   // when the last link had been cut
  Time heal{};                  // when the first link was given back
  Time end{};                   // when the load had stopped
  std::vector<Time> changes{};  // besides cut and heal: kills, pauses, moves of leaders on purpose
  std::vector<NodeId> majority{};
  std::vector<NodeId> minority{};

  Side side_of(NodeId node) const {
    if (std::find(majority.begin(), majority.end(), node) != majority.end()) return Side::majority;
    return std::find(minority.begin(), minority.end(), node) != minority.end() ? Side::minority : Side::none;
  }
  bool is_cut_at(Time time) const { return time >= cut && time < heal; }
  std::vector<NodeId> nodes() const {
    std::vector<NodeId> all = majority;
    all.insert(all.end(), minority.begin(), minority.end());
    std::sort(all.begin(), all.end());
    return all;
  }
};

}  // namespace rift::chaos::check
