// A simulated client that watches: a caller::Watch (the SDK's own logic) of a whole keyspace from its first revision on, whose messages reach nodes
// after drawn delays, in order, as on a stream. At the end of a run what it was told is held against what was acknowledged, and against
// what others were told: judge_watchers().
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "caller/watch.h"
#include "chaos/sim/sim_client.h"
#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {

class SimWatcher {
 public:
  SimWatcher(World& world, SimClient::Nodes& nodes, SinkId sink, caller::WatchWish wish);

  void start() { fetch_map(); }
  // A node has gone down: its streams are broken.
  void node_down(NodeId node);
  void stop();

  // All that was told of each partition, in order.
  const std::map<PartitionId, std::vector<Event>>& events() const { return events_; }
  std::map<PartitionId, Revision> position() const { return watch_.position(); }
  const std::vector<std::string>& failures() const { return failures_; }
  const std::optional<Response>& ended() const { return watch_.ended(); }
  std::uint64_t resumes() const { return watch_.resumes(); }

 private:
  class Sink;
  struct Link {
    std::uint64_t life = 0;  // of the node that the sink is attached to
    std::set<RequestId> open{};
    Time last_arrival{};  // answers keep their order
  };

  void pump();
  void send(caller::Send send);
  void cancel(const caller::WatchCancel& cancel);
  void answer(NodeId node, std::uint64_t life, Response response);
  void take(caller::WatchBatch batch);
  void fetch_map();
  void arm();
  Duration delay() { return world_.random().between(std::chrono::microseconds(30), std::chrono::microseconds(500)); }

  World& world_;
  SimClient::Nodes& nodes_;
  SinkId sink_;
  caller::Watch watch_;
  std::map<NodeId, Link> links_;
  std::map<PartitionId, std::vector<Event>> events_;
  std::vector<std::string> failures_;
  std::uint64_t timer_ = 0;
};

// Each was told every revision of every partition from 1 on, once and in order, the same as the others, and what was acknowledged is among it.
void judge_watchers(const std::vector<std::unique_ptr<SimWatcher>>& watchers, const topology::Keyspace& keyspace,
                    const std::vector<Answered>& answers, std::vector<std::string>& failures);

}  // namespace rift::chaos::sim
