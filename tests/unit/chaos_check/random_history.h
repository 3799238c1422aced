// Random small histories of one key, for the tests that compare a checker with brute force.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "build.h"

namespace rift::chaos::check {

// Random small histories. About half come from a real register with later mischief, so that both answers are common.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : rng_(seed) {}

  std::vector<Operation> draw(bool with_cas) {
    std::vector<Operation> ops;
    const std::uint64_t count = rng_.between(2, 8);
    const auto writes = static_cast<std::uint64_t>(rng_.between(1, std::min<std::uint64_t>(count, 5)));
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string tag = "v" + std::to_string(i);
      const auto from = static_cast<std::int64_t>(rng_.below(14));
      const Span span{from, from + static_cast<std::int64_t>(rng_.between(0, 5))};
      ops.push_back(i < writes ? draw_write(tag, span, writes, with_cas) : draw_read(tag, span, writes, with_cas));
    }
    return history(std::move(ops));
  }

  // What might be found at the end: a value of some write, or nothing.
  Value value_left(const std::vector<Operation>& ops) {
    const std::size_t pick = rng_.below(ops.size() + 1);
    return pick < ops.size() && is_write(ops[pick]) ? ops[pick].value : Value();
  }

 private:
  Value draw_value(std::uint64_t writes) {
    const std::uint64_t pick = rng_.below(writes + 1);
    return pick == writes ? Value() : Value("v" + std::to_string(pick));
  }
  Operation draw_write(const std::string& tag, Span span, std::uint64_t writes, bool with_cas) {
    Operation op = with_cas && rng_.chance(0.4) ? cas(draw_value(writes), tag, span) : write(tag, span);
    if (rng_.chance(0.25)) return unknown(op);
    return rng_.chance(0.05) ? not_done(op) : op;
  }
  Operation draw_read(const std::string& tag, Span span, std::uint64_t writes, bool with_cas) {
    if (with_cas && rng_.chance(0.2)) return failed_cas(draw_value(writes), draw_value(writes), "f" + tag, span);
    return read(draw_value(writes), span);
  }
  Rng rng_;
};

}  // namespace rift::chaos::check
