#include "ap/writes.h"

#include <algorithm>

#include <fmt/format.h>

#include "causal/merge.h"
#include "replica/token.h"
#include "wire/keys.h"

namespace rift::ap {
namespace {

constexpr std::size_t pending_overhead_bytes = 256;

}  // namespace

std::optional<Response> Writes::refusal(const Request& request, Turn& turn) const {
  const Placement& placement = core_.placement;
  // Deletes go on under pressure: they are how space is won back.
  if (turn.pressure() == env::Pressure::disk_full && request.verb == Verb::put) {
    return refuse(request.id, Code::disk_full, fmt::format("{} has no disk space left", to_string(core_.self())),
                  "delete keys or add space");
  }
  if (turn.pressure() == env::Pressure::stalled && request.verb == Verb::put) {
    return refuse(request.id, Code::overloaded, fmt::format("the store of {} is catching up", to_string(core_.self())),
                  "retry");
  }
  // Of a clock that is ahead this write would beat later ones of others, of one that is behind it would lose to earlier ones (trap T02).
  const bool by_wall = placement.keyspace().wall_clock;
  if (const auto& skew = placement.clock_skew(); skew && !by_wall) {
    MARK(turn.recorder(), "ap.refused_clock_is_off");
    return refuse(request.id, Code::clock_skewed,
                  fmt::format("the clock of {} is {}; it stamps no writes, reads go on", to_string(core_.self()),
                              topology::to_string(*skew)),
                  fmt::format("write through another node, and set the clock of {} right", to_string(core_.self())));
  }
  // Stamps that were made by a clock now set back stand ahead of everybody's: the next one would beat later writes of others too.
  const auto ahead = core_.options.stamper->ahead(turn.now().wall);
  if (placement.copies() > 1 && ahead > ahead.zero() && !by_wall) {
    MARK(turn.recorder(), "ap.refused_stamps_are_ahead");
    return refuse(request.id, Code::clock_skewed,
                  fmt::format("{} has stamped writes that its clock, which was set back, has yet to reach; it stamps "
                              "none for {} ms, reads go on",
                              to_string(core_.self()), ahead.count()),
                  "write through another node");
  }
  return core_.refuse_out_of_reach(request, placement.write_level(request.level));
}

// What a client says it has seen must not drag this node's clock along, and through its writes that of others (traps T03, T07).
std::optional<Response> Writes::refuse_seen(const Request& request, const causal::Stamp& known, Turn& turn) const {
  if (request.seen != Version{} && core_.placement.keyspace().wall_clock) {
    return refuse(
        request.id, Code::unsupported,
        core_.options.name + " is ordered by bare wall clocks: no write stands above what its client has seen",
        "write without a token, or use a keyspace with hybrid clocks");
  }
  const causal::Hlc seen = stamp_of(request.seen).hlc;
  const causal::Hlc reached = std::max(known.hlc, core_.options.stamper->latest());
  const WallTime wall = turn.now().wall;
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(limits::token_ahead_max);
  if (seen <= reached || seen.wall() <= wall + most) return std::nullopt;
  MARK(turn.recorder(), "ap.token_from_ahead");
  ++core_.counters.clock_skew_refused;
  return refuse(
      request.id, Code::clock_skewed,
      fmt::format("the request's token {} is of a version stamped {} ms ahead of the clock of {}, which follows "
                  "a client's word for {} ms at most",
                  token_text(request.seen), (seen.wall() - wall).count(), to_string(core_.self()), most.count()),
      "write through a node that holds that version, or without the token");
}

Result<causal::Stamper::Issued> Writes::write_here(const Request& request, Slot& slot, causal::Hlc above,
                                                   causal::Envelope& envelope, Turn& turn) {
  auto issued = core_.options.stamper->issue(turn.now().wall, above);
  if (issued.raise_ceiling) {
    turn.put(env::Table::meta, wire::node_meta_key("hlc_ceiling"), wire::encode_u64(issued.raise_ceiling->bits()));
    core_.ceiling_in_round = issued.raise_ceiling;
  }
  const bool by_wall = core_.placement.keyspace().wall_clock;
  if (by_wall) issued.stamp.hlc = causal::Hlc::from_wall(turn.now().wall);
  envelope.kind = request.verb == Verb::del ? causal::Kind::tombstone : causal::Kind::value;
  envelope.stamp = issued.stamp;
  if (request.verb == Verb::put) envelope.payload = request.value;
  if (request.operands && request.operands->ttl > Duration::zero())
    envelope.expiry = issued.stamp.hlc.wall() + std::chrono::ceil<WallTime::duration>(request.operands->ttl);
  if (slot.held) envelope.context = causal::context_above(*slot.held);
  if (request.seen != Version{})
    envelope.context = causal::context_with(std::move(envelope.context), stamp_of(request.seen).dot);
  if (by_wall) {  // what is here may be from a clock that runs ahead, and wins
    TRY(core_.take(turn, request.key, slot, envelope));
    return issued;
  }
  ASSERT(envelope.stamp.hlc > slot.stamp().hlc);
  ASSERT(envelope.stamp.hlc > above);
  core_.records.store(turn, slot, envelope);
  slot.held = envelope;
  core_.note_written(request.key);
  if (issued.beyond_drift) ++core_.counters.beyond_drift;
  return issued;
}

Result<void> Writes::submit(const Request& request, const causal::Stamp& newest, Turn& turn) {
  if (auto refused = refusal(request, turn)) {
    turn.reply(std::move(*refused));
    return {};
  }
  auto slot = TRY(core_.records.load(turn, request.key));
  const causal::Stamp known = std::max(slot.stamp(), newest);
  if (auto refused = refuse_seen(request, known, turn)) {
    turn.reply(std::move(*refused));
    return {};
  }
  const causal::Stamp above = std::max(known, stamp_of(request.seen));
  if (!has_room_above(above)) {
    turn.reply(refuse(request.id, Code::invalid,
                      "the key holds a version from the end of time, as no honest node writes it: none can stand above",
                      "use another key"));
    return {};
  }
  ++core_.counters.writes;
  const causal::Hlc issued_after = core_.options.stamper->latest();
  causal::Envelope envelope;
  const auto issued = TRY(write_here(request, slot, above.hlc, envelope, turn));

  const std::uint64_t token = core_.next_token();
  const Level level = core_.placement.write_level(request.level);
  const std::size_t needed = owners_needed(level, core_.placement.copies());
  Pending pending{.request = request.id,
                  .key = request.key,
                  .stamp = issued.stamp,
                  .issued_after = issued_after,
                  .quorum = PutQuorum(core_.placement.counted_nodes(), core_.placement.copies(), needed),
                  .asked = request.level == Level::unspecified ? level : request.level,
                  .level = level,
                  .deadline = turn.now().steady + budget_of(request),
                  .client_waits = true,
                  .write_count = core_.write_counts.of(xxh3_64(request.key)),
                  .hinted_owners = {}};
  send_copies(token, pending, envelope, issued.covered, issued.beyond_drift, turn);
  for (const NodeId owner : *core_.placement.owners()) {
    if (!core_.placement.owner() || !core_.placement.reaches(owner)) TRY(hint(pending, owner, turn));
  }
  const bool handed_to_system = !core_.placement.fsync() && issued.covered;
  pending.newest = slot.stamp();
  if (handed_to_system || core_.synced(request.key)) {
    pending.quorum.acknowledge(core_.self());
    TRY(answer_if_decided(pending, turn));
  } else {
    own_disk_.emplace_back(core_.rounds.round_of(xxh3_64(request.key)), token);
  }
  return admit(token, std::move(pending), budget_of(request), turn);
}

void Writes::send_copies(std::uint64_t token, const Pending& pending, const causal::Envelope& envelope, bool covered,
                         bool beyond, Turn& turn) {
  // A stamp that stands above one from the far future goes as a repair: the owners must take it, as they took the other (trap T03).
  const auto reason = beyond ? wire::StoreReason::repair : wire::StoreReason::write;
  wire::Store store{.token = token, .reason = reason, .key = pending.key, .envelope = envelope};
  const Bytes to_owner = wire::encode_message(store);
  store.reason = wire::StoreReason::stand_in;
  for (const NodeId node : pending.quorum.nodes()) {
    if (node == core_.self() || !core_.placement.reaches(node)) continue;
    const Bytes message = core_.placement.owns(node) ? to_owner : wire::encode_message(store);
    // Nobody may see a stamp before a ceiling at or above it is on disk (trap T06).
    covered ? turn.send(node, env::Lane::data, message) : turn.send_when_durable(node, env::Lane::data, message);
  }
}

// Sloppy: for each owner that is silent, the next node that is not gets a copy to keep.
Result<void> Writes::ask_stand_ins(std::uint64_t token, Pending& pending, Turn& turn) {
  if (!core_.placement.sloppy() || !pending.client_waits) return {};
  const auto slot = TRY(core_.records.load(turn, pending.key));
  if (!slot.held) return {};
  const Bytes message = wire::encode_message(
      wire::Store{.token = token, .reason = wire::StoreReason::stand_in, .key = pending.key, .envelope = *slot.held});
  const std::size_t missing = pending.quorum.needed() - std::min(pending.quorum.needed(), pending.quorum.count());
  for (const NodeId node : core_.placement.stand_ins_beside(pending.quorum.nodes(), missing)) {
    pending.quorum.add_stand_in(node);
    core_.synced(pending.key) ? turn.send(node, env::Lane::data, message)
                              : turn.send_when_durable(node, env::Lane::data, message);
  }
  return {};
}

Result<void> Writes::admit(std::uint64_t token, Pending pending, Duration budget, Turn& turn) {
  const Bounds& bounds = core_.options.bounds;
  if (pending_.size() >= bounds.pending_writes_max || bytes_ >= bounds.pending_bytes_max) {
    MARK(turn.recorder(), "ap.pending_overflow");
    TRY(hint_missing(pending, turn));
  }
  if (finished(pending)) return {};
  core_.deadlines.add(turn.now().steady + std::min(budget, core_.options.timers.hint_after), token);
  bytes_ += pending.key.size() + pending_overhead_bytes;
  pending_.emplace_hint(pending_.end(), token, std::move(pending));
  return {};
}

Result<void> Writes::hint(Pending& pending, NodeId target, Turn& turn) {
  if (target == core_.self() || pending.quorum.has(target) || !core_.placement.owns(target)) return {};
  if (std::find(pending.hinted_owners.begin(), pending.hinted_owners.end(), target) != pending.hinted_owners.end())
    return {};
  TRY(hints_.add(turn, target, pending.key, pending.stamp));
  pending.hinted_owners.push_back(target);
  return {};
}

Result<void> Writes::hint_missing(Pending& pending, Turn& turn) {
  for (const NodeId node : pending.quorum.nodes()) TRY(hint(pending, node, turn));
  return {};
}

bool Writes::finished(const Pending& pending) const {
  if (pending.client_waits) return false;
  const auto& nodes = pending.quorum.nodes();
  return std::all_of(nodes.begin(), nodes.end(), [&](NodeId owner) {
    const auto& hinted = pending.hinted_owners;
    return owner == core_.self() || pending.quorum.has(owner) || !core_.placement.owns(owner) ||
           std::find(hinted.begin(), hinted.end(), owner) != hinted.end();
  });
}

void Writes::finish(Entry entry) {
  bytes_ -= entry->second.key.size() + pending_overhead_bytes;
  pending_.erase(entry);
}

Result<void> Writes::on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn) {
  const auto entry = pending_.find(ack.token);
  if (entry == pending_.end()) return {};
  Pending& pending = entry->second;
  const bool holds = ack.winner >= pending.stamp;
  switch (ack.result) {
    case wire::StoreResult::stored:
    case wire::StoreResult::had_it:
    case wire::StoreResult::superseded:
      // Believed only with the proof: a version at or above this one.
      if (!holds) return {};
      pending.newest = std::max(pending.newest, ack.winner);
      pending.quorum.acknowledge(from);
      break;
    case wire::StoreResult::clock_skew:
    case wire::StoreResult::refused:
      // Not counted, not tried again as a foreground write; a hint brings it there later (trap T02).
      if (ack.result == wire::StoreResult::clock_skew) ++core_.counters.clock_skew_refused;
      pending.quorum.reject(from);
      TRY(hint(pending, from, turn));
      break;
  }
  TRY(answer_if_decided(pending, turn));
  if (finished(pending)) finish(entry);
  return {};
}

Result<void> Writes::on_durable(Turn& turn) {
  while (!own_disk_.empty() && core_.rounds.durable(own_disk_.front().first)) {
    const auto entry = pending_.find(own_disk_.front().second);
    own_disk_.pop_front();
    if (entry == pending_.end()) continue;
    entry->second.quorum.acknowledge(core_.self());
    TRY(answer_if_decided(entry->second, turn));
    if (finished(entry->second)) finish(entry);
  }
  return {};
}

Result<void> Writes::on_deadline(std::uint64_t token, Turn& turn) {
  const auto entry = pending_.find(token);
  if (entry == pending_.end()) return {};
  Pending& pending = entry->second;
  TRY(hint_missing(pending, turn));
  TRY(ask_stand_ins(token, pending, turn));
  if (pending.client_waits && turn.now().steady >= pending.deadline) {
    TRY(answer(
        pending, Code::level_missed,
        fmt::format(
            "{} of {} owners acknowledged in time, level {} needs {}; the write may still take effect everywhere",
            pending.quorum.count(), core_.placement.copies(), to_string(pending.level), pending.quorum.needed()),
        turn));
  }
  if (finished(pending)) {
    finish(entry);
  } else {
    core_.deadlines.add(pending.deadline, token);
  }
  return {};
}

Result<void> Writes::answer_if_decided(Pending& pending, Turn& turn) {
  if (!pending.client_waits) return {};
  if (pending.quorum.met()) return answer(pending, Code::ok, {}, turn);
  if (!pending.quorum.impossible()) return {};
  return answer(
      pending, Code::level_missed,
      fmt::format(
          "level {} needs {} owners and too many refused the copy (clock skew, or no space); it is written on {}",
          to_string(pending.level), pending.quorum.needed(), to_string(core_.self())),
      turn);
}

Result<void> Writes::answer(Pending& pending, Code code, std::string why, Turn& turn) {
  // What came here since, by whatever way, may be newer.
  if (core_.write_counts.of(xxh3_64(pending.key)) != pending.write_count) {
    const auto slot = TRY(core_.records.load(turn, pending.key));
    pending.newest = std::max(pending.newest, slot.stamp());
  }
  pending.client_waits = false;
  Response response;
  response.id = pending.request;
  response.code = code;
  response.outcome = outcome_of(code);
  response.why = std::move(why);
  if (code != Code::ok) {
    ++core_.counters.levels_missed;
    response.hint = "read it back before deciding; hints bring it to the other owners";
  }
  response.version = version_of(pending.stamp);
  Receipt& receipt = response.receipt;
  receipt = core_.receipt(pending.asked);
  receipt.reached = pending.quorum.reached(core_.placement.sloppy());
  receipt.acknowledged_by = pending.quorum.acknowledged();
  receipt.stand_ins = pending.quorum.stand_ins();
  std::copy_if(pending.hinted_owners.begin(), pending.hinted_owners.end(), std::back_inserter(receipt.hinted),
               [&](NodeId owner) { return !pending.quorum.has(owner); });
  receipt.hints_left = static_cast<std::uint32_t>(receipt.hinted.size());
  receipt.superseded = pending.newest > pending.stamp;
  if (receipt.superseded) receipt.superseded_by = version_of(pending.newest);
  // Under `wal` the store is what it promises; under `none` nothing is.
  core_.placement.durable() ? turn.reply_when_stored(std::move(response)) : turn.reply(std::move(response));
  return {};
}

void Writes::cancel(RequestId request) {
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto current = entry++;
    if (!current->second.client_waits || current->second.request != request) continue;
    current->second.client_waits = false;
    if (finished(current->second)) finish(current);
  }
}

Result<void> Writes::drain(Turn& turn) {
  for (auto& [token, pending] : pending_) TRY(hint_missing(pending, turn));
  return {};
}

void Writes::observe() {
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto current = entry++;
    if (finished(current->second)) finish(current);
  }
}

Result<void> Writes::let_go(Turn& turn) {
  TRY(drain(turn));
  for (auto& [token, pending] : pending_) {
    if (!pending.client_waits) continue;
    TRY(answer(pending, Code::level_missed,
               fmt::format("{} is no owner of the key any more: the write may have taken effect at the others",
                           to_string(core_.self())),
               turn));
  }
  pending_.clear();
  bytes_ = 0;
  return {};
}

causal::Hlc Writes::low_water() const {
  return pending_.empty() ? core_.options.stamper->latest() : pending_.begin()->second.issued_after;
}

}  // namespace rift::ap
