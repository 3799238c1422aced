// The leader's side of replication: proposals, appends within the in-flight bounds, commit by durable indexes, fates.
#include <algorithm>

#include "raft/quorum.h"
#include "raft/raft.h"

namespace rift::raft {

Result<Proposed> Raft::propose(std::span<const Proposal> proposals, const Context& context) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return fail(Code::not_leader, "this replica does not lead");
  if (leader->transfer_to != NodeId(0)) {
    return fail(Code::not_leader, "leadership is being handed over to " + to_string(leader->transfer_to));
  }
  if (proposals.empty()) return fail(Code::invalid, "an empty proposal");
  std::size_t bytes = 0;
  for (const Proposal& proposal : proposals) {
    if (proposal.payload.size() > limits::entry_bytes_max)
      return fail(Code::too_large, "an entry above entry_bytes_max");
    bytes += proposal.payload.size();
  }
  if (leader->uncommitted_bytes + bytes > options_.uncommitted_bytes_max) {
    MARK(context.recorder, "raft.proposal_refused_uncommitted_bytes");
    return fail(Code::overloaded, "too many uncommitted bytes");
  }
  leader->uncommitted_bytes += bytes;
  const Proposed proposed{.term = hard_state_.term, .first = next(log_.last_index())};
  for (const Proposal& proposal : proposals) append_own(EntryKind::command, proposal.log_time, proposal.payload);
  checked();
  return proposed;
}

void Raft::append_own(EntryKind kind, Duration log_time, Bytes payload) {
  const LogIndex index = next(log_.last_index());
  if (own_.empty() || own_.back().term != hard_state_.term) {
    own_.push_back({.term = hard_state_.term, .first = index, .last = index});
  }
  own_.back().last = index;
  append_entry({.term = hard_state_.term,
                .index = index,
                .kind = kind,
                .log_time = std::max(log_time, log_.last_log_time()),
                .payload = std::move(payload)});
}

Result<void> Raft::send_to_peers(const Context& context) {
  auto& leader = std::get<Leader>(state_);
  if (!leader.leaving.empty()) forget_leaving(context.now);
  // Reads that come while rounds of reads are on their way share the next one, instead of a beat to everybody each.
  const bool asks = leader.read_open && leader.reads.size() <= read_rounds_in_flight_max;
  const bool beat = leader.heartbeat_due || asks;
  if (beat) leader.read_open = false;
  for (auto& [node, progress] : leader.peers) {
    const bool sent = TRY(send_appends(node, progress, context));
    const bool notify = !sent && context.now >= commit_notice_due(progress);
    if (beat || notify) send_heartbeat(node, progress, context.now);
  }
  leader.heartbeat_due = false;
  release_reads();  // a leader that is its own quorum
  continue_transfer(context);
  return {};
}

// A commit that no append has carried yet goes out by itself, at once when it is the first for a while. Under load the next append is near
// and carries it; a frame and its answer for every commit would be half of all frames.
Time Raft::commit_notice_due(const Progress& progress) const {
  if (progress.commit_sent() >= std::min(commit_, progress.match())) return Time::max();
  return progress.commit_sent_at() + commit_notice_interval;
}

void Raft::send_heartbeat(NodeId to, Progress& progress, Time now) {
  const auto& leader = std::get<Leader>(state_);
  const LogIndex commit = std::min(commit_, progress.match());
  // A position that is still open takes more reads: its echo, asked for before they came, would confirm them.
  const std::uint64_t position = leader.read_position - (leader.read_open ? 1 : 0);
  pending_.send_now.push_back(
      {.to = to, .message = Heartbeat{.term = hard_state_.term, .commit = commit, .read_position = position}});
  progress.commit_sent(commit, now);
}

Result<bool> Raft::send_appends(NodeId to, Progress& progress, const Context& context) {
  bool any = false;
  while (progress.may_send(options_.peer_in_flight_messages_max, options_.peer_in_flight_bytes_max)) {
    const bool probes = progress.state() == Progress::State::probe;
    if (!probes && progress.next() > last_index_for(to)) break;
    if (!TRY(send_append(to, progress, Fill::entries, context))) break;
    any = true;
  }
  return any;
}

Result<bool> Raft::send_append(NodeId to, Progress& progress, Fill fill, const Context& context) {
  if (progress.next() < log_.first_index()) {
    MARK(context.recorder, "raft.peer_needs_snapshot");
    progress.needs_snapshot();
    want_snapshot(to);
    return false;
  }
  const LogIndex prev = previous(progress.next());
  const auto prev_term = TRY(log_.term(prev, context.log));
  if (!prev_term) return fail(Code::corruption, "the log has a hole at " + std::to_string(prev.value()));
  Append append{
      .term = hard_state_.term, .prev_index = prev, .prev_term = *prev_term, .commit = commit_, .entries = {}};
  const LogIndex end = last_index_for(to);
  if (fill == Fill::entries && prev < end) {
    append.entries = TRY(log_.read(progress.next(), end, options_.append_bytes_max, context.log));
  }
  std::size_t bytes = 0;
  for (const Entry& entry : append.entries) bytes += entry.payload.size();
  if (!progress.has_room(bytes, options_.peer_in_flight_bytes_max)) {
    MARK(context.recorder, "raft.in_flight_bytes_full");
    return false;
  }
  const LogIndex last(prev.value() + append.entries.size());
  progress.sent(last, bytes, context.now);
  progress.commit_sent(std::min(commit_, last), context.now);
  pending_.send_now.push_back({.to = to, .message = std::move(append)});
  return true;
}

Result<void> Raft::on(NodeId from, const AppendAck& message, const Context& context) {
  if (message.term > hard_state_.term) {
    become_follower(message.term, NodeId(0), Reason::higher_term, context.now);
    return {};
  }
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr || message.term != hard_state_.term) return {};
  const auto peer = leader->peers.find(from);
  if (peer == leader->peers.end()) return {};
  Progress& progress = peer->second;
  if (message.accepted) {
    if (message.match > log_.last_index()) return fail(Code::invalid, "an ack beyond the end of the log");
    progress.contacted(context.now);
    const LogIndex before = progress.match();
    progress.accepted(message.match, log_.first_index(), context.now);
    if (progress.state() == Progress::State::snapshot && message.match > before) {
      MARK(context.recorder, "raft.snapshot_overtaken");  // the log was compacted meanwhile: it needs a newer one
      want_snapshot(from);
    }
    return advance_commit(context);
  }
  progress.contacted(context.now);
  return on_rejected(from, progress, message, context);
}

// The hint names the follower's last entry that can match; the leader's last entry of that term or older can match too. The
// lower of both: one round per term in which the logs differ, not one per entry (thesis 3.5).
// Who has less than it once acknowledged is another life of the peer: a learner that was let go and came back, while an acknowledgement of its old
// life was under way. Nothing of what it seemed to hold has been counted since it became a voter: what counts is beyond the entry that made it one.
Result<void> Raft::on_rejected(NodeId from, Progress& progress, const AppendAck& message, const Context& context) {
  if (progress.is_stale_rejection(message.rejected_prev) || message.rejected_prev > log_.last_index()) {
    MARK(context.recorder, "raft.stale_rejection");
    return {};
  }
  const LogIndex common = TRY(log_.last_index_up_to_term(message.hint_index, message.hint_term, context.log));
  const bool was_counted = config()->is_voter(from) && progress.match() >= config_index();
  if (common < progress.match() && !was_counted) {
    MARK(context.recorder, "raft.former_life_forgotten");
    progress.forget();
  }
  progress.rejected(std::min(message.rejected_prev, next(common)));
  if (message.hint_index != LogIndex(0)) return {};
  MARK(context.recorder, "raft.newcomer_needs_snapshot");
  progress.needs_snapshot();
  want_snapshot(from);
  return {};
}

// Whoever comes to the group after its birth begins with the state as of the entry that added it, or later. Were it to replay the log, it would live
// through configurations in which an earlier life of it, or of its node, had a vote; several such, and one that is far behind, are a majority
// of an old configuration, and none of them knows what the group has acknowledged since. A learner is counted in no quorum, so the newest
// configuration is committed without it.
void Raft::want_snapshot(NodeId peer) {
  if (!config()->is_member(peer)) return;
  pending_.snapshot_wanted.push_back(
      {.peer = peer, .at_least = config()->is_voter(peer) ? LogIndex(0) : config_index()});
}

LogIndex Raft::durable_at(const Leader& leader, NodeId voter) const {
  return voter == options_.self ? durable_ : leader.peers.at(voter).match();
}

// The largest index that a quorum holds durably. Entries of older terms are committed only by one of this term above them
// (figure 8, trap 24); all entries from term_start on are of this term.
Result<void> Raft::advance_commit(const Context& context) {
  auto& leader = std::get<Leader>(state_);
  const auto agreed = reached_by_quorum<LogIndex>(*config(), [&](NodeId voter) { return durable_at(leader, voter); });
  if (agreed <= commit_ || agreed < leader.term_start) return {};
  for (LogIndex index = std::max(next(commit_), leader.term_start); index <= agreed; index = next(index)) {
    const Entry& entry = log_.in_memory(index);
    if (entry.kind == EntryKind::command) leader.uncommitted_bytes -= entry.payload.size();
  }
  TRY(commit_to(agreed, context));
  release_reads();
  return {};
}

Result<void> Raft::commit_to(LogIndex index, const Context& context) {
  if (index <= commit_) return {};
  ASSERT(index <= log_.last_index());
  commit_ = index;
  return settle_proposals(context);
}

// Fates of what this replica proposed in terms it led. A leader's own term needs no look: its log is the log.
Result<void> Raft::settle_proposals(const Context& context) {
  if (own_.empty()) return {};
  if (is_leader() && own_.size() == 1 && own_.front().term == hard_state_.term) {
    own_.front().first = std::max(own_.front().first, next(commit_));
    if (own_.front().first > own_.front().last) own_.clear();
    return {};
  }
  const Term commit_term = TRY(log_.term(commit_, context.log)).value_or(Term(0));
  std::vector<OwnRange> open;
  for (OwnRange range : own_) {
    const bool leads = is_leader() && range.term == hard_state_.term;
    for (; !leads && range.first <= std::min(commit_, range.last); range.first = next(range.first)) {
      if (TRY(log_.term(range.first, context.log)) == std::optional(range.term)) continue;
      MARK(context.recorder, "raft.proposal_superseded");
      pending_.superseded.push_back({.term = range.term, .first = range.first, .last = range.first});
    }
    if (leads) range.first = std::max(range.first, next(commit_));
    if (range.first <= range.last && commit_term > range.term) {
      pending_.superseded.push_back({.term = range.term, .first = range.first, .last = range.last});
      continue;
    }
    if (range.first <= range.last) open.push_back(range);
  }
  own_ = std::move(open);
  return {};
}

LogIndex Raft::durable_on_all_voters() const {
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return LogIndex(0);
  return reached_by_all(*config(), log_.last_index(), [&](NodeId voter) { return durable_at(*leader, voter); });
}

}  // namespace rift::raft
