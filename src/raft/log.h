// Log: the newest part of the log in memory, older entries through a LogReader. Holds no opinion on what is durable or committed.
// Owned by Raft; no other user.
#pragma once

#include <deque>

#include "raft/effects.h"

namespace rift::raft {

class Log {
 public:
  explicit Log(const Restored& restored);

  LogIndex first_index() const { return first_index_; }  // oldest entry still stored
  LogIndex last_index() const;
  Term last_term() const { return entries_.empty() ? before_term_ : entries_.back().term; }
  Duration last_log_time() const { return entries_.empty() ? before_log_time_ : entries_.back().log_time; }
  LogIndex memory_from() const { return next(before_); }
  std::size_t memory_bytes() const { return bytes_; }

  const Entry& in_memory(LogIndex index) const;
  bool is_in_memory(LogIndex index) const { return index > before_ && index <= last_index(); }
  // The entry's term; 0 for index 0; nothing when the log has no such entry (any more).
  Result<std::optional<Term>> term(LogIndex index, LogReader& reader) const;
  // The last index at or below `index` whose entry is of term `term` or older; 0 when there is none. Binary search: terms never fall.
  Result<LogIndex> last_index_up_to_term(LogIndex index, Term term, LogReader& reader) const;
  Result<std::vector<Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max, LogReader& reader) const;

  void append(Entry entry);
  Result<void> truncate(LogIndex from, LogReader& reader);     // drops [from, ...]
  void release(LogIndex up_to, std::size_t memory_bytes_max);  // forgets old entries, at most up to `up_to`

 private:
  static std::size_t size_of(const Entry& entry) { return entry.payload.size() + sizeof(Entry); }

  LogIndex first_index_;
  LogIndex before_;  // the entry before the first in memory
  Term before_term_;
  Duration before_log_time_{};
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace rift::raft
