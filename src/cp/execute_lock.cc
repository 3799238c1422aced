// Locks: a key whose record says so, held by its value until its log time. The fence is the create revision: it grows with every new holder, and
// whoever guards a resource compares it there or in a Txn (Condition::Kind::created). A lock alone excludes nobody (trap 47).
#include "cp/execute.h"

namespace rift::cp {

// Taken where it is free, kept alive for its holder: that is no change, and spends no revision. A keep-alive that names its fence only keeps alive:
// one that comes late, after the unlock, must not take the lock for a holder that is gone.
Result<Applied> execute_lock(const wire::Command& command, State& state, Turn& turn) {
  const auto old = TRY(state.read(command.key, turn));
  const bool held = is_locked(old) && old->value == command.value;
  if (is_live(old) && !held) {
    return condition_failed(old, old->lock ? "another one holds the lock" : "the key holds a value and is no lock");
  }
  const bool only_keeps = command.condition.kind == Condition::Kind::created;
  if (only_keeps && !(held && old->create_revision == Revision(command.condition.version)))
    return condition_failed(old, held ? "the lock was let go and taken again since" : "nobody holds the lock");
  const Duration expiry = state.expiry_after(command.operands->ttl);
  Applied result;
  if (held) {
    wire::CpValue now = *old;
    now.expiry = expiry;
    state.prolong(command.key, *old, now, turn);
    result.version = version_of(now);
    return result;
  }
  wire::CpValue now = successor(old, state.spend());
  now.value = command.value;
  now.lock = true;
  now.expiry = expiry;
  state.store(command.key, old, now, Event::Kind::put, turn);
  result.version = version_of(now);
  return result;
}

Result<Applied> execute_unlock(const wire::Command& command, State& state, Turn& turn) {
  const auto old = TRY(state.read(command.key, turn));
  if (!is_locked(old) || old->value != command.value) {
    return condition_failed(old, is_locked(old) ? "another one holds the lock" : "nobody holds this lock");
  }
  const wire::CpValue now = tombstone(*old, state.spend());
  state.store(command.key, old, now, Event::Kind::del, turn);
  Applied result;
  result.version = version_of(now);
  return result;
}

}  // namespace rift::cp
