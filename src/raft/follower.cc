// The receiving side of replication: appends and heartbeats from the leader of the term (thesis 3.5).
#include <algorithm>

#include "raft/raft.h"

namespace rift::raft {
namespace {

// A message is input from outside: its entries must form a piece of log that a leader of its term can have.
Result<void> validate(const Append& message) {
  if (message.prev_term > message.term)
    return fail(Code::invalid, "an append whose previous entry is from a later term");
  Term term = message.prev_term;
  LogIndex index = message.prev_index;
  for (const Entry& entry : message.entries) {
    index = next(index);
    if (entry.index != index || index == LogIndex(0)) return fail(Code::invalid, "an append with a gap");
    if (entry.term < term || entry.term > message.term) return fail(Code::invalid, "an append whose terms fall");
    if (entry.log_time < Duration::zero() || entry.log_time > log_time_max)
      return fail(Code::invalid, "an append with an absurd log time");
    if (entry.payload.size() > limits::entry_bytes_max) return fail(Code::invalid, "an append with an oversized entry");
    if (entry.kind == EntryKind::config && !decode_config(entry.payload)) {
      return fail(Code::invalid, "an append with a malformed config");
    }
    term = entry.term;
  }
  return {};
}

// The term that the message claims for `index`; nothing when it does not reach so far.
std::optional<Term> claimed_term(const Append& message, LogIndex index) {
  if (index == message.prev_index) return message.prev_term;
  if (index < message.prev_index || index - message.prev_index > message.entries.size()) return std::nullopt;
  return message.entries[index - message.prev_index - 1].term;
}

}  // namespace

// Accepts `from` as the leader of `term`. There is one per term, so that a second one is a forged or damaged message.
Result<void> Raft::follow(NodeId from, Term term, const Context& context) {
  const NodeId known = leader();
  if (term == hard_state_.term && known != NodeId(0) && known != from) {
    return fail(Code::invalid, to_string(from) + " claims a term that " + to_string(known) + " leads");
  }
  const bool is_followed = term == hard_state_.term && known == from;
  if (!is_followed) become_follower(term, from, Reason::leader_heard, context.now);
  leader_heard_ = context.now;
  gives_way_ = true;
  restart_election_timer(context.now);
  return {};
}

Result<void> Raft::on(NodeId from, const Heartbeat& message, const Context& context) {
  if (message.term >= hard_state_.term) {
    TRY(follow(from, message.term, context));
    if (message.commit > verified_) MARK(context.recorder, "raft.heartbeat_commit_clamped");
    TRY(commit_to(std::min(message.commit, verified_), context));
  } else {
    MARK(context.recorder, "raft.heartbeat_from_old_leader");  // the answer's term tells it (trap 29)
  }
  // A late beat of an earlier term is answered in this one: its position must not count here, should its sender lead again.
  const std::uint64_t echo = message.term == hard_state_.term ? message.read_position : 0;
  pending_.send_now.push_back(
      {.to = from, .message = HeartbeatAck{.term = hard_state_.term, .read_position = echo, .verified = verified_}});
  return {};
}

// Only what equals that leader's log is known to be what it means.
Result<void> Raft::learn_commit(Term term, LogIndex index, const Context& context) {
  if (is_leader() || term != hard_state_.term) return {};
  TRY(commit_to(std::min(index, verified_), context));
  checked();
  return {};
}

Result<void> Raft::on(NodeId from, Append& message, const Context& context) {
  TRY(validate(message));
  if (message.term < hard_state_.term) {
    MARK(context.recorder, "raft.append_from_old_leader");
    pending_.when_durable.push_back({.to = from, .message = AppendAck{.term = hard_state_.term, .accepted = false}});
    return {};
  }
  // Without a configuration it begins with a snapshot: want_snapshot().
  const bool fits =
      config() != nullptr && (message.prev_index <= commit_ ||
                              TRY(log_.term(message.prev_index, context.log)) == std::optional(message.prev_term));
  if (fits) TRY(validate_against_log(message, context));
  TRY(follow(from, message.term, context));
  return fits ? accept(message, context) : reject(from, message, context);
}

// What is committed here is in every later leader's log (thesis 3.6.3): a message that disagrees about the last of it was not sent by a leader,
// and shall not be followed as one.
Result<void> Raft::validate_against_log(const Append& message, const Context& context) const {
  const auto claimed = claimed_term(message, commit_);
  if (claimed && claimed != TRY(log_.term(commit_, context.log))) {
    return fail(Code::invalid, "an append that contradicts a committed entry");
  }
  return validate_configs(message);
}

Result<void> Raft::reject(NodeId from, const Append& message, const Context& context) {
  MARK(context.recorder, "raft.append_rejected");
  AppendAck ack{.term = hard_state_.term, .accepted = false, .rejected_prev = message.prev_index};
  ack.hint_index = TRY(log_.last_index_up_to_term(message.prev_index, message.prev_term, context.log));
  ack.hint_term = TRY(log_.term(ack.hint_index, context.log)).value_or(Term(0));
  pending_.when_durable.push_back({.to = from, .message = ack});
  return {};
}

// Entries up to commit are skipped, never cut (I6).
Result<void> Raft::accept(Append& message, const Context& context) {
  const LogIndex end(message.prev_index.value() + message.entries.size());
  for (Entry& entry : message.entries) {
    if (entry.index <= commit_) continue;
    if (entry.index <= log_.last_index()) {
      const auto term = TRY(log_.term(entry.index, context.log));
      if (term == std::optional(entry.term)) continue;
      if (entry.index <= verified_) {
        return fail(Code::invalid, "an append that contradicts an earlier one of the same leader");
      }
      MARK(context.recorder, "raft.conflicting_suffix_truncated");
      TRY(truncate(entry.index, context));
    }
    append_entry(std::move(entry));
  }
  verified_ = std::max({verified_, end, commit_});
  std::get<Follower>(state_).ack_due = true;
  return commit_to(std::min(message.commit, verified_), context);
}

// Up to prev_index both logs are equal, and up to the commit whatever is repeated; from there on the message says what the log will be: each
// configuration in it must follow the one before it.
Result<void> Raft::validate_configs(const Append& message) const {
  std::optional<Config> read;
  for (const Entry& entry : message.entries) {
    if (entry.kind != EntryKind::config || entry.index <= commit_) continue;
    Config later = TRY(decode_config(entry.payload));
    const Config* earlier = read ? &*read : config_at(std::max(message.prev_index, commit_));
    if (earlier != nullptr && !may_follow(later, *earlier)) {
      return fail(Code::invalid, "an append with a config that cannot follow the one before it");
    }
    read = std::move(later);
  }
  return {};
}

void Raft::append_entry(Entry entry) {
  if (entry.kind == EntryKind::config) {
    auto config = decode_config(entry.payload);
    ASSERT(config.has_value());  // validated with the message, or encoded here
    configs_.push_back({.index = entry.index, .config = std::move(*config)});
  }
  log_.append(std::move(entry));
}

Result<void> Raft::truncate(LogIndex from, const Context& context) {
  ASSERT(from > commit_);
  TRY(log_.truncate(from, context.log));
  while (!configs_.empty() && configs_.back().index >= from) configs_.pop_back();
  if (from > handed_out_) return {};
  const LogIndex to = handed_out_;
  if (pending_.truncation) {
    pending_.truncation->from = std::min(pending_.truncation->from, from);
  } else {
    pending_.truncation = Truncation{.from = from, .to = to};
  }
  handed_out_ = previous(from);
  durable_ = std::min(durable_, previous(from));
  return {};
}

}  // namespace rift::raft
