#include "ap/replica.h"

#include <algorithm>

#include <fmt/format.h>

#include "ap/scan_page.h"
#include "base/node_list.h"
#include "base/overloaded.h"
#include "replica/token.h"
#include "wire/keys.h"

namespace rift::ap {
namespace {

constexpr std::string_view low_water_name = "all_acked";

Response refuse_verb(const Request& request) {
  switch (request.verb) {
    case Verb::cas:
    case Verb::txn:
    case Verb::increment:
    case Verb::lock:
    case Verb::unlock:
      return refuse(request.id, Code::unsupported,
                    "an ap keyspace has no compare-and-set, transaction, increment or lock: its owners accept writes "
                    "independently, so none of them can decide a condition",
                    "use a cp keyspace");
    case Verb::resolve:
      return refuse(request.id, Code::unsupported,
                    "an ap keyspace keeps no op ids: the outcome of a write cannot be asked for later",
                    "read the key back, or use a cp keyspace");
    case Verb::get:
    case Verb::put:
    case Verb::del:
    case Verb::del_range:
    case Verb::multi_get:
    case Verb::scan:
    case Verb::watch:
    case Verb::compact:
    case Verb::expire:
    case Verb::verify:
      break;
  }
  return refuse(
      request.id, Code::unsupported,
      "an ap keyspace has no history and no order of writes: it cannot delete a range at once, watch or compact",
      "use a cp keyspace");
}

// A client's token that no node has ever given out.
std::optional<Response> refuse_token(const Request& request, const causal::Stamper& stamper) {
  if (request.seen == Version{}) return std::nullopt;
  const causal::Stamp seen = stamp_of(request.seen);
  const bool is_ours = seen.dot.node == stamper.node() && seen.dot.incarnation == stamper.incarnation();
  if (plausible(seen) && (!is_ours || seen.dot.sequence <= stamper.last_sequence())) return std::nullopt;
  return refuse(request.id, Code::invalid,
                fmt::format("the request's token {} names a version that {} has never made", token_text(request.seen),
                            to_string(seen.dot.node)),
                "pass on the version of an earlier answer as it was, or none");
}

// A node that is no owner keeps copies that it is asked to keep, answers what it holds, and brings it to the owners.
bool is_for_stand_ins(const wire::Message& message) {
  const auto* store = std::get_if<wire::Store>(&message);
  if (store != nullptr) return store->reason == wire::StoreReason::stand_in;
  return std::holds_alternative<wire::StoreAck>(message) || std::holds_alternative<wire::HintWant>(message) ||
         std::holds_alternative<wire::Versions>(message) || std::holds_alternative<wire::VersionsReply>(message) ||
         std::holds_alternative<wire::Fetch>(message) || std::holds_alternative<wire::FetchReply>(message);
}

}  // namespace

ApReplica::ApReplica(const Options& options)
    : core_(options),
      hints_(core_),
      writes_(core_, hints_),
      queries_(core_, writes_),
      reads_(core_, hints_),
      delivery_(core_, hints_),
      refill_(core_, hints_),
      answers_(core_) {}

Result<std::unique_ptr<ApReplica>> ApReplica::create(const Options& options, const topology::ViewPtr& view,
                                                     Turn& turn) {
  ASSERT(options.stamper != nullptr && options.handoff != nullptr && options.ledger != nullptr &&
         options.hedging != nullptr);
  auto replica = std::unique_ptr<ApReplica>(new ApReplica(options));
  replica->core_.placement.observe(view);
  if (!replica->core_.placement.serves()) return fail(Code::wrong_node, "this node is no owner of the partition");
  ASSERT(options.stamper->node() == view->self);
  TRY(replica->open(turn));
  return replica;
}

Result<void> ApReplica::open(Turn& turn) {
  core_.token = turn.random().next();
  const auto saved = TRY(turn.get(env::Table::meta, wire::partition_meta_key(core_.options.partition, low_water_name)));
  if (saved) low_water_ = causal::Hlc(TRY(wire::decode_u64(*saved)));
  // It may come from a peer's clock, above the ceiling of one's own: a write below it would be owed to nobody after the next crash (trap T25).
  core_.options.stamper->stand_above(low_water_);
  TRY(hints_.open(turn));
  // Of a stand-in each record is owed from the batch on that it came with, and nobody else relies on what its disk may have lost.
  if (core_.placement.owner()) {
    if (core_.options.unclean_start) owe_everything(turn);
    TRY(refill_.open(since_low_water(), turn));
  }
  delivery_.observe(turn);
  arm(turn);
  return {};
}

// A bare wall clock may have stamped below it since; and of what was acknowledged without a disk, no stamp tells what was lost.
causal::Hlc ApReplica::since_low_water() const {
  const bool tells = !core_.placement.keyspace().wall_clock && core_.placement.durable();
  return tells ? low_water_ : causal::Hlc();
}

// What was in the pending table is owed to somebody, and nobody knows to whom (trap T25). With that written down the low-water stamp may rise:
// the next unclean stop need not repeat it.
void ApReplica::owe_everything(Turn& turn) {
  for (const NodeId owner : *core_.placement.owners()) {
    if (owner != core_.self()) hints_.mark_dirty(turn, owner, since_low_water());
  }
  core_.changed_at = core_.options.stamper->latest();
}

void ApReplica::submit(std::span<Request> requests, Turn& turn) {
  Result<void> result;
  for (const Request& request : requests) {
    if (result) result = submit_one(request, turn);
  }
  finish(result, turn);
}

Result<void> ApReplica::submit_one(const Request& request, Turn& turn) {
  if (stopped_) {
    turn.reply(refuse(request.id, Code::not_ready, "this replica has stopped: " + *stopped_, "ask another owner"));
    return {};
  }
  auto refused = refuse_to_stand_in(request);
  if (!refused) refused = refuse_any(request);
  if (!refused) refused = refuse_token(request, *core_.options.stamper);
  if (refused) {
    turn.reply(std::move(*refused));
    return {};
  }
  switch (request.verb) {
    case Verb::get:
    case Verb::multi_get:
      return reads_.submit(request, turn);
    case Verb::put:
    case Verb::del:
      if (core_.placement.keyspace().atomic) return queries_.submit(request, turn);
      return writes_.submit(request, causal::Stamp(), turn);
    case Verb::scan:
      return scan_page(core_, reads_, request, turn);
    case Verb::cas:
    case Verb::resolve:
    case Verb::increment:
    case Verb::del_range:
    case Verb::txn:
    case Verb::lock:
    case Verb::unlock:
    case Verb::watch:
    case Verb::compact:
    case Verb::expire:
    case Verb::verify:
      turn.reply(refuse_verb(request));
      return {};
  }
  return {};
}

std::optional<Response> ApReplica::refuse_to_stand_in(const Request& request) const {
  const Placement& placement = core_.placement;
  if (placement.owner()) return std::nullopt;
  if (placement.serves() && may_be_stood_in(request.verb, request.level, placement.sloppy())) return std::nullopt;
  return refuse(request.id, Code::wrong_node, "this node is no owner of the key", "ask again with the newest map");
}

std::optional<Response> ApReplica::refuse_any(const Request& request) const {
  if (request.level != Level::any || !core_.placement.keyspace().atomic) return std::nullopt;
  return refuse(request.id, Code::unsupported,
                core_.options.name + " is of an atomic keyspace: a majority of its owners acknowledges each write",
                "write at level majority");
}

void ApReplica::receive(NodeId from, env::Lane, const Bytes& message, Turn& turn) {
  if (stopped_ || !core_.placement.serves()) return;
  const auto decoded = wire::decode_message(message);
  if (!decoded || !core_.placement.may_speak(from)) {
    ++core_.counters.messages_dropped;
    return;
  }
  finish(handle(from, *decoded, turn), turn);
}

Result<void> ApReplica::handle(NodeId from, const wire::Message& message, Turn& turn) {
  const auto drop = [this]() -> Result<void> {
    ++core_.counters.messages_dropped;
    return {};
  };
  if (from == core_.self()) {
    const auto* marker = std::get_if<wire::StoreAck>(&message);
    return marker != nullptr ? on_marker(*marker, turn) : drop();
  }
  if (!core_.placement.owner() && !is_for_stand_ins(message)) return drop();
  return std::visit(
      overloaded{
          [&](const wire::Store& store) { return on_store(from, store, turn); },
          [&](const wire::StoreAck& ack) { return on_ack(from, ack, turn); },
          [&](const wire::Versions& versions) { return answers_.on_versions(from, versions, turn); },
          [&](const wire::VersionsReply& reply) {
            return plausible(reply.stamp) || !reply.found ? on_versions_answer(from, reply, turn) : drop();
          },
          [&](const wire::Fetch& fetch) { return answers_.on_fetch(from, fetch, turn); },
          [&](const wire::FetchReply& reply) {
            return plausible(reply.envelope) || !reply.found ? reads_.on_fetched(from, reply, turn) : drop();
          },
          [&](const wire::HintOffer& offer) { return answers_.on_offer(from, offer, turn); },
          [&](const wire::HintWant& want) { return delivery_.on_want(from, want, turn); },
          [&](const wire::Refill& refill) -> Result<void> {
            if (!core_.placement.owns(from)) return drop();
            refill_.on_refill(from, refill, turn);
            return {};
          },
          [&](const wire::RefillAck& ack) -> Result<void> {
            refill_.on_ack(from, ack, turn);
            return {};
          },
          [&](const wire::RefillDone& done) -> Result<void> {
            refill_.on_done(from, done, turn);
            return {};
          },
          [&](const raft::Message&) { return drop(); },
          [&](const wire::Forward&) { return drop(); },
          [&](const wire::ForwardReply&) { return drop(); },
          [&](const wire::MapPull&) { return drop(); },
          [&](const wire::MapPush&) { return drop(); },
          [&](const wire::Ping&) { return drop(); },
          [&](const wire::PingAck&) { return drop(); },
          [&](const wire::ReadPosition&) { return drop(); },
          [&](const wire::ReadPositionReply&) { return drop(); },
          [&](const wire::LeaveQuestion&) { return drop(); },
          [&](const wire::LeaveAnswer&) { return drop(); },
          [&](const wire::LogDurable&) { return drop(); },
          [&](const wire::SnapshotOffer&) { return drop(); },
          [&](const wire::SnapshotPull&) { return drop(); },
          [&](const wire::SnapshotChunk&) { return drop(); },
          [&](const wire::SnapshotDone&) { return drop(); },
          [&](const wire::SnapshotWish&) { return drop(); },
          [&](const wire::StateReport&) { return drop(); },
      },
      message);
}

// Tokens are one sequence: what an owner holds was asked for a write that is to come, or for a read.
Result<void> ApReplica::on_versions_answer(NodeId from, const wire::VersionsReply& reply, Turn& turn) {
  if (queries_.waits(reply.token)) return queries_.on_versions(from, reply, turn);
  return reads_.on_versions(from, reply, turn);
}

// A write of this node's own that comes back from another owner was lost here, and with it the memory of who else lacks it.
Result<void> ApReplica::on_store(NodeId from, const wire::Store& store, Turn& turn) {
  const bool stored = TRY(answers_.on_store(from, store, turn));
  if (!core_.placement.owner())
    return stored ? hints_.keep_for_owners(turn, store.key, store.envelope.stamp) : Result<void>();
  if (!stored || store.envelope.stamp.dot.node != core_.self()) return {};
  for (const NodeId owner : *core_.placement.owners()) {
    if (owner != core_.self() && owner != from) TRY(hints_.add(turn, owner, store.key, store.envelope.stamp));
  }
  return {};
}

// Likewise an acknowledgement belongs to a write, a read's repair, or a delivery.
Result<void> ApReplica::on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn) {
  if (writes_.waits(ack.token)) return writes_.on_ack(from, ack, turn);
  if (reads_.waits(ack.token)) return reads_.on_ack(from, ack, turn);
  return delivery_.on_ack(from, ack, turn);
}

Result<void> ApReplica::on_marker(const wire::StoreAck& marker, Turn& turn) {
  core_.rounds.on_marker(marker.token);
  if (marker.winner.hlc > causal::Hlc()) core_.options.stamper->ceiling_durable(marker.winner.hlc);
  TRY(writes_.on_durable(turn));
  return reads_.on_durable(turn);
}

void ApReplica::tick(Turn& turn) {
  armed_ = Time::max();
  if (stopped_ || !core_.placement.serves()) return;
  finish(run_deadlines(turn), turn);
}

Result<void> ApReplica::run_deadlines(Turn& turn) {
  while (const auto token = core_.deadlines.take_due(turn.now().steady)) {
    if (writes_.waits(*token)) TRY(writes_.on_deadline(*token, turn));
    if (queries_.waits(*token)) TRY(queries_.on_deadline(*token, turn));
    if (reads_.waits(*token)) TRY(reads_.on_deadline(*token, turn));
  }
  refill_.tick(turn);
  return delivery_.tick(turn);
}

void ApReplica::observe(const topology::ViewPtr& view, Turn& turn) {
  if (stopped_) return;
  const bool was_serving = core_.placement.serves();
  core_.placement.observe(view);
  if (!core_.placement.serves()) {
    if (was_serving) finish(let_go(turn), turn);
    return;
  }
  hints_.observe(turn);
  delivery_.observe(turn);
  refill_.observe(turn);
  writes_.observe();
  finish({}, turn);
}

Result<void> ApReplica::let_go(Turn& turn) {
  TRY(writes_.let_go(turn));
  queries_.let_go(turn);
  reads_.let_go(turn);
  return {};
}

void ApReplica::cancel(std::span<const RequestId> requests, Turn& turn) {
  for (const RequestId request : requests) {
    writes_.cancel(request);
    queries_.cancel(request);
    reads_.cancel(request);
  }
  if (!stopped_) finish({}, turn);
}

void ApReplica::drain(Turn& turn) {
  if (stopped_) return;
  const auto result = writes_.drain(turn);
  if (result) save_low_water(turn, true);
  finish(result, turn);
}

void ApReplica::finish(const Result<void>& result, Turn& turn) {
  if (stopped_) return;
  if (!result) {
    stopped_ = result.error().detail;
    LOG_ERROR(turn.log(), "ap.stopped", "partition={} code={} reason={}", core_.options.partition.value(),
              to_string(result.error().code), *stopped_);
    // What this Turn wrote is dropped with it, a ceiling too.
    core_.options.stamper->ceiling_dropped();
    turn.fail(*stopped_);
    return;
  }
  refill_.tell_done(turn);
  save_low_water(turn, false);
  mark_round(turn);
  arm(turn);
}

void ApReplica::mark_round(Turn& turn) {
  const auto round = core_.rounds.close();
  if (!round) return;
  wire::StoreAck marker{.token = *round, .result = wire::StoreResult::stored, .winner = {}};
  marker.winner.hlc = std::exchange(core_.ceiling_in_round, std::nullopt).value_or(causal::Hlc());
  turn.send_when_durable(core_.self(), env::Lane::data, wire::encode_message(marker));
}

// A bound on what an unclean start has to offer again; late is only more work, early would lose writes.
void ApReplica::save_low_water(Turn& turn, bool now) {
  if (!core_.placement.owner() || core_.changed_at <= low_water_ || (!now && turn.now().steady < low_water_due_))
    return;
  low_water_due_ = turn.now().steady + core_.options.timers.low_water_interval;
  const causal::Hlc reached = writes_.low_water();
  if (reached <= low_water_) return;
  low_water_ = reached;
  turn.put(env::Table::meta, wire::partition_meta_key(core_.options.partition, low_water_name),
           wire::encode_u64(low_water_.bits()));
}

void ApReplica::arm(Turn& turn) {
  const auto alive = [this](std::uint64_t token) {
    return writes_.waits(token) || queries_.waits(token) || reads_.waits(token);
  };
  Time first = std::min({core_.deadlines.next(alive), delivery_.next(turn.now().steady), refill_.next()});
  if (core_.placement.owner() && core_.changed_at > low_water_)
    first = std::min(first, std::max(low_water_due_, turn.now().steady + Deadlines::grid));
  if (first >= armed_) return;
  armed_ = first;
  turn.wake_at(first);
}

ReplicaStatus ApReplica::status() const {
  ReplicaStatus status;
  status.partition = core_.options.partition;
  status.name = core_.options.name;
  status.mode = Mode::ap;
  status.role = stopped_                   ? "stopped"
                : !core_.placement.owner() ? stand_in_role
                : core_.catching_up        ? "catching up"
                                           : "owner";
  status.pending = writes_.size() + queries_.size() + reads_.size();
  status.hints = hints_.total();
  status.debts = hints_.debts();
  if (core_.catching_up) {
    status.last_change = fmt::format("its disk lacks writes that it had acknowledged: it awaits what {} hold",
                                     names_of({refill_.awaited().begin(), refill_.awaited().end()}));
  }
  if (stopped_) status.last_change = *stopped_;
  const Counters& counters = core_.counters;
  status.counters = {{"writes", counters.writes},
                     {"reads", counters.reads},
                     {"scans", counters.scans},
                     {"levels_missed", counters.levels_missed},
                     {"copies_stored", counters.copies_stored},
                     {"copies_superseded", counters.copies_superseded},
                     {"concurrent_losses", counters.concurrent_losses},
                     {"clock_skew_refused", counters.clock_skew_refused},
                     {"beyond_drift", counters.beyond_drift},
                     {"hints_made", counters.hints_made},
                     {"hints_delivered", counters.hints_delivered},
                     {"dirty_marks", counters.dirty_marks},
                     {"repairs_sent", counters.repairs_sent},
                     {"reads_degraded", counters.reads_degraded},
                     {"reads_hedged", counters.reads_hedged},
                     {"tokens_not_met", counters.tokens_not_met},
                     {"messages_dropped", counters.messages_dropped}};
  return status;
}

}  // namespace rift::ap
