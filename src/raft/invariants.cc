// What must hold after every verb (research I1-I15, as far as one replica can see it). A failure here is a bug of the core, never of its input.
#include <algorithm>

#include "raft/raft.h"

namespace rift::raft {

void Raft::check_invariants() const {
  ASSERT(applied_ <= commit_);           // I5
  ASSERT(applied_ <= durable_);          // I15
  ASSERT(commit_ <= log_.last_index());  // I4
  ASSERT(durable_ <= handed_out_);       // nothing is durable that nobody was told to write
  ASSERT(handed_out_ <= log_.last_index());
  ASSERT(verified_ <= log_.last_index());
  ASSERT(log_.last_term() <= hard_state_.term);
  ASSERT(log_.memory_from() <= next(durable_));  // I7: only what is durable is forgotten
  ASSERT(log_.floor().index <= applied_);        // I13: what is gone is in the state
  ASSERT(log_.memory_from() >= log_.first_index());
  ASSERT(log_.floor().term <= log_.last_term());
  check_configs();
  for (const OwnRange& range : own_) {
    ASSERT(range.first <= range.last);
    ASSERT(range.last > commit_);  // I12: a settled proposal is not open
    ASSERT(range.term <= hard_state_.term);
  }
  if (const auto* follower = std::get_if<Follower>(&state_)) {
    ASSERT(follower->leader != options_.self);
  } else if (const auto* candidate = std::get_if<Candidate>(&state_)) {
    ASSERT(hard_state_.vote == options_.self);  // I1
    ASSERT(candidate->last_index == log_.last_index());
  } else if (const auto* leader = std::get_if<Leader>(&state_)) {
    check_leader(*leader);
  } else {
    ASSERT(std::get<PreCandidate>(state_).campaign > hard_state_.term);  // I9
  }
}

// I8: the configuration in force is the newest of the log; each is one legal step from the one before, so that any two in a row share a
// majority; a leader with a commit in its own term has at most one that is not committed.
void Raft::check_configs() const {
  for (std::size_t i = 1; i < configs_.size(); ++i) {
    ASSERT(configs_[i - 1].index < configs_[i].index);
    ASSERT(may_follow(configs_[i].config, configs_[i - 1].config));
  }
  if (log_.floor().index > LogIndex(0)) ASSERT(!configs_.empty());
  if (!configs_.empty()) ASSERT(configs_.back().index <= log_.last_index());
  const LogIndex from = std::max(next(commit_), log_.memory_from());
  std::size_t expected = 0;
  for (const ConfigAt& config : configs_) {
    if (config.index < from) continue;
    ASSERT(log_.in_memory(config.index).kind == EntryKind::config);
    ++expected;
  }
  std::size_t logged = 0;
  for (LogIndex index = from; index <= log_.last_index(); index = next(index)) {
    if (log_.in_memory(index).kind == EntryKind::config) ++logged;
  }
  ASSERT(logged == expected);
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader != nullptr && commit_ >= leader->term_start) ASSERT(logged <= 1);
}

// The leader's peers are the members, and those that shall hear that they are none any more.
void Raft::check_peers(const Leader& leader) const {
  for (const auto& group : {config()->all_voters(), config()->learners}) {
    for (const NodeId node : group) ASSERT(node == options_.self || leader.peers.contains(node));
  }
  for (const auto& [node, progress] : leader.peers) {
    ASSERT(config()->is_member(node) != leader.leaving.contains(node));
    // It needs what is no longer stored, or everything: nobody is sent the group's first entry.
    if (progress.state() == Progress::State::snapshot)
      ASSERT(progress.next() < log_.first_index() || progress.next() == LogIndex(1));
  }
  if (leader.transfer_to != NodeId(0)) ASSERT(config()->stays_voter(leader.transfer_to));
}

void Raft::check_leader(const Leader& leader) const {
  ASSERT(!configs_.empty());
  check_peers(leader);
  ASSERT(hard_state_.vote == options_.self);
  ASSERT(leader.term_start <= log_.last_index());
  ASSERT(log_.last_term() == hard_state_.term);
  ASSERT(leader.uncommitted_bytes <= options_.uncommitted_bytes_max);
  for (const auto& [node, progress] : leader.peers) {
    ASSERT(node != options_.self);
    ASSERT(progress.match() < progress.next());  // I3, trap 25
    ASSERT(progress.next() <= next(log_.last_index()));
    ASSERT(progress.in_flight_messages() <= options_.peer_in_flight_messages_max);
    ASSERT(progress.in_flight_messages() <= 1 || progress.in_flight_bytes() <= options_.peer_in_flight_bytes_max);
    ASSERT(progress.read_position() <= leader.read_position);  // I11
  }
  for (std::size_t i = 0; i < leader.reads.size(); ++i) {
    ASSERT(leader.reads[i].number <= leader.read_position);
    ASSERT(leader.reads[i].index >= leader.term_start);
    if (i > 0) ASSERT(leader.reads[i - 1].number < leader.reads[i].number);
  }
}

}  // namespace rift::raft
