// The upkeep of a CpReplica: what its leader proposes without being asked. Keys whose time has passed are deleted by an entry of the log and
// by nothing else (DESIGN 5): so is history that is too long. Both are judged again when the entry is applied.
#include "cp/replica.h"

namespace rift::cp {
namespace {

constexpr Duration upkeep_patience = limits::heartbeat_interval;  // where it is due and cannot be proposed

}  // namespace

bool CpReplica::is_upkeep_open() const { return upkeep_term_ == raft_.term() && applier_.index() < upkeep_index_; }

// Some slack above the limit, so that history goes in pieces worth an entry.
std::optional<Revision> CpReplica::history_floor_wanted() const {
  const wire::AppliedRecord& applied = applier_.applied();
  const HistoryLimits& most = options_.history;
  const std::uint64_t kept = applied.revision.value() - applied.compacted.value();
  if (kept > most.revisions_max + most.revisions_max / 8)
    return Revision(applied.revision.value() - most.revisions_max);
  if (applier_.is_sweeping()) return applied.compacted;  // bytes still go, a piece with every entry
  if (applied.history_bytes > most.bytes_max + most.bytes_max / 8 && kept > 0)
    return Revision(applied.compacted.value() + kept / 8 + 1);
  return std::nullopt;
}

// One entry at a time, however many writes there are: the next is judged by what this one has left.
Result<void> CpReplica::propose_upkeep(Round& round) {
  if (!raft_.is_leader() || is_upkeep_open()) return {};
  next_upkeep_ = round.context.now + upkeep_patience;
  if (raft_.handing_over() || checks_.is_disputed() || round.turn.pressure() == env::Pressure::stalled) return {};
  const Duration time = log_time(round.context.now);
  std::vector<wire::Command> commands;
  if (TRY(applier_.is_expiry_due(time, round.turn))) {
    MARK(round.turn.recorder(), "cp.expire_proposed");
    commands.emplace_back().verb = Verb::expire;
  }
  if (const auto floor = history_floor_wanted()) {
    MARK(round.turn.recorder(), "cp.compact_proposed");
    wire::Command& compact = commands.emplace_back();
    compact.verb = Verb::compact;
    compact.operands.emplace().revision = *floor;
  }
  if (commands.empty()) return {};
  const std::vector<raft::Proposal> entries = {{.payload = wire::encode_commands(commands), .log_time = time}};
  const auto proposed = raft_.propose(entries, round.context);
  if (!proposed) {
    if (took_no_effect(proposed.error().code)) return {};  // the next tick tries again
    return fail(proposed.error().code, proposed.error().detail);
  }
  ++counters_.entries_proposed;
  unapplied_.emplace_back(proposed->first, entries.front().payload.size());
  unapplied_bytes_ += entries.front().payload.size();
  upkeep_term_ = proposed->term;
  upkeep_index_ = proposed->first;
  next_upkeep_ = {};
  return {};
}

// When the earliest key is due; at once, when more are due than went with the last entry.
Time CpReplica::expiry_wake(Time now) const {
  const Duration earliest = applier_.earliest_expiry();
  // Not believed, it proposes nothing, and knows of nothing.
  if (!raft_.is_leader() || health_ != Health::good || earliest == Duration::max() || is_upkeep_open())
    return Time::max();
  const Duration left = earliest - log_time(now);
  if (left <= Duration::zero()) return std::max(now, next_upkeep_);
  return left < limits::ttl_max ? now + left : Time::max();
}

}  // namespace rift::cp
