#include "tests/kit/replica_cluster.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/overloaded.h"

namespace rift::kit {

ReplicaCluster::ReplicaCluster(Options options, Factory factory)
    : options_(options),
      factory_(std::move(factory)),
      catalog_(catalog_of(options.nodes, options.mode, options.copies)),
      random_(options.seed),
      now_(TurnHarness::Options().now.steady) {
  for (std::uint32_t n = 1; n <= options_.nodes; ++n) {
    const NodeId node(n);
    TurnHarness::Options own;
    own.self = node;
    own.partition = partition();
    own.seed = random_.next();
    own.log_prefix = fmt::format("n{}", n);
    own.log_to_stderr = options_.log_to_stderr;
    const auto make = [this, node](MapStore& store, Turn& turn) {
      return factory_(Making{.self = node,
                             .partition = partition(),
                             .catalog = catalog_,
                             .keyspace = keyspace(),
                             .store = store,
                             .turn = turn});
    };
    harnesses_.emplace(node, std::make_unique<TurnHarness>(own, make));
  }
  for (const NodeId node : nodes()) reachable_[node] = nodes();
  for (const NodeId node : nodes()) MUST(start(node));
}

Result<void> ReplicaCluster::start(NodeId node) {
  set_clock(node);
  TRY(at(node).start());
  collect(node);
  observe(node, reachable_.at(node));
  return {};
}

void ReplicaCluster::set_clock(NodeId node) {
  const TurnHarness::Options first;
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - first.now.steady);
  const auto offset = wall_offsets_.contains(node) ? wall_offsets_.at(node) : std::chrono::milliseconds(0);
  at(node).set_now(Now{.steady = now_, .wall = first.now.wall + passed + offset});
}

void ReplicaCluster::schedule(Time at, Event event) { events_.emplace(std::pair(at, next_event_++), std::move(event)); }

void ReplicaCluster::collect(NodeId node) {
  for (Outgoing& message : at(node).take_sent()) {
    const auto fixed = delays_.find({node, message.to});
    const Duration delay =
        fixed != delays_.end() ? fixed->second : random_.between(options_.delay_min, options_.delay_max);
    if (random_.chance(options_.drop_probability) || (filter_ && filter_(node, message))) {
      ++lost_;
      continue;
    }
    schedule(now_ + delay, Message{.from = node, .outgoing = std::move(message)});
  }
  std::size_t& scheduled = syncs_scheduled_[node];
  for (; !held_disks_.contains(node) && scheduled < at(node).store().syncs_open(); ++scheduled) {
    schedule(now_ + options_.disk_delay, SyncDone{.node = node, .life = lives_[node]});
  }
  const auto wake = at(node).next_wake();
  if (!wake) return;
  const auto known = wakes_scheduled_.find(node);
  if (known != wakes_scheduled_.end() && known->second <= *wake) return;
  wakes_scheduled_[node] = *wake;
  schedule(std::max(*wake, now_), Wake{.node = node});
}

void ReplicaCluster::deliver(Message message) {
  const NodeId to = message.outgoing.to;
  if (cuts_.contains({message.from, to}) || !harnesses_.contains(to) || !at(to).running()) {
    ++lost_;
    return;
  }
  ++delivered_;
  set_clock(to);
  at(to).receive(message.from, message.outgoing.lane, message.outgoing.message);
  collect(to);
}

bool ReplicaCluster::wait_for_paused(const Event& event) {
  const NodeId node =
      std::visit(overloaded{[](const Message& message) { return message.outgoing.to; },
                            [](const SyncDone& sync) { return sync.node; }, [](const Wake& wake) { return wake.node; }},
                 event);
  const auto paused = paused_.find(node);
  if (paused == paused_.end()) return false;
  paused->second.push_back(event);
  return true;
}

void ReplicaCluster::resume(NodeId node) {
  for (Event& event : std::exchange(paused_.at(node), {})) schedule(now_, std::move(event));
  paused_.erase(node);
}

void ReplicaCluster::handle(Event event) {
  if (wait_for_paused(event)) return;
  std::visit(overloaded{[this](Message& message) { deliver(std::move(message)); },
                        [this](const SyncDone& sync) {
                          if (sync.life != lives_[sync.node]) return;
                          --syncs_scheduled_[sync.node];
                          if (held_disks_.contains(sync.node)) return;
                          set_clock(sync.node);
                          at(sync.node).sync_one();
                          collect(sync.node);
                        },
                        [this](const Wake& wake) {
                          wakes_scheduled_.erase(wake.node);
                          set_clock(wake.node);
                          at(wake.node).advance_to(at(wake.node).now());
                          collect(wake.node);
                        }},
             event);
}

bool ReplicaCluster::step(Time end) {
  if (events_.empty() || events_.begin()->first.first > end) return false;
  auto first = events_.extract(events_.begin());
  now_ = std::max(now_, first.key().first);
  handle(std::move(first.mapped()));
  return true;
}

void ReplicaCluster::run_for(Duration duration) {
  const Time end = now_ + duration;
  while (step(end)) {
  }
  now_ = end;
}

bool ReplicaCluster::run_until(const std::function<bool()>& done, Duration most) {
  const Time end = now_ + most;
  while (!done()) {
    if (!step(end)) {
      now_ = end;
      return done();
    }
  }
  return true;
}

std::vector<RequestId> ReplicaCluster::submit(NodeId node, std::vector<Request> requests) {
  set_clock(node);
  auto ids = at(node).submit(std::move(requests));
  collect(node);
  return ids;
}

RequestId ReplicaCluster::submit(NodeId node, Request request) {
  std::vector<Request> one;
  one.push_back(std::move(request));
  return submit(node, std::move(one)).front();
}

std::optional<Response> ReplicaCluster::call(NodeId node, Request request, Duration most) {
  const RequestId id = submit(node, std::move(request));
  std::optional<Response> reply;
  run_until(
      [&] {
        reply = take_reply(node, id);
        return reply.has_value();
      },
      most);
  return reply;
}

void ReplicaCluster::cut_both(NodeId a, NodeId b) {
  cut(a, b);
  cut(b, a);
}

void ReplicaCluster::isolate(NodeId node) {
  for (const NodeId other : others(node)) cut_both(node, other);
}

void ReplicaCluster::release_disk(NodeId node) {
  held_disks_.erase(node);
  collect(node);
}

void ReplicaCluster::crash(NodeId node, TurnHarness::Crash kind) {
  at(node).crash(kind);
  ++lives_[node];
  syncs_scheduled_[node] = 0;
}

Result<void> ReplicaCluster::restart(NodeId node) { return start(node); }

void ReplicaCluster::observe(NodeId node, std::vector<NodeId> reachable) {
  reachable_[node] = reachable;
  set_clock(node);
  at(node).observe(view_of(catalog_, node, std::move(reachable)));
  collect(node);
}

void ReplicaCluster::observe_all(std::vector<NodeId> reachable) {
  for (const NodeId node : nodes()) observe(node, reachable);
}

void ReplicaCluster::change_catalog(topology::Catalog catalog) {
  catalog_ = std::move(catalog);
  for (const auto& [node, harness] : harnesses_) {
    if (harness->running()) observe(node, reachable_.at(node));
  }
}

std::vector<NodeId> ReplicaCluster::nodes() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, harness] : harnesses_) nodes.push_back(node);
  return nodes;
}

std::vector<NodeId> ReplicaCluster::others(NodeId node) const {
  auto rest = nodes();
  std::erase(rest, node);
  return rest;
}

std::optional<NodeId> ReplicaCluster::with_role(std::string_view role) const {
  for (const auto& [node, harness] : harnesses_) {
    if (harness->running() && harness->replica().status().role == role) return node;
  }
  return std::nullopt;
}

}  // namespace rift::kit
