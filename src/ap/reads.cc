#include "ap/reads.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ap/quorum.h"
#include "base/node_list.h"
#include "replica/token.h"

namespace rift::ap {
namespace {

// Who names a version goes on with the one that is answered.
bool mints_token(const Request& request) { return request.mints_token || request.seen != Version{}; }

}  // namespace

// A version ends at a moment that its writer has set, by the clock of who is asked: what that one knows to be off is taken away from it.
bool Reads::has_ended(const causal::Envelope& envelope, const Turn& turn) const {
  if (envelope.expiry == WallTime()) return false;
  const auto& skew = core_.placement.clock_skew();
  const WallTime now = turn.now().wall - (skew ? skew->ahead : std::chrono::milliseconds::zero());
  return now >= envelope.expiry;
}

Result<void> Reads::submit(const Request& request, Turn& turn) {
  if (request.token != 0) {
    turn.reply(refuse(request.id, Code::unsupported, "an ap keyspace does not know a read token",
                      "read at level majority, or use a cp keyspace"));
    return {};
  }
  return request.verb == Verb::multi_get ? submit_joint(request, turn) : read_key(request, Part(), turn);
}

Result<void> Reads::submit_joint(const Request& request, Turn& turn) {
  const auto& steps = request.operands->then_steps;
  if (pending_.size() + steps.size() > core_.options.bounds.pending_reads_max) {
    MARK(turn.recorder(), "ap.reads_overflow");
    turn.reply(refuse(
        request.id, Code::overloaded,
        fmt::format("{} reads of {} are under way in {}", pending_.size(), core_.options.name, to_string(core_.self())),
        "retry"));
    return {};
  }
  Part part{.joint = core_.next_token(), .place = 0};
  joints_.begin(part.joint, request);
  Request single = request;
  single.verb = Verb::get;
  single.operands = {};
  for (const Step& step : steps) {
    single.key = step.key;
    TRY(read_key(single, part, turn));
    ++part.place;
  }
  return {};
}

Result<void> Reads::read_key(const Request& request, Part part, Turn& turn) {
  ++core_.counters.reads;
  const Placement& placement = core_.placement;
  const Level level = placement.read_level(request.level);
  const bool at_one = level == Level::one || level == Level::unspecified;
  auto slot = TRY(core_.records.load(turn, request.key));
  if (at_one && !core_.catching_up && slot.stamp() >= stamp_of(request.seen)) {
    answer_here(request, part, slot, turn);
    return {};
  }
  if (auto refused = core_.refuse_out_of_reach(request, level)) {
    answer(part, std::move(*refused), false, turn);
    return {};
  }
  const std::uint64_t token = core_.next_token();
  const auto entry =
      pending_.emplace_hint(pending_.end(), token, begin(request, at_one ? Level::one : level, std::move(slot), turn));
  entry->second.part = part;
  ask_versions(token, entry->second, turn);
  core_.options.hedging->note_read();
  ask_again_later(token, entry->second, turn);
  return advance(entry, turn);
}

void Reads::answer_here(const Request& request, Part part, const Slot& slot, Turn& turn) {
  Response response;
  response.id = request.id;
  fill_value(response, slot.held, turn);
  response.receipt = core_.receipt(Level::one);
  response.receipt.reached = Level::one;
  response.receipt.read_path = ReadPath::local;
  core_.acknowledge(response.receipt, core_.self());
  const bool wait_for_disk = mints_token(request) && !core_.synced(request.key);
  answer(part, std::move(response), wait_for_disk, turn);
}

Reads::Pending Reads::begin(const Request& request, Level level, Slot slot, Turn& turn) const {
  Pending read{.request = request.id,
               .key = request.key,
               .asked = request.level == Level::unspecified ? level : request.level,
               .level = level,
               .needed = owners_needed(level, core_.placement.copies()),
               // Without it two reads could see a newer value and then an older one (trap T15).
               .write_back = level != Level::one && (request.write_back || core_.placement.keyspace().atomic),
               .seen = stamp_of(request.seen),
               .mints_token = mints_token(request),
               .sought_until = turn.now().steady + core_.options.timers.token_wait,
               .deadline = turn.now().steady + budget_of(request),
               .answers = {},
               .best = std::move(slot.held),
               .winner = {},
               .own_round = core_.rounds.round_of(xxh3_64(request.key))};
  const Owners nodes = core_.placement.counted_nodes();
  for (const NodeId node : *nodes) {
    const bool here = node == core_.self();
    read.answers.push_back(Answer{.node = node,
                                  .answered = here,
                                  .catching_up = here && core_.catching_up,
                                  .stamp = here && read.best ? read.best->stamp : causal::Stamp()});
  }
  return read;
}

void Reads::ask_again_later(std::uint64_t token, Pending& read, Turn& turn) {
  read.retry_at = std::min(read.deadline, turn.now().steady + core_.options.timers.read_retry);
  if (seeks(read)) read.retry_at = std::min(read.retry_at, read.sought_until);
  core_.deadlines.add(read.retry_at, token);
}

void Reads::ask_versions(std::uint64_t token, const Pending& read, Turn& turn) {
  const Bytes message = wire::encode_message(wire::Versions{.token = token, .key = read.key});
  for (const Answer& answer : read.answers) {
    const bool wanted = !answer.answered || answer.stamp < read.seen;
    if (wanted && answer.node != core_.self() && core_.placement.reaches(answer.node))
      turn.send(answer.node, env::Lane::data, message);
  }
}

bool Reads::holds_durably(const Pending& read, const Answer& answer) const {
  return answer.answered && (answer.node != core_.self() || core_.rounds.durable(read.own_round));
}

// As one that has nothing newer than it says.
bool Reads::counts(const Pending& read, const Answer& answer) const {
  return !answer.catching_up && holds_durably(read, answer);
}

std::size_t Reads::counted(const Pending& read) const {
  return static_cast<std::size_t>(
      std::count_if(read.answers.begin(), read.answers.end(), [&](const Answer& a) { return counts(read, a); }));
}

bool Reads::may_count(const Answer& answer) const {
  return !answer.catching_up && (answer.answered || core_.placement.reaches(answer.node));
}

causal::Stamp Reads::newest_of(const Pending& read) {
  causal::Stamp newest;
  for (const Answer& answer : read.answers) newest = std::max(newest, answer.stamp);
  return newest;
}

causal::Stamp Reads::newest_on_disk(const Pending& read) const {
  causal::Stamp newest;
  for (const Answer& answer : read.answers) {
    if (holds_durably(read, answer)) newest = std::max(newest, answer.stamp);
  }
  return newest;
}

// For the version that the client has seen: it may be on its way to an owner that lacked it.
bool Reads::seeks(const Pending& read) const {
  if (read.sought_enough || newest_of(read) >= read.seen) return false;
  // Once each in reach has told what it holds, nobody is left who could have it.
  return std::any_of(read.answers.begin(), read.answers.end(),
                     [this](const Answer& a) { return !a.answered && core_.placement.reaches(a.node); });
}

bool Reads::has_collected(const Pending& read) const { return meets_level(read) && !seeks(read); }

// At ONE there is always something to answer: what is known when nobody is left to wait for.
bool Reads::meets_level(const Pending& read) const {
  if (counted(read) >= read.needed) return true;
  if (read.level != Level::one) return false;
  return read.hurried ||
         std::none_of(read.answers.begin(), read.answers.end(), [this](const Answer& a) { return may_count(a); });
}

bool Reads::holds_winner(const Pending& read, const Answer& answer) const {
  return holds_durably(read, answer) && answer.stamp >= read.winner;
}

std::size_t Reads::holders(const Pending& read) const {
  return static_cast<std::size_t>(
      std::count_if(read.answers.begin(), read.answers.end(), [&](const Answer& a) { return holds_winner(read, a); }));
}

Result<void> Reads::advance(Entry entry, Turn& turn) {
  const std::uint64_t token = entry->first;
  Pending& read = entry->second;  // no structured binding: clang 14 cannot capture one
  if (read.phase == Phase::collect) {
    if (!has_collected(read)) {
      if (refuse_if_hopeless(read, turn)) pending_.erase(entry);
      return {};
    }
    read.winner = newest_of(read);
    if (read.winner < read.seen) {
      refuse_token(read, turn);
      pending_.erase(entry);
      return {};
    }
    // This node alone has it, and not on its disk: a power loss could undo what was read. on_durable() goes on.
    if (newest_on_disk(read) < read.winner && (read.level != Level::one || read.mints_token)) return {};
    const bool newer_elsewhere = read.winner > (read.best ? read.best->stamp : causal::Stamp());
    read.phase = newer_elsewhere ? Phase::fetch : Phase::repair;
    if (newer_elsewhere) {
      fetch(token, read, turn);
      core_.deadlines.add(read.fetched_at + core_.options.hedging->delay(), token);
    }
  }
  if (read.phase == Phase::fetch) return {};
  // Absent everywhere is held by everybody who answered.
  const bool held = holders(read) >= read.needed;
  if (!held) repair(token, read, false, turn);
  if (!held && read.write_back) return {};
  reply(read, turn);
  pending_.erase(entry);
  return {};
}

std::vector<NodeId> Reads::sources_of(const Pending& read) const {
  std::vector<NodeId> sources;
  for (const Answer& answer : read.answers) {
    if (answer.answered && answer.node != core_.self() && answer.stamp >= read.winner) sources.push_back(answer.node);
  }
  return sources;
}

void Reads::fetch(std::uint64_t token, Pending& read, Turn& turn) {
  const std::vector<NodeId> sources = sources_of(read);
  ASSERT(!sources.empty());
  const auto last = std::find(sources.begin(), sources.end(), read.fetched_from);
  const bool begins = last == sources.end() || std::next(last) == sources.end();
  read.fetched_from = begins ? sources.front() : *std::next(last);
  read.fetched_at = turn.now().steady;
  turn.send(read.fetched_from, env::Lane::data, wire::encode_message(wire::Fetch{.token = token, .key = read.key}));
}

// The owner that was asked for the value takes longer than nearly all did.
void Reads::hedge(std::uint64_t token, Pending& read, Turn& turn) {
  if (read.phase != Phase::fetch || read.hedged || sources_of(read).size() < 2) return;
  if (!core_.options.hedging->take()) return;
  MARK(turn.recorder(), "ap.read_hedged");
  ++core_.counters.reads_hedged;
  read.hedged = true;
  fetch(token, read, turn);
}

void Reads::repair(std::uint64_t token, Pending& read, bool again, Turn& turn) {
  if (!read.best) return;
  wire::Store store{.token = token, .reason = wire::StoreReason::repair, .key = read.key, .envelope = *read.best};
  const Bytes to_owner = wire::encode_message(store);
  store.reason = wire::StoreReason::stand_in;
  for (Answer& answer : read.answers) {
    const bool stale = answer.answered && answer.stamp < read.winner && answer.node != core_.self();
    if (!stale || (answer.repair_sent && !again) || !core_.placement.reaches(answer.node)) continue;
    answer.repair_sent = true;
    read.repaired = true;
    ++core_.counters.repairs_sent;
    // A write of this node's own that is not yet on disk may stand above the durable ceiling: nobody may see it (trap T06).
    const bool own_unsynced = read.winner.dot.node == core_.self() && !core_.synced(read.key);
    const Bytes message = core_.placement.owns(answer.node) ? to_owner : wire::encode_message(store);
    own_unsynced ? turn.send_when_durable(answer.node, env::Lane::data, message)
                 : turn.send(answer.node, env::Lane::data, message);
  }
}

Reads::Answer* Reads::answer_of(Pending& read, NodeId node) {
  const auto found = std::find_if(read.answers.begin(), read.answers.end(),
                                  [node](const Answer& answer) { return answer.node == node; });
  return found == read.answers.end() ? nullptr : &*found;
}

Result<void> Reads::on_versions(NodeId from, const wire::VersionsReply& reply, Turn& turn) {
  const auto entry = pending_.find(reply.token);
  if (entry == pending_.end()) return {};
  Answer* answer = answer_of(entry->second, from);
  if (answer == nullptr) return {};
  answer->answered = true;
  answer->catching_up = reply.catching_up;
  if (reply.found) answer->stamp = std::max(answer->stamp, reply.stamp);
  return advance(entry, turn);
}

Result<void> Reads::on_fetched(NodeId from, const wire::FetchReply& reply, Turn& turn) {
  const auto entry = pending_.find(reply.token);
  if (entry == pending_.end() || entry->second.phase != Phase::fetch) return {};
  Pending& read = entry->second;
  if (!reply.found || reply.envelope.stamp < read.winner) return {};
  if (!read.hedged && from == read.fetched_from) core_.options.hedging->note_fetch(turn.now().steady - read.fetched_at);
  if (Answer* source = answer_of(read, from); source != nullptr)
    source->stamp = std::max(source->stamp, reply.envelope.stamp);
  read.best = reply.envelope;
  read.winner = reply.envelope.stamp;
  read.phase = Phase::repair;
  // This node's own copy is the stale one: it is repaired like any other (trap T20).
  core_.options.stamper->observe(read.winner.hlc, turn.now().wall);
  auto slot = TRY(core_.records.load(turn, read.key));
  const bool stored = TRY(core_.take(turn, read.key, slot, reply.envelope));
  if (stored && !core_.placement.owner()) TRY(hints_.keep_for_owners(turn, read.key, read.winner));
  Answer* own = answer_of(read, core_.self());
  ASSERT(own != nullptr);
  own->stamp = slot.stamp();
  read.own_round = core_.rounds.round_of(xxh3_64(read.key));
  read.repaired = true;
  return advance(entry, turn);
}

Result<void> Reads::on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn) {
  const auto entry = pending_.find(ack.token);
  if (entry == pending_.end()) return {};
  Answer* answer = answer_of(entry->second, from);
  if (answer == nullptr) return {};
  switch (ack.result) {
    case wire::StoreResult::stored:
    case wire::StoreResult::had_it:
    case wire::StoreResult::superseded:
      answer->answered = true;
      answer->stamp = std::max(answer->stamp, ack.winner);
      break;
    case wire::StoreResult::clock_skew:
    case wire::StoreResult::refused:
      return {};  // asked again until the deadline
  }
  return advance(entry, turn);
}

Result<void> Reads::on_durable(Turn& turn) {
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto current = entry++;
    if (current->second.own_round != 0 && core_.rounds.durable(current->second.own_round)) TRY(advance(current, turn));
  }
  return {};
}

Result<void> Reads::on_deadline(std::uint64_t token, Turn& turn) {
  const auto entry = pending_.find(token);
  if (entry == pending_.end()) return {};
  Pending& read = entry->second;
  const Time now = turn.now().steady;
  if (now >= read.deadline) {
    end_late(read, turn);
    pending_.erase(entry);
    return {};
  }
  if (now < read.retry_at) {
    hedge(token, read, turn);
    return {};
  }
  read.hurried = true;
  read.sought_enough = read.sought_enough || now >= read.sought_until;
  if (read.phase == Phase::collect) TRY(look_again(read, turn));
  if (read.phase == Phase::collect) ask_stand_ins(read);
  ask_versions(token, read, turn);
  if (read.phase == Phase::fetch) fetch(token, read, turn);
  if (read.phase == Phase::repair) repair(token, read, true, turn);
  ask_again_later(token, read, turn);
  return read.phase == Phase::collect ? advance(entry, turn) : Result<void>();
}

// Sloppy: the next node that can be reached is asked in place of each that is silent.
void Reads::ask_stand_ins(Pending& read) {
  if (!core_.placement.sloppy()) return;
  std::vector<NodeId> nodes;
  for (const Answer& answer : read.answers) nodes.push_back(answer.node);
  const std::size_t missing = read.needed - std::min(read.needed, counted(read));
  for (const NodeId node : core_.placement.stand_ins_beside(nodes, missing)) {
    read.answers.push_back(Answer{.node = node, .stamp = {}});
  }
}

// What the client has seen may have come here since.
Result<void> Reads::look_again(Pending& read, Turn& turn) {
  Answer* own = answer_of(read, core_.self());
  if (own == nullptr || own->stamp >= read.seen) return {};
  auto slot = TRY(core_.records.load(turn, read.key));
  own->stamp = slot.stamp();
  read.best = std::move(slot.held);
  read.own_round = core_.rounds.round_of(xxh3_64(read.key));
  return {};
}

void Reads::cancel(RequestId request) {
  std::erase_if(pending_, [request](const auto& entry) { return entry.second.request == request; });
  joints_.cancel(request);
}

}  // namespace rift::ap
