// Builders of log commands for the tests of the state machine. Values only.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "tests/kit/requests.h"
#include "wire/records.h"

namespace rift::cp {

using std::chrono::seconds;

inline wire::Command command_of(const Request& request) {
  wire::Command command;
  command.verb = request.verb;
  command.key = request.key;
  command.value = request.value;
  command.condition = request.condition;
  command.op = request.op;
  command.operands = request.operands;
  return command;
}

inline wire::Command command_of(Verb verb, std::string_view key, std::string_view value = {}) {
  wire::Command command;
  command.verb = verb;
  command.key = Bytes(key);
  command.value = Bytes(value);
  return command;
}
inline wire::Command named(wire::Command command, OpId op) {
  command.op = op;
  return command;
}

inline wire::Command put_of(std::string_view key, std::string_view value, Duration ttl = {}) {
  wire::Command command = command_of(Verb::put, key, value);
  if (ttl > Duration::zero()) command.operands.emplace().ttl = ttl;
  return command;
}
inline wire::Command del_of(std::string_view key) { return command_of(Verb::del, key); }
inline wire::Command increment_of(std::string_view key, std::int64_t delta, Duration ttl = {}) {
  wire::Command command = command_of(Verb::increment, key);
  command.operands.emplace().delta = delta;
  command.operands->ttl = ttl;
  return command;
}
inline wire::Command lock_of(std::string_view key, std::string_view holder, Duration ttl = seconds(10)) {
  wire::Command command = command_of(Verb::lock, key, holder);
  command.operands.emplace().ttl = ttl;
  return command;
}
inline wire::Command unlock_of(std::string_view key, std::string_view holder) {
  return command_of(Verb::unlock, key, holder);
}
inline wire::Command del_range_of(std::string_view first, std::string_view end) {
  wire::Command command = command_of(Verb::del_range, first);
  command.operands.emplace().range_end = Bytes(end);
  return command;
}
inline wire::Command expire_of() { return command_of(Verb::expire, {}); }
inline wire::Command compact_of(std::uint64_t revision) {
  wire::Command command = command_of(Verb::compact, {});
  command.operands.emplace().revision = Revision(revision);
  return command;
}
inline wire::Command txn_of(std::vector<Compare> compares, std::vector<Step> then_steps,
                            std::vector<Step> else_steps = {}) {
  wire::Command command = command_of(Verb::txn, {});
  Operands& operands = command.operands.emplace();
  operands.compares = std::move(compares);
  operands.then_steps = std::move(then_steps);
  operands.else_steps = std::move(else_steps);
  return command;
}

inline Compare compare_of(std::string_view key, Condition::Kind kind, std::uint64_t version = 0,
                          std::string_view value = {}) {
  return Compare{.key = Bytes(key), .condition = {.kind = kind, .version = version, .value = Bytes(value)}};
}
inline Step step_of(Verb verb, std::string_view key, std::string_view value = {}, std::int64_t delta = 0,
                    Duration ttl = {}) {
  return Step{.verb = verb, .key = Bytes(key), .value = Bytes(value), .delta = delta, .ttl = ttl};
}

}  // namespace rift::cp
