#include "cp/applier.h"

#include <algorithm>

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

// Everything a client could have put into an entry is judged again here: entries outlive the version that checked them.
bool is_executable(const wire::Command& command) {
  if (command.key.empty() || command.key.size() > limits::key_bytes_max) return false;
  if (command.value.size() > limits::value_bytes_max) return false;
  if (command.op) {
    const OpId& op = *command.op;
    if (op.client.is_zero() || op.sequence == 0 || op.floor > op.sequence) return false;
    if (op.sequence - op.floor >= limits::dedup_window_max) return false;
  }
  switch (command.verb) {
    case Verb::get:
      return false;
    case Verb::put:
    case Verb::del:
      return true;
    case Verb::cas:
      return command.condition.kind != Condition::Kind::none;
    case Verb::resolve:
      return command.op.has_value();
    case Verb::increment:
    case Verb::del_range:
    case Verb::txn:
    case Verb::lock:
    case Verb::unlock:
    case Verb::multi_get:
    case Verb::scan:
    case Verb::watch:
    case Verb::compact:
    case Verb::expire:
    case Verb::verify:
      return false;
  }
  return false;
}

bool holds(const Condition& condition, const std::optional<wire::CpValue>& old) {
  const bool exists = old && !old->deleted;
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

Applied refused(Code code, Outcome outcome) {
  Applied result;
  result.code = code;
  result.outcome = outcome;
  return result;
}

Applied condition_failed(const std::optional<wire::CpValue>& old) {
  Applied result = refused(Code::condition_failed, Outcome::not_done);
  if (!old) return result;
  result.version = version_of(*old);
  result.found = !old->deleted;
  if (result.found) result.value = old->value;
  return result;
}

wire::DedupOutcome to_outcome(std::uint64_t sequence, const Applied& result) {
  wire::DedupOutcome outcome;
  outcome.sequence = sequence;
  outcome.code = result.code;
  outcome.revision = result.version.modify_revision;
  outcome.seen_found = result.found;
  outcome.seen =
      result.value.is_whole() ? result.value : Bytes(result.value.view());  // no record is kept alive for a part of it
  return outcome;
}

Applied replay(const wire::DedupOutcome& outcome) {
  Applied result = refused(outcome.code, outcome_of(outcome.code));
  result.duplicate = true;
  result.found = outcome.seen_found;
  result.seen_omitted = outcome.seen_omitted;
  result.value = outcome.seen;
  result.version.modify_revision = outcome.revision;
  return result;
}

}  // namespace

Result<std::span<const Applied>> Applier::apply(const raft::Entry& entry, Turn& turn) {
  ASSERT(entry.index == next(applied_.index));
  results_.clear();
  applied_.index = entry.index;
  applied_.term = entry.term;
  applied_.log_time = std::max(applied_.log_time, entry.log_time);
  if (const std::size_t expired = dedup_.expire(applied_.log_time, turn); expired > 0) mix(expired, 0, 0);
  if (entry.kind != raft::EntryKind::command) return std::span<const Applied>();
  const auto commands = wire::decode_commands(entry.payload);
  if (!commands) {
    MARK(turn.recorder(), "cp.malformed_entry");
    ++malformed_;
    return std::span<const Applied>();
  }
  for (const wire::Command& command : *commands) results_.push_back(TRY(apply_command(command, turn)));
  return std::span<const Applied>(results_);
}

void Applier::finish(Turn& turn) {
  dedup_.write(turn);
  turn.put(env::Table::state_cp, wire::cp_applied_key(space_.partition, space_.generation), wire::encode(applied_));
}

Result<Applied> Applier::apply_command(const wire::Command& command, Turn& turn) {
  if (!is_executable(command)) {
    MARK(turn.recorder(), "cp.malformed_command");
    ++malformed_;
    return refused(Code::invalid, Outcome::not_done);
  }
  return command.op ? apply_named(command, turn) : execute(command, turn);
}

Result<Applied> Applier::apply_named(const wire::Command& command, Turn& turn) {
  const OpId& op = *command.op;
  const bool resolves = command.verb == Verb::resolve;
  const auto look = TRY(dedup_.look(op, applied_.log_time, turn));
  switch (look.found) {
    case DedupTable::Found::replay:
      return replay(look.outcome);
    case DedupTable::Found::forgotten:
      return refused(Code::dedup_expired, Outcome::unknown);
    case DedupTable::Found::unknown: {
      // A client pipelines only after its first request was answered: one that is unknown here had a row, and it has expired.
      const bool may_have_run = resolves || op.retry;
      return refused(Code::dedup_expired, may_have_run ? Outcome::unknown : Outcome::not_done);
    }
    case DedupTable::Found::full:
      return refused(Code::overloaded, resolves || op.retry ? Outcome::unknown : Outcome::not_done);
    case DedupTable::Found::fresh:
      break;
  }
  // Resolve that finds nothing writes the refusal: a copy that arrives late is refused, and only so is "never" the truth (review 3). Where the
  // client had no row it is not: the row may have expired after the operation was executed.
  const Applied never =
      look.opened ? refused(Code::dedup_expired, Outcome::unknown) : refused(Code::refused, Outcome::not_done);
  Applied result = resolves ? never : TRY(execute(command, turn));
  dedup_.record(op.client, to_outcome(op.sequence, result));
  mix(op.client.low, op.sequence, static_cast<std::uint64_t>(result.code));
  return result;
}

Result<Applied> Applier::execute(const wire::Command& command, Turn& turn) {
  const auto old = TRY(read_value(space_, command.key, turn));
  if (command.verb == Verb::cas && !holds(command.condition, old)) return condition_failed(old);
  if (command.verb == Verb::del && (!old || old->deleted)) {
    Applied nothing;  // already absent: no change, no revision
    if (old) nothing.version = version_of(*old);
    return nothing;
  }
  return write(command, old, turn);
}

Applied Applier::write(const wire::Command& command, const std::optional<wire::CpValue>& old, Turn& turn) {
  applied_.revision = next(applied_.revision);
  const bool exists = old && !old->deleted;
  wire::CpValue value;
  value.deleted = command.verb == Verb::del;
  if (!value.deleted) value.value = command.value;
  value.create_revision = exists ? old->create_revision : applied_.revision;
  value.modify_revision = applied_.revision;
  value.version = exists ? old->version + 1 : 1;
  store(command.key, value, turn);
  Applied result;
  result.version = version_of(value);
  return result;
}

void Applier::store(ByteView key, const wire::CpValue& value, Turn& turn) {
  Bytes record = wire::encode(value);
  mix(xxh3_64(key), xxh3_64(record), applied_.revision.value());
  turn.put(env::Table::state_cp, wire::cp_data_key(space_.partition, space_.generation, key), std::move(record));
}

void Applier::mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  scratch_.clear();
  for (const std::uint64_t part : {applied_.hash, a, b, c}) put_u64(scratch_, part);
  applied_.hash = xxh3_64(scratch_);
}

}  // namespace rift::cp
