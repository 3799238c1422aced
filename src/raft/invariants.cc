// What must hold after every verb (research I1-I9). A failure here is a bug of the core, never of its input.
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
  for (std::size_t i = 1; i < configs_.size(); ++i) ASSERT(configs_[i - 1].index < configs_[i].index);
  if (!configs_.empty()) ASSERT(configs_.back().index <= log_.last_index());  // I8
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

void Raft::check_leader(const Leader& leader) const {
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
