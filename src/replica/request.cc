#include "replica/request.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace rift {
namespace {

constexpr std::size_t request_overhead_bytes = 128;

Result<void> validate_sizes(const Request& request) {
  if (request.key.empty()) return fail(Code::invalid, "the key is empty");
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
  if (request.verb < Verb::get || request.verb > Verb::resolve) return fail(Code::invalid, "unknown verb");
  if (request.level > Level::all) return fail(Code::invalid, "unknown level; use one, majority or all");
  if (request.condition.kind > Condition::Kind::value) return fail(Code::invalid, "unknown condition");
  return {};
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

}  // namespace

Result<void> validate(const Request& request) {
  TRY(validate_enums(request));
  TRY(validate_sizes(request));
  TRY(validate_op(request));
  const bool conditional = request.condition.kind != Condition::Kind::none;
  if (request.verb == Verb::cas && !conditional)
    return fail(Code::invalid, "cas needs a condition: expected value, version or absent");
  if (request.verb != Verb::cas && conditional) return fail(Code::invalid, "only cas takes a condition");
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

std::size_t footprint(const Request& request) {
  return request.key.size() + request.value.size() + request.condition.value.size() + request_overhead_bytes;
}

}  // namespace rift
