// ReadIndex with positions (thesis 6.4): numbers that grow within a term, are echoed by heartbeats and die with the term. A late
// echo of an older position can therefore never confirm a newer read (trap 2).
#include <algorithm>

#include "raft/quorum.h"
#include "raft/raft.h"

namespace rift::raft {

// The index is at least this term's no-op: everything that earlier leaders committed lies below it (trap 1).
Result<ReadPosition> Raft::read(const Context& context) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return fail(Code::not_leader, "this replica does not lead");
  const LogIndex index = std::max(commit_, leader->term_start);
  if (!leader->read_open) {
    if (leader->reads.size() >= reads_pending_max) {
      MARK(context.recorder, "raft.read_refused_pending");
      return fail(Code::overloaded, "too many rounds of reads wait for a quorum");
    }
    leader->read_open = true;
    leader->reads.push_back({.number = ++leader->read_position, .index = index});
  }
  leader->reads.back().index = index;  // not sent yet: a later read of the round may raise it
  checked();
  return ReadPosition{.term = hard_state_.term, .number = leader->read_position};
}

Result<void> Raft::on(NodeId from, const HeartbeatAck& message, const Context& context) {
  if (message.term > hard_state_.term) {
    become_follower(message.term, NodeId(0), Reason::higher_term, context.now);
    return {};
  }
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || message.term != hard_state_.term) return {};
  const auto peer = leader->peers.find(from);
  if (peer == leader->peers.end()) return {};
  if (message.read_position > leader->read_position) return fail(Code::invalid, "an echo of a position never sent");
  Progress& progress = peer->second;
  progress.contacted(context.now);
  progress.echoed(message.read_position);
  release_reads();
  // Nothing is verified by who has nothing yet, wherever this log begins.
  if (message.verified != LogIndex(0) && message.verified >= log_.floor().index) {
    progress.probe(
        next(std::min(message.verified, log_.last_index())));  // it has its snapshot; the acknowledgement was lost
  }
  // Said with each beat: whoever sends snapshots may have dropped the first word of it, or have sent one that was overtaken.
  if (progress.state() == Progress::State::snapshot) want_snapshot(from);
  if (progress.suspects_loss(message.verified, context.now, options_.heartbeat_interval)) {
    MARK(context.recorder, "raft.lost_append_probed");
    TRY(send_append(from, progress, Fill::nothing, context));
  }
  return {};
}

void Raft::release_reads() {
  auto& leader = std::get<Leader>(state_);
  if (leader.reads.empty() || leader.reads.front().index > commit_) return;
  const auto confirmed = reached_by_quorum<std::uint64_t>(*config(), [&](NodeId voter) {
    return voter == options_.self ? leader.read_position : leader.peers.at(voter).read_position();
  });
  auto read = leader.reads.begin();
  for (; read != leader.reads.end() && read->number <= confirmed && read->index <= commit_; ++read) {
    pending_.reads_ready.push_back(
        {.position = {.term = hard_state_.term, .number = read->number}, .index = read->index});
  }
  leader.reads.erase(leader.reads.begin(), read);
  if (leader.reads.empty()) leader.read_open = false;  // a leader that is its own quorum confirms the open one too
}

void Raft::fail_reads() {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return;
  for (const PendingRead& read : leader->reads) {
    pending_.reads_failed.push_back({.term = hard_state_.term, .number = read.number});
  }
}

}  // namespace rift::raft
