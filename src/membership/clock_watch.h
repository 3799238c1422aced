// Is this node's wall clock the odd one? The last measured offset of every member is remembered, also of those that cannot be reached now, and
// trusted less the older it is. The verdict needs the offsets of a majority of all members, this one's included: a few neighbours with a wrong
// clock, alone with a right one, cannot silence it (review 21). Of two members nobody can say who is wrong. Nothing is kept over a restart:
// until a majority has answered again there is no verdict. Node hands in what pings measure, and tells the replicas by the View; it is
// asked again when this node's own clock has jumped. Pure; used on the shard's thread.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "base/ids.h"
#include "base/time.h"
#include "topology/view.h"

namespace rift::membership {

class ClockWatch {
 public:
  // What is told again: nothing changes but the measure by less than this.
  static constexpr std::chrono::milliseconds news{100};
  // What counts as a jump of this node's own clock.
  static constexpr std::chrono::milliseconds step_min{20};

  explicit ClockWatch(NodeId self) : self_(self) {}

  // All members, this node among them or not; what is known of others is forgotten.
  void set_members(std::span<const NodeId> members);

  struct Sample {
    NodeId from;
    WallTime wall{};  // the peer's clock, read while the question was under way
    Duration round_trip{};
  };
  void note(const Sample& sample, const Now& now);

  // What it has been told since, the time and this node's own clock are considered. True: verdict() has changed so that it is worth telling.
  bool judge(const Now& now);
  const std::optional<topology::ClockSkew>& verdict() const { return verdict_; }
  // This node's wall clock has jumped since judge(). A node that was suspended together with its steady clock looks the same.
  bool has_stepped(const Now& now) const;

  struct Offset {
    std::chrono::milliseconds clock{};        // the member's minus this node's
    std::chrono::milliseconds uncertainty{};  // to both sides
  };
  // Nothing for a member that was never heard.
  std::optional<Offset> offset(NodeId member, const Now& now) const;

 private:
  using Lead = std::chrono::milliseconds;  // of a wall clock before this node's steady clock, which does not jump
  struct Known {
    Lead lead{};
    Duration error{};
    Time measured{};
  };
  std::optional<topology::ClockSkew> look(const Now& now) const;

  NodeId self_;
  std::map<NodeId, std::optional<Known>> peers_;
  std::optional<topology::ClockSkew> verdict_;
  std::optional<Lead> judged_at_;  // this node's own lead
};

}  // namespace rift::membership
