// State: the records of a cp partition as an entry changes them: values with their revisions, the expiry index, history, the rolling hash
// over all of it. It decides nothing: execute() does. A pure function of what it is told. Owned by Applier, on the shard's thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "cp/space.h"
#include "raft/types.h"

namespace rift::cp {

constexpr std::size_t history_event_overhead_bytes = 64;
constexpr std::size_t history_record_bytes_soft = 2 * limits::entry_bytes_soft;
static_assert(history_record_bytes_soft < limits::entry_bytes_max);

inline bool is_live(const std::optional<wire::CpValue>& value) { return value && !value->deleted; }

// What follows `old` in `revision`, without a value: a write keeps the life of a key that exists and begins one where it does not.
wire::CpValue successor(const std::optional<wire::CpValue>& old, Revision revision);
// The delete of `old`, which exists.
wire::CpValue tombstone(const wire::CpValue& old, Revision revision);

class State {
 public:
  State(Space space, wire::AppliedRecord applied) : space_(space), applied_(applied) {}

  const wire::AppliedRecord& applied() const { return applied_; }
  Space space() const { return space_; }
  Result<std::optional<wire::CpValue>> read(ByteView key, Turn& turn) const { return read_value(space_, key, turn); }

  void begin_entry(const raft::Entry& entry);
  // Writes the entry's history.
  void end_entry(Turn& turn);

  // An operation that changes something takes one; all its changes are of this revision.
  Revision spend() { return applied_.revision = next(applied_.revision); }
  // `now` takes the place of `old`, which is what read() gave.
  void store(const Bytes& key, const std::optional<wire::CpValue>& old, const wire::CpValue& now, Event::Kind kind,
             Turn& turn);
  // The same, but nobody is told: a lock that is kept alive is no change.
  void prolong(const Bytes& key, const wire::CpValue& old, const wire::CpValue& now, Turn& turn);
  // Log time at which a key written now with this time to live is deleted; zero: never.
  Duration expiry_after(Duration ttl) const;

  // No row of the index is earlier; zero: not known. Of this process, not of the state.
  Duration earliest_expiry() const { return earliest_expiry_; }
  // Looks at the index.
  Result<void> find_earliest_expiry(Turn& turn);
  void erase_expiry_row(Duration at, ByteView key, Turn& turn);

  void compact(Revision up_to);
  // Erases a bounded piece of the history at or below the compaction floor, and the tombstones that it tells of.
  Result<void> sweep(Turn& turn);
  bool has_swept() const { return has_swept_; }

  // Everything that changes the state passes here.
  void mix(std::uint64_t a, std::uint64_t b, std::uint64_t c);

 private:
  void write_record(const Bytes& key, const wire::CpValue& now, Turn& turn);
  void index_expiry(const Bytes& key, Duration old, Duration now, Turn& turn);
  void write_history(std::span<const wire::HistoryEvent> events, Turn& turn);
  Result<void> sweep_record(const wire::HistoryRecord& record, Turn& turn);

  Space space_;
  wire::AppliedRecord applied_;
  std::vector<wire::HistoryEvent> events_;  // of the entry
  Duration earliest_expiry_{};
  bool has_swept_ = false;  // nothing is left at or below the floor; false also: not known
  std::string scratch_;
};

}  // namespace rift::cp
