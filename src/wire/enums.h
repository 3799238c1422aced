// Which numbers are values of our enumerations: what comes from outside may be any byte. Internal to wire.
#pragma once

#include "base/outcome.h"
#include "causal/version.h"
#include "raft/types.h"
#include "replica/request.h"
#include "topology/catalog.h"
#include "wire/messages.h"

namespace rift::wire::proto {

template <class E>
constexpr bool within(E value, E first, E last) {
  return value >= first && value <= last;
}

constexpr bool is_valid(Verb v) { return within(v, Verb::get, Verb::compact) || is_internal(v); }
constexpr bool is_valid(Condition::Kind v) { return within(v, Condition::Kind::none, Condition::Kind::created); }
constexpr bool is_valid(Event::Kind v) { return within(v, Event::Kind::put, Event::Kind::expired); }
constexpr bool is_valid(Level v) { return within(v, Level::unspecified, Level::any); }
constexpr bool is_valid(Outcome v) { return within(v, Outcome::done, Outcome::unknown); }
constexpr bool is_valid(Mode v) { return within(v, Mode::cp, Mode::ap); }
constexpr bool is_valid(ReadPath v) { return within(v, ReadPath::none, ReadPath::quorum_repaired); }
constexpr bool is_valid(Code v) {
  return within(v, Code::ok, Code::token_not_met) || v == Code::dedup_expired ||
         within(v, Code::timeout, Code::disconnected) || within(v, Code::corruption, Code::io) ||
         v == Code::unreachable;
}
constexpr bool is_valid(raft::EntryKind v) { return within(v, raft::EntryKind::noop, raft::EntryKind::config); }
constexpr bool is_valid(causal::Kind v) { return within(v, causal::Kind::value, causal::Kind::tombstone); }
constexpr bool is_valid(topology::Durability v) {
  return within(v, topology::Durability::fsync, topology::Durability::none);
}
constexpr bool is_valid(topology::MemberState v) {
  return within(v, topology::MemberState::active, topology::MemberState::lost);
}
constexpr bool is_valid(StoreReason v) { return within(v, StoreReason::write, StoreReason::stand_in); }
constexpr bool is_valid(StoreResult v) { return within(v, StoreResult::stored, StoreResult::refused); }

}  // namespace rift::wire::proto
