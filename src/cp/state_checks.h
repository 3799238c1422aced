// StateChecks: is this replica's state that of the others? Hashes of the state at a few indexes, and the inquiry among the voters when one is not
// what the leader wrote into the log (review 23). It judges; it sends nothing and heals nothing. Owned by CpReplica, on the shard's thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "raft/types.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::cp {

// Open for longer, an inquiry is a dispute: the replica serves no more until it is settled.
constexpr Duration dispute_patience = std::chrono::seconds(3);

struct StateHash {
  LogIndex index{};
  std::uint64_t hash = 0;
  friend bool operator==(const StateHash&, const StateHash&) = default;
};

// As a command of a leader's own: nothing changes where it is applied.
wire::Command verify_command(const StateHash& hash);
// Of an entry's payload. Nothing: no such command, or one without a hash (a barrier).
std::optional<StateHash> verified_hash(const raft::Entry& entry);

class StateChecks {
 public:
  enum class Verdict : std::uint8_t {
    open,         // not enough answers
    sound,        // a majority has this replica's hash
    odd,          // a majority has another
    no_majority,  // whatever those say that have not answered yet, no hash is that of most
  };

  explicit StateChecks(std::uint64_t every) : every_(every) {}

  // After each applied entry. True: a hash was noted, which a leader tells the others.
  bool applied(LogIndex index, std::uint64_t hash);
  StateHash newest() const { return known_.back(); }
  std::optional<std::uint64_t> at(LogIndex index) const;
  void forget();  // another state

  // What this replica has itself is its answer. A later index takes the place of an earlier one, in the same inquiry.
  void begin(const StateHash& own, NodeId self, Time now);
  bool is_open() const { return inquiry_.has_value(); }
  const StateHash& asked() const { return inquiry_->own; }
  void answer(NodeId from, const StateHash& hash);
  bool become_disputed(Time now);  // true: now, and not before
  void dispute() { inquiry_->is_disputed = true; }
  bool is_disputed() const { return inquiry_ && inquiry_->is_disputed; }
  Verdict judge(const raft::Config& config) const;
  std::vector<NodeId> odd_ones() const;  // those whose answer was not this replica's own
  std::vector<NodeId> silent_ones(const raft::Config& config) const;
  void end() { inquiry_.reset(); }

 private:
  struct Inquiry {
    StateHash own{};
    std::map<NodeId, std::uint64_t> answers{};
    Time since{};
    bool is_disputed = false;
  };

  std::uint64_t every_;
  std::deque<StateHash> known_;
  std::optional<Inquiry> inquiry_;
};

}  // namespace rift::cp
