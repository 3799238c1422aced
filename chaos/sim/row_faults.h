// Carries the deeds of a matrix row out on a simulated cluster, each at its time, and keeps what proves that they came to pass: which links held
// what, who led when the fault began and when it noticed, how far the terms grew, when everybody had caught up. Judges nothing.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "chaos/check/row.h"
#include "chaos/fault/rows.h"
#include "chaos/load/recorder.h"
#include "chaos/sim/administrator.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/observer.h"

namespace rift::chaos::sim {

class RowFaults {
 public:
  // `down` is told of every node that has just gone down. Times of the timeline count from `start`.
  RowFaults(Cluster& cluster, Observer& observer, load::Recorder& recorder, const fault::MatrixRow& row, Time start,
            std::function<void(NodeId)> down);

  // Sets all steps to their times.
  void schedule();

  const check::Timeline& timeline() const { return timeline_; }
  std::vector<check::LinkProof> links() const;
  check::RowFacts facts();
  const std::string& trouble() const { return trouble_; }

 private:
  void carry_out(const fault::Deed& deed);
  void note_begin();
  void note_end();
  void watch();
  void cut(const fault::CutLinks& deed);
  void heal();
  void kill_leader();
  void restart_down();
  void restart_in_turn(const fault::RestartInTurn& deed);
  void stop_one(NodeId id, Duration down);
  void pause_leader(Duration length);
  NodeId set_apart();
  void pause_node(Duration length);
  void slow_node(Duration delay);
  void slow_links(const fault::SlowLinks& deed);
  void jam_link(std::uint64_t bytes_per_second, std::uint64_t number);
  void end_jam();
  void set_jam(std::uint64_t bytes_per_second);
  void step_wall_clock(const fault::StepWallClock& deed);
  void lose_power_of_all(Duration down);
  void swizzle(Duration length);
  void change_members(fault::MemberMove move);
  void part_from_minority(NodeId id);
  NodeId one_beyond_the_cut();
  bool is_as_wished(const std::vector<NodeId>& asked);
  void isolate(NodeId id);
  void release(NodeId id);

  Time now() const { return Time(cluster_.world().now() - start_); }
  Rng& random() { return cluster_.world().random(); }
  void after(Duration delay, Task task) { cluster_.world().after(delay, std::move(task)); }
  NodeId any_but(NodeId excluded);
  std::optional<NodeId> leader();  // ap: the centre
  bool says_it_leads(NodeId id);
  void proved(const std::string& what, std::uint64_t count) { proofs_[what] += count; }

  Cluster& cluster_;
  Observer& observer_;
  load::Recorder& recorder_;
  const fault::MatrixRow& row_;
  Time start_;
  std::function<void(NodeId)> down_;
  PartitionId partition_;
  check::Timeline timeline_;
  check::RowFacts facts_;
  std::string trouble_;
  std::map<std::string, std::uint64_t> proofs_;
  std::set<fault::Link> cut_links_;
  std::optional<NodeId> centre_;        // ap: drawn, in a leader's place
  std::optional<NodeId> first_leader_;  // when the fault began
  Term first_term_;
  std::optional<LogIndex> committed_at_heal_;
  std::set<NodeId> isolated_;
  std::map<fault::Link, SimNetwork::LinkQuality> qualities_;
  std::optional<fault::Link> jammed_;
  std::uint64_t jam_number_ = 0;  // of those that have ended
  std::optional<NodeId> paused_;
  Administrator administrator_;
};

}  // namespace rift::chaos::sim
