// Which commands can be executed at all: pure judgements of a command's fields.
#include <algorithm>

#include "cp/execute.h"

namespace rift::cp {
namespace {

constexpr std::size_t step_overhead_bytes = 64;  // as validate() counts

bool is_key(ByteView key) { return !key.empty() && key.size() <= limits::key_bytes_max; }
bool is_value(ByteView value) { return value.size() <= limits::value_bytes_max; }
bool is_ttl(Duration ttl) { return ttl >= Duration::zero() && ttl <= limits::ttl_max; }

bool is_op(const OpId& op) {
  if (op.client.is_zero() || op.sequence == 0 || op.floor > op.sequence) return false;
  return op.sequence - op.floor < limits::dedup_window_max;
}

bool is_compare(const Compare& compare) {
  return is_key(compare.key) && is_value(compare.condition.value) && compare.condition.kind != Condition::Kind::none;
}

bool is_step(const Step& step) {
  const bool known =
      step.verb == Verb::get || step.verb == Verb::put || step.verb == Verb::del || step.verb == Verb::increment;
  return known && is_key(step.key) && is_value(step.value) && is_ttl(step.ttl);
}

std::size_t size_of(const std::vector<Step>& steps) {
  std::size_t bytes = 0;
  for (const Step& step : steps) bytes += step.key.size() + step.value.size() + step_overhead_bytes;
  return bytes;
}

bool is_txn(const Operands& operands) {
  const std::size_t steps = operands.then_steps.size() + operands.else_steps.size();
  if (steps == 0 || steps + operands.compares.size() > limits::txn_operations_max) return false;
  if (size_of(operands.then_steps) + size_of(operands.else_steps) > limits::value_bytes_max) return false;
  return std::all_of(operands.compares.begin(), operands.compares.end(), is_compare) &&
         std::all_of(operands.then_steps.begin(), operands.then_steps.end(), is_step) &&
         std::all_of(operands.else_steps.begin(), operands.else_steps.end(), is_step);
}

}  // namespace

bool is_executable(const wire::Command& command) {
  if (command.op && !is_op(*command.op)) return false;
  if (!is_value(command.value) || !is_value(command.condition.value)) return false;
  if (command.operands && !is_ttl(command.operands->ttl)) return false;
  switch (command.verb) {
    case Verb::put:
    case Verb::del:
      return is_key(command.key);
    case Verb::cas:
      return is_key(command.key) && command.condition.kind != Condition::Kind::none;
    case Verb::resolve:
      return command.key.size() <= limits::key_bytes_max && command.op.has_value();  // a range has no key
    case Verb::increment:
      return is_key(command.key) && command.operands.has_value();
    case Verb::txn:
      return command.operands && is_txn(*command.operands);
    case Verb::del_range:
      return command.key.size() <= limits::key_bytes_max &&
             (!command.operands || command.operands->range_end.size() <= limits::key_bytes_max);
    case Verb::lock:
      return is_key(command.key) && !command.value.empty() && command.operands &&
             command.operands->ttl > Duration::zero() &&
             (command.condition.kind == Condition::Kind::none || command.condition.kind == Condition::Kind::created);
    case Verb::unlock:
      return is_key(command.key) && !command.value.empty();
    case Verb::compact:
    case Verb::expire:
      return true;
    case Verb::get:
    case Verb::multi_get:
    case Verb::scan:
    case Verb::watch:
    case Verb::verify:
      return false;
  }
  return false;
}

bool holds(const Condition& condition, const std::optional<wire::CpValue>& old) {
  const bool exists = is_live(old);
  switch (condition.kind) {
    case Condition::Kind::none:
      return false;
    case Condition::Kind::absent:
      return !exists;
    case Condition::Kind::version:
      return exists && old->modify_revision.value() == condition.version;
    case Condition::Kind::value:
      return exists && old->value == condition.value;
    case Condition::Kind::exists:
      return exists;
    case Condition::Kind::created:
      return exists && old->create_revision.value() == condition.version;
  }
  return false;
}

}  // namespace rift::cp
