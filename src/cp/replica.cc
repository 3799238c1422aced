#include "cp/replica.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/overloaded.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t apply_bytes_per_round_max = 4 * limits::mebi;  // the rest follows in the next round
constexpr int settle_passes_max = 8;
// Bounds of what a replica that nobody waits for leaves unapplied.
constexpr Duration apply_gather_time = std::chrono::milliseconds(10);
constexpr std::uint64_t apply_gather_entries_max = 16;

env::Lane lane_of(const raft::Message& message) {
  const bool data = std::holds_alternative<raft::Append>(message) || std::holds_alternative<raft::AppendAck>(message);
  return data ? env::Lane::data : env::Lane::control;
}

// Two appends from one log and one round that begin and end alike are alike.
bool is_same_append(const raft::Message& a, const raft::Message& b) {
  const auto* x = std::get_if<raft::Append>(&a);
  const auto* y = std::get_if<raft::Append>(&b);
  if (x == nullptr || y == nullptr) return false;
  return x->term == y->term && x->prev_index == y->prev_index && x->commit == y->commit &&
         x->entries.size() == y->entries.size();
}

}  // namespace

Result<Applier> load_applier(Space space, const DedupTable::Limits& limits, Turn& turn) {
  wire::AppliedRecord applied;
  const auto stored = TRY(turn.get(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation)));
  if (stored) applied = TRY(wire::decode_applied(*stored));
  auto dedup = TRY(DedupTable::load(space, limits, turn));
  return Applier(space, applied, std::move(dedup));
}

namespace {

struct Start {
  Recovered found;
  Applier applier;
};

Result<Start> recover_all(Space space, const CpReplica::Options& options, Turn& turn) {
  auto found = TRY(recover(space, turn));
  auto applier = TRY(load_applier(space, options.dedup, turn));
  return Start{.found = std::move(found), .applier = std::move(applier)};
}

// Of a replica whose records cannot be read: its term, where that can, so that it is not taken for older than it is.
Result<Start> begin_with_nothing(Space space, const CpReplica::Options& options, Turn& turn) {
  auto applier =
      TRY(load_applier({.partition = space.partition, .generation = Generation(generation_max)}, options.dedup, turn));
  Recovered nothing;
  const auto stored = TRY(turn.get(env::Table::meta, wire::partition_meta_key(space.partition, "hard_state")));
  const auto term = stored ? wire::decode_hard_state(*stored) : Result<raft::HardState>(raft::HardState{});
  if (term) nothing.raft.hard_state = *term;
  return Start{.found = std::move(nothing), .applier = std::move(applier)};
}

bool is_refillable(Space space, const CpReplica::Options& options, Turn& turn) {
  const auto known = newest_config(space, turn);
  std::vector<NodeId> helpers;
  if (options.view && options.view->catalog) helpers = owners_of(options.partition, *options.view->catalog);
  std::erase(helpers, options.self);
  return others_can_decide(known && *known ? &(**known).config : nullptr, helpers, options.self);
}

}  // namespace

Result<std::unique_ptr<CpReplica>> CpReplica::create(Options options, Turn& turn) {
  const Space space = TRY(find_space(options.partition, turn));
  Health health = TRY(read_health(options.partition, turn));
  if (options.name.empty()) options.name = fmt::format("partition {}", options.partition.value());
  auto start = recover_all(space, options, turn);
  if (!start && start.error().code == Code::corruption && is_refillable(space, options, turn)) {
    LOG_ERROR(turn.log(), "cp.forgetful", "group={}: {}; it is silent until it is refilled", options.name,
              start.error().detail);
    health = Health::forgetful;
    start = begin_with_nothing(space, options, turn);
  }
  if (!start) return tl::unexpected(start.error());
  auto& [found, applier] = *start;
  options.raft.self = options.self;
  options.raft.check_invariants = options.check_invariants;
  const Time now = turn.now().steady;
  const LogMeter meter(options.compaction, found.floor.index, found.applied.index);
  auto raft = TRY(raft::Raft::create(options.raft, std::move(found.raft), turn.random().fork(), now));
  std::unique_ptr<CpReplica> replica(new CpReplica(std::move(options), space, std::move(raft), std::move(applier),
                                                   LogWriter(space, found.places, found.floor), meter, now));
  replica->has_leftovers_ = TRY(has_other_generations(space, turn));
  if (health != Health::good) replica->distrust(health, turn);
  TRY(replica->resume_dispute(turn));
  replica->last_token_ = turn.random().next();
  if (replica->view_) replica->stewardship_.observe(*replica->view_, now);
  replica->run(turn, [](Round&) { return Result<void>(); });
  if (replica->stopped_) return fail(Code::corruption, "the replica failed at its start");
  return replica;
}

CpReplica::CpReplica(Options options, Space space, raft::Raft raft, Applier applier, LogWriter writer, LogMeter meter,
                     Time now)
    : options_(std::move(options)),
      space_(space),
      raft_(std::move(raft)),
      applier_(std::move(applier)),
      writer_(std::move(writer)),
      meter_(std::move(meter)),
      sender_(options_.snapshot),
      receiver_(options_.snapshot),
      checks_(options_.verify_every),
      watches_(options_.watch),
      view_(options_.view),
      no_leader_since_(now),
      leader_heard_(now),
      stewardship_({.partition = options_.partition, .self = options_.self, .calm = options_.spread_after}) {}

// Every verb: decide, carry out what the core wants, ask for the next wake-up.
template <class Verb>
void CpReplica::run(Turn& turn, Verb verb) {
  if (stopped_) return;
  StoredLog log(space_, turn);
  Round round{.turn = turn, .context = {.now = turn.now().steady, .log = log, .recorder = turn.recorder()}};
  Result<void> done = verb(round);
  if (done) done = settle(round);
  if (!done && !become_forgetful(done.error(), turn)) return stop(done.error(), turn);
  request_wake(turn);
  if (options_.check_invariants) check_invariants();
}

void CpReplica::submit(std::span<Request> requests, Turn& turn) {
  if (stopped_) {
    for (const Request& request : requests)
      turn.reply(refuse(request.id, Code::not_ready, options_.name + " has stopped on this node"));
    return;
  }
  if (health_ != Health::good) {
    for (const Request& request : requests) turn.reply(refuse(request.id, Code::not_ready, why_distrusted()));
    return;
  }
  if (checks_.is_disputed()) {
    for (const Request& request : requests) turn.reply(refusal(request.id, Code::not_ready, why_disputed()));
    return;
  }
  std::vector<Request> writes;
  std::vector<Request> reads;
  for (Request& request : requests) (is_write(request.verb) ? writes : reads).push_back(std::move(request));
  run(turn, [&](Round& round) -> Result<void> {
    if (!writes.empty()) TRY(submit_writes(std::move(writes), round));
    if (reads.empty()) return {};
    TRY(apply_all_committed(round));
    return submit_reads(std::exchange(reads, {}), round);
  });
  for (const Request& read : reads) turn.reply(refuse(read.id, Code::not_ready, why_distrusted()));
}

void CpReplica::receive(NodeId from, env::Lane, const Bytes& bytes, Turn& turn) {
  auto message = wire::decode_message(bytes);
  if (!message) {
    ++counters_.messages_dropped;
    MARK(turn.recorder(), "cp.malformed_message");
    return;
  }
  run(turn, [&](Round& round) -> Result<void> {
    auto done = handle(from, *message, round);
    if (from == raft_.leader()) leader_heard_ = round.context.now;
    if (done || done.error().code != Code::invalid) return done;
    ++counters_.messages_dropped;  // what a peer may not say is dropped, and changed nothing
    return {};
  });
}

Result<void> CpReplica::handle(NodeId from, wire::Message& message, Round& round) {
  if (const auto* durable = std::get_if<wire::LogDurable>(&message)) {
    if (from != options_.self) return fail(Code::invalid, "only a replica itself knows what is on its disk");
    if (health_ == Health::forgetful) return {};
    return raft_.log_durable({.writer = durable->term, .index = durable->index, .entry_term = durable->index_term},
                             round.context);
  }
  if (from == options_.self) return fail(Code::invalid, "a peer's message from oneself");
  if (const auto* offer = std::get_if<wire::SnapshotOffer>(&message)) return on_offer(from, *offer, round);
  if (const auto* chunk = std::get_if<wire::SnapshotChunk>(&message)) return on_chunk(from, *chunk, round);
  if (const auto* answer = std::get_if<wire::LeaveAnswer>(&message)) return on_leave_answer(*answer);
  if (health_ == Health::forgetful) return {};  // silent; who leaves promises nothing
  if (auto* raft = std::get_if<raft::Message>(&message)) return raft_.step(from, std::move(*raft), round.context);
  if (const auto* question = std::get_if<wire::LeaveQuestion>(&message)) {
    return on_leave_question(from, *question, round);
  }
  if (const auto* question = std::get_if<wire::ReadPosition>(&message)) return on_question(from, *question, round);
  if (const auto* answer = std::get_if<wire::ReadPositionReply>(&message)) {
    return on_answer(from, *answer, round);
  }
  if (const auto* pull = std::get_if<wire::SnapshotPull>(&message)) return on_pull(from, *pull, round);
  if (const auto* wish = std::get_if<wire::SnapshotWish>(&message)) return on_wish(from, *wish, round);
  if (const auto* report = std::get_if<wire::StateReport>(&message)) {
    on_state_hash(from, *report, round);
    return judge_state(round);
  }
  if (const auto* done = std::get_if<wire::SnapshotDone>(&message)) {
    on_done(from, *done);
    return {};
  }
  return fail(Code::invalid, "no message for a cp replica");
}

void CpReplica::tick(Turn& turn) {
  wake_ = Time::max();
  served_bytes_ = 0;
  run(turn, [&](Round& round) -> Result<void> {
    if (health_ != Health::forgetful) TRY(raft_.tick(round.context));
    repeat_questions(round);
    relieve_stalled_disk(round);
    relieve_pressure(round);
    erase_leftovers(round.turn);
    seek_help(round);
    TRY(judge_state(round));
    if (!raft_.is_leader()) ask_to_leave(round.context.now, round.turn);
    if (health_ != Health::good) return {};
    if (raft_.is_leader()) tend_members(round);
    if (leaving_) leave(round);
    return propose_upkeep(round);
  });
}

void CpReplica::observe(const topology::ViewPtr& view, Turn& turn) {
  run(turn, [&](Round& round) -> Result<void> {
    view_ = view;
    stewardship_.observe(*view, round.context.now);
    if (!stewardship_.is_unwanted()) let_go_at_ = {};
    if (!reads_.waits_for_all()) return {};
    if (const auto missing = unreachable_voter()) {
      refuse_reads(reads_.take_all_level(), Code::level_unreachable, to_string(*missing) + " cannot be reached", turn);
    }
    return {};
  });
}

void CpReplica::cancel(std::span<const RequestId> requests, Turn&) {
  for (const RequestId id : requests) {
    reads_.cancel(id);
    watches_.cancel(id);
  }
}

Result<void> CpReplica::transfer(NodeId to, Turn& turn) {
  Result<void> told;
  run(turn, [&](Round& round) -> Result<void> {
    told = pass_leadership(to, round);
    return {};
  });
  return told;
}

void CpReplica::hand_over(Turn& turn) {
  run(turn, [&](Round& round) -> Result<void> {
    end_watches(Code::not_ready, options_.name + " stops on this node", turn);
    leaving_ = true;
    leave(round);
    return {};
  });
}

// Carrying out may itself ask something of the core (reads start anew under another leader): a few passes, never a loop.
Result<void> CpReplica::settle(Round& round) {
  for (int pass = 0; pass < settle_passes_max; ++pass) {
    auto effects = TRY(raft_.take(round.context));
    TRY(carry_out(std::move(effects), round));
    const bool released = TRY(release_held(round));
    const bool told = TRY(tell_state(round));
    if (questions_stale_) {
      TRY(restart_questions(round));
    } else if (!released && !told) {
      break;
    }
  }
  TRY(drive_snapshots(round));
  expire(round.turn);
  return {};
}

Result<void> CpReplica::carry_out(raft::Effects effects, Round& round) {
  Turn& turn = round.turn;
  writer_.write(effects, turn);
  send(effects, turn);
  for (const raft::RoleChange& change : effects.changes) follow_change(change, turn);
  for (const raft::ReadReady& ready : effects.reads_ready) confirm(ready, turn);
  for (const raft::Superseded& superseded : effects.superseded) answer_superseded(superseded, turn);
  for (const raft::SnapshotWanted& wanted : effects.snapshot_wanted)
    sender_.want({.peer = wanted.peer, .at_least = wanted.at_least});
  TRY(apply_committed(round));
  TRY(compact_log(round));
  release_ack_waits(turn);
  TRY(serve_reads(turn));
  return serve_watches(round);
}

void CpReplica::send(raft::Effects& effects, Turn& turn) {
  const raft::Message* last_append = nullptr;
  Bytes last_bytes;  // one append to several followers is encoded once
  for (raft::Outbound& out : effects.send_now) {
    const bool same = last_append != nullptr && is_same_append(*last_append, out.message);
    Bytes bytes = same ? last_bytes : wire::encode_message(wire::Message(out.message));
    if (std::holds_alternative<raft::Append>(out.message)) {
      last_append = &out.message;
      last_bytes = bytes;
    }
    turn.send(out.to, lane_of(out.message), std::move(bytes));
  }
  for (raft::Outbound& out : effects.when_durable) {
    turn.send_when_durable(out.to, lane_of(out.message), wire::encode_message(wire::Message(std::move(out.message))));
  }
  if (!effects.self_ack) return;
  const wire::LogDurable durable{
      .term = effects.self_ack->writer, .index = effects.self_ack->index, .index_term = effects.self_ack->entry_term};
  turn.send_when_durable(options_.self, env::Lane::data, wire::encode_message(wire::Message(durable)));
}

void CpReplica::follow_change(const raft::RoleChange& change, Turn& turn) {
  ++counters_.role_changes;
  barriers_.clear();
  hash_due_ = false;
  last_change_ = raft::to_string(change.reason);
  remember(change, turn.now().wall);
  LOG_INFO(turn.log(), "cp.role", "group={} role={} term={} leader={} reason={}", options_.name,
           raft::to_string(change.role), change.term.value(),
           change.leader == NodeId(0) ? "none" : to_string(change.leader), last_change_);
  if (change.leader == NodeId(0) && no_leader_since_ == Time::max()) no_leader_since_ = turn.now().steady;
  if (change.leader != NodeId(0)) no_leader_since_ = Time::max();
  leader_heard_ = turn.now().steady;
  if (change.role == raft::Role::leader) {
    led_since_ = turn.now().steady;
    stewardship_.elected(led_since_);
    log_time_base_ = raft_.last_log_time();
  } else {
    fail_positions(turn);
    drop_held(turn);
    forget_unapplied(raft_.last_index());
  }
  if (change.leader == NodeId(0)) {
    refuse_reads(reads_.take_asked(), Code::no_leader, why_no_leader(turn.now().steady), turn);
  } else {
    questions_stale_ = true;
  }
}

// A follower that nobody asks anything applies several entries at once: one batch, one row per client, keys in order. Whoever looks
// (a read, a new leader, a write that waits for its fate) sees everything applied: only the moment moves.
bool CpReplica::gathers_to_apply(Time now) {
  const bool is_wanted = raft_.is_leader() || proposals_.waiting() > 0 || reads_.waiting() > 0;
  if (is_wanted || raft_.applicable() - applier_.index() >= apply_gather_entries_max) return false;
  if (apply_due_ == Time::max()) apply_due_ = now + apply_gather_time;
  return now < apply_wake(now);
}

// While entries are on their way to the disk their acknowledgement comes first: whoever applies keeps the leader waiting.
Time CpReplica::apply_wake(Time now) const {
  const bool is_syncing = raft_.durable() < raft_.last_index();
  return is_syncing && now >= apply_due_ ? apply_due_ + apply_gather_time : apply_due_;
}

// Never beyond what this node's own disk holds (I15).
Result<void> CpReplica::apply_committed(Round& round) {
  if (health_ != Health::good || applier_.index() >= raft_.applicable() || gathers_to_apply(round.context.now))
    return {};
  apply_due_ = Time::max();
  if (raft_.is_leader())
    round.turn.store_later();  // the log holds it all; a follower has nothing better to do while it waits
  peers_ = raft_.peers();
  std::size_t bytes = 0;
  while (applier_.index() < raft_.applicable() && bytes < apply_bytes_per_round_max) {
    const auto entries =
        TRY(raft_.entries(next(applier_.index()), raft_.applicable(), limits::entry_bytes_soft, round.context.log));
    for (const raft::Entry& entry : entries) {
      bytes += entry.payload.size();
      compare_state(entry, round);
      const auto results = TRY(applier_.apply(entry, round.turn));
      if (checks_.applied(entry.index, applier_.applied().hash)) hash_due_ = raft_.is_leader();
      meter_.applied(entry.index, entry.payload.size());
      ++counters_.entries_applied;
      counters_.commands_applied += results.size();
      answer_entry(entry, results, round.turn);
    }
  }
  forget_unapplied(applier_.index());
  applier_.finish(round.turn);
  raft_.applied(applier_.index());
  return {};
}

void CpReplica::expire(Turn& turn) {
  const Time now = turn.now().steady;
  if (now >= proposals_.next_deadline()) {
    for (const auto& expired : proposals_.take_expired(now)) answer_expired(expired, turn);
  }
  if (now >= reads_.next_deadline()) refuse_expired_reads(turn);
  for (const RequestId id : gate_.take_expired(now)) {
    Response response =
        refusal(id, Code::timeout, "earlier writes found no majority in the time allowed; this one was not proposed");
    response.outcome = Outcome::not_done;
    turn.reply(std::move(response));
  }
}

void CpReplica::request_wake(Turn& turn) {
  const bool is_silent = health_ == Health::forgetful;
  Time next = std::min({is_silent ? Time::max() : raft_.next_wake(), proposals_.next_deadline(), reads_.next_deadline(),
                        gate_.next_deadline()});
  if (health_ == Health::good && applier_.index() < raft_.applicable())
    next = apply_due_ == Time::max() ? turn.now().steady : std::min(next, apply_wake(turn.now().steady));
  next = std::min({next, reads_.next_repeat(), expiry_wake(turn.now().steady), snapshot_wake(turn.now().steady),
                   health_wake(), watch_wake()});
  if (!raft_.is_leader()) next = std::min(next, stewardship_.next_due());
  for (const AckWait& wait : ack_waits_) next = std::min(next, wait.deadline);
  if (reads_left_) next = turn.now().steady;
  if (next >= wake_) return;
  wake_ = next;
  turn.wake_at(next);
}

void CpReplica::stop(const Error& error, Turn& turn) {
  stopped_ = true;
  sender_.clear();
  receiver_.end();
  last_change_ = "stopped";
  turn.fail(fmt::format("{}: {}: {}", options_.name, to_string(error.code), error.detail));
}

void CpReplica::check_invariants() const {
  ASSERT(applier_.index() <= raft_.commit());   // I5
  ASSERT(applier_.index() <= raft_.durable());  // I15
  ASSERT(raft_.is_leader() || ack_waits_.empty());
  ASSERT(raft_.is_leader() || gate_.size() == 0);
}

}  // namespace rift::cp
