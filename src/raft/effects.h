// What the core wants done, and what it is given: Effects is taken once after a batch of verbs; Restored is what the disk held;
// Context is the world during one verb. Values only. Used by cp on the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "base/marks.h"
#include "raft/messages.h"

namespace rift::raft {

// Entries that the core no longer holds in memory, read from the store. Answers from what was handed out in earlier Effects.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Entries [from, to], both included, at least one, stopping before bytes_max of payload are exceeded.
  virtual Result<std::vector<Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max) = 0;
  virtual Result<std::optional<Term>> term(LogIndex index) = 0;  // nothing: no such entry
};

struct Context {
  Time now;
  LogReader& log;
  Recorder* recorder = nullptr;
};

struct Options {
  NodeId self{};
  Duration heartbeat_interval = limits::heartbeat_interval;
  Duration election_timeout_min = limits::election_timeout_min;
  Duration election_timeout_max = limits::election_timeout_max;
  std::size_t append_bytes_max = limits::entry_bytes_soft;  // per message; a larger entry travels alone
  std::size_t peer_in_flight_messages_max = limits::peer_in_flight_messages_max;
  std::size_t peer_in_flight_bytes_max = limits::peer_in_flight_bytes_max;
  std::size_t uncommitted_bytes_max = limits::uncommitted_bytes_max;
  std::size_t log_memory_bytes_max =
      16 * limits::mebi;          // applied and durable entries beyond it are read back from the store
  bool check_invariants = false;  // after every verb; the simulator sets it
};

// What a restart found. All of it must be durable before create() (review 10).
struct Restored {
  HardState hard_state{};
  std::vector<ConfigAt>
      configs{};  // ascending: the last committed config of the log and every later one; empty: none known yet
  LogIndex first_index{1};  // the oldest entry still stored; behind a snapshot or a compaction above 1,
  Term before_term{};       // and then with the term and the log time of the entry before it
  Duration before_log_time{};
  LogIndex last_index{};  // first_index - 1: empty log
  Term last_term{};
  Duration last_log_time{};
  LogIndex applied{};
  std::vector<Entry> tail{};  // optional: the newest entries, ending at last_index, to start with a warm memory
};

// The same first entry on every founder of a group (DESIGN 7): a group is born with it at index 1 of term 1, durable, applied 0.
Entry founding_entry(const Config& config);
Restored founded(const Config& config);

struct Proposal {
  Bytes payload{};
  Duration log_time{};  // raised to the log's last where it is lower
};

struct Proposed {
  Term term{};
  LogIndex first{};  // the span's entries are [first, first + size)
};

// Positions are numbers that only grow within a term and die with it (trap 2).
struct ReadPosition {
  Term term{};
  std::uint64_t number = 0;
  friend auto operator<=>(const ReadPosition&, const ReadPosition&) = default;
};

struct ReadReady {
  ReadPosition position{};
  LogIndex index{};  // serve from state applied at least up to here
};

// "My log up to `index` is durable", said by a replica to itself. `writer` is the term in which the write was made and
// entry_term that of the entry at `index`: an ack from before a term change or an overwrite is recognised and dropped (trap 11).
struct SelfAck {
  Term writer{};
  LogIndex index{};
  Term entry_term{};
  friend bool operator==(const SelfAck&, const SelfAck&) = default;
};

// [from, to] was handed out earlier and is void: delete it before writing `entries` (trap 20).
struct Truncation {
  LogIndex from{};
  LogIndex to{};
  friend bool operator==(const Truncation&, const Truncation&) = default;
};

// Proof that what this replica proposed in `term` at [first, last] never happened: committed entries of other terms stand there
// or before them (terms never fall along a log).
struct Superseded {
  Term term{};
  LogIndex first{};
  LogIndex last{};
  friend bool operator==(const Superseded&, const Superseded&) = default;
};

struct RoleChange {
  Role role = Role::follower;
  Term term{};
  NodeId leader{};  // 0: unknown
  Reason reason = Reason::started;
  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

// A peer that cannot be filled from the log. at_least: an older state would bring back configurations in which it had a vote.
struct SnapshotWanted {
  NodeId peer{};
  LogIndex at_least{};
};

// Carry out in this order: write (installed: an empty log behind the snapshot; truncation, entries, hard_state; one atomic batch), send_now at any
// time, when_durable and self_ack after this batch *and every earlier one* are durable, even when this one writes nothing.
struct Effects {
  std::vector<Outbound> send_now{};
  std::optional<Truncation> truncation{};
  std::vector<Entry> entries{};
  std::optional<HardState> hard_state{};
  std::vector<Outbound> when_durable{};
  std::optional<SelfAck> self_ack{};  // hand to log_durable()
  LogIndex commit{};                  // apply up to min(commit, durable): Raft::applicable() (I15)
  std::vector<ReadReady> reads_ready{};
  std::vector<ReadPosition> reads_failed{};  // leadership lost: retry elsewhere, nothing was served
  std::vector<RoleChange> changes{};         // in order of happening
  std::vector<Superseded> superseded{};
  std::vector<SnapshotWanted> snapshot_wanted{};
  std::optional<SnapshotMeta>
      installed{};  // log and state are this snapshot; what was proposed up to its index has no proof of its fate here

  bool writes() const {
    return truncation.has_value() || !entries.empty() || hard_state.has_value() || installed.has_value();
  }
};

}  // namespace rift::raft
