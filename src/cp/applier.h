// Applier: the state machine of a cp partition. A pure function of the log (trap 45): no clock, no random numbers, no order of a map; time is
// the log's own. A malformed command is a no-op, the same on every replica (review 23). It decides neither what is committed nor
// who gets an answer. Owned by CpReplica, on the shard's thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cp/dedup.h"
#include "raft/types.h"

namespace rift::cp {

// What one command came to. `outcome` is about the command itself; for resolve about the operation asked about.
struct Applied {
  Code code = Code::ok;
  Outcome outcome = Outcome::done;
  bool found = false;         // failed cas: the key had a value
  bool duplicate = false;     // answered from the dedup window
  bool seen_omitted = false;  // a replayed failed cas whose value was too large to be kept
  Bytes value{};              // failed cas: what was seen
  Version version{};
};

class Applier {
 public:
  Applier(Space space, wire::AppliedRecord applied, DedupTable dedup)
      : space_(space), applied_(applied), dedup_(std::move(dedup)) {}

  // The next entry of the log, in order. One result per command; none for an entry that is no (readable) list of commands. The span
  // lives until the next call. An error means that the store holds something unreadable: the replica must stop.
  Result<std::span<const Applied>> apply(const raft::Entry& entry, Turn& turn);
  // Writes what is kept once per round: dedup rows and the applied record. Must follow apply() in the same Turn.
  void finish(Turn& turn);

  const wire::AppliedRecord& applied() const { return applied_; }
  LogIndex index() const { return applied_.index; }
  std::size_t dedup_clients() const { return dedup_.clients(); }
  std::uint64_t malformed() const { return malformed_; }

 private:
  Result<Applied> apply_command(const wire::Command& command, Turn& turn);
  Result<Applied> apply_named(const wire::Command& command, Turn& turn);
  Result<Applied> execute(const wire::Command& command, Turn& turn);
  Applied write(const wire::Command& command, const std::optional<wire::CpValue>& old, Turn& turn);
  void store(ByteView key, const wire::CpValue& value, Turn& turn);
  void mix(std::uint64_t a, std::uint64_t b, std::uint64_t c);

  Space space_;
  wire::AppliedRecord applied_;
  DedupTable dedup_;
  std::vector<Applied> results_;
  std::string scratch_;
  std::uint64_t malformed_ = 0;
};

}  // namespace rift::cp
