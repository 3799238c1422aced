// The history of a run: what clients asked, what they were told and when, and which faults were in force. Plain values, filled
// by chaos/load, written and read back by history_json.h, judged by the checkers of this room. No clock and no I/O in here:
// times are handed in and count from the start of the run, on one clock for all clients. One thread owns a History.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "base/time.h"

namespace rift::chaos::check {

enum class Kind : std::uint8_t { read, write, cas, erase };

// Where the node stood while links were cut; none outside a cut.
enum class Side : std::uint8_t { none, majority, minority };

using Value = std::optional<std::string>;  // nullopt: the key is absent

// One attempt. Its interval [invoke, complete] is closed: invoke is stamped before sending, complete after receiving.
struct Operation {
  std::uint64_t index = 0;             // of its invocation in the history: the name that a witness uses
  std::uint64_t completion_index = 0;  // of its completion
  std::uint64_t process = 0;           // one operation at a time, retired after an unknown one (as in Jepsen)
  std::string keyspace;
  NodeId node;
  Side side = Side::none;
  std::uint64_t client = 0;
  std::uint64_t sequence = 0;  // (client, sequence) is the tag inside every written value
  Kind kind = Kind::read;
  std::string key;
  Value value;     // write, cas: what it writes; read: what it returned
  Value expected;  // cas
  Value seen;      // cas that failed its condition, when has_seen
  bool has_seen = false;
  Time scheduled{};  // when the open loop wanted it; availability counts by this
  Time invoke{};
  Time complete = Time::max();  // max: still open when the history ended
  Outcome outcome = Outcome::unknown;
  Level level = Level::unspecified;
  Level held = Level::unspecified;  // of a degraded answer: what it promises, less than was asked
  Code code = Code::ok;
  std::string error;
  std::string version;         // of what was written or read, opaque; a tombstone has one as well
  std::uint64_t revision = 0;  // cp: position of the write in the order of the group; 0 is not known

  friend bool operator==(const Operation&, const Operation&) = default;
};

// Evidence that a cut did bite on one directed link (CONTRACTS 6).
struct LinkProof {
  NodeId from{};
  NodeId to{};
  std::uint64_t bytes_held = 0;
  std::uint64_t connections = 0;  // held or refused
  std::uint64_t proof() const { return bytes_held + connections; }
  friend bool operator==(const LinkProof&, const LinkProof&) = default;
};

// Something that was done to the cluster or seen in it: "split", "heal", "kill", "leader", ...
struct FaultRecord {
  std::uint64_t index = 0;
  Time at{};
  std::string name{};
  std::vector<std::vector<NodeId>> groups{};  // split: who can talk to whom
  std::vector<LinkProof> links{};
  std::string keyspace{};  // leader: whose
  NodeId node{};           // leader, kill, pause: who
  friend bool operator==(const FaultRecord&, const FaultRecord&) = default;
};

struct History {
  std::vector<Operation> operations;  // by index
  std::vector<FaultRecord> faults;
  friend bool operator==(const History&, const History&) = default;
};

// What the owners held once the load had stopped and the cluster was quiet: every distinct value of a key that any of them has.
// A key that is not in here was absent everywhere.
using FinalState = std::map<std::string, std::vector<std::string>, std::less<>>;

inline bool is_write(const Operation& op) { return op.kind != Kind::read; }
inline bool is_done_write(const Operation& op) { return is_write(op) && op.outcome == Outcome::done; }

// The service answered: it did it, or it said that the condition does not hold (CONTRACTS 6, available).
inline bool is_answered(const Operation& op) {
  return op.outcome == Outcome::done || (op.outcome == Outcome::not_done && op.code == Code::condition_failed);
}

std::string_view to_string(Kind kind);  // "read", "write", "cas", "delete"
std::string_view to_string(Side side);  // "none", "majority", "minority"

}  // namespace rift::chaos::check
