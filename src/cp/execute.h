// Executing: what one command does to the State, and what it came to. Pure functions of both (trap 45). Exactly once is the Applier's part,
// as is what a client could never have sent: here a command has passed is_executable(). Called by Applier, on the shard's thread.
#pragma once

#include <string_view>

#include "cp/state.h"

namespace rift::cp {

// What one command came to. `outcome` is about the command itself; for resolve about the operation asked about.
struct Applied {
  Code code = Code::ok;
  Outcome outcome = Outcome::done;
  bool found = false;         // failed condition: the key had a value; increment: it has
  bool duplicate = false;     // answered from the dedup window
  bool seen_omitted = false;  // a replayed answer whose values were too large to be kept
  Bytes value{};              // failed condition: what was seen; increment: what it came to
  Version version{};
  Boxed<Results> results{};  // txn, del_range, compact
  std::string_view why{};    // a literal; empty: the code says it all
};

Applied refused(Code code, Outcome outcome, std::string_view why = {});
// Nothing was changed; the answer carries what stood in the way.
Applied condition_failed(const std::optional<wire::CpValue>& old, std::string_view why = {});

// Everything a client could have put into an entry is judged again here: entries outlive the version that checked them.
bool is_executable(const wire::Command& command);

bool holds(const Condition& condition, const std::optional<wire::CpValue>& old);
// A key under a lock is written by lock, unlock and expire alone.
inline bool is_locked(const std::optional<wire::CpValue>& value) { return is_live(value) && value->lock; }
constexpr std::string_view why_locked = "the key is a lock: it is freed by its holder, or by time";

// The number that the key then holds, an absent one counting as 0. Absent: it holds something else, or the sum does not fit.
std::optional<std::int64_t> incremented(const std::optional<wire::CpValue>& old, std::int64_t delta);
std::string_view why_not_incremented(const std::optional<wire::CpValue>& old);

Result<Applied> execute(const wire::Command& command, State& state, Turn& turn);
Result<Applied> execute_txn(const Operands& operands, State& state, Turn& turn);
Result<Applied> execute_del_range(const wire::Command& command, State& state, Turn& turn);
Result<Applied> execute_lock(const wire::Command& command, State& state, Turn& turn);
Result<Applied> execute_unlock(const wire::Command& command, State& state, Turn& turn);
// Deletes what is due at the entry's log time, in one revision.
Result<Applied> execute_expire(State& state, Turn& turn);
Applied execute_compact(const wire::Command& command, State& state);

}  // namespace rift::cp
