#include "chaos/check/lost.h"

#include <algorithm>
#include <unordered_set>

#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

class KeyWrites {
 public:
  KeyWrites(std::span<const Operation* const> operations, Mode mode, const std::vector<std::string>& held)
      : operations_(operations), mode_(mode), held_(held.begin(), held.end()) {}

  void judge(LostReport& report) {
    collect();
    for (const Operation* op : effective_) {
      if (op->outcome != Outcome::done) continue;
      ++report.judged;
      if (!is_accounted_for(*op)) report.lost.push_back(op->index);
    }
  }

 private:
  // Writes that took effect: acknowledged ones, and unknown ones whose value somebody saw.
  void collect() {
    std::unordered_set<std::string> shown = held_;
    for (const Operation* op : operations_) {
      if (op->kind == Kind::read && op->outcome == Outcome::done && op->value) shown.insert(*op->value);
      if (op->has_seen && op->seen) shown.insert(*op->seen);
    }
    for (const Operation* op : operations_) {
      if (!is_write(*op) || op->outcome == Outcome::not_done) continue;
      if (op->outcome == Outcome::unknown && !(op->value && shown.contains(*op->value))) continue;
      effective_.push_back(op);
      last_start_ = std::max(last_start_, op->invoke);
      if (op->kind == Kind::cas && op->expected) replaced_.insert(*op->expected);
    }
  }

  bool is_accounted_for(const Operation& write) const {
    if (last_start_ > write.complete) return true;
    if (write.kind == Kind::erase ? held_.empty() : held_.contains(*write.value)) return true;
    if (write.value && replaced_.contains(*write.value)) return true;
    return mode_ == Mode::cp && std::any_of(effective_.begin(), effective_.end(),
                                            [&](const Operation* other) { return is_later_overlap(*other, write); });
  }

  static bool is_later_overlap(const Operation& other, const Operation& write) {
    const bool is_overlap = &other != &write && (other.complete >= write.invoke || other.outcome == Outcome::unknown);
    const bool has_order = other.revision != 0 && write.revision != 0;
    return is_overlap && (!has_order || other.revision > write.revision);
  }

  std::span<const Operation* const> operations_;
  Mode mode_;
  std::unordered_set<std::string> held_;
  std::unordered_set<std::string> replaced_;  // values that a compare-and-set expected and replaced
  std::vector<const Operation*> effective_;
  Time last_start_ = Time::min();
};

}  // namespace

LostReport find_lost_writes(std::span<const Operation> operations, std::string_view keyspace, Mode mode,
                            const FinalState& final_state) {
  static const std::vector<std::string> nothing;
  LostReport report;
  for (const auto& [key, ops] : by_key(operations, keyspace)) {
    const auto held = final_state.find(key);
    KeyWrites(ops, mode, held == final_state.end() ? nothing : held->second).judge(report);
  }
  std::sort(report.lost.begin(), report.lost.end());
  return report;
}

}  // namespace rift::chaos::check
