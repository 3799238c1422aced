#include "chaos/sim/sim_watcher.h"

#include <algorithm>

#include <fmt/format.h>

namespace rift::chaos::sim {

// Lives inside a node; its answers travel back as events, in their order.
class SimWatcher::Sink final : public ReplySink {
 public:
  Sink(SimWatcher& watcher, NodeId node, std::uint64_t life, Fuse& fuse)
      : watcher_(watcher), node_(node), life_(life), fuse_(fuse) {}
  void deliver(std::vector<Response> responses) override {
    if (!fuse_.step()) return;
    Link& link = watcher_.links_[node_];
    link.last_arrival = std::max(link.last_arrival, watcher_.world_.now() + watcher_.delay());
    for (Response& response : responses) {
      watcher_.world_.at(link.last_arrival,
                         [watcher = &watcher_, node = node_, life = life_, response = std::move(response)]() mutable {
                           watcher->answer(node, life, std::move(response));
                         });
    }
  }

 private:
  SimWatcher& watcher_;
  NodeId node_;
  std::uint64_t life_;
  Fuse& fuse_;
};

SimWatcher::SimWatcher(World& world, SimClient::Nodes& nodes, SinkId sink, caller::WatchWish wish)
    : world_(world), nodes_(nodes), sink_(sink), watch_({}, std::move(wish), world.random().fork()) {}

void SimWatcher::node_down(NodeId node) {
  const auto it = links_.find(node);
  if (it == links_.end()) return;
  for (const RequestId id : std::exchange(it->second.open, {}))
    watch_.receive(refuse(id, Code::disconnected, "the node went away"), world_.now());
  pump();
}

void SimWatcher::stop() {
  watch_.stop();
  pump();
}

void SimWatcher::pump() {
  for (caller::WatchBatch& batch : watch_.take_batches()) take(std::move(batch));
  for (const caller::WatchCancel& one : watch_.take_cancels()) cancel(one);
  for (caller::Send& one : watch_.take_sends()) send(std::move(one));
  if (watch_.take_map_wish()) fetch_map();
  if (watch_.ended()) MARK(&world_.recorder(), "sim.watch_ended");
  arm();
}

void SimWatcher::take(caller::WatchBatch batch) {
  std::vector<Event>& events = events_[batch.partition];
  for (Event& event : batch.events) {
    // Every revision was spent on a change of some key, and all keys are watched.
    const Revision last = events.empty() ? Revision() : events.back().revision;
    if (event.revision != last && event.revision != next(last)) {
      failures_.push_back(fmt::format("partition {}: a watcher was told revision {} after {}", batch.partition.value(),
                                      event.revision.value(), last.value()));
    }
    events.push_back(std::move(event));
  }
  if (!events.empty() && events.back().revision != batch.revision) {
    failures_.push_back(fmt::format("partition {}: a watcher was told all up to {}, and the last event was {}",
                                    batch.partition.value(), batch.revision.value(), events.back().revision.value()));
  }
}

void SimWatcher::arm() {
  const auto wake = watch_.wake_at();
  if (!wake) return;
  world_.at(std::max(*wake, world_.now()), [this, timer = ++timer_] {
    if (timer != timer_) return;
    watch_.tick(world_.now());
    pump();
  });
}

void SimWatcher::send(caller::Send one) {
  SimNode& node = *nodes_.at(one.node);
  const RequestId id = one.request.id;
  if (!node.is_up()) {
    world_.after(delay(), [this, id] {
      watch_.receive(refuse(id, Code::unreachable, "connection refused"), world_.now());
      pump();
    });
    return;
  }
  Link& link = links_[one.node];
  const std::uint64_t life = node.life();
  if (link.life != life) {
    link.life = life;
    link.open.clear();
    node.executor().post([this, target = one.node, life] {
      SimNode& up = *nodes_.at(target);
      up.node().attach(sink_, std::make_unique<Sink>(*this, target, life, up.fuse()));
    });
  }
  link.open.insert(id);
  world_.after(delay(), [this, target = one.node, life, request = std::move(one.request)]() mutable {
    SimNode& up = *nodes_.at(target);
    if (!up.is_up() || up.life() != life) return;  // node_down has answered it
    up.executor().post([this, target, request = std::move(request)]() mutable {
      std::vector<Request> batch;
      batch.push_back(std::move(request));
      nodes_.at(target)->node().submit(sink_, std::move(batch));
    });
  });
}

void SimWatcher::cancel(const caller::WatchCancel& cancel) {
  Link& link = links_[cancel.node];
  link.open.erase(cancel.id);
  SimNode& node = *nodes_.at(cancel.node);
  if (!node.is_up() || node.life() != link.life) return;
  node.executor().post([this, target = cancel.node, id = cancel.id] { nodes_.at(target)->node().cancel(sink_, {id}); });
}

void SimWatcher::answer(NodeId node, std::uint64_t life, Response response) {
  Link& link = links_[node];
  if (link.life != life || !link.open.contains(response.id)) return;  // its connection has broken
  if (!response.more) link.open.erase(response.id);
  world_.trace("watch", response.id.value(), to_string(response.code));
  watch_.receive(std::move(response), world_.now());
  pump();
}

void SimWatcher::fetch_map() {
  for (auto& [id, node] : nodes_) {
    if (!node->is_up()) continue;
    node->executor().post([this, id = id] {
      nodes_.at(id)->node().catalog([this](Result<topology::Catalog> catalog) {
        std::shared_ptr<const topology::Catalog> map;
        if (catalog) map = std::make_shared<const topology::Catalog>(std::move(*catalog));
        world_.after(delay(), [this, map] {
          if (map) watch_.observe(map, world_.now());
          pump();
        });
      });
    });
    return;
  }
}

namespace {

// Only what history has no more may end a watch: the revision after the last that it was told.
void judge_compacted(const SimWatcher& watcher, std::vector<std::string>& failures) {
  const Revision compacted = watcher.ended()->results ? watcher.ended()->results->compacted : Revision();
  const auto position = watcher.position();
  const bool is_behind =
      std::any_of(position.begin(), position.end(), [&](const auto& at) { return at.second < compacted; });
  if (is_behind || (position.empty() && compacted > Revision())) return;
  failures.push_back(fmt::format("a watch ended as compacted up to {}, and had been told more", compacted.value()));
}

}  // namespace

void judge_watchers(const std::vector<std::unique_ptr<SimWatcher>>& watchers, const topology::Keyspace& keyspace,
                    const std::vector<Answered>& answers, std::vector<std::string>& failures) {
  for (const auto& watcher : watchers) {
    failures.insert(failures.end(), watcher->failures().begin(), watcher->failures().end());
    const auto& end = watcher->ended();
    if (end && end->code != Code::compacted)
      failures.push_back(fmt::format("a watch ended: {}: {}", to_string(end->code), end->why));
    if (end) judge_compacted(*watcher, failures);
    for (const auto& [partition, events] : watcher->events()) {
      const auto others = watchers.front()->events().find(partition);
      if (others == watchers.front()->events().end()) continue;
      const auto both = static_cast<std::ptrdiff_t>(std::min(events.size(), others->second.size()));
      if (!std::equal(events.begin(), events.begin() + both, others->second.begin()))
        failures.push_back(fmt::format("partition {}: two watchers were told different things", partition.value()));
    }
  }
  if (watchers.empty()) return;
  for (const Answered& answer : answers) {
    if (answer.keyspace != keyspace.name || !answer.is_write()) continue;
    const auto told = watchers.front()->events().find(topology::place(keyspace, answer.key).id);
    const Revision revision = answer.version.modify_revision;
    if (watchers.front()->ended()) {
      const auto& position = watchers.front()->position();
      const auto at = position.find(topology::place(keyspace, answer.key).id);
      if (at == position.end() || at->second < revision) continue;
    }
    const bool is_told = told != watchers.front()->events().end() &&
                         std::any_of(told->second.begin(), told->second.end(), [&](const Event& event) {
                           return event.revision == revision && event.key.view() == answer.key;
                         });
    if (!is_told) {
      failures.push_back(fmt::format("{}: the write of {} at revision {} was acknowledged, and no watcher was told",
                                     keyspace.name, answer.key, revision.value()));
    }
  }
}

}  // namespace rift::chaos::sim
