// One simulated node: a disk that outlives it, and the real node::Node over simulated ports, started and crashed at will.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/log.h"
#include "chaos/sim/fuse.h"
#include "chaos/sim/sim_disk.h"
#include "chaos/sim/sim_executor.h"
#include "chaos/sim/sim_network.h"
#include "node/node.h"

namespace rift::chaos::sim {

class SimNode {
 public:
  struct Options {
    NodeId id;
    SimExecutor::Options executor;
    SimDisk::Options disk;
    cp::Tuning cp{};
    bool check_invariants = true;
  };
  SimNode(World& world, SimNetwork& network, const Options& options);

  Result<void> start();
  void crash(SimDisk::Crash kind);
  // Crashes in the middle of what it does within the next `steps` outside effects; `down` is called when it has.
  void crash_soon(std::uint32_t steps, SimDisk::Crash kind, std::function<void()> down);
  // Down, and its disk is lost with everything on it: what starts next has another one.
  void wipe();
  void pause(Duration duration);
  // The wall clock, as far off as it was at the start.
  void set_clock_right();
  void stop_cleanly(std::function<void()> stopped);

  bool is_up() const { return node_ != nullptr && !fuse_.is_burnt(); }
  NodeId id() const { return options_.id; }
  std::uint64_t life() const { return life_; }
  node::Node& node() { return *node_; }
  SimExecutor& executor() { return *executor_; }
  SimDisk& disk() { return disk_; }
  Fuse& fuse() { return fuse_; }

 private:
  World& world_;
  SimNetwork& network_;
  Options options_;
  Fuse fuse_;
  SimDisk disk_;
  std::unique_ptr<Log> log_;
  std::uint64_t life_ = 0;
  // Destroyed in reverse: the node first.
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<SimNetwork::Port> port_;
  std::unique_ptr<node::Node> node_;
};

}  // namespace rift::chaos::sim
