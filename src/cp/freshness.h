// Freshness: how old the applied state of a replica may be, for the receipts of reads of level ONE. A bound counts from a moment of this
// replica's own clock at which it sent a question that a quorum then confirmed: the leader's position (its echoes), or a follower's question to
// the leader. The index granted covers all that was acknowledged before that moment, so a state that has applied it is not older. Nothing else
// dates a state: a heartbeat may have lain in a jammed link for seconds, or come from a deposed leader. It sends nothing and decides nothing.
// Owned by CpReplica, on the shard's thread.
#pragma once

#include <deque>
#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "raft/effects.h"

namespace rift::cp {

class Freshness {
 public:
  // A question goes out at most so often, and the next not before the last was answered or given up.
  static constexpr Duration probe_interval = std::chrono::milliseconds(100);
  static constexpr Duration probe_patience = std::chrono::seconds(1);

  bool wants_probe(Time now) const;
  void sent(raft::ReadPosition position, Time now);
  void sent(NodeId to, std::uint64_t token, Time now);

  void confirmed(raft::ReadPosition position, LogIndex index);
  void answered(NodeId from, std::uint64_t token, LogIndex index);

  // What is proved of a state that has applied everything up to `applied`; nothing: it may be of any age.
  std::optional<Duration> bound(LogIndex applied, Time now);
  // The state has been replaced by another one: nothing is known of it.
  void forget();

 private:
  struct Probe {
    Time sent{};
    raft::ReadPosition position{};  // on the leader; number 0 elsewhere
    NodeId asked_of{};              // on a follower
    std::uint64_t token = 0;
  };
  struct Proof {
    Time since{};
    LogIndex index{};  // holds once this is applied
  };
  void prove(LogIndex index);

  std::optional<Probe> open_;
  Time last_sent_ = Time::min();
  std::deque<Proof> proofs_;  // not applied yet, oldest first
  std::optional<Time> since_;
};

}  // namespace rift::cp
