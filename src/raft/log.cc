#include "raft/log.h"

#include <algorithm>

namespace rift::raft {

// The entry before the first in memory must be known by term: with a tail that does not reach the log's start it is the tail's
// own first entry.
Log::Log(const Restored& restored)
    : floor_{.index = previous(restored.first_index),
             .term = restored.before_term,
             .log_time = restored.before_log_time},
      before_{.index = restored.last_index, .term = restored.last_term, .log_time = restored.last_log_time} {
  if (restored.tail.empty()) return;
  const Entry& oldest = restored.tail.front();
  const bool is_whole = oldest.index == restored.first_index;
  before_ = is_whole ? floor_ : LogPlace{.index = oldest.index, .term = oldest.term, .log_time = oldest.log_time};
  for (std::size_t i = is_whole ? 0 : 1; i < restored.tail.size(); ++i) append(restored.tail[i]);
}

const Entry& Log::in_memory(LogIndex index) const {
  ASSERT(is_in_memory(index));
  return entries_[index - before_.index - 1];
}

Result<std::optional<Term>> Log::term(LogIndex index, LogReader& reader) const {
  if (index > last_index()) return std::optional<Term>();
  if (index > before_.index) return std::optional(in_memory(index).term);
  if (index == before_.index) return std::optional(before_.term);
  if (index == floor_.index) return std::optional(floor_.term);
  if (index < floor_.index) return std::optional<Term>();
  return reader.term(index);
}

Result<LogPlace> Log::place(LogIndex index, LogReader& reader) const {
  ASSERT(index >= floor_.index);
  ASSERT(index <= last_index());
  if (index == floor_.index) return floor_;
  if (index == before_.index) return before_;
  if (index > before_.index) {
    const Entry& entry = in_memory(index);
    return LogPlace{.index = index, .term = entry.term, .log_time = entry.log_time};
  }
  const auto entries = TRY(reader.read(index, index, 0));
  if (entries.size() != 1 || entries.front().index != index)
    return fail(Code::corruption, "the store's log does not hold entry " + std::to_string(index.value()));
  return LogPlace{.index = index, .term = entries.front().term, .log_time = entries.front().log_time};
}

Result<LogIndex> Log::last_index_up_to_term(LogIndex index, Term limit, LogReader& reader) const {
  if (index <= floor_.index) return index;
  std::uint64_t low = floor_.index.value();  // committed, or the place before everything: old enough
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
  ASSERT(from >= first_index());
  ASSERT(to <= last_index());
  if (from <= before_.index) {
    const LogIndex stored_to = std::min(to, before_.index);
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
  ASSERT(from >= first_index());
  while (!entries_.empty() && entries_.back().index >= from) {
    bytes_ -= size_of(entries_.back());
    entries_.pop_back();
  }
  if (from > before_.index) return {};
  before_ = TRY(place(previous(from), reader));  // everything in memory is gone, and more
  return {};
}

void Log::forget_first() {
  const Entry& oldest = entries_.front();
  before_ = {.index = oldest.index, .term = oldest.term, .log_time = oldest.log_time};
  bytes_ -= size_of(oldest);
  entries_.pop_front();
}

void Log::release(LogIndex up_to, std::size_t memory_bytes_max) {
  while (bytes_ > memory_bytes_max && !entries_.empty() && entries_.front().index <= up_to) forget_first();
}

Result<void> Log::compact(LogIndex first_index, LogReader& reader) {
  floor_ = TRY(place(previous(first_index), reader));
  while (!entries_.empty() && entries_.front().index < first_index) forget_first();
  if (before_.index < floor_.index) before_ = floor_;
  return {};
}

void Log::reset(const LogPlace& floor) {
  entries_.clear();
  bytes_ = 0;
  floor_ = floor;
  before_ = floor;
}

}  // namespace rift::raft
