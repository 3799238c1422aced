// A simulated client: a caller::Caller (the SDK's own logic) whose messages reach nodes after drawn delays. A node that dies takes its open
// attempts with it (`disconnected`); one that is down refuses (`unreachable`). Pinned clients talk to one node only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "caller/caller.h"
#include "chaos/sim/sim_node.h"

namespace rift::chaos::sim {

class SimClient {
 public:
  using Nodes = std::map<NodeId, std::unique_ptr<SimNode>>;
  using Done = std::function<void(caller::Completion)>;
  struct Options {
    SinkId sink;    // unique per client
    NodeId pinned;  // 0: routes by the map
    caller::Options caller;
    Duration delay_min = std::chrono::microseconds(30);
    Duration delay_max = std::chrono::microseconds(500);
  };
  SimClient(World& world, Nodes& nodes, const Options& options);

  void submit(caller::Operation operation, Done done);
  void stop();
  // A node has gone down: what it had not answered is disconnected.
  void node_down(NodeId node);
  std::size_t open_count() const { return caller_.open_count(); }

 private:
  class Sink;
  struct Link {
    std::uint64_t life = 0;  // of the node that the sink is attached to
    std::set<RequestId> open;
  };

  void pump();
  void send(caller::Send send);
  void answer(NodeId node, std::uint64_t life, Response response);
  void fetch_map();
  void arm();
  Duration delay() { return world_.random().between(options_.delay_min, options_.delay_max); }

  World& world_;
  Nodes& nodes_;
  Options options_;
  caller::Caller caller_;
  std::map<NodeId, Link> links_;
  std::map<RequestId, Done> done_;
  std::uint64_t next_id_ = 1;
  std::uint64_t timer_ = 0;
};

}  // namespace rift::chaos::sim
