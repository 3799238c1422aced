// Faults drawn from the seed, one after another, until the storm ends; then everything is healed and restarted: the safety phase and the
// liveness phase of one run (DESIGN 9). Most faults are blind (storm.cc); some are ambushes (ambushes.cc): they wait for the one moment at which
// a certain mistake in a protocol would show, and strike then. Which mistake each is made for: tests/sim/README.md.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "chaos/sim/administrator.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/prober.h"

namespace rift::chaos::sim {

class Storm {
 public:
  struct Options {
    Duration gap_min = std::chrono::milliseconds(100);
    Duration gap_max = std::chrono::milliseconds(700);
    Duration fault_min = std::chrono::milliseconds(200);
    Duration fault_max = std::chrono::seconds(2);
    std::string cp_keyspace = "bank";
    std::string ap_keyspace = "carts";
  };
  // `down` is told of every node that has just gone down.
  Storm(Cluster& cluster, Prober& prober, const Options& options, std::function<void(NodeId)> down)
      : cluster_(cluster),
        prober_(prober),
        options_(options),
        down_(std::move(down)),
        founders_(static_cast<std::uint32_t>(cluster.nodes().size())),
        administrator_(cluster, [this] { return members(); }) {}

  void start(Time end);
  // Heals, restarts and un-stalls everything.
  void calm();
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  // Nothing that an administrator has begun is still on its way.
  bool is_administered() const { return administrator_.open_count() == 0 && !is_guest_moving_; }
  const std::string& last_refusal() const { return administrator_.last_refusal(); }

  // One directed fault, now; false: it does not fit the state of the cluster. For tests of their own.
  bool duel();
  bool orphan_a_write();
  bool stop_with_debts();
  bool write_twins();
  bool lose_copies();
  bool lose_appends();
  bool sleep_through_an_election();

 private:
  struct Duel {
    PartitionId partition;
    std::set<NodeId> duellists;
    NodeId winner{};  // the first to be granted a vote
    std::set<NodeId> granted_by{};
  };

  void next();
  void strike();
  void split();
  void cut_one_way();
  void cut_a_shape();
  void slow_links();
  void crash(SimDisk::Crash kind);
  void crash_inside_a_round();
  void lose_all_power();
  void pause();
  void stall_disk();
  void press_stores();
  void step_wall_clock();
  void jump_wall_clock();
  void disturb_network();
  void stop_cleanly();
  void disturb_election();

  // upkeep.cc: what administrators do, whatever the weather
  void move_guest();
  void welcome_guest();
  void shrink_and_grow();
  void replace_guest();
  void send_guest_away();
  void remove_guest(NodeId id);
  void forget_when_let_go(NodeId guest);
  bool is_let_go(NodeId guest);
  void transfer_leadership();
  void change_keyspaces();
  std::vector<NodeId> members();
  void note(const std::string& what);

  // ambushes.cc
  void on_frame_in_duel(NodeId from, NodeId to, const Bytes& frame);
  void end_duel();
  std::optional<std::string> lonely_key(NodeId owner);
  void cut_off_what_it_sends(NodeId id);
  void lose_power_after(NodeId id, Duration delay);
  // Of `name`, while every node is usable.
  std::optional<NodeId> leader_of_a_whole_cluster(const std::string& name);

  NodeId any_node();
  bool is_usable(NodeId id);  // up and not on its way out
  bool may_take_one_down() const;
  void take_down(NodeId id, SimDisk::Crash kind);
  void stop_cleanly(NodeId id);
  void reboot(NodeId id, SimDisk::Crash kind);
  void restart_after(NodeId id, Duration least, Duration most);
  void restart(NodeId id);
  void heal_later() { heal_later(options_.fault_min, options_.fault_max); }
  void heal_later(Duration least, Duration most);
  SimDisk::Crash any_crash() { return random().chance(0.5) ? SimDisk::Crash::kill : SimDisk::Crash::power_loss; }
  Rng& random() { return cluster_.world().random(); }

  Cluster& cluster_;
  Prober& prober_;
  Options options_;
  std::function<void(NodeId)> down_;
  Time end_{};
  bool is_over_ = false;
  std::uint64_t cut_number_ = 0;
  std::uint64_t lonely_keys_ = 0;
  std::optional<Duel> duel_;
  std::set<NodeId> stopping_;
  std::uint32_t founders_;
  Administrator administrator_;
  std::optional<NodeId> guest_;   // a member beyond the founders
  bool is_guest_moving_ = false;  // it comes, goes, or is replaced
  std::uint64_t passing_keyspaces_ = 0;
  bool is_passing_there_ = false;
  bool is_passing_changing_ = false;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace rift::chaos::sim
