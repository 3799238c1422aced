#include "cp/applier.h"

#include "cp/replay.h"
#include "wire/keys.h"

namespace rift::cp {

Result<std::span<const Applied>> Applier::apply(const raft::Entry& entry, Turn& turn) {
  results_.clear();
  state_.begin_entry(entry);
  if (const std::size_t expired = dedup_.expire(applied().log_time, turn); expired > 0) state_.mix(expired, 0, 0);
  TRY(state_.sweep(turn));
  if (entry.kind != raft::EntryKind::command) return std::span<const Applied>();
  const auto commands = wire::decode_commands(entry.payload);
  if (!commands) {
    MARK(turn.recorder(), "cp.malformed_entry");
    ++malformed_;
    return std::span<const Applied>();
  }
  for (const wire::Command& command : *commands) results_.push_back(TRY(apply_command(command, turn)));
  state_.end_entry(turn);
  return std::span<const Applied>(results_);
}

void Applier::finish(Turn& turn) {
  dedup_.write(turn);
  const Space space = state_.space();
  turn.put(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation), wire::encode(applied()));
}

Result<bool> Applier::is_expiry_due(Duration log_time, Turn& turn) {
  if (log_time < state_.earliest_expiry()) return false;
  TRY(state_.find_earliest_expiry(turn));
  return log_time >= state_.earliest_expiry();
}

Result<Applied> Applier::apply_command(const wire::Command& command, Turn& turn) {
  if (command.verb == Verb::verify) return Applied{};  // health.cc compares; nothing changes
  if (!is_executable(command)) {
    MARK(turn.recorder(), "cp.malformed_command");
    ++malformed_;
    return refused(Code::invalid, Outcome::not_done);
  }
  return command.op ? apply_named(command, turn) : execute(command, state_, turn);
}

Result<Applied> Applier::apply_named(const wire::Command& command, Turn& turn) {
  const OpId& op = *command.op;
  const bool resolves = command.verb == Verb::resolve;
  const auto look = TRY(dedup_.look(op, applied().log_time, turn));
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
  Applied result = resolves ? never : TRY(execute(command, state_, turn));
  dedup_.record(op.client, to_outcome(op.sequence, result));
  state_.mix(op.client.low, op.sequence, static_cast<std::uint64_t>(result.code));
  return result;
}

}  // namespace rift::cp
