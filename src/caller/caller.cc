#include "caller/caller.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/node_list.h"
#include "replica/token.h"
#include "topology/owners.h"

namespace rift::caller {
namespace {

constexpr std::uint32_t redirects_max = 3;  // in a row, then back off
constexpr Duration map_retry = std::chrono::milliseconds(100);
constexpr Duration answer_margin_max = std::chrono::milliseconds(20);  // the node answers so much before we give up

Request shape(const Operation& operation) {
  Request request;
  request.keyspace = operation.keyspace;
  request.verb = operation.verb;
  request.level = operation.level;
  request.key = operation.key;
  request.value = operation.value;
  request.condition = operation.condition;
  request.operands = operation.operands;
  request.partition = operation.partition;
  request.token = operation.token;
  request.seen = operation.seen;
  request.mints_token = operation.mints_token;
  request.write_back = operation.write_back;
  request.op = operation.about;
  return request;
}

Nature nature_of(const Operation& operation, Mode mode, bool deduplicate) {
  if (!is_write(operation.verb)) return Nature::read;
  if (operation.verb == Verb::resolve) return Nature::resolve;
  return mode == Mode::cp && deduplicate ? Nature::deduplicated : Nature::plain;
}

// By key; what is about a range or a history names its partition, unless there is only one. Nothing: there is no such partition.
const topology::Partition* partition_of(const Operation& operation, const topology::Keyspace& keyspace) {
  const bool has_lost_key =
      operation.verb == Verb::resolve && (operation.partition != PartitionId() || operation.key.empty());
  const bool is_named = operation.verb == Verb::scan || operation.verb == Verb::del_range ||
                        operation.verb == Verb::compact || operation.verb == Verb::watch || has_lost_key;
  if (!is_named) return &topology::place(keyspace, operation.key);
  if (operation.partition == PartitionId() && keyspace.partitions.size() == 1) return &keyspace.partitions.front();
  for (const topology::Partition& partition : keyspace.partitions) {
    if (partition.id == operation.partition) return &partition;
  }
  return nullptr;
}

// An op id belongs to the partition whose window its client opened, whatever its key.
PartitionId partition_of(const ClientId& client, const std::map<PartitionId, Session>& sessions) {
  for (const auto& [partition, session] : sessions) {
    if (session.client() == client) return partition;
  }
  return {};
}

// Not now, and maybe soon: the operation is better off at another node.
bool is_absent(Code code) { return code == Code::unreachable || code == Code::disconnected || code == Code::not_ready; }

// A window that answers is a window that is open.
bool proves_window(const Response& response) {
  return response.outcome == Outcome::done || response.code == Code::condition_failed || response.receipt.duplicate;
}

}  // namespace

Caller::Caller(Options options, Rng rng) : options_(options), rng_(rng) {}

void Caller::submit(RequestId id, Operation operation, Time now) {
  const auto refuse_now = [&](Code code, std::string why) {
    completions_.push_back({.id = id, .response = refuse(id, code, std::move(why)), .op = {}, .attempts = 0});
  };
  if (operation.verb == Verb::watch) return refuse_now(Code::unsupported, "a watch is no operation: it never ends");
  if (operation.verb == Verb::resolve && operation.about && operation.partition == PartitionId())
    operation.partition = partition_of(operation.about->client, sessions_);
  const Request request = shape(operation);
  const std::size_t bytes = footprint(request);
  if (operations_.size() >= options_.open_max || open_bytes_ + bytes > options_.open_bytes_max) {
    return refuse_now(Code::overloaded, "too much is open in this client");
  }
  if (const auto valid = validate(request); !valid) return refuse_now(valid.error().code, valid.error().detail);
  const Duration allowed = operation.deadline > Duration::zero() ? operation.deadline : options_.deadline;

  Open open;
  open.arrival = next_arrival_++;
  open.id = id;
  open.bytes = bytes;
  open_bytes_ += bytes;
  open.operation = std::move(operation);
  open.begun = now;
  open.deadline = now + std::min(allowed, limits::request_budget_max);
  const auto [it, inserted] = operations_.emplace(open.arrival, std::move(open));
  ASSERT(inserted);
  route(it->second, now);
}

void Caller::observe(std::shared_ptr<const topology::Catalog> catalog, Time now) {
  ASSERT(catalog != nullptr);
  if (catalog_ != nullptr && catalog_->cluster != catalog->cluster) {  // founded anew: its partitions begin again
    tokens_ = Tokens();
    seen_.clear();
  }
  // A node that lags may hand out an older map.
  if (catalog_ == nullptr || catalog_->cluster != catalog->cluster || catalog_->epoch <= catalog->epoch)
    catalog_ = std::move(catalog);
  std::vector<std::uint64_t> waiting;
  for (const auto& [arrival, open] : operations_) {
    if (open.state == State::wants_map) waiting.push_back(arrival);
  }
  for (const std::uint64_t arrival : waiting) {
    const auto it = operations_.find(arrival);
    if (it == operations_.end()) continue;
    it->second.has_looked = true;
    route(it->second, now);
  }
}

void Caller::receive(Response response, Time now) {
  const auto attempt = attempts_.find(response.id.value());
  if (attempt == attempts_.end()) return;  // the operation is over
  Open& open = operations_.at(attempt->second);
  attempts_.erase(attempt);
  const auto mine = std::find_if(open.attempts.begin(), open.attempts.end(),
                                 [&](const Attempt& a) { return a.id == response.id.value(); });
  ASSERT(mine != open.attempts.end());
  const NodeId node = mine->node;
  open.attempts.erase(mine);

  router_.learn(open.partition, node, response);
  if (is_absent(response.code)) {
    const NodeId absent = response.receipt.served_by;  // of a forwarded request it is not the node that was asked
    router_.suspect(open.partition, absent != NodeId() ? absent : node, now);
  }
  if (open.op && proves_window(response) && session(open.partition).client() == open.op->client)
    session(open.partition).open();
  if (response.outcome == Outcome::unknown) {
    ++open.lost;
    open.lost_code = response.code;
  }
  if (response.outcome == Outcome::not_done) open.refusal = response;
  note_seen(open, response);

  const Next next = options_.retry ? judge(open.nature, response) : Next::finish;
  if (next == Next::redirect) return redirect(open, node, now);
  apply(open, next, std::move(response), now);
}

void Caller::apply(Open& open, Next next, Response response, Time now) {
  switch (next) {
    case Next::finish:
      return finish(open, std::move(response), now);
    case Next::renew:
      return renew(open, now);
    case Next::redirect:
    case Next::back_off:
      return resend_later(open, now);
    case Next::reload:
      map_wish_ = true;
      return resend_later(open, now);
    case Next::elsewhere:
      if (!has_node_left(open)) return finish(open, std::move(response), now);
      return send(open, now);
  }
}

void Caller::tick(Time now) {
  while (!wakes_.empty() && wakes_.begin()->first <= now) wake(operations_.at(wakes_.begin()->second), now);
}

void Caller::stop(Time now) {
  queues_.clear();  // nobody is let in any more
  while (!operations_.empty()) expire(operations_.begin()->second, now);
  sends_.clear();
}

std::optional<Time> Caller::wake_at() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

// Where the operation belongs by the present map; asked again before every copy, for the map may have changed.
void Caller::route(Open& open, Time now) {
  if (catalog_ == nullptr) return wait_for_map(open, now);
  const topology::Keyspace* keyspace = catalog_->find(open.operation.keyspace);
  if (keyspace != nullptr && !keyspace->partitions.empty()) return place(open, *keyspace, now);
  if (!open.has_looked) return wait_for_map(open, now);
  finish(open, refuse(open.id, Code::unknown_keyspace, "no keyspace is called " + open.operation.keyspace), now);
}

void Caller::place(Open& open, const topology::Keyspace& keyspace, Time now) {
  const topology::Partition* placed = partition_of(open.operation, keyspace);
  if (placed == nullptr && open.operation.partition != PartitionId()) {
    return finish(open,
                  refuse(open.id, Code::unknown_keyspace,
                         fmt::format("{} has no partition {}: it was dropped and created again since that was its own",
                                     keyspace.name, open.operation.partition.value()),
                         "begin anew"),
                  now);
  }
  if (placed == nullptr) {
    return finish(open,
                  refuse(open.id, Code::invalid,
                         fmt::format("name one of the {} partitions of {}", keyspace.partitions.size(), keyspace.name)),
                  now);
  }
  const PartitionId partition = placed->id;
  if (open.op && open.partition != partition) {
    // Another keyspace of the same name: an op id means nothing there.
    if (may_have_taken_effect(open)) {
      return finish(open, refuse(open.id, Code::unknown_keyspace, "the keyspace was dropped and created again"), now);
    }
    leave_session(open, Outcome::not_done);
  }
  open.partition = partition;
  open.mode = keyspace.mode;
  open.nature = nature_of(open.operation, keyspace.mode, options_.deduplicate);
  dispatch(open, now);
}

void Caller::dispatch(Open& open, Time now) {
  if (open.nature == Nature::deduplicated && !open.op) {
    Session& mine = session(open.partition);
    if (!mine.has_room()) {
      queues_[open.partition].push_back(open.arrival);
      open.state = State::queued;
      return set_wake(open, open.deadline);
    }
    open.op = mine.start();
  }
  send(open, now);
}

void Caller::send(Open& open, Time now) {
  if (now >= open.deadline) return set_wake(open, open.deadline);
  if (open.op && open.op->client != session(open.partition).client()) return restart(open, now);
  const topology::Keyspace* keyspace = catalog_->find(open.operation.keyspace);
  NodeId node;
  if (!options_.pinned && keyspace != nullptr && !keyspace->partitions.empty()) {
    const topology::Partition* placed = partition_of(open.operation, *keyspace);
    if (placed != nullptr)
      node = router_.choose(open.mode, placed->id, nodes_for(open, *keyspace, *placed), open.sent, now);
  }
  Request request = request_of(open, now);
  request.id = RequestId(next_attempt_++);
  attempts_.emplace(request.id.value(), open.arrival);
  open.attempts.push_back({.id = request.id.value(), .node = node});
  if (open.sent++ > 0) ++resends_;
  open.state = State::in_flight;
  const bool is_repeatable = options_.retry && open.nature != Nature::plain;
  set_wake(open, is_repeatable ? std::min(open.deadline, now + options_.attempt_timeout) : open.deadline);
  sends_.push_back({.node = node, .request = std::move(request)});
}

Request Caller::request_of(const Open& open, Time now) {
  Request request = shape(open.operation);
  const Duration left = open.deadline - now;
  request.budget =
      std::max<Duration>(left - std::min<Duration>(left / 10, answer_margin_max), std::chrono::milliseconds(1));
  request.epoch = catalog_->epoch;
  if (open.nature == Nature::resolve) request.partition = open.partition;
  if (options_.read_own && open.nature == Nature::read && open.mode == Mode::cp) {
    const auto seen = seen_.find(open.partition);
    if (seen != seen_.end()) request.token = std::max(request.token, seen->second.value());
  }
  if (keeps_token(open)) take_token(open, request);
  if (open.op) {
    const Session& mine = session(open.partition);
    ASSERT(mine.client() == open.op->client);  // a sequence means nothing under another client
    request.op = mine.stamp(open.op->sequence, may_have_taken_effect(open));
  }
  return request;
}

bool Caller::keeps_token(const Open& open) const {
  return options_.read_own && open.mode == Mode::ap && is_single(open.operation.verb);
}

void Caller::take_token(const Open& open, Request& request) {
  request.mints_token = true;
  // Where bare wall clocks order versions no write can stand above one: it would be refused by name.
  const topology::Keyspace* keyspace = catalog_->find(open.operation.keyspace);
  const bool takes_any = open.nature == Nature::read || keyspace == nullptr || !keyspace->wall_clock;
  if (!open.operation.read_own || !takes_any) return;
  const Version seen = tokens_.seen(open.partition, open.operation.key);
  if (is_newer(seen, request.seen)) request.seen = seen;
}

// A condition that failed has seen a state, too.
void Caller::note_seen(const Open& open, const Response& response) {
  const bool is_done = response.outcome == Outcome::done;
  if (open.mode == Mode::cp && (is_done || response.code == Code::condition_failed)) {
    LogIndex& seen = seen_[open.partition];
    seen = std::max(seen, response.receipt.index);
  }
  if (!is_done || !keeps_token(open)) return;
  if (!open.operation.read_own) tokens_.forget(open.partition, open.operation.key);
  tokens_.note(open.partition, open.operation.key, response.version);
}

void Caller::redirect(Open& open, NodeId from, Time now) {
  const auto leader = router_.leader(open.partition);
  if (options_.pinned || !leader || *leader == from || open.redirects >= redirects_max) return resend_later(open, now);
  ++open.redirects;
  send(open, now);
}

void Caller::renew(Open& open, Time now) {
  // Nothing but refusals may have come before: a lost copy could still be executed under the old client.
  if (may_have_taken_effect(open)) return finish(open, *open.refusal, now);
  Session& mine = session(open.partition);
  if (open.op && mine.client() == open.op->client) mine.renew(rng_.uuid());
  open.op.reset();
  resend_later(open, now);
}

// Its op id is that of a client that has been renewed since. Under the new one its sequence will be another operation's, whose outcome the
// dedup window would hand out for both.
void Caller::restart(Open& open, Time now) {
  if (!may_have_taken_effect(open)) {
    open.op.reset();
    return dispatch(open, now);
  }
  if (open.attempts.empty()) {
    Response response = refuse(open.id, Code::dedup_expired,
                               "this client's window has expired, and a copy may have been executed before");
    response.outcome = Outcome::unknown;
    return finish(open, std::move(response), now);
  }
  open.state = State::in_flight;  // an answer to an earlier copy still counts
  set_wake(open, open.deadline);
}

void Caller::wake(Open& open, Time now) {
  if (now >= open.deadline) return expire(open, now);
  switch (open.state) {
    case State::wants_map:
      return wait_for_map(open, now);
    case State::queued:
      return set_wake(open, open.deadline);
    case State::backing_off:
      return route(open, now);
    case State::in_flight:
      if (!open.attempts.empty()) router_.suspect(open.partition, open.attempts.back().node, now);
      return route(open, now);
  }
}

void Caller::expire(Open& open, Time now) {
  if (open.refusal && !may_have_taken_effect(open)) return finish(open, *open.refusal, now);
  const bool sent = open.sent > 0;
  Response response = refuse(open.id, sent ? Code::timeout : Code::not_ready,
                             sent ? fmt::format("no answer in time ({} sent)", open.sent)
                                  : "the operation was never sent: no map yet, or too many before it");
  if (open.refusal) response.why += "; last refusal: " + open.refusal->why;
  if (!may_have_taken_effect(open)) response.outcome = Outcome::not_done;
  finish(open, std::move(response), now);
}

// The one end of every operation, and the one place where its outcome is decided.
void Caller::finish(Open& open, Response response, Time now) {
  const bool conclusive = is_conclusive(open.nature, response);
  switch (open.nature) {
    case Nature::read:
      if (!conclusive) response.outcome = Outcome::not_done;
      break;
    case Nature::resolve:  // the outcome of a resolve is that of the operation asked about
      if (!conclusive) response.outcome = Outcome::unknown;
      break;
    case Nature::deduplicated:
    case Nature::plain:
      // A refused copy says nothing about the copies before it.
      if (!conclusive && may_have_taken_effect(open)) doubt(open, response);
      break;
  }
  if (response.receipt.asked == Level::unspecified) response.receipt.asked = open.operation.level;
  if (open.nature == Nature::resolve && conclusive && open.operation.about) {
    Session& mine = session(open.partition);
    if (mine.client() == open.operation.about->client) mine.settle(open.operation.about->sequence);
  }
  response.id = open.id;
  completions_.push_back({.id = open.id, .response = std::move(response), .op = open.op, .attempts = open.sent});
  leave_session(open, completions_.back().response.outcome);

  for (const Attempt& attempt : open.attempts) attempts_.erase(attempt.id);
  wakes_.erase({open.wake, open.arrival});
  open_bytes_ -= open.bytes;
  const PartitionId partition = open.partition;
  operations_.erase(open.arrival);
  pump(partition, now);
}

// The code says why the outcome is unknown: that of a refusal would promise that nothing happened.
void Caller::doubt(const Open& open, Response& response) {
  if (response.outcome == Outcome::not_done) {
    response.why = fmt::format("an earlier copy may have been carried out; the last was refused: {}: {}",
                               to_string(response.code), response.why);
    response.code = open.lost_code;
  }
  response.outcome = Outcome::unknown;
}

void Caller::wait_for_map(Open& open, Time now) {
  map_wish_ = true;
  open.state = State::wants_map;
  set_wake(open, std::min(open.deadline, now + map_retry));
}

void Caller::resend_later(Open& open, Time now) {
  const bool was_refused = open.refusal && !may_have_taken_effect(open);
  if (was_refused && now - open.begun >= options_.refusal_patience) return finish(open, *open.refusal, now);
  open.redirects = 0;
  open.state = State::backing_off;
  set_wake(open, std::min(open.deadline, now + back_off(open.sent)));
}

void Caller::set_wake(Open& open, Time wake) {
  wakes_.erase({open.wake, open.arrival});
  open.wake = wake;
  wakes_.emplace(wake, open.arrival);
}

void Caller::leave_session(Open& open, Outcome outcome) {
  if (!open.op) return;
  Session& mine = session(open.partition);
  if (mine.client() == open.op->client) mine.finish(open.op->sequence, outcome);
  open.op.reset();
}

// Those that waited behind the opening request, or for room in the window.
void Caller::pump(PartitionId partition, Time now) {
  const auto queue = queues_.find(partition);
  if (queue == queues_.end()) return;
  Session& mine = session(partition);
  while (!queue->second.empty()) {
    const auto it = operations_.find(queue->second.front());
    const bool is_waiting = it != operations_.end() && it->second.state == State::queued;
    if (is_waiting && !mine.has_room()) return;
    queue->second.pop_front();
    if (!is_waiting) continue;  // its deadline came first
    it->second.op = mine.start();
    send(it->second, now);
  }
}

Session& Caller::session(PartitionId partition) {
  const auto it = sessions_.find(partition);
  if (it != sessions_.end()) return it->second;
  return sessions_.emplace(partition, Session(rng_.uuid())).first->second;
}

bool Caller::may_have_taken_effect(const Open& open) const { return open.lost > 0 || !open.attempts.empty(); }

// The owners; where others may stand in for all of them, these come last.
std::vector<NodeId> Caller::nodes_for(const Open& open, const topology::Keyspace& keyspace,
                                      const topology::Partition& placed) const {
  std::vector<NodeId> nodes = placed.owners;
  const Operation& asked = open.operation;
  if (open.mode != Mode::ap || !may_be_stood_in(asked.verb, asked.level, keyspace.sloppy)) return nodes;
  for (const NodeId node : topology::active_members(*catalog_)) {
    if (!holds(placed.owners, node)) nodes.push_back(node);
  }
  return nodes;
}

// Each other one is asked once; cp has nobody else to ask.
bool Caller::has_node_left(const Open& open) const {
  if (options_.pinned || open.mode == Mode::cp) return false;
  const topology::Keyspace* keyspace = catalog_->find(open.operation.keyspace);
  if (keyspace == nullptr || keyspace->partitions.empty()) return false;
  const topology::Partition* placed = partition_of(open.operation, *keyspace);
  return placed != nullptr && open.sent < nodes_for(open, *keyspace, *placed).size();
}

Duration Caller::back_off(std::uint32_t sent) {
  const std::uint32_t doublings = std::min<std::uint32_t>(sent > 0 ? sent - 1 : 0, 8);
  const Duration ceiling = std::min<Duration>(options_.back_off_min * (1 << doublings), options_.back_off_max);
  return rng_.between(ceiling / 2, ceiling);
}

}  // namespace rift::caller
