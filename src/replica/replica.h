// A replica of one partition, of either mode: a deterministic object with five verbs that writes everything it wants done into a Turn
// (DESIGN 1). It holds no clock, thread, lock or I/O. Called by the shard loop (node), on its thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "replica/turn.h"
#include "topology/view.h"

namespace rift {

// One change of role, term or leader, as this node saw it.
struct RoleEvent {
  WallTime at{};
  std::string role;
  Term term;
  NodeId leader;  // 0: unknown
  std::string reason;
  friend bool operator==(const RoleEvent&, const RoleEvent&) = default;
};

// What a leader knows of another replica of its group.
struct PeerProgress {
  NodeId node;
  LogIndex match;      // durable there
  bool lives = false;  // has answered lately
  friend bool operator==(const PeerProgress&, const PeerProgress&) = default;
};

// What an owner of an ap partition has yet to bring to another one.
struct HintDebt {
  NodeId target;
  std::uint64_t keys = 0;   // of which it keeps hints
  std::uint64_t bytes = 0;  // that those take on its disk
  WallTime oldest{};        // no write that they stand for is older; 0: there are none
  WallTime dirty_since{};   // beside them it is owed everything written since; 0: it is not
  friend bool operator==(const HintDebt&, const HintDebt&) = default;
};

// Of an ap replica on a node that is no owner; told of only while it keeps something.
constexpr std::string_view stand_in_role = "stand-in";

// For people and tests; never decides anything.
struct ReplicaStatus {
  PartitionId partition;
  std::string name;  // "bank/0"
  Mode mode = Mode::cp;
  std::string role;  // leader, follower, candidate, learner; owner, catching up, stand-in; stopped
  NodeId leader;
  Term term;
  LogIndex commit;
  LogIndex applied;
  LogIndex last;
  std::uint64_t pending = 0;    // requests or writes in flight
  std::uint64_t hints = 0;      // keys that wait for other owners, and a dirty mark counts as one
  std::vector<HintDebt> debts;  // those, by owner; of none that is owed nothing
  std::string last_change;      // reason code of the last role change
  // cp: the configuration that is in force here, which is the log's newest.
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
  bool settled = false;             // it is committed, and no change of it is on its way
  std::vector<PeerProgress> peers;  // leader only
  std::vector<RoleEvent> history;   // the last changes of role, oldest first
  std::map<std::string, std::uint64_t> counters;
};

class Replica {
 public:
  virtual ~Replica() = default;

  // All requests of a round, validated and routed, in arrival order. Each gets exactly one last reply, at the latest shortly after its
  // budget is spent.
  virtual void submit(std::span<Request> requests, Turn& turn) = 0;
  // One peer message of this partition, as wire encoded it; hostile until decoded. from == self: its own send_when_durable.
  virtual void receive(NodeId from, env::Lane lane, const Bytes& message, Turn& turn) = 0;
  virtual void tick(Turn& turn) = 0;
  virtual void observe(const topology::ViewPtr& view, Turn& turn) = 0;
  // The client is gone: stop working for these requests; no reply is needed. A write already begun goes on.
  virtual void cancel(std::span<const RequestId> requests, Turn& turn) = 0;

  virtual ReplicaStatus status() const = 0;
};

}  // namespace rift
