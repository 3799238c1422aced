#include "replica/request.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"

namespace rift {
namespace {

constexpr std::size_t request_overhead_bytes = 128;
constexpr std::size_t step_overhead_bytes = 64;

bool is_ranged(Verb verb) { return verb == Verb::del_range || verb == Verb::scan || verb == Verb::watch; }
// A range may begin before every key; a compaction is about no key, nor is the question what became of one; a Txn routes by its own.
bool may_lack_key(Verb verb) { return is_ranged(verb) || verb == Verb::compact || verb == Verb::resolve; }

std::size_t size_of(const Step& step) { return step.key.size() + step.value.size() + step_overhead_bytes; }

std::size_t size_of(const Operands& operands) {
  std::size_t bytes = operands.range_end.size() + operands.cursor.size();
  for (const Compare& compare : operands.compares)
    bytes += compare.key.size() + compare.condition.value.size() + step_overhead_bytes;
  for (const Step& step : operands.then_steps) bytes += size_of(step);
  for (const Step& step : operands.else_steps) bytes += size_of(step);
  return bytes;
}

Result<void> validate_key(ByteView key) {
  if (key.empty()) return fail(Code::invalid, "a key is empty");
  if (key.size() > limits::key_bytes_max) {
    return fail(Code::too_large, fmt::format("a key has {} bytes, the limit is {}", key.size(), limits::key_bytes_max));
  }
  return {};
}

Result<void> validate_ttl(Duration ttl) {
  if (ttl >= Duration::zero() && ttl <= limits::ttl_max) return {};
  return fail(Code::invalid, fmt::format("the time to live must be between 0 and {} s", to_seconds(limits::ttl_max)));
}

Result<void> validate_condition(const Condition& condition) {
  if (condition.kind > Condition::Kind::created) return fail(Code::invalid, "unknown condition");
  return {};
}

Result<void> validate_steps(const std::vector<Step>& steps, Verb verb) {
  for (const Step& step : steps) {
    TRY(validate_key(step.key));
    TRY(validate_ttl(step.ttl));
    if (step.value.size() > limits::value_bytes_max)
      return fail(Code::too_large, fmt::format("a value is above the limit of {} bytes", limits::value_bytes_max));
    const bool is_step =
        step.verb == Verb::get || step.verb == Verb::put || step.verb == Verb::del || step.verb == Verb::increment;
    if (!is_step || (verb == Verb::multi_get && step.verb != Verb::get))
      return fail(Code::invalid, "a step must be a get, put, delete or increment; of a multi-get, a get");
  }
  return {};
}

Result<void> validate_operands(const Request& request) {
  const bool is_lock = request.verb == Verb::lock || request.verb == Verb::unlock;
  if (is_lock && request.value.empty()) return fail(Code::invalid, "a lock has a holder: its name is empty");
  const bool needs_steps = request.verb == Verb::txn || request.verb == Verb::multi_get;
  if (!request.operands) {
    if (needs_steps) return fail(Code::invalid, "nothing to do: no steps");
    if (request.verb == Verb::increment) return fail(Code::invalid, "an increment needs a delta");
    if (request.verb == Verb::lock) return fail(Code::invalid, "a lock needs a time to live");
    return {};
  }
  const Operands& operands = *request.operands;
  if (operands.range_end.size() > limits::key_bytes_max) return fail(Code::too_large, "the range's end is too long");
  if (operands.cursor.size() > limits::key_bytes_max) return fail(Code::too_large, "the cursor is too long");
  if (!operands.cursor.empty() && request.verb != Verb::scan)
    return fail(Code::invalid, "only a scan goes on from a cursor");
  if (operands.keys_max > limits::scan_page_keys_max)
    return fail(Code::invalid, fmt::format("a page has at most {} keys", limits::scan_page_keys_max));
  TRY(validate_ttl(operands.ttl));
  if (request.verb == Verb::lock && operands.ttl == Duration::zero())
    return fail(Code::invalid, "a lock needs a time to live");
  const std::size_t steps = operands.then_steps.size() + operands.else_steps.size();
  const std::size_t total = steps + operands.compares.size();
  if (needs_steps ? steps == 0 : total > 0) {
    return fail(Code::invalid, needs_steps ? "nothing to do: no steps" : "only a txn or multi-get has steps");
  }
  const std::size_t most = request.verb == Verb::multi_get ? limits::batch_ops_max : limits::txn_operations_max;
  if (total > most) return fail(Code::too_large, fmt::format("{} operations in one, the limit is {}", total, most));
  if (request.verb == Verb::multi_get && total > operands.then_steps.size())
    return fail(Code::invalid, "a multi-get has keys only");
  for (const Compare& compare : operands.compares) {
    TRY(validate_key(compare.key));
    TRY(validate_condition(compare.condition));
    if (compare.condition.kind == Condition::Kind::none) return fail(Code::invalid, "a compare without a condition");
  }
  TRY(validate_steps(operands.then_steps, request.verb));
  TRY(validate_steps(operands.else_steps, request.verb));
  if (size_of(operands) > limits::value_bytes_max)
    return fail(Code::too_large, fmt::format("together the operations exceed {} bytes", limits::value_bytes_max));
  return {};
}

Result<void> validate_sizes(const Request& request) {
  if (request.key.empty() && !may_lack_key(request.verb)) return fail(Code::invalid, "the key is empty");
  if (request.key.size() > limits::key_bytes_max) {
    return fail(Code::too_large,
                fmt::format("the key has {} bytes, the limit is {}", request.key.size(), limits::key_bytes_max));
  }
  const std::size_t value = std::max(request.value.size(), request.condition.value.size());
  if (value > limits::value_bytes_max) {
    return fail(Code::too_large,
                fmt::format("the value has {} bytes, the limit is {}", value, limits::value_bytes_max));
  }
  // A cas carries two values: together they must fit one log entry.
  if (request.key.size() + request.value.size() + request.condition.value.size() >
      limits::value_bytes_max + limits::key_bytes_max) {
    return fail(Code::too_large,
                fmt::format("expected and new value together exceed {} bytes; compare by version instead",
                            limits::value_bytes_max));
  }
  return {};
}

Result<void> validate_enums(const Request& request) {
  if (request.verb < Verb::get || request.verb > Verb::compact) return fail(Code::invalid, "unknown verb");
  if (request.level > Level::any)
    return fail(Code::invalid, "unknown level; use one, majority or all, or any for a single write of an ap keyspace");
  if (request.level == Level::any && request.verb != Verb::put && request.verb != Verb::del)
    return fail(Code::invalid, "level any is for single writes: what stands in for an owner is not read");
  return validate_condition(request.condition);
}

Result<void> validate_op(const Request& request) {
  if (request.verb == Verb::resolve && !request.op) return fail(Code::invalid, "resolve needs an op id");
  if (!request.op) return {};
  if (request.op->client.is_zero() || request.op->sequence == 0)
    return fail(Code::invalid, "an op id has a client and a sequence from 1");
  if (request.op->floor > request.op->sequence) return fail(Code::invalid, "the op id's floor is above its sequence");
  if (request.op->sequence - request.op->floor >= limits::dedup_window_max) {
    return fail(Code::invalid, fmt::format("more than {} operations open for one client", limits::dedup_window_max));
  }
  return {};
}

// A version as an ap answer gave it; only what works on a single key can stand on it.
Result<void> validate_seen(const Request& request) {
  const Version& seen = request.seen;
  if (seen == Version{}) return {};
  if (!is_single(request.verb))
    return fail(Code::invalid, "only a get, put or delete names the version that its client has seen");
  const bool of_ap = seen.create_revision == Revision() && seen.modify_revision == Revision() && seen.version == 0;
  if (of_ap && seen.hlc != 0 && seen.dot_node != NodeId() && seen.dot_sequence != 0) return {};
  return fail(Code::invalid,
              "the version seen is not one of an ap keyspace; pass on hlc and dot as an answer gave them");
}

}  // namespace

Result<void> validate(const Request& request) {
  TRY(validate_enums(request));
  TRY(validate_sizes(request));
  TRY(validate_op(request));
  TRY(validate_operands(request));
  TRY(validate_seen(request));
  const bool conditional = request.condition.kind != Condition::Kind::none;
  if (request.verb == Verb::cas && !conditional)
    return fail(Code::invalid, "cas needs a condition: expected value, version or absent");
  const bool is_fenced = request.verb == Verb::lock && request.condition.kind == Condition::Kind::created;
  if (request.verb != Verb::cas && conditional && !is_fenced)
    return fail(Code::invalid, "only cas takes a condition; a keep-alive of a lock, its fence");
  if (request.budget < Duration::zero() || request.budget > limits::request_budget_max) {
    return fail(Code::invalid,
                fmt::format("the time allowed must be between 0 and {} s", to_seconds(limits::request_budget_max)));
  }
  return {};
}

Response refuse(RequestId id, Code code, std::string why, std::string hint) {
  Response response;
  response.id = id;
  response.code = code;
  response.outcome = outcome_of(code);
  response.why = std::move(why);
  response.hint = std::move(hint);
  return response;
}

Duration budget_of(const Request& request) {
  return request.budget > Duration::zero() ? std::min(request.budget, limits::request_budget_max)
                                           : limits::request_budget_default;
}

std::size_t footprint(const Request& request) {
  const std::size_t operands = request.operands ? size_of(*request.operands) : 0;
  return request.key.size() + request.value.size() + request.condition.value.size() + operands + request_overhead_bytes;
}

}  // namespace rift
