#include "raft/types.h"

#include <algorithm>
#include <iterator>

#include "base/coding.h"
#include "base/limits.h"

namespace rift::raft {
namespace {

bool is_sorted_set(const std::vector<NodeId>& nodes) {
  return std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>()) == nodes.end();
}

bool holds(const std::vector<NodeId>& nodes, NodeId node) {
  return std::binary_search(nodes.begin(), nodes.end(), node);
}

void put_nodes(std::string& out, const std::vector<NodeId>& nodes) {
  put_u32(out, static_cast<std::uint32_t>(nodes.size()));
  for (const NodeId node : nodes) put_u32(out, node.value());
}

Result<std::vector<NodeId>> take_nodes(KeyReader& reader) {
  const std::uint32_t count = TRY(reader.u32());
  if (count > limits::members_max) return fail(Code::corruption, "a raft config names more members than are allowed");
  std::vector<NodeId> nodes;
  for (std::uint32_t i = 0; i < count; ++i) nodes.emplace_back(TRY(reader.u32()));
  return nodes;
}

}  // namespace

bool Config::is_voter(NodeId node) const { return holds(voters, node) || holds(outgoing, node); }
bool Config::stays_voter(NodeId node) const { return holds(voters, node); }
bool Config::is_member(NodeId node) const { return is_voter(node) || holds(learners, node); }

std::vector<NodeId> Config::all_voters() const {
  std::vector<NodeId> nodes;
  std::set_union(voters.begin(), voters.end(), outgoing.begin(), outgoing.end(), std::back_inserter(nodes));
  return nodes;
}

Result<void> validate(const Config& config) {
  if (config.voters.empty()) return fail(Code::invalid, "a raft config needs a voter");
  if (config.voters.size() + config.learners.size() > limits::members_max ||
      config.outgoing.size() > limits::members_max)
    return fail(Code::invalid, "too many members");
  if (!is_sorted_set(config.voters) || !is_sorted_set(config.outgoing) || !is_sorted_set(config.learners)) {
    return fail(Code::invalid, "the members of a raft config must be sorted and unique");
  }
  if (config.is_member(NodeId(0))) return fail(Code::invalid, "node 0 is nobody");
  for (const NodeId learner : config.learners) {
    if (config.stays_voter(learner)) return fail(Code::invalid, to_string(learner) + " is voter and learner");
  }
  return {};
}

bool may_follow(const Config& later, const Config& earlier) {
  if (earlier.is_joint()) {
    return !later.is_joint() && later.voters == earlier.voters && later.learners == earlier.learners;
  }
  return later.is_joint() ? later.outgoing == earlier.voters : later.voters == earlier.voters;
}

// A configuration that is not joint ends where its learners end.
Bytes encode(const Config& config) {
  std::string out;
  put_nodes(out, config.voters);
  put_nodes(out, config.learners);
  if (config.is_joint()) put_nodes(out, config.outgoing);
  return Bytes(std::move(out));
}

Result<Config> decode_config(ByteView bytes) {
  KeyReader reader(bytes);
  Config config;
  config.voters = TRY(take_nodes(reader));
  config.learners = TRY(take_nodes(reader));
  if (!reader.rest().empty()) {
    config.outgoing = TRY(take_nodes(reader));
    if (!config.is_joint()) return fail(Code::corruption, "an empty half of a raft config");
  }
  if (!reader.rest().empty()) return fail(Code::corruption, "bytes behind the end of a raft config");
  if (const auto valid = validate(config); !valid) return fail(Code::corruption, valid.error().detail);
  return config;
}

std::string_view to_string(EntryKind kind) {
  switch (kind) {
    case EntryKind::noop:
      return "noop";
    case EntryKind::command:
      return "command";
    case EntryKind::config:
      return "config";
  }
  return "?";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::pre_candidate:
      return "pre_candidate";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
  }
  return "?";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::started:
      return "started";
    case Reason::election_timeout:
      return "election_timeout";
    case Reason::pre_vote_won:
      return "pre_vote_won";
    case Reason::vote_won:
      return "vote_won";
    case Reason::vote_lost:
      return "vote_lost";
    case Reason::gave_way:
      return "gave_way";
    case Reason::leader_heard:
      return "leader_heard";
    case Reason::higher_term:
      return "higher_term";
    case Reason::lost_quorum:
      return "lost_quorum";
    case Reason::transfer:
      return "transfer";
    case Reason::transferred:
      return "transferred";
    case Reason::stopping:
      return "stopping";
    case Reason::disk_stalled:
      return "disk_stalled";
    case Reason::store_pressure:
      return "store_pressure";
    case Reason::quarantined:
      return "quarantined";
    case Reason::asked:
      return "asked";
    case Reason::preferred:
      return "preferred";
    case Reason::removed:
      return "removed";
    case Reason::installed:
      return "installed";
  }
  return "?";
}

}  // namespace rift::raft
