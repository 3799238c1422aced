// Changes of the group's membership by joint consensus (thesis 4.3), and the leader's list of peers that follows the configuration in force:
// the newest one in the log, from the moment it is appended (trap 34).
#include <algorithm>

#include "raft/raft.h"

namespace rift::raft {

// Refused until this leader has committed an entry of its own term: before that an older leader's change may be committed behind its back
// (the bug of 2015, trap 33). One change at a time; a joint configuration is left before the next begins.
Result<LogIndex> Raft::change_config(Config wish, const Context& context) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || leader->transfer_to != NodeId(0))
    return fail(Code::not_leader, "this replica does not lead");
  if (wish.is_joint()) return fail(Code::invalid, "a wish is never joint: how to get there is decided here");
  TRY(validate(wish));
  if (commit_ < leader->term_start) {
    MARK(context.recorder, "raft.change_refused_before_noop");
    return fail(Code::overloaded, "this leader has committed nothing in its term yet");
  }
  if (!config_settled()) {
    MARK(context.recorder, "raft.change_refused_unsettled");
    return fail(Code::overloaded, "another change of the members is under way");
  }
  Config step = TRY(step_towards(wish, context));
  if (step != *config()) append_config(step, context);
  checked();
  return config_index();
}

// A voter without the log stalls every commit, and one without a configuration grants no vote (DESIGN 7): whoever is to vote is a learner first,
// until it has nearly everything.
Result<Config> Raft::step_towards(const Config& wish, const Context& context) const {
  const auto& leader = std::get<Leader>(state_);
  Config learning = *config();
  for (const NodeId voter : wish.voters) {
    if (config()->is_member(voter)) continue;
    learning.learners.insert(std::upper_bound(learning.learners.begin(), learning.learners.end(), voter), voter);
  }
  if (learning != *config()) {
    TRY(validate(learning));
    return learning;
  }
  for (const NodeId voter : wish.voters) {
    if (config()->is_voter(voter)) continue;
    const LogIndex match = leader.peers.at(voter).match();
    if (match >= config_index() && match.value() + promotion_lag_max >= log_.last_index().value()) continue;
    MARK(context.recorder, "raft.promotion_refused_lagging");
    return fail(Code::overloaded, to_string(voter) + " has not caught up");
  }
  Config step = wish;
  if (wish.voters != config()->voters) step.outgoing = config()->voters;
  return step;
}

void Raft::append_config(const Config& config, const Context& context) {
  MARK(context.recorder, config.is_joint() ? "raft.joint_entered" : "raft.config_appended");
  append_own(EntryKind::config, log_.last_log_time(), encode(config));
  follow_members(context.now);
}

// What the configuration in force asks of its leader: leave the joint one as soon as it is committed, whoever entered it; and go, when it
// is no voter of what it has committed (thesis 4.2.2, trap 35).
void Raft::continue_change(const Context& context) {
  const auto& leader = std::get<Leader>(state_);
  if (configs_.back().index > commit_ || commit_ < leader.term_start || leader.transfer_to != NodeId(0)) return;
  if (config()->is_joint()) {
    MARK(context.recorder, "raft.joint_left");
    append_config({.voters = config()->voters, .outgoing = {}, .learners = config()->learners}, context);
  } else if (!config()->is_voter(options_.self)) {
    MARK(context.recorder, "raft.removed_leader_goes");
    const NodeId heir = successor(context.now);
    if (heir != NodeId(0)) return start_transfer(heir, Reason::removed, context.now);
    become_follower(hard_state_.term, NodeId(0), Reason::removed, context.now);
  }
}

// Whoever is out is still sent the entry that says so, and nothing behind it: a late acknowledgement from its former life can then never
// claim more than that entry, should it be added anew with an empty disk.
void Raft::follow_members(Time now) {
  auto& leader = std::get<Leader>(state_);
  for (const auto& [node, progress] : leader.peers) {
    if (config()->is_member(node)) continue;
    leader.leaving.emplace(node, Leaving{.last = log_.last_index(), .until = now + leaving_time});
  }
  const auto add = [&](NodeId node) {
    if (node == options_.self) return;
    if (leader.leaving.erase(node) != 0) leader.peers.erase(node);
    leader.peers.try_emplace(node, next(log_.last_index()), now);
  };
  std::for_each(config()->voters.begin(), config()->voters.end(), add);
  std::for_each(config()->outgoing.begin(), config()->outgoing.end(), add);
  std::for_each(config()->learners.begin(), config()->learners.end(), add);
}

void Raft::forget_leaving(Time now) {
  auto& leader = std::get<Leader>(state_);
  for (auto it = leader.leaving.begin(); it != leader.leaving.end();) {
    auto& [node, leaving] = *it;
    if (commit_ < leaving.last) leaving.until = now + leaving_time;  // it shall hear that it is committed, too
    if (now < leaving.until) {
      ++it;
      continue;
    }
    leader.peers.erase(node);
    it = leader.leaving.erase(it);
  }
}

LogIndex Raft::last_index_for(NodeId peer) const {
  const auto& leader = std::get<Leader>(state_);
  if (leader.leaving.empty()) return log_.last_index();
  const auto leaving = leader.leaving.find(peer);
  return leaving == leader.leaving.end() ? log_.last_index() : leaving->second.last;
}

bool Raft::config_settled() const {
  return !configs_.empty() && configs_.back().index <= commit_ && !configs_.back().config.is_joint();
}

// The configuration that stands at `index`; nothing when that is not known (any more).
const Config* Raft::config_at(LogIndex index) const {
  const auto later =
      std::find_if(configs_.rbegin(), configs_.rend(), [&](const ConfigAt& at) { return at.index <= index; });
  return later == configs_.rend() ? nullptr : &later->config;
}

// What stands at the applied index is needed for a snapshot; what is uncommitted may be reverted to no older one.
void Raft::forget_old_configs() {
  while (configs_.size() > 1 && configs_[1].index <= applied_) configs_.erase(configs_.begin());
}

}  // namespace rift::raft
