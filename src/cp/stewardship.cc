// CpReplica: the group's members, between the map's wish and the log (membership.h decides, this carries out), and how a replica that is not
// wanted any more learns that it may go (DESIGN 7: birth and death).
#include <fmt/format.h>

#include "base/node_list.h"
#include "cp/replica.h"

namespace rift::cp {
namespace {

GroupState state_of(const raft::Raft& raft, NodeId self, Duration patience, Time now) {
  GroupState state{.self = self, .config = *raft.config(), .last = raft.last_index(), .peers = {}};
  for (const auto& peer : raft.peers()) {
    state.peers.push_back({.node = peer.node, .match = peer.match, .lives = now - peer.last_contact < patience});
  }
  return state;
}

}  // namespace

void CpReplica::tend_members(Round& round) {
  const Time now = round.context.now;
  if (!stewardship_.check_due(now) || !raft_.config_settled() || raft_.handing_over()) return;
  if (!raft_.has_quorum_contact(now)) return;
  const GroupState state = state_of(raft_, options_.self, options_.raft.election_timeout_min, now);
  if (const auto change = next_change(state, *stewardship_.wish())) {
    const auto at = raft_.change_config(*change, round.context);
    if (!at) return;  // not now: it is looked at again
    MARK(round.turn.recorder(), "cp.members_changed");
    LOG_INFO(round.turn.log(), "cp.members", "group={} voters={} learners={} index={}", options_.name,
             names_of(change->voters, ","), names_of(change->learners, ","), at->value());
    return;
  }
  const auto successor = stewardship_.successor(state, now);
  if (!successor || !raft_.transfer(*successor, round.context, raft::Reason::preferred)) return;
  MARK(round.turn.recorder(), "cp.leader_spread");
  LOG_INFO(round.turn.log(), "cp.hand_over", "group={} to={} reason=preferred", options_.name, to_string(*successor));
}

Result<void> CpReplica::pass_leadership(NodeId to, Round& round) {
  if (!raft_.is_leader())
    return fail(Code::not_leader, raft_.leader() == NodeId() ? why_no_leader(round.context.now) : why_not_leader());
  if (to == options_.self) return {};
  if (raft_.handing_over()) return fail(Code::overloaded, why_not_leader());
  if (!raft_.config()->stays_voter(to))
    return fail(Code::invalid, fmt::format("{} does not vote in {}", to_string(to), options_.name));
  return raft_.transfer(to, round.context, raft::Reason::asked);
}

void CpReplica::ask_to_leave(Time now, Turn& turn) {
  for (const NodeId owner : stewardship_.ask_due(now))
    send_to(owner, env::Lane::control, wire::LeaveQuestion{.epoch = stewardship_.epoch()}, turn);
}

// Only of a configuration that is committed, by a leader that still has its majority, and while both maps are the same.
Result<void> CpReplica::on_leave_question(NodeId from, const wire::LeaveQuestion& question, Round& round) {
  if (!raft_.is_leader() || !raft_.config_settled() || !raft_.has_quorum_contact(round.context.now)) return {};
  if (question.epoch != stewardship_.epoch() || stewardship_.names(from) || raft_.config()->is_member(from)) return {};
  send_to(from, env::Lane::control, wire::LeaveAnswer{.epoch = question.epoch, .config_index = raft_.config_index()},
          round.turn);
  return {};
}

// An answer from before this replica came back into the group is older than the configuration that brought it back, whichever arrives first.
Result<void> CpReplica::on_leave_answer(const wire::LeaveAnswer& answer) {
  if (answer.epoch != stewardship_.epoch() || !stewardship_.is_unwanted()) return {};
  let_go_at_ = std::max(let_go_at_, answer.config_index);
  return {};
}

bool CpReplica::is_let_go_by_own_log() const {
  return raft_.config() != nullptr && raft_.config_settled() && !raft_.config()->is_member(options_.self);
}

bool CpReplica::was_let_go() const {
  return stewardship_.is_unwanted() && (let_go_at_ > raft_.config_index() || is_let_go_by_own_log());
}

// A leader that has lost its majority may have a successor whose configuration says otherwise.
std::vector<NodeId> CpReplica::departed(Time now) const {
  std::vector<NodeId> nodes;
  if (!raft_.is_leader() || !raft_.config_settled() || !stewardship_.wish()) return nodes;
  if (!raft_.has_quorum_contact(now)) return nodes;
  for (const NodeId node : stewardship_.wish()->gone) {
    if (!raft_.config()->is_member(node)) nodes.push_back(node);
  }
  return nodes;
}

}  // namespace rift::cp
