// Leadership moves to a chosen voter without an election timeout (thesis 3.10). The receiving side is in election.cc.
#include "raft/raft.h"

namespace rift::raft {

Result<void> Raft::transfer(NodeId to, const Context& context, Reason why) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return fail(Code::not_leader, "this replica does not lead");
  if (to == options_.self || !config()->stays_voter(to))
    return fail(Code::invalid, to_string(to) + " cannot take over");
  start_transfer(to, why, context.now);
  checked();
  return {};
}

void Raft::start_transfer(NodeId to, Reason why, Time now) {
  auto& leader = std::get<Leader>(state_);
  leader.transfer_to = to;
  leader.transfer_why = why;
  leader.transfer_sent = false;
  leader.transfer_deadline = now + options_.election_timeout_min;
}

// The target has everything and nothing new is accepted meanwhile: it may campaign at once (thesis 3.10).
void Raft::continue_transfer(const Context& context) {
  auto& leader = std::get<Leader>(state_);
  if (leader.transfer_to == NodeId(0) || leader.transfer_sent) return;
  if (leader.peers.at(leader.transfer_to).match() != log_.last_index()) return;
  MARK(context.recorder, "raft.timeout_now_sent");
  leader.transfer_sent = true;
  leader.transfer_asked = true;
  pending_.send_now.push_back({.to = leader.transfer_to, .message = TimeoutNow{.term = hard_state_.term}});
}

// A late or lost request is asked again with the beat; one that comes twice finds its target in a later term.
void Raft::watch_transfer(const Context& context) {
  auto& leader = std::get<Leader>(state_);
  if (leader.transfer_to == NodeId(0)) return;
  leader.transfer_sent = false;
  if (context.now < leader.transfer_deadline) return;
  MARK(context.recorder, "raft.transfer_gave_up");
  leader.transfer_to = NodeId(0);
  leader.transfer_asked = false;
  if (is_retired()) become_follower(hard_state_.term, NodeId(0), Reason::removed, context.now);
}

bool Raft::is_retired() const { return config_settled() && !config()->is_voter(options_.self); }

// The voter that holds the most of the log, of those that have answered lately.
NodeId Raft::successor(Time now) const {
  const auto& leader = std::get<Leader>(state_);
  NodeId best{};
  LogIndex most{};
  for (const NodeId voter : config()->voters) {
    const auto peer = leader.peers.find(voter);
    if (peer == leader.peers.end() || now - peer->second.last_contact() >= options_.election_timeout_min) continue;
    if (best != NodeId(0) && peer->second.match() <= most) continue;
    best = voter;
    most = peer->second.match();
  }
  return best;
}

}  // namespace rift::raft
