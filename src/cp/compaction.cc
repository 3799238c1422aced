#include "cp/compaction.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::cp {
namespace {

constexpr std::uint64_t pieces_per_limit = 16;

}  // namespace

LogMeter::LogMeter(CompactionLimits limits, LogIndex floor, LogIndex applied)
    : limits_(limits), floor_(floor), applied_(std::max(floor, applied)) {
  if (applied_ > floor_) pieces_.push_back(Piece{.last = applied_, .bytes = 0});
}

void LogMeter::applied(LogIndex index, std::size_t bytes) {
  ASSERT(index == next(applied_));
  const LogIndex before = pieces_.size() > 1 ? pieces_[pieces_.size() - 2].last : floor_;
  const bool is_full = pieces_.empty() || pieces_.back().bytes >= limits_.bytes_max / pieces_per_limit ||
                       pieces_.back().last - before >= limits_.entries_max / pieces_per_limit;
  if (is_full) pieces_.push_back(Piece{.last = index, .bytes = 0});
  pieces_.back().last = index;
  pieces_.back().bytes += bytes;
  bytes_ += bytes;
  applied_ = index;
}

void LogMeter::dropped(LogIndex up_to) {
  ASSERT(up_to <= applied_);
  floor_ = std::max(floor_, up_to);
  for (; !pieces_.empty() && pieces_.front().last <= floor_; pieces_.pop_front()) bytes_ -= pieces_.front().bytes;
}

bool LogMeter::is_due() const { return bytes_ > limits_.bytes_max || entries() > limits_.entries_max; }

LogIndex LogMeter::excess() const {
  LogIndex excess = floor_;
  if (entries() > limits_.entries_max / 2) excess = LogIndex(applied_.value() - limits_.entries_max / 2);
  std::size_t kept = 0;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    kept += piece->bytes;
    if (kept <= limits_.bytes_max / 2) continue;
    const auto gone = piece == pieces_.rbegin() ? std::next(piece) : piece;  // the newest stays, whatever its size
    return gone == pieces_.rend() ? excess : std::max(excess, gone->last);
  }
  return excess;
}

bool LogMeter::is_patient() const {
  return bytes_ <= limits_.bytes_max * limits_.patience && entries() <= limits_.entries_max * limits_.patience;
}

bool LogMeter::may_hold() const { return bytes_ <= limits_.hold_bytes_max; }

}  // namespace rift::cp
