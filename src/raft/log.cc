#include "raft/log.h"

#include <algorithm>

namespace rift::raft {

// The entry before the first in memory must be known by term: with a tail that does not reach the log's start it is the tail's
// own first entry.
Log::Log(const Restored& restored)
    : first_index_(restored.first_index),
      before_(restored.last_index),
      before_term_(restored.last_term),
      before_log_time_(restored.last_log_time) {
  if (restored.tail.empty()) return;
  std::size_t skip = 0;
  if (restored.tail.front().index == LogIndex(1)) {
    before_ = LogIndex(0);
    before_term_ = Term(0);
    before_log_time_ = {};
  } else {
    before_ = restored.tail.front().index;
    before_term_ = restored.tail.front().term;
    before_log_time_ = restored.tail.front().log_time;
    skip = 1;
  }
  for (std::size_t i = skip; i < restored.tail.size(); ++i) append(restored.tail[i]);
}

LogIndex Log::last_index() const { return LogIndex(before_.value() + entries_.size()); }

const Entry& Log::in_memory(LogIndex index) const {
  ASSERT(is_in_memory(index));
  return entries_[index - before_ - 1];
}

Result<std::optional<Term>> Log::term(LogIndex index, LogReader& reader) const {
  if (index > last_index()) return std::optional<Term>();
  if (index > before_) return std::optional(in_memory(index).term);
  if (index == before_) return std::optional(before_term_);
  if (index == LogIndex(0)) return std::optional(Term(0));
  return reader.term(index);
}

Result<LogIndex> Log::last_index_up_to_term(LogIndex index, Term limit, LogReader& reader) const {
  std::uint64_t low = previous(first_index_).value();  // known to be old enough, or the place before everything
  std::uint64_t high = std::min(index, last_index()).value();
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    const auto found = TRY(term(LogIndex(middle), reader));
    if (!found) return fail(Code::corruption, "the log has a hole at " + std::to_string(middle));
    if (*found <= limit) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return LogIndex(low);
}

Result<std::vector<Entry>> Log::read(LogIndex from, LogIndex to, std::size_t bytes_max, LogReader& reader) const {
  ASSERT(from <= to);
  ASSERT(from >= first_index_);
  ASSERT(to <= last_index());
  if (from <= before_) {
    const LogIndex stored_to = std::min(to, before_);
    auto entries = TRY(reader.read(from, stored_to, bytes_max));
    if (entries.empty() || entries.size() > stored_to - from + 1 || entries.front().index != from ||
        entries.back().index - from + 1 != entries.size()) {
      return fail(Code::corruption, "the store's log does not hold what it should at " + std::to_string(from.value()));
    }
    return entries;
  }
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (LogIndex index = from; index <= to; index = next(index)) {
    const Entry& entry = in_memory(index);
    bytes += entry.payload.size();
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(entry);
  }
  return entries;
}

void Log::append(Entry entry) {
  ASSERT(entry.index == next(last_index()));
  ASSERT(entry.term >= last_term());
  bytes_ += size_of(entry);
  entries_.push_back(std::move(entry));
}

Result<void> Log::truncate(LogIndex from, LogReader& reader) {
  ASSERT(from >= first_index_);
  while (!entries_.empty() && entries_.back().index >= from) {
    bytes_ -= size_of(entries_.back());
    entries_.pop_back();
  }
  if (from > before_) return {};
  const LogIndex last = previous(from);  // everything in memory is gone, and more
  if (last == LogIndex(0)) {
    before_term_ = Term(0);
    before_log_time_ = {};
  } else {
    const auto entries = TRY(reader.read(last, last, 0));
    if (entries.size() != 1 || entries.front().index != last)
      return fail(Code::corruption, "the log's new end is not stored");
    before_term_ = entries.front().term;
    before_log_time_ = entries.front().log_time;
  }
  before_ = last;
  return {};
}

void Log::release(LogIndex up_to, std::size_t memory_bytes_max) {
  while (bytes_ > memory_bytes_max && !entries_.empty() && entries_.front().index <= up_to) {
    before_ = entries_.front().index;
    before_term_ = entries_.front().term;
    before_log_time_ = entries_.front().log_time;
    bytes_ -= size_of(entries_.front());
    entries_.pop_front();
  }
}

}  // namespace rift::raft
