// The messages of Raft between two replicas of one group. Plain structs; the bytes are wire's. Which of them may overtake the
// disk is decided by where the core puts them: Effects::send_now or Effects::when_durable (DESIGN 1).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "raft/types.h"

namespace rift::raft {

// "Would you vote for me in `term`?" Changes nothing at the receiver (thesis 9.6).
struct PreVote {
  Term term{};  // the term of the campaign that would follow
  LogIndex last_index{};
  Term last_term{};
  friend bool operator==(const PreVote&, const PreVote&) = default;
};

struct PreVoteReply {
  Term term{};      // the answerer's own term
  Term campaign{};  // echo of PreVote::term
  bool granted = false;
  friend bool operator==(const PreVoteReply&, const PreVoteReply&) = default;
};

struct Vote {
  Term term{};
  LogIndex last_index{};
  Term last_term{};
  bool transfer = false;  // the old leader asked for this campaign: a live leader is no reason to refuse
  friend bool operator==(const Vote&, const Vote&) = default;
};

struct VoteReply {
  Term term{};
  bool granted = false;
  friend bool operator==(const VoteReply&, const VoteReply&) = default;
};

struct Append {
  Term term{};
  LogIndex prev_index{};
  Term prev_term{};
  LogIndex commit{};
  std::vector<Entry> entries{};  // contiguous from prev_index + 1; may be empty (a probe)
  friend bool operator==(const Append&, const Append&) = default;
};

// Accepted: everything up to `match` equals the leader's log of `term` and is durable here.
// Rejected: the log has no entry (rejected_prev, prev_term). The hint is the answerer's last entry at or before rejected_prev
// whose term is not above prev_term: the leader skips whole terms with it. A rejection with a higher term says only "you are old".
struct AppendAck {
  Term term{};
  bool accepted = false;
  LogIndex match{};
  LogIndex rejected_prev{};
  LogIndex hint_index{};
  Term hint_term{};
  friend bool operator==(const AppendAck&, const AppendAck&) = default;
};

// `commit` is clamped by the sender to what the receiver is known to hold and by the receiver to what it has verified (trap 23).
struct Heartbeat {
  Term term{};
  LogIndex commit{};
  std::uint64_t read_position = 0;  // the newest read position of this term; 0 is none
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatAck {
  Term term{};
  std::uint64_t read_position = 0;  // echo
  LogIndex verified{};  // the answerer's log equals the leader's up to here; not durable, never counted as match
  friend bool operator==(const HeartbeatAck&, const HeartbeatAck&) = default;
};

// "Campaign now": leadership transfer (thesis 3.10).
struct TimeoutNow {
  Term term{};
  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

using Message =
    std::variant<PreVote, PreVoteReply, Vote, VoteReply, Append, AppendAck, Heartbeat, HeartbeatAck, TimeoutNow>;

struct Outbound {
  NodeId to{};
  Message message{};
  friend bool operator==(const Outbound&, const Outbound&) = default;
};

}  // namespace rift::raft
