// Elections: pre-vote, vote, check-quorum, the hand-over's receiving side (thesis 3.4, 3.10, 6.2, 9.6).
#include <algorithm>

#include "raft/quorum.h"
#include "raft/raft.h"

namespace rift::raft {
namespace {

enum class Verdict : std::uint8_t { open, won, lost };

// Answers of nodes that are no voters are kept in the map and not counted.
Verdict tally(const Config& config, const std::map<NodeId, bool>& answers) {
  const auto answered = [&](NodeId voter, bool granted) {
    const auto answer = answers.find(voter);
    return answer != answers.end() && answer->second == granted;
  };
  if (is_quorum(config, [&](NodeId voter) { return answered(voter, true); })) return Verdict::won;
  return is_blocked(config, [&](NodeId voter) { return answered(voter, false); }) ? Verdict::lost : Verdict::open;
}

}  // namespace

// A leader in office counts as heard: check-quorum removes it when it has no quorum.
bool Raft::leader_is_live(Time now) const {
  if (is_leader()) return true;
  return leader() != NodeId(0) && now - leader_heard_ < options_.election_timeout_min;
}

bool Raft::is_log_fresh(LogIndex last_index, Term last_term) const {
  if (last_term != log_.last_term()) return last_term > log_.last_term();
  return last_index >= log_.last_index();
}

void Raft::become_follower(Term term, NodeId leader, Reason reason, Time now) {
  ASSERT(term >= hard_state_.term);
  fail_reads();
  if (const auto* led = std::get_if<Leader>(&state_); led != nullptr && reason == Reason::higher_term) {
    if (led->transfer_asked) reason = led->transfer_why;
    if (is_retired()) reason = Reason::removed;
  }
  if (term > hard_state_.term) set_hard_state({.term = term, .vote = {}});
  state_ = Follower{.leader = leader, .ack_due = false};
  restart_election_timer(now);
  note(reason);
}

// Changes no term, here or elsewhere: a node that is cut off stays in this role for as long as it takes (I9, trap 28).
void Raft::become_pre_candidate(Reason reason, const Context& context) {
  const Term campaign = next(std::max(hard_state_.term, campaign_floor_));
  state_ = PreCandidate{.campaign = campaign, .answers = {{options_.self, true}}};
  restart_election_timer(context.now);
  note(reason);
  for (const NodeId voter : config()->all_voters()) {
    if (voter == options_.self) continue;
    pending_.send_now.push_back(
        {.to = voter,
         .message = PreVote{.term = campaign, .last_index = log_.last_index(), .last_term = log_.last_term()}});
  }
  count_pre_votes(context);
}

// The request leaves when durable: whoever grants it may rely on this term, this vote and the whole log behind it being on disk
// (review 1). So the answers can only come when the log is durable up to here.
void Raft::become_candidate(Reason reason, const Context& context) {
  set_hard_state({.term = next(std::max(hard_state_.term, campaign_floor_)), .vote = options_.self});
  state_ = Candidate{.last_index = log_.last_index(), .asked = false, .answers = {}};
  restart_election_timer(context.now);
  note(reason);
  for (const NodeId voter : config()->all_voters()) {
    if (voter != options_.self) ask_for_vote(voter, reason == Reason::transfer);
  }
}

void Raft::ask_for_vote(NodeId voter, bool transfer) {
  pending_.when_durable.push_back({.to = voter,
                                   .message = Vote{.term = hard_state_.term,
                                                   .last_index = log_.last_index(),
                                                   .last_term = log_.last_term(),
                                                   .transfer = transfer}});
}

void Raft::become_leader(const Context& context) {
  const auto& candidate = std::get<Candidate>(state_);
  ASSERT(candidate.last_index == log_.last_index());
  ASSERT(candidate.last_index == handed_out_);
  durable_ = candidate.last_index;
  Leader leader{.term_start = next(log_.last_index())};
  start_heartbeat_grid(leader, context.now);
  state_ = std::move(leader);
  follow_members(context.now);
  note(Reason::vote_won);
  append_own(EntryKind::noop, log_.last_log_time(), {});
}

void Raft::count_pre_votes(const Context& context) {
  if (tally(*config(), std::get<PreCandidate>(state_).answers) == Verdict::won) {
    become_candidate(Reason::pre_vote_won, context);
  }
}

Result<void> Raft::count_votes(const Context& context) {
  switch (tally(*config(), std::get<Candidate>(state_).answers)) {
    case Verdict::open:
      break;
    case Verdict::won:
      become_leader(context);
      break;
    case Verdict::lost:
      become_follower(hard_state_.term, NodeId(0), Reason::vote_lost, context.now);
      break;
  }
  return {};
}

// Both conditions, or a node that is far behind or deaf deposes a healthy leader (traps 26, 27). Not having a config means not
// being a replica yet: it answers nothing (DESIGN 7). Whoever has one answers whoever asks, member or not, voter or not: the asker's
// configuration counts the votes, and the entry that makes this replica or the asker a voter may not have arrived here (thesis 4.2.2).
Result<void> Raft::on(NodeId from, const PreVote& message, const Context& context) {
  if (config() == nullptr) return {};
  const bool live = leader_is_live(context.now);
  const bool fresh = is_log_fresh(message.last_index, message.last_term);
  if (live) MARK(context.recorder, "raft.pre_vote_refused_leader_lives");
  if (!fresh) MARK(context.recorder, "raft.pre_vote_refused_stale_log");
  const bool granted = message.term > hard_state_.term && !live && fresh;
  pending_.send_now.push_back(
      {.to = from, .message = PreVoteReply{.term = hard_state_.term, .campaign = message.term, .granted = granted}});
  if (granted && gives_way_) give_way_to(from, message, context.now);
  return {};
}

// Where an answer takes as long as two election timeouts differ, all stand at the same time, each votes for itself, and again in the next term. So
// whoever grants a pre-vote lets the asker go first, and of two askers who hear of each other the one with the longer log does, then the lower
// number. But once only: an asker that hears no answers would otherwise hold up all others for ever.
void Raft::give_way_to(NodeId other, const PreVote& asked, Time now) {
  if (const auto* own = std::get_if<PreCandidate>(&state_)) {
    const bool longer = asked.last_term > log_.last_term() || asked.last_index > log_.last_index();
    if (asked.term < own->campaign || (!longer && options_.self < other)) return;
    become_follower(hard_state_.term, NodeId(0), Reason::gave_way, now);
  } else if (std::holds_alternative<Follower>(state_)) {
    restart_election_timer(now);
  } else {
    return;
  }
  gives_way_ = false;
}

Result<void> Raft::on(NodeId from, const PreVoteReply& message, const Context& context) {
  auto* candidate = std::get_if<PreCandidate>(&state_);
  if (candidate == nullptr || message.campaign != candidate->campaign) return {};
  if (!message.granted && message.term >= candidate->campaign) {
    MARK(context.recorder, "raft.pre_vote_term_too_low");  // ask again, above the term that the answer named
    campaign_floor_ = std::max(campaign_floor_, message.term);
    become_pre_candidate(Reason::election_timeout, context);
    return {};
  }
  candidate->answers[from] = message.granted;
  count_pre_votes(context);
  return {};
}

Result<void> Raft::on(NodeId from, const Vote& message, const Context& context) {
  if (config() == nullptr) return {};
  if (message.term > hard_state_.term) {
    if (!message.transfer && leader_is_live(context.now)) {
      MARK(context.recorder, "raft.vote_ignored_leader_lives");
      return {};
    }
    become_follower(message.term, NodeId(0), Reason::higher_term, context.now);
  }
  const bool open = hard_state_.vote == from || (hard_state_.vote == NodeId(0) && leader() == NodeId(0));
  const bool granted = message.term == hard_state_.term && open && is_log_fresh(message.last_index, message.last_term);
  if (granted) {
    if (hard_state_.vote != from) set_hard_state({.term = hard_state_.term, .vote = from});
    restart_election_timer(context.now);
  }
  pending_.when_durable.push_back({.to = from, .message = VoteReply{.term = hard_state_.term, .granted = granted}});
  return {};
}

Result<void> Raft::on(NodeId from, const VoteReply& message, const Context& context) {
  if (message.term > hard_state_.term) {
    become_follower(message.term, NodeId(0), Reason::higher_term, context.now);
    return {};
  }
  auto* candidate = std::get_if<Candidate>(&state_);
  if (candidate == nullptr || !candidate->asked || message.term != hard_state_.term) return {};
  candidate->answers[from] = message.granted;
  return count_votes(context);
}

Result<void> Raft::on(NodeId from, const TimeoutNow& message, const Context& context) {
  const auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || message.term != hard_state_.term || follower->leader != from || !may_campaign()) return {};
  MARK(context.recorder, "raft.campaign_by_transfer");
  become_candidate(Reason::transfer, context);
  if (!config()->is_voter(from))
    ask_for_vote(from, true);  // a leader that leaves the group learns of its successor's term
  return {};
}

bool Raft::has_quorum_contact(Time now) const {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return false;
  return is_quorum(*config(), [&](NodeId voter) {
    return voter == options_.self || now - leader->peers.at(voter).last_contact() < options_.election_timeout_min;
  });
}

void Raft::check_quorum(const Context& context) {
  if (has_quorum_contact(context.now)) return;
  MARK(context.recorder, "raft.lost_quorum");
  become_follower(hard_state_.term, NodeId(0), Reason::lost_quorum, context.now);
}

}  // namespace rift::raft
