#include "chaos/sim/sim_client.h"

namespace rift::chaos::sim {

// Lives inside a node; its answers travel back as events.
class SimClient::Sink final : public ReplySink {
 public:
  Sink(SimClient& client, NodeId node, std::uint64_t life, Fuse& fuse)
      : client_(client), node_(node), life_(life), fuse_(fuse) {}
  void deliver(std::vector<Response> responses) override {
    if (!fuse_.step()) return;
    const Duration delay = client_.delay();
    for (Response& response : responses) {
      client_.world_.after(delay,
                           [client = &client_, node = node_, life = life_, response = std::move(response)]() mutable {
                             client->answer(node, life, std::move(response));
                           });
    }
  }

 private:
  SimClient& client_;
  NodeId node_;
  std::uint64_t life_;
  Fuse& fuse_;
};

SimClient::SimClient(World& world, Nodes& nodes, const Options& options)
    : world_(world), nodes_(nodes), options_(options), caller_(options.caller, world.random().fork()) {}

void SimClient::submit(caller::Operation operation, Done done) {
  const RequestId id(next_id_++);
  done_[id] = std::move(done);
  caller_.submit(id, std::move(operation), world_.now());
  pump();
}

void SimClient::stop() {
  caller_.stop(world_.now());
  pump();
}

void SimClient::node_down(NodeId node) {
  const auto it = links_.find(node);
  if (it == links_.end()) return;
  const auto open = std::exchange(it->second.open, {});
  for (const RequestId id : open) caller_.receive(refuse(id, Code::disconnected, "the node went away"), world_.now());
  pump();
}

void SimClient::pump() {
  while (true) {
    auto sends = caller_.take_sends();
    auto completions = caller_.take_completions();
    const bool wants_map = caller_.take_map_wish();
    if (sends.empty() && completions.empty() && !wants_map) break;
    if (wants_map) fetch_map();
    for (caller::Send& one : sends) send(std::move(one));
    for (caller::Completion& completion : completions) {
      auto node = done_.extract(completion.id);
      if (!node.empty()) node.mapped()(std::move(completion));
    }
  }
  arm();
}

void SimClient::arm() {
  const auto wake = caller_.wake_at();
  if (!wake) return;
  world_.at(*wake, [this, timer = ++timer_] {
    if (timer != timer_) return;
    caller_.tick(world_.now());
    pump();
  });
}

void SimClient::send(caller::Send one) {
  const NodeId target = options_.pinned != NodeId() ? options_.pinned : one.node;
  const RequestId id = one.request.id;
  SimNode& node = *nodes_.at(target);
  if (!node.is_up()) {
    world_.after(delay(), [this, id] {
      caller_.receive(refuse(id, Code::unreachable, "connection refused"), world_.now());
      pump();
    });
    return;
  }
  Link& link = links_[target];
  const std::uint64_t life = node.life();
  if (link.life != life) {
    link.life = life;
    link.open.clear();
    node.executor().post([this, target, life] {
      SimNode& up = *nodes_.at(target);
      up.node().attach(options_.sink, std::make_unique<Sink>(*this, target, life, up.fuse()));
    });
  }
  link.open.insert(id);
  world_.after(delay(), [this, target, life, request = std::move(one.request)]() mutable {
    SimNode& up = *nodes_.at(target);
    if (!up.is_up() || up.life() != life) return;  // node_down has answered it
    up.executor().post([this, target, request = std::move(request)]() mutable {
      std::vector<Request> batch;
      batch.push_back(std::move(request));
      nodes_.at(target)->node().submit(options_.sink, std::move(batch));
    });
  });
}

void SimClient::answer(NodeId node, std::uint64_t life, Response response) {
  Link& link = links_[node];
  if (link.life != life || link.open.erase(response.id) == 0) return;  // its connection has broken
  world_.trace("answer", response.id.value(), to_string(response.code));
  caller_.receive(std::move(response), world_.now());
  pump();
}

void SimClient::fetch_map() {
  for (auto& [id, node] : nodes_) {
    if (!node->is_up() || (options_.pinned != NodeId() && id != options_.pinned)) continue;
    node->executor().post([this, id = id] {
      nodes_.at(id)->node().catalog([this](Result<topology::Catalog> catalog) {
        std::shared_ptr<const topology::Catalog> map;
        if (catalog) map = std::make_shared<const topology::Catalog>(std::move(*catalog));
        world_.after(delay(), [this, map] {
          if (map) caller_.observe(map, world_.now());
          pump();
        });
      });
    });
    return;
  }
}

}  // namespace rift::chaos::sim
