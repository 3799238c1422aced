#include "cp/execute.h"

#include <charconv>

namespace rift::cp {
namespace {

Duration ttl_of(const wire::Command& command) { return command.operands ? command.operands->ttl : Duration(); }

std::optional<std::int64_t> number_in(ByteView text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Applied write(const wire::Command& command, const std::optional<wire::CpValue>& old, Bytes value, State& state,
              Turn& turn) {
  wire::CpValue now = successor(old, state.spend());
  now.value = std::move(value);
  now.expiry = state.expiry_after(ttl_of(command));
  state.store(command.key, old, now, Event::Kind::put, turn);
  Applied result;
  result.version = version_of(now);
  return result;
}

Applied erase(const wire::Command& command, const std::optional<wire::CpValue>& old, State& state, Turn& turn) {
  Applied result;
  if (!is_live(old)) {  // already absent: no change, no revision
    if (old) result.version = version_of(*old);
    return result;
  }
  const wire::CpValue now = tombstone(*old, state.spend());
  state.store(command.key, old, now, Event::Kind::del, turn);
  result.version = version_of(now);
  return result;
}

Applied increment(const wire::Command& command, const std::optional<wire::CpValue>& old, State& state, Turn& turn) {
  const auto number = incremented(old, command.operands->delta);
  if (!number) return refused(Code::invalid, Outcome::not_done, why_not_incremented(old));
  Applied result = write(command, old, Bytes(std::to_string(*number)), state, turn);
  result.found = true;
  result.value = Bytes(std::to_string(*number));
  return result;
}

// Of one key that no lock holds.
Result<Applied> execute_on_key(const wire::Command& command, State& state, Turn& turn) {
  const auto old = TRY(state.read(command.key, turn));
  if (is_locked(old)) return condition_failed(old, why_locked);
  if (command.verb == Verb::cas && !holds(command.condition, old)) return condition_failed(old);
  if (command.verb == Verb::del) return erase(command, old, state, turn);
  if (command.verb == Verb::increment) return increment(command, old, state, turn);
  return write(command, old, command.value, state, turn);
}

}  // namespace

Applied refused(Code code, Outcome outcome, std::string_view why) {
  Applied result;
  result.code = code;
  result.outcome = outcome;
  result.why = why;
  return result;
}

Applied condition_failed(const std::optional<wire::CpValue>& old, std::string_view why) {
  Applied result = refused(Code::condition_failed, Outcome::not_done, why);
  if (!old) return result;
  result.version = version_of(*old);
  result.found = !old->deleted;
  if (result.found) result.value = old->value;
  return result;
}

std::optional<std::int64_t> incremented(const std::optional<wire::CpValue>& old, std::int64_t delta) {
  const auto number = is_live(old) ? number_in(old->value) : 0;
  std::int64_t sum = 0;
  if (!number || __builtin_add_overflow(*number, delta, &sum)) return std::nullopt;
  return sum;
}

std::string_view why_not_incremented(const std::optional<wire::CpValue>& old) {
  return is_live(old) && !number_in(old->value) ? "the key holds no decimal number of 64 bits"
                                                : "the sum does not fit 64 bits";
}

Result<Applied> execute(const wire::Command& command, State& state, Turn& turn) {
  switch (command.verb) {
    case Verb::put:
    case Verb::del:
    case Verb::cas:
    case Verb::increment:
      return execute_on_key(command, state, turn);
    case Verb::txn:
      return execute_txn(*command.operands, state, turn);
    case Verb::del_range:
      return execute_del_range(command, state, turn);
    case Verb::lock:
      return execute_lock(command, state, turn);
    case Verb::unlock:
      return execute_unlock(command, state, turn);
    case Verb::compact:
      return execute_compact(command, state);
    case Verb::expire:
      return execute_expire(state, turn);
    case Verb::get:
    case Verb::resolve:
    case Verb::multi_get:
    case Verb::scan:
    case Verb::watch:
    case Verb::verify:
      break;  // not executable, or the Applier's own
  }
  return refused(Code::invalid, Outcome::not_done);
}

}  // namespace rift::cp
