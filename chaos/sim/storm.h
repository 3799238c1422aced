// Faults drawn from the seed, one after another, until the storm ends; then everything is healed and restarted: the safety phase and the
// liveness phase of one run (DESIGN 9). At most a minority of disks is ever down at once unless the whole cluster loses power together.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "chaos/sim/cluster.h"

namespace rift::chaos::sim {

class Storm {
 public:
  struct Options {
    Duration gap_min = std::chrono::milliseconds(100);
    Duration gap_max = std::chrono::milliseconds(900);
    Duration fault_min = std::chrono::milliseconds(200);
    Duration fault_max = std::chrono::seconds(2);
  };
  // `down` is told of every node that has just gone down.
  Storm(Cluster& cluster, const Options& options, std::function<void(NodeId)> down)
      : cluster_(cluster), options_(options), down_(std::move(down)) {}

  void start(Time end);
  // Heals, restarts and un-stalls everything.
  void calm();
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  void next();
  void strike();
  void split();
  void cut_one_way();
  void crash(SimDisk::Crash kind);
  void crash_inside_a_round();
  void lose_all_power();
  void pause();
  void stall_disk();
  void step_wall_clock();
  void disturb_network();
  void stop_cleanly();
  void disturb_election();
  void reboot(NodeId id);

  NodeId any_node();
  bool may_take_one_down() const;
  void take_down(NodeId id, SimDisk::Crash kind);
  void restart_later(NodeId id);
  void restart(NodeId id);
  Rng& random() { return cluster_.world().random(); }

  Cluster& cluster_;
  Options options_;
  std::function<void(NodeId)> down_;
  Time end_{};
  bool is_over_ = false;
  std::uint64_t cut_number_ = 0;
  std::set<NodeId> stopping_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace rift::chaos::sim
