// Log: the newest part of the log in memory, older entries through a LogReader. Holds no opinion on what is durable or committed.
// Owned by Raft; no other user.
#pragma once

#include <deque>

#include "raft/effects.h"

namespace rift::raft {

// An entry's place in the log without the entry.
struct LogPlace {
  LogIndex index{};
  Term term{};
  Duration log_time{};
};

class Log {
 public:
  explicit Log(const Restored& restored);

  LogIndex first_index() const { return next(floor_.index); }  // oldest entry still stored
  const LogPlace& floor() const { return floor_; }  // the entry before it: its term must be known though it is gone
  LogIndex last_index() const { return LogIndex(before_.index.value() + entries_.size()); }
  Term last_term() const { return entries_.empty() ? before_.term : entries_.back().term; }
  Duration last_log_time() const { return entries_.empty() ? before_.log_time : entries_.back().log_time; }
  LogIndex memory_from() const { return next(before_.index); }
  std::size_t memory_bytes() const { return bytes_; }

  const Entry& in_memory(LogIndex index) const;
  bool is_in_memory(LogIndex index) const { return index > before_.index && index <= last_index(); }
  // The entry's term; 0 for index 0; nothing when the log has no such entry (any more).
  Result<std::optional<Term>> term(LogIndex index, LogReader& reader) const;
  Result<LogPlace> place(LogIndex index, LogReader& reader) const;  // of an entry that is there, or the floor
  // The last index at or below `index` whose entry is of term `term` or older; at lowest the floor, or `index` when that is lower still.
  // Binary search: terms never fall.
  Result<LogIndex> last_index_up_to_term(LogIndex index, Term term, LogReader& reader) const;
  Result<std::vector<Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max, LogReader& reader) const;

  void append(Entry entry);
  Result<void> truncate(LogIndex from, LogReader& reader);     // drops [from, ...]
  void release(LogIndex up_to, std::size_t memory_bytes_max);  // forgets old entries, at most up to `up_to`
  Result<void> compact(LogIndex first_index,
                       LogReader& reader);  // entries below are gone from the store, or will be at once
  void reset(const LogPlace& floor);        // nothing is left but the place of the entry before the first

 private:
  static std::size_t size_of(const Entry& entry) { return entry.payload.size() + sizeof(Entry); }

  void forget_first();

  LogPlace floor_;
  LogPlace before_;  // the entry before the first in memory
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace rift::raft
