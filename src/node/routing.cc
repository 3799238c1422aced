// Node: where a request goes, and what happens to its answer.
#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/node_list.h"
#include "node/node.h"
#include "topology/owners.h"
#include "wire/messages.h"

namespace rift::node {
namespace {

constexpr std::string_view not_founded = "this node is not part of a cluster yet";
constexpr std::string_view found_hint = "found one with `rift cluster init`";

// An operation id means nothing in another partition than its own: there, "it never happened" would be answered of one that was carried out.
bool names_partition(const Request& request) {
  const Verb verb = request.verb;
  if (verb == Verb::resolve) return request.partition != PartitionId() || request.key.empty();
  return verb == Verb::scan || verb == Verb::watch || verb == Verb::del_range || verb == Verb::compact;
}

Result<const topology::Partition*> named_partition(const topology::Keyspace& keyspace, PartitionId wanted) {
  if (wanted == PartitionId() && keyspace.partitions.size() == 1) return &keyspace.partitions.front();
  for (const topology::Partition& partition : keyspace.partitions) {
    if (partition.id == wanted) return &partition;
  }
  // By a map of the keyspace's life before this one, or by a newer one than ours: the client looks at the newest, and begins anew.
  if (wanted != PartitionId()) {
    return fail(Code::unknown_keyspace, fmt::format("'{}' has no partition {}: it was dropped and created again",
                                                    keyspace.name, wanted.value()));
  }
  return fail(
      Code::invalid,
      fmt::format("name one of the {} partitions of '{}' (ids {} to {})", keyspace.partitions.size(), keyspace.name,
                  keyspace.partitions.front().id.value(), keyspace.partitions.back().id.value()));
}

// Steps of one operation are decided by one group: their keys must fall together.
Result<void> fall_together(const topology::Keyspace& keyspace, const topology::Partition& partition,
                           const Operands& operands) {
  const auto elsewhere = [&](const Bytes& key) { return topology::place(keyspace, key).id != partition.id; };
  const auto step_elsewhere = [&](const Step& step) { return elsewhere(step.key); };
  const bool apart = std::any_of(operands.compares.begin(), operands.compares.end(),
                                 [&](const Compare& compare) { return elsewhere(compare.key); }) ||
                     std::any_of(operands.then_steps.begin(), operands.then_steps.end(), step_elsewhere) ||
                     std::any_of(operands.else_steps.begin(), operands.else_steps.end(), step_elsewhere);
  if (!apart) return {};
  return fail(Code::invalid, "the keys fall into several partitions; a {tag} in each key keeps them together");
}

Teaching teaching_of(const topology::Keyspace& keyspace) {
  return {.sloppy = keyspace.sloppy,
          .wall_clock = keyspace.wall_clock,
          .no_durability = keyspace.durability == topology::Durability::none};
}

// A scan of an ap keyspace is of one copy, whatever single reads are to be of.
Level default_level(const topology::Keyspace& keyspace, Verb verb) {
  if (is_write(verb)) return keyspace.write;
  return keyspace.mode == Mode::ap && verb == Verb::scan ? Level::one : keyspace.read;
}

Result<const topology::Partition*> partition_of(const topology::Keyspace& keyspace, const Request& request) {
  if (keyspace.mode == Mode::cp && request.seen != Version{}) {
    return fail(Code::invalid,
                fmt::format("'{}' is a cp keyspace: what a client has seen of it is told by a token, not "
                            "by a version",
                            keyspace.name));
  }
  if (keyspace.mode == Mode::cp && request.operands && !request.operands->cursor.empty()) {
    return fail(Code::invalid, fmt::format("'{}' is a cp keyspace: its scan goes on from a key", keyspace.name));
  }
  if (keyspace.mode == Mode::cp && request.level == Level::any) {
    return fail(Code::invalid, fmt::format("'{}' is a cp keyspace: only its voters can acknowledge a write, no node "
                                           "stands in for them",
                                           keyspace.name));
  }
  if (names_partition(request)) return named_partition(keyspace, request.partition);
  const topology::Partition& partition = topology::place(keyspace, request.key);
  if (request.operands) TRY(fall_together(keyspace, partition, *request.operands));
  return &partition;
}

}  // namespace

void Node::attach(SinkId id, std::unique_ptr<ReplySink> sink) { sinks_[id] = std::move(sink); }

void Node::detach(SinkId id) {
  for (const RequestId request : requests_.of_sink(id)) {
    const OpenRequest* open = requests_.find(request);
    if (open->forwarded_to == NodeId()) loop_.cancel(open->partition, request);
    requests_.drop(request);
  }
  sinks_.erase(id);
}

void Node::submit(SinkId id, std::vector<Request> requests) {
  for (Request& request : requests) {
    if (is_write(request.verb) && request.keyspace.starts_with('_')) {
      requests_.answer(id, refuse(request.id, Code::invalid, request.keyspace + " is written by the cluster itself",
                                  "use `rift keyspace create` or `drop`"));
      continue;
    }
    request.forwarded = false;
    route(FromSink{id}, std::move(request));
  }
  loop_.schedule_round();
}

void Node::cancel(SinkId id, std::vector<RequestId> requests) {
  std::vector<RequestId> found;
  if (requests.size() == 1) {
    if (const auto one = requests_.by_origin(id, requests.front())) found.push_back(*one);
  } else {  // one look for all of them
    std::sort(requests.begin(), requests.end());
    for (const RequestId request : requests_.of_sink(id)) {
      if (std::binary_search(requests.begin(), requests.end(), requests_.find(request)->origin_id))
        found.push_back(request);
    }
  }
  for (const RequestId request : found) {
    const OpenRequest* open = requests_.find(request);
    if (open->forwarded_to == NodeId()) loop_.cancel(open->partition, request);
    requests_.drop(request);
  }
}

Result<const topology::Keyspace*> Node::find_keyspace(const Request& request) const {
  if (stopping_) return fail(Code::not_ready, "this node is stopping");
  if (!ready_) return fail(Code::not_ready, "this node is starting");
  if (!catalog_) return fail(Code::not_ready, std::string(not_founded));
  const topology::Keyspace* keyspace = catalog_->find(request.keyspace);
  if (keyspace != nullptr) return keyspace;
  if (request.epoch > catalog_->epoch) {
    return fail(Code::wrong_node, fmt::format("this node's map has epoch {}, the request's {}", catalog_->epoch.value(),
                                              request.epoch.value()));
  }
  return fail(Code::unknown_keyspace,
              "no keyspace is called '" + request.keyspace.substr(0, limits::keyspace_name_bytes_max) + "'");
}

void Node::route(Origin origin, Request request) {
  if (const auto valid = validate(request); !valid) {
    requests_.answer(origin, refuse(request.id, valid.error().code, valid.error().detail));
    return;
  }
  const auto found = find_keyspace(request);
  if (!found) {
    Response refusal = refuse(request.id, found.error().code, found.error().detail,
                              found.error().detail == not_founded ? std::string(found_hint) : std::string());
    refusal.receipt.served_by = options_.self;  // a forwarded one's client shall avoid this node, not the one between
    requests_.answer(origin, std::move(refusal));
    return;
  }
  const topology::Keyspace& keyspace = **found;
  const auto placed = partition_of(keyspace, request);
  // The node between has found a partition: if it is another one here, or none, the two maps differ (a name may have been dropped and created anew).
  const bool is_named = request.forwarded && request.partition != PartitionId();
  if (is_named && (!placed || (*placed)->id != request.partition)) {
    Response refusal = refuse(request.id, Code::wrong_node, "this node's map has another partition for the key");
    refusal.receipt.served_by = options_.self;
    return requests_.answer(origin, std::move(refusal));
  }
  if (!placed) return requests_.answer(origin, refuse(request.id, placed.error().code, placed.error().detail));
  const topology::Partition& partition = **placed;
  request.partition = partition.id;
  if (request.level == Level::unspecified) request.level = default_level(keyspace, request.verb);
  if (request.budget == Duration::zero()) request.budget = limits::request_budget_default;

  if (requests_.size() >= open_requests_max) {
    ++counters_["refused_overloaded"];
    requests_.answer(
        origin, refuse(request.id, Code::overloaded, fmt::format("{} requests are open in this node", requests_.size()),
                       "slow down, or spread the load over more nodes"));
    return;
  }
  // A watch is a stream, and a forward one answer: who watches goes to a node that has the partition.
  if (request.verb == Verb::watch && (request.forwarded || !loop_.hosts(partition.id))) {
    requests_.answer(origin, refuse(request.id, Code::wrong_node, "this node has no copy of the partition to watch",
                                    "ask " + names_of(partition.owners)));
    return;
  }
  const bool is_here =
      loop_.hosts(partition.id) && (keyspace.mode == Mode::cp || holds(partition.owners, options_.self));
  if (!is_here) return forward(std::move(origin), std::move(request), keyspace, partition);
  serve(std::move(origin), std::move(request), keyspace);
}

void Node::serve(Origin origin, Request request, const topology::Keyspace& keyspace) {
  const Time deadline = loop_.now().steady + request.budget;
  const bool may_forward = keyspace.mode == Mode::cp && !request.forwarded && request.verb != Verb::watch;
  const RequestId id = requests_.open(std::move(origin), request, deadline, may_forward, teaching_of(keyspace));
  if (!loop_.submit(std::move(request))) {
    ++counters_["refused_overloaded"];
    requests_.finish(refuse(id, Code::overloaded,
                            fmt::format("{} requests wait in this node", limits::shard_inbox_requests_max),
                            "slow down, or spread the load over more nodes"));
  }
}

// To an owner: for cp the leader as far as it is known, for ap the first owner that answers pings (never a second one later: DESIGN 4).
void Node::forward(Origin origin, Request request, const topology::Keyspace& keyspace,
                   const topology::Partition& partition) {
  if (request.forwarded) {
    requests_.answer(origin, refuse(request.id, Code::wrong_node, "this node does not own the key's partition"));
    return;
  }
  NodeId target;
  const auto hint = leader_hints_.find(partition.id);
  if (keyspace.mode == Mode::cp && hint != leader_hints_.end() && view_->reaches(hint->second)) target = hint->second;
  for (const NodeId owner : partition.owners) {
    if (target == NodeId() && owner != options_.self && view_->reaches(owner)) target = owner;
  }
  const bool may_stand_in = loop_.hosts(partition.id) && topology::is_active(*catalog_, options_.self) &&
                            may_be_stood_in(request.verb, request.level, keyspace.sloppy);
  if (target == NodeId() && may_stand_in) {
    MARK(env_.recorder, "node.stands_in");
    return serve(std::move(origin), std::move(request), keyspace);
  }
  if (target == NodeId()) {
    requests_.answer(origin,
                     refuse(request.id, Code::level_unreachable,
                            fmt::format("{} reaches none of the {} owners of partition {}", to_string(options_.self),
                                        partition.owners.size(), partition.id.value())));
    return;
  }
  const Time deadline = loop_.now().steady + request.budget;
  const RequestId id = requests_.open(std::move(origin), request, deadline, false);
  send_forward(id, target, std::move(request));
}

void Node::send_forward(RequestId id, NodeId to, Request request) {
  OpenRequest* open = requests_.find(id);
  open->forwarded_to = to;
  open->copy.reset();
  request.id = id;
  request.forwarded = true;
  request.budget = std::max(open->deadline - loop_.now().steady, Duration(std::chrono::milliseconds(1)));
  ++counters_["forwarded"];
  loop_.outbox().add_forward(to, id, wire::encode_message(wire::Forward{.request = std::move(request)}));
  arm_forward_timer(open->deadline);
  loop_.schedule_round();
}

// A replica that does not lead names who does: one hop, then the client is told.
bool Node::forward_to_leader(OpenRequest& open, const Response& response) {
  const NodeId leader = response.receipt.leader;
  if (response.code != Code::not_leader || !open.copy || leader == NodeId() || leader == options_.self) return false;
  if (!view_->reaches(leader) || open.deadline <= loop_.now().steady) return false;
  Request request = std::move(*open.copy);
  send_forward(response.id, leader, std::move(request));
  return true;
}

void Node::on_reply(Response response, bool last) {
  OpenRequest* open = requests_.find(response.id);
  if (open == nullptr) return;
  if (open->forwarded_to == NodeId() && forward_to_leader(*open, response)) return;
  if (response.receipt.leader != NodeId()) leader_hints_[open->partition] = response.receipt.leader;
  if (response.receipt.served_by == NodeId()) response.receipt.served_by = options_.self;
  if (open->forwarded_to == NodeId()) response.receipt.teaching = open->teaching;
  if (catalog_) {
    const bool says_nothing = response.receipt.epoch == MapEpoch();
    if (says_nothing) response.receipt.epoch = catalog_->epoch;
    if (says_nothing || open->forwarded_to == NodeId())  // else it is the age that the serving node has told
      response.receipt.map_age = catalog_fresh_ ? loop_.now().steady - *catalog_fresh_ : map_age_unknown;
  }
  if (last) {
    requests_.finish(std::move(response));
  } else {
    requests_.tell(std::move(response));
  }
}

void Node::fail_forwards(const std::vector<RequestId>& ids, Code code, const std::string& why) {
  for (const RequestId id : ids) {
    const OpenRequest* open = requests_.find(id);
    if (open == nullptr) continue;
    Response response = refuse(id, code, why);
    if (!is_write(open->verb)) response.outcome = Outcome::not_done;
    requests_.finish(std::move(response));
  }
}

void Node::expire_forwards() {
  const Time now = loop_.now().steady;
  fail_forwards(requests_.forwards_due(now), Code::timeout, "the node it was forwarded to has not answered in time");
  Time next = Time::max();
  for (const RequestId id : requests_.forwards_due(Time::max())) next = std::min(next, requests_.find(id)->deadline);
  if (next != Time::max()) arm_forward_timer(next);
}

// One timer at the earliest deadline, and those set earlier for later ones: none is set where one at or before it stands.
void Node::arm_forward_timer(Time deadline) {
  if (!forward_timers_.empty() && *forward_timers_.begin() <= deadline) return;
  forward_timers_.insert(deadline);
  loop_.call_at(deadline, [this, deadline] {
    forward_timers_.erase(deadline);
    expire_forwards();
  });
}

void Node::on_flush() {
  for (auto& [peer, response] : requests_.take_peer_replies()) {
    loop_.outbox().add(peer, env::Lane::data, PartitionId(),
                       wire::encode_message(wire::ForwardReply{.response = std::move(response)}));
  }
  const auto not_sent = loop_.outbox().flush(catalog_ ? catalog_->epoch : MapEpoch());
  if (!not_sent.empty())
    fail_forwards(not_sent, Code::wrong_node, "the node that serves this key could not be reached; nothing was sent");
  for (auto& [sink, responses] : requests_.take_sink_replies()) {
    if (const auto it = sinks_.find(sink); it != sinks_.end()) it->second->deliver(std::move(responses));
  }
}

}  // namespace rift::node
