// Vocabulary of the Raft core: log entries, hard state, configurations, roles. Plain values, no behaviour but the codec of a
// Config (a config entry's payload must be readable by the core itself). Used by cp, wire and the core, on the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace rift::raft {

enum class EntryKind : std::uint8_t {
  noop = 1,     // first entry of every leader: commits what older terms left behind (thesis 3.6.2, 6.4)
  command = 2,  // opaque to the core
  config = 3,   // payload is encode(Config); in force from the moment it is appended (trap 34)
};

struct Entry {
  Term term{};
  LogIndex index{};
  EntryKind kind = EntryKind::noop;
  Duration log_time{};  // the proposer's log clock: carried, never read; monotone along the log
  Bytes payload{};
  friend bool operator==(const Entry&, const Entry&) = default;
};

// What must be on disk before it is told to anybody. vote 0: nobody in this term.
struct HardState {
  Term term{};
  NodeId vote{};
  friend bool operator==(const HardState&, const HardState&) = default;
};

// Who takes part; each list sorted and unique. Learners get the log and count for nothing. While `outgoing` is not empty the
// configuration is joint (thesis 4.3): every decision needs a majority of `voters` and one of `outgoing`. A node of `outgoing` may stand in
// `learners` too: it is being demoted.
struct Config {
  std::vector<NodeId> voters{};
  std::vector<NodeId> outgoing{};
  std::vector<NodeId> learners{};
  friend bool operator==(const Config&, const Config&) = default;

  bool is_joint() const { return !outgoing.empty(); }
  bool is_voter(NodeId node) const;     // of either half
  bool stays_voter(NodeId node) const;  // of the half that remains
  bool is_member(NodeId node) const;
  std::vector<NodeId> all_voters() const;                       // of both halves, sorted
  std::size_t quorum() const { return voters.size() / 2 + 1; }  // of the half that remains
};

Result<void> validate(const Config& config);
// The only steps a log can take: one half is always the old voters, so that two configurations in a row cannot decide apart (traps 35, 42).
bool may_follow(const Config& later, const Config& earlier);
Bytes encode(const Config& config);
Result<Config> decode_config(ByteView bytes);  // Code::corruption on anything but a valid Config

struct ConfigAt {
  LogIndex index{};
  Config config{};
  friend bool operator==(const ConfigAt&, const ConfigAt&) = default;
};

// The committed past that a snapshot stands for: its last entry, and the configuration in force there.
struct SnapshotMeta {
  LogIndex index{};
  Term term{};
  Duration log_time{};
  ConfigAt config{};
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };

// Why a role, term or leader changed.
enum class Reason : std::uint8_t {
  started,  // the first event after create()
  // No leader heard: asks for pre-votes (without a vote: forgets the leader), or a campaign ran out of time.
  election_timeout,
  pre_vote_won,  // a majority would vote: campaigns in a new term
  vote_won,
  vote_lost,       // a majority said no
  gave_way,        // another asks for pre-votes at the same time and goes first
  leader_heard,    // an append or heartbeat named the leader of this term
  higher_term,     // somebody is in a later term
  lost_quorum,     // leader without a quorum's answers for one minimum election timeout
  transfer,        // told to campaign at once by a leader that hands over
  transferred,     // the leader that handed over has a successor; why it did, where that is known:
  stopping,        // - its process ends
  disk_stalled,    // - its disk does not keep up
  store_pressure,  // - its store takes no writes
  quarantined,     // - its state is not that of the majority
  asked,           // - an administrator named another one
  preferred,       // - the map has another one first
  removed,         // the leader is no voter of the configuration that it has committed
  installed,       // a candidate took a snapshot instead
};

std::string_view to_string(EntryKind kind);
std::string_view to_string(Role role);
std::string_view to_string(Reason reason);

}  // namespace rift::raft
