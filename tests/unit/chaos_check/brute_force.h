// The oracle behind the zone test: tries every order. One register, at most a dozen operations.
#pragma once

#include <span>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

class BruteForce {
 public:
  explicit BruteForce(std::span<const Operation> operations) {
    for (const Operation& op : operations) {
      const bool is_failed_cas = op.kind == Kind::cas && op.outcome == Outcome::not_done && op.has_seen;
      const bool is_open_read = op.kind == Kind::read && op.outcome != Outcome::done;
      if (is_open_read || (op.outcome == Outcome::not_done && !is_failed_cas)) continue;
      ops_.push_back(&op);
    }
    placed_.resize(ops_.size());
  }

  bool is_linearizable() { return extend(Value()); }

 private:
  static bool must_happen(const Operation& op) { return op.outcome != Outcome::unknown; }

  bool extend(const Value& state) {
    bool is_complete = true;
    for (std::size_t i = 0; i < ops_.size(); ++i) is_complete &= placed_[i] || !must_happen(*ops_[i]);
    if (is_complete) return true;
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (placed_[i] || !may_be_next(i)) continue;
      Value next = state;
      if (!step(*ops_[i], next)) continue;
      placed_[i] = true;
      if (extend(next)) return true;
      placed_[i] = false;
    }
    return false;
  }

  bool may_be_next(std::size_t i) const {
    for (std::size_t j = 0; j < ops_.size(); ++j) {
      if (!placed_[j] && j != i && must_happen(*ops_[j]) && ops_[j]->complete < ops_[i]->invoke) return false;
    }
    return true;
  }

  static bool step(const Operation& op, Value& state) {
    switch (op.kind) {
      case Kind::read:
        return state == op.value;
      case Kind::write:
        state = op.value;
        return true;
      case Kind::erase:
        state.reset();
        return true;
      case Kind::cas:
        break;
    }
    if (op.outcome == Outcome::not_done) return state == op.seen && state != op.expected;
    if (state != op.expected) return false;
    state = op.value;
    return true;
  }

  std::vector<const Operation*> ops_;
  std::vector<bool> placed_;
};

inline bool is_linearizable(std::span<const Operation> operations) { return BruteForce(operations).is_linearizable(); }

}  // namespace rift::chaos::check
