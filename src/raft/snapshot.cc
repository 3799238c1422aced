// The log's lower end: compaction, and snapshots in its place (thesis 5). Their bytes are cp's; the core knows where they stand.
#include <algorithm>

#include "raft/raft.h"

namespace rift::raft {

Result<SnapshotMeta> Raft::snapshot_meta(LogReader& log) const {
  const auto at =
      std::find_if(configs_.rbegin(), configs_.rend(), [&](const ConfigAt& it) { return it.index <= applied_; });
  if (applied_ == LogIndex(0) || at == configs_.rend())
    return fail(Code::not_ready, "nothing to take a snapshot of yet");
  const LogPlace place = TRY(log_.place(applied_, log));
  return SnapshotMeta{.index = place.index, .term = place.term, .log_time = place.log_time, .config = *at};
}

// Only what is applied, and so committed and durable here, may go (I13, trap 17).
Result<void> Raft::compacted(LogIndex first_index, const Context& context) {
  if (first_index <= log_.first_index()) return {};
  if (first_index > next(applied_)) return fail(Code::invalid, "the log is needed from what is not applied yet on");
  TRY(log_.compact(first_index, context.log));
  checked();
  return {};
}

void Raft::snapshot_failed(NodeId node) {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return;
  if (const auto peer = leader->peers.find(node); peer != leader->peers.end()) peer->second.probe(log_.first_index());
}

// What a snapshot holds is committed, so that it contradicts no leader; its sender's term may even be over. One that this log holds
// already is refused: entries behind it may have been acknowledged, and must not go with it (traps 39, 40).
Result<void> Raft::install(NodeId from, Term term, const SnapshotMeta& meta, const Context& context) {
  TRY(validate(meta.config.config));
  if (meta.index == LogIndex(0) || meta.term == Term(0) || meta.term > term)
    return fail(Code::invalid, "a snapshot of nothing");
  if (meta.index > index_max || !is_credible(term)) return fail(Code::invalid, "a snapshot of an absurd place");
  if (meta.log_time < Duration::zero() || meta.log_time > log_time_max)
    return fail(Code::invalid, "a snapshot of an absurd time");
  if (meta.config.index == LogIndex(0) || meta.config.index > meta.index)
    return fail(Code::invalid, "a snapshot whose config lies behind it");
  if (is_leader()) return fail(Code::invalid, "a leader takes no snapshot");
  if (meta.index <= commit_ || TRY(log_.term(meta.index, context.log)) == std::optional(meta.term)) {
    MARK(context.recorder, "raft.snapshot_not_needed");
    if (meta.index <= commit_ || term != hard_state_.term)
      return fail(Code::invalid, "the snapshot brings nothing new");
    verified_ = std::max(verified_, meta.index);
    TRY(commit_to(meta.index, context));
    checked();
    return fail(Code::invalid, "the log holds what the snapshot brings");
  }
  if (term >= hard_state_.term) {
    TRY(follow(from, term, context));
  } else if (!std::holds_alternative<Follower>(state_)) {
    become_follower(hard_state_.term, NodeId(0), Reason::installed, context.now);
  }
  reset_to(meta);
  TRY(settle_installed(context));
  auto& follower = std::get<Follower>(state_);
  follower.ack_due = follower.leader != NodeId(0);
  checked();
  return {};
}

// State and log change in one batch, so that neither outlives the other: everything up to the snapshot counts as durable, as far as this
// replica's own steps go. Whoever else hears of it hears when that batch is on disk.
void Raft::reset_to(const SnapshotMeta& meta) {
  log_.reset({.index = meta.index, .term = meta.term, .log_time = meta.log_time});
  configs_ = {meta.config};
  commit_ = meta.index;
  durable_ = meta.index;
  applied_ = meta.index;
  handed_out_ = meta.index;
  verified_ = meta.index;
  pending_.truncation.reset();
  pending_.installed = meta;
}

// The snapshot does not say which of this replica's proposals it holds: up to its index nothing is proved.
Result<void> Raft::settle_installed(const Context& context) {
  std::vector<OwnRange> open;
  for (OwnRange range : own_) {
    range.first = std::max(range.first, next(commit_));
    if (range.first <= range.last) open.push_back(range);
  }
  own_ = std::move(open);
  return settle_proposals(context);
}

}  // namespace rift::raft
