// Single writes beside the load, into the same history: what a directed fault of the storm needs to have written at one moment through one node.
// Their keys are used by nobody else, so that only replication can bring them to the other owners. One client per node.
#pragma once

#include <functional>
#include <map>

#include "chaos/load/recorder.h"
#include "chaos/load/store.h"
#include "chaos/sim/world.h"

namespace rift::chaos::sim {

class Prober {
 public:
  using Done = std::function<void(bool acknowledged)>;
  // Times of the history count from `start`.
  Prober(World& world, load::Recorder& recorder, load::Store& store, Time start)
      : world_(world), recorder_(recorder), store_(store), start_(start) {}

  void put(const std::string& keyspace, NodeId through, const std::string& key, Done done);

 private:
  World& world_;
  load::Recorder& recorder_;
  load::Store& store_;
  Time start_;
  std::map<NodeId, std::uint64_t> sequences_;
};

}  // namespace rift::chaos::sim
