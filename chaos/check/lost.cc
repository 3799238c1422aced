#include "chaos/check/lost.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

class KeyWrites {
 public:
  KeyWrites(std::span<const Operation* const> operations, Mode mode, const std::vector<std::string>& held)
      : operations_(operations), names_(operations), mode_(mode), is_absent_(held.empty()) {
    for (const std::string& value : held) held_.insert(ValueNames::of_value(value));
  }

  void judge(LostReport& report) {
    note_answers();
    collect();
    for (const Operation* op : effective_) {
      if (op->outcome != Outcome::done) continue;
      ++report.judged;
      if (!is_accounted_for(*op)) report.lost.push_back(op->index);
    }
  }

 private:
  // Which values were shown to a client, and when at the latest each had taken effect.
  void note_answers() {
    for (const Operation* op : operations_) {
      const bool is_read = op->kind == Kind::read && op->outcome == Outcome::done;
      if (!is_read && !op->has_seen) continue;
      const auto name = names_.seen_as(is_read ? op->value : op->seen, op->version);
      if (name) note_shown(*name, op->complete);
    }
    for (const Operation* op : operations_) {
      if (op->kind == Kind::cas && op->outcome == Outcome::done) note_replaced(*op);
    }
  }

  void note_shown(const std::string& name, Time by) {
    const auto [at, is_new] = shown_by_.emplace(name, by);
    if (!is_new) at->second = std::min(at->second, by);
  }

  void note_replaced(const Operation& cas) {
    const auto name = names_.seen_as(cas.expected, {});
    if (!name) return;
    replaced_.insert(*name);
    note_shown(*name, cas.outcome == Outcome::done ? cas.complete : Time::max());
  }

  // Writes that took effect: acknowledged ones, and unknown ones whose value somebody saw, if only a compare-and-set.
  void collect() {
    std::vector<const Operation*> unknown;
    for (const Operation* op : operations_) {
      if (!is_write(*op) || op->outcome == Outcome::not_done) continue;
      op->outcome == Outcome::done ? add(*op) : unknown.push_back(op);
    }
    for (std::size_t before = unknown.size() + 1; before > unknown.size();) {
      before = unknown.size();
      std::erase_if(unknown, [this](const Operation* op) {
        if (!is_shown(*op)) return false;
        if (op->kind == Kind::cas) note_replaced(*op);
        add(*op);
        return true;
      });
    }
  }

  void add(const Operation& op) {
    effective_.push_back(&op);
    creators_.emplace(names_.made_by(op), &op);
    last_start_ = std::max(last_start_, op.invoke);
  }

  bool is_shown(const Operation& write) const {
    if (write.kind == Kind::erase && is_absent_) return true;
    const std::string name = names_.made_by(write);
    return held_.contains(name) || shown_by_.contains(name);
  }

  bool is_accounted_for(const Operation& write) const {
    if (last_start_ > write.complete) return true;
    const std::string name = names_.made_by(write);
    if (write.kind == Kind::erase ? is_absent_ : held_.contains(name)) return true;
    if (replaced_.contains(name)) return true;
    switch (mode_) {
      case Mode::cp:
        return is_overwritten_in_order(write) || may_have_been_overwritten_by_what_is_held(write);
      case Mode::ap:
        return false;
    }
    return false;
  }

  bool is_overwritten_in_order(const Operation& write) const {
    return write.revision != 0 && std::any_of(effective_.begin(), effective_.end(),
                                              [&](const Operation* other) { return other->revision > write.revision; });
  }

  bool may_have_been_overwritten_by_what_is_held(const Operation& write) const {
    return std::any_of(effective_.begin(), effective_.end(), [&](const Operation* other) {
      const bool is_held = other->kind == Kind::erase ? is_absent_ : held_.contains(names_.made_by(*other));
      return is_held && may_be_later(*other, write);
    });
  }

  bool may_be_later(const Operation& other, const Operation& write) const {
    if (other.revision != 0 && write.revision != 0 && other.revision < write.revision) return false;
    return confirmed_by(other) >= write.invoke;
  }

  // When `op` had taken effect at the latest: at its end, when somebody saw its value, or, since nothing comes between a
  // compare-and-set and what it replaced, when that had.
  Time confirmed_by(const Operation& op) const {
    Time by = Time::max();
    const Operation* at = &op;
    for (std::size_t step = 0; at != nullptr && step < effective_.size(); ++step) {
      if (at->outcome == Outcome::done) by = std::min(by, at->complete);
      const auto shown = shown_by_.find(names_.made_by(*at));
      if (shown != shown_by_.end()) by = std::min(by, shown->second);
      at = at->kind == Kind::cas && at->expected ? creator_of(*at->expected) : nullptr;
    }
    return by;
  }

  const Operation* creator_of(const std::string& value) const {
    const auto found = creators_.find(ValueNames::of_value(value));
    return found == creators_.end() ? nullptr : found->second;
  }

  std::span<const Operation* const> operations_;
  ValueNames names_;
  Mode mode_;
  bool is_absent_;
  // By name (values.h).
  std::unordered_set<std::string> held_;
  std::unordered_map<std::string, Time> shown_by_;
  std::unordered_set<std::string> replaced_;  // by a compare-and-set that took effect
  std::unordered_map<std::string, const Operation*> creators_;
  std::vector<const Operation*> effective_;
  Time last_start_ = Time::min();
};

bool is_held(FinalState::const_iterator held, const FinalState& final_state, const std::string& value) {
  return held != final_state.end() && std::find(held->second.begin(), held->second.end(), value) != held->second.end();
}

void add_elements(std::string_view document, std::unordered_set<std::string>& elements) {
  while (!document.empty()) {
    const std::string_view element = document.substr(0, document.find(element_separator));
    elements.emplace(element);
    document.remove_prefix(std::min(document.size(), element.size() + 1));
  }
}

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

LostReport find_sequentially_lost_writes(std::span<const Operation> operations, std::string_view keyspace,
                                         const FinalState& final_state, Duration slack) {
  LostReport report;
  for (const auto& [key, ops] : by_key(operations, keyspace)) {
    const auto held = final_state.find(key);
    // When the last of the values that are there had been acknowledged; never, of one that was not.
    std::size_t found = 0;
    Time by = Time::min();
    for (const Operation* op : ops) {
      if (!is_write(*op) || !op->value || !is_held(held, final_state, *op->value)) continue;
      ++found;
      by = std::max(by, op->outcome == Outcome::done ? op->complete : Time::max());
    }
    const bool is_known = held == final_state.end() || found == held->second.size();
    for (const Operation* op : ops) {
      if (!is_done_write(*op) || !op->value) continue;
      ++report.judged;
      if (!is_known || is_held(held, final_state, *op->value)) continue;
      if (by == Time::min() || (by != Time::max() && by + slack < op->invoke)) report.lost.push_back(op->index);
    }
  }
  std::sort(report.lost.begin(), report.lost.end());
  return report;
}

LostReport find_lost_elements(std::span<const Operation> operations, std::string_view keyspace,
                              const FinalState& final_state) {
  LostReport report;
  for (const auto& [key, ops] : by_key(operations, keyspace)) {
    if (!key.starts_with(document_prefix)) continue;
    std::unordered_set<std::string> elements;
    const auto held = final_state.find(key);
    if (held != final_state.end()) {
      for (const std::string& document : held->second) add_elements(document, elements);
    }
    for (const Operation* op : ops) {
      if (!is_done_write(*op) || !op->value) continue;
      ++report.judged;
      if (!elements.contains(op->value->substr(op->value->rfind(element_separator) + 1)))
        report.lost.push_back(op->index);
    }
  }
  std::sort(report.lost.begin(), report.lost.end());
  return report;
}

}  // namespace rift::chaos::check
