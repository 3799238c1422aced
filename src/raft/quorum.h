// What a configuration's voters agree on. Joint configurations need it of both halves (thesis 4.3), in every question: votes, commit, read
// positions, contact. No allocation: the leader asks at every acknowledgement. Used by Raft, and by cp for what it counts itself.
#pragma once

#include <algorithm>
#include <array>
#include <functional>

#include "base/limits.h"
#include "raft/types.h"

namespace rift::raft {

// The highest value that a majority of `voters` has reached.
template <class Value, class ValueOf>
Value reached_by_majority(const std::vector<NodeId>& voters, const ValueOf& value_of) {
  std::array<Value, limits::members_max> values{};
  auto end = values.begin();
  for (const NodeId voter : voters) *end++ = value_of(voter);
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(voters.size() / 2);
  std::nth_element(values.begin(), place, end, std::greater<>());
  return *place;
}

template <class Value, class ValueOf>
Value reached_by_quorum(const Config& config, const ValueOf& value_of) {
  const Value reached = reached_by_majority<Value>(config.voters, value_of);
  if (!config.is_joint()) return reached;
  return std::min(reached, reached_by_majority<Value>(config.outgoing, value_of));
}

// The lowest value of any voter.
template <class Value, class ValueOf>
Value reached_by_all(const Config& config, Value lowest, const ValueOf& value_of) {
  for (const NodeId voter : config.voters) lowest = std::min(lowest, value_of(voter));
  for (const NodeId voter : config.outgoing) lowest = std::min(lowest, value_of(voter));
  return lowest;
}

template <class Predicate>
bool is_quorum(const Config& config, const Predicate& predicate) {
  const auto is_majority = [&](const std::vector<NodeId>& voters) {
    return 2 * static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), predicate)) > voters.size();
  };
  return is_majority(config.voters) && (!config.is_joint() || is_majority(config.outgoing));
}

// Some half can no longer reach its majority when these are against it.
template <class Predicate>
bool is_blocked(const Config& config, const Predicate& against) {
  const auto blocks = [&](const std::vector<NodeId>& voters) {
    return !voters.empty() &&
           2 * static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), against)) >= voters.size();
  };
  return blocks(config.voters) || blocks(config.outgoing);
}

}  // namespace rift::raft
