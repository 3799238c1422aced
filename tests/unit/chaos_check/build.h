// Short words for operations in tests. Times are milliseconds from the start of the run.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

inline Time at_ms(std::int64_t milliseconds) { return Time(Duration(milliseconds * 1'000'000)); }

struct Span {
  std::int64_t from;
  std::int64_t to;
};

inline Operation make(Kind kind, Value value, Span span, std::uint32_t node = 1) {
  Operation op;
  op.keyspace = "bank";
  op.key = "k";
  op.node = NodeId(node);
  op.kind = kind;
  op.value = std::move(value);
  op.scheduled = op.invoke = at_ms(span.from);
  op.complete = at_ms(span.to);
  op.outcome = Outcome::done;
  return op;
}

inline Operation read(Value value, Span span, std::uint32_t node = 1) {
  return make(Kind::read, std::move(value), span, node);
}
inline Operation write(std::string value, Span span, std::uint32_t node = 1) {
  return make(Kind::write, std::move(value), span, node);
}
inline Operation cas(Value expected, std::string value, Span span, std::uint32_t node = 1) {
  Operation op = make(Kind::cas, std::move(value), span, node);
  op.expected = std::move(expected);
  return op;
}
inline Operation failed_cas(Value expected, Value seen, std::string value, Span span, std::uint32_t node = 1) {
  Operation op = cas(std::move(expected), std::move(value), span, node);
  op.outcome = Outcome::not_done;
  op.code = Code::condition_failed;
  op.seen = std::move(seen);
  op.has_seen = true;
  return op;
}
inline Operation erase(std::string version, Span span, std::uint32_t node = 1) {
  Operation op = make(Kind::erase, std::nullopt, span, node);
  op.version = std::move(version);
  return op;
}
inline Operation absent(std::string version, Span span, std::uint32_t node = 1) {
  Operation op = read(std::nullopt, span, node);
  op.version = std::move(version);
  return op;
}
inline Operation unknown(Operation op) {
  op.outcome = Outcome::unknown;
  op.code = Code::timeout;
  return op;
}
inline Operation not_done(Operation op, Code code = Code::no_leader) {
  op.outcome = Outcome::not_done;
  op.code = code;
  return op;
}
inline Operation on(std::string key, Operation op) {
  op.key = std::move(key);
  return op;
}

// Gives every operation its index, 10 apart so that an index is never mistaken for a position.
inline std::vector<Operation> history(std::vector<Operation> ops) {
  for (std::size_t i = 0; i < ops.size(); ++i) {
    ops[i].index = 10 * (i + 1);
    ops[i].completion_index = ops[i].index + 1;
    ops[i].process = i;
  }
  return ops;
}

}  // namespace rift::chaos::check
