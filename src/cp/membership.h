// From what the catalog wishes to what the group's log says (DESIGN 7): the leader of each group brings its configuration nearer to the wish,
// one change at a time: add as a learner, wait until it has caught up, promote, and remove last. next_change() is the whole decision, pure;
// Stewardship keeps one replica's wish and the times. Nothing here decides who votes: that is what the log says. Used by CpReplica, on the
// shard's thread.
#pragma once

#include <optional>

#include "raft/types.h"
#include "topology/view.h"

namespace rift::cp {

constexpr Duration spread_after_default = std::chrono::seconds(10);
constexpr std::uint64_t caught_up_entries_max = 128;  // behind the leader's log, and still worth a vote

// What the leader knows of another replica.
struct GroupPeer {
  NodeId node{};
  LogIndex match{};    // durable there
  bool lives = false;  // has answered lately
};

struct GroupState {
  NodeId self{};          // leads
  raft::Config config{};  // committed, not joint
  LogIndex last{};        // of the leader's log
  std::vector<GroupPeer> peers{};
};

// The next configuration on the way to `wish`; nothing: it is reached, or its next step has to wait. Never one whose voters could not decide
// with those of them that live.
std::optional<raft::Config> next_change(const GroupState& state, const topology::GroupWish& wish);

// True when `node` has the leader's log, nearly, and answers.
bool is_caught_up(const GroupState& state, NodeId node);

class Stewardship {
 public:
  struct Options {
    PartitionId partition{};
    NodeId self{};
    Duration check_interval = std::chrono::milliseconds(250);
    Duration ask_interval = std::chrono::seconds(1);  // whether the group has let this replica go
    // Leadership goes to the preferred leader after so long without an election and with that one reachable; then more and more rarely.
    Duration calm = spread_after_default;
    Duration spread_pause_max = std::chrono::minutes(10);
  };
  explicit Stewardship(const Options& options) : options_(options), spread_pause_(options.calm) {}

  void observe(const topology::View& view, Time now);
  void elected(Time now) { elected_ = now; }

  // The wish of the newest map; nothing while no map names the partition.
  const std::optional<topology::GroupWish>& wish() const { return wish_; }
  MapEpoch epoch() const { return epoch_; }
  bool names(NodeId node) const;  // as an owner, of the old disk or the new
  // A map that names the partition leaves this replica out.
  bool is_unwanted() const { return wish_ && !names(options_.self); }

  // Leader: true when it is time to look again.
  bool check_due(Time now);
  // Leader of a settled group: who should lead instead, now.
  std::optional<NodeId> successor(const GroupState& state, Time now);
  // Unwanted: whom to ask now whether the group has let this replica go.
  std::vector<NodeId> ask_due(Time now);
  Time next_due() const { return is_unwanted() ? next_ask_ : Time::max(); }

 private:
  Options options_;
  std::optional<topology::GroupWish> wish_;
  std::vector<NodeId> owners_;
  MapEpoch epoch_;
  NodeId preferred_;
  Time preferred_since_ = Time::max();  // reachable without a break
  Time elected_{};
  Time next_check_{};
  Time next_ask_{};
  Time next_spread_{};
  Duration spread_pause_;
};

}  // namespace rift::cp
