#include "raft/raft.h"

#include <algorithm>

#include "base/overloaded.h"

namespace rift::raft {
namespace {

Result<void> validate(const Options& options) {
  if (options.self == NodeId(0)) return fail(Code::invalid, "a raft replica needs a node id");
  if (options.heartbeat_interval <= Duration::zero())
    return fail(Code::invalid, "heartbeat_interval must be above zero");
  if (options.election_timeout_min <= options.heartbeat_interval) {
    return fail(Code::invalid, "election_timeout_min must be above heartbeat_interval");
  }
  if (options.election_timeout_max < options.election_timeout_min) {
    return fail(Code::invalid, "election_timeout_max must not be below election_timeout_min");
  }
  if (options.append_bytes_max == 0 || options.peer_in_flight_messages_max == 0 ||
      options.peer_in_flight_bytes_max == 0) {
    return fail(Code::invalid, "the in-flight bounds must be above zero");
  }
  return {};
}

bool is_contiguous_tail(const Restored& restored) {
  if (restored.tail.empty()) return true;
  if (restored.tail.back().index != restored.last_index || restored.tail.back().term != restored.last_term)
    return false;
  if (restored.tail.front().index < restored.first_index) return false;
  for (std::size_t i = 1; i < restored.tail.size(); ++i) {
    const Entry& before = restored.tail[i - 1];
    if (restored.tail[i].index != next(before.index) || restored.tail[i].term < before.term) return false;
  }
  return true;
}

// A log that starts behind a snapshot knows where the snapshot ends (I13).
Result<void> validate_start(const Restored& restored) {
  if (restored.first_index == LogIndex(1)) {
    if (restored.before_term != Term(0)) return fail(Code::corruption, "a term before the first entry");
    return {};
  }
  if (restored.before_term == Term(0)) return fail(Code::corruption, "the term before the log's start is missing");
  const bool is_empty = restored.last_index < restored.first_index;
  if (is_empty ? restored.last_term != restored.before_term : restored.last_term < restored.before_term)
    return fail(Code::corruption, "the log contradicts the place where it starts");
  if (!restored.tail.empty() && restored.tail.front().term < restored.before_term)
    return fail(Code::corruption, "the log's terms fall behind its start");
  if (restored.configs.empty()) return fail(Code::corruption, "a log that starts behind a snapshot has a raft config");
  return {};
}

// What the store answered is input: a contradiction is corruption, not an assertion.
Result<void> validate(const Restored& restored) {
  if (restored.last_term > restored.hard_state.term)
    return fail(Code::corruption, "the log is ahead of the stored term");
  if (restored.applied > restored.last_index) return fail(Code::corruption, "applied beyond the end of the log");
  if (restored.first_index == LogIndex(0) || restored.first_index > next(restored.last_index)) {
    return fail(Code::corruption, "the log's first index lies behind its end");
  }
  TRY(validate_start(restored));
  if (next(restored.applied) < restored.first_index)
    return fail(Code::corruption, "unapplied entries are no longer stored");
  if (!is_contiguous_tail(restored)) return fail(Code::corruption, "the log's tail is not contiguous");
  for (std::size_t i = 0; i < restored.configs.size(); ++i) {
    TRY(validate(restored.configs[i].config));
    const bool ascends = i == 0 || restored.configs[i - 1].index < restored.configs[i].index;
    if (!ascends || restored.configs[i].index > restored.last_index)
      return fail(Code::corruption, "misplaced raft config");
    if (i > 0 && !may_follow(restored.configs[i].config, restored.configs[i - 1].config))
      return fail(Code::corruption, "a raft config that cannot follow the one before it");
  }
  return {};
}

}  // namespace

Result<Raft> Raft::create(Options options, Restored restored, Rng rng, Time now) {
  TRY(validate(options));
  TRY(validate(restored));
  return Raft(std::move(options), std::move(restored), rng, now);
}

Raft::Raft(Options options, Restored restored, Rng rng, Time now)
    : options_(std::move(options)),
      rng_(rng),
      hard_state_(restored.hard_state),
      log_(restored),
      configs_(std::move(restored.configs)),
      commit_(restored.applied),
      durable_(restored.last_index),
      applied_(restored.applied),
      state_(Follower{.leader = {}, .ack_due = false}),
      handed_out_(restored.last_index) {
  restart_election_timer(now);
  note(Reason::started);
}

Result<void> Raft::step(NodeId from, Message message, const Context& context) {
  if (from == options_.self || from == NodeId(0)) return fail(Code::invalid, "a raft message from " + to_string(from));
  if (!is_credible(std::visit([](const auto& body) { return body.term; }, message)))
    return fail(Code::invalid, "an absurd term");
  TRY(std::visit([&](auto& body) { return on(from, body, context); }, message));
  checked();
  return {};
}

bool Raft::is_credible(Term term) const {
  return term <= term_max && (term <= hard_state_.term || term.value() - hard_state_.term.value() <= term_step_max);
}

Result<void> Raft::tick(const Context& context) {
  if (auto* leader = std::get_if<Leader>(&state_)) {
    if (context.now < leader->next_heartbeat) return {};
    leader->heartbeat_due = true;
    start_heartbeat_grid(*leader, context.now);
    check_quorum(context);
    if (is_leader()) watch_transfer(context);
  } else if (context.now >= election_deadline_ && !may_campaign()) {
    // It asks for no votes and nobody asks it for one. No term changes; the next heartbeat names the leader again.
    if (this->leader() != NodeId(0))
      become_follower(hard_state_.term, NodeId(0), Reason::election_timeout, context.now);
  } else if (context.now >= election_deadline_) {
    if (!std::holds_alternative<Follower>(state_)) gives_way_ = true;
    become_pre_candidate(Reason::election_timeout, context);
  }
  checked();
  return {};
}

// Trap 11: what was written in an earlier term, or has been overwritten since, proves nothing about the log as it is now. Every
// change of term writes a hard state, and so sends a fresh ack that attests the same entries again.
Result<void> Raft::log_durable(const SelfAck& ack, const Context& context) {
  if (ack.writer != hard_state_.term) {
    MARK(context.recorder, "raft.self_ack_of_another_term");
    return {};
  }
  if (ack.index > durable_) {
    if (ack.index > log_.last_index() || log_.in_memory(ack.index).term != ack.entry_term) {
      MARK(context.recorder, "raft.self_ack_of_overwritten_entry");
      return {};
    }
    durable_ = ack.index;
  }
  if (auto* candidate = std::get_if<Candidate>(&state_)) {
    candidate->answers[options_.self] = true;  // one's own vote counts when it is on disk, not before
    TRY(count_votes(context));
  }
  if (is_leader()) {
    TRY(advance_commit(context));
  } else {
    restart_election_timer(context.now);  // a slow disk must not fire the timers of all (trap 32)
  }
  log_.release(applied_, options_.log_memory_bytes_max);
  checked();
  return {};
}

void Raft::applied(LogIndex index) {
  ASSERT(index <= applicable());  // I15: never ahead of this node's own disk
  ASSERT(index >= applied_);
  applied_ = index;
  forget_old_configs();
  log_.release(applied_, options_.log_memory_bytes_max);
}

Result<Effects> Raft::take(const Context& context) {
  if (is_leader()) continue_change(context);
  if (is_leader()) TRY(send_to_peers(context));
  if (auto* follower = std::get_if<Follower>(&state_); follower != nullptr && follower->ack_due) {
    follower->ack_due = false;
    pending_.when_durable.push_back(
        {.to = follower->leader, .message = AppendAck{.term = hard_state_.term, .accepted = true, .match = verified_}});
  }
  for (LogIndex index = next(handed_out_); index <= log_.last_index(); index = next(index)) {
    pending_.entries.push_back(log_.in_memory(index));
  }
  handed_out_ = log_.last_index();
  if (pending_.writes()) {
    pending_.self_ack = SelfAck{.writer = hard_state_.term, .index = log_.last_index(), .entry_term = log_.last_term()};
  }
  if (auto* candidate = std::get_if<Candidate>(&state_)) candidate->asked = true;
  pending_.commit = commit_;
  checked();
  return std::exchange(pending_, Effects{});
}

Result<std::vector<Entry>> Raft::entries(LogIndex from, LogIndex to, std::size_t bytes_max, LogReader& reader) const {
  return log_.read(from, to, bytes_max, reader);
}

Time Raft::next_wake() const {
  if (const auto* leader = std::get_if<Leader>(&state_)) {
    Time wake = leader->next_heartbeat;
    for (const auto& [node, progress] : leader->peers) wake = std::min(wake, commit_notice_due(progress));
    return wake;
  }
  return may_campaign() || leader() != NodeId(0) ? election_deadline_ : Time::max();
}

Role Raft::role() const {
  return std::visit(overloaded{
                        [](const Follower&) { return Role::follower; },
                        [](const PreCandidate&) { return Role::pre_candidate; },
                        [](const Candidate&) { return Role::candidate; },
                        [](const Leader&) { return Role::leader; },
                    },
                    state_);
}

NodeId Raft::leader() const {
  if (const auto* follower = std::get_if<Follower>(&state_)) return follower->leader;
  return is_leader() ? options_.self : NodeId(0);
}

bool Raft::handing_over() const {
  const auto* leader = std::get_if<Leader>(&state_);
  return leader != nullptr && leader->transfer_to != NodeId(0);
}

std::vector<PeerStatus> Raft::peers() const {
  std::vector<PeerStatus> result;
  const auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return result;
  for (const auto& [node, progress] : leader->peers) {
    if (!config()->is_member(node)) continue;
    result.push_back({.node = node,
                      .voter = config()->is_voter(node),
                      .match = progress.match(),
                      .next = progress.next(),
                      .state = progress.state(),
                      .read_position = progress.read_position(),
                      .last_contact = progress.last_contact()});
  }
  return result;
}

void Raft::checked() const {
#ifdef RIFT_CHECK_INVARIANTS
  check_invariants();
#else
  if (options_.check_invariants) check_invariants();
#endif
}

void Raft::set_hard_state(HardState state) {
  if (state.term != hard_state_.term) verified_ = LogIndex(0);
  hard_state_ = state;
  pending_.hard_state = state;
}

void Raft::note(Reason reason) {
  const RoleChange change{.role = role(), .term = hard_state_.term, .leader = leader(), .reason = reason};
  const bool same = change.role == noted_.role && change.term == noted_.term && change.leader == noted_.leader;
  if (same && reason != Reason::started) return;
  noted_ = change;
  pending_.changes.push_back(change);
}

void Raft::restart_election_timer(Time now) {
  election_deadline_ = now + rng_.between(options_.election_timeout_min, options_.election_timeout_max);
}

// All groups of a node beat on multiples of the interval, so that their beats share a frame (DESIGN 1).
void Raft::start_heartbeat_grid(Leader& leader, Time now) const {
  const auto beats = now.time_since_epoch() / options_.heartbeat_interval;
  leader.next_heartbeat = Time((beats + 1) * options_.heartbeat_interval);
}

bool Raft::may_campaign() const { return config() != nullptr && config()->is_voter(options_.self); }

}  // namespace rift::raft
