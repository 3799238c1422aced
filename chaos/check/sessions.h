// Two session guarantees of clients that stay with one node (CONTRACTS 6), for an ap keyspace: read your writes, monotonic reads. Per client and
// key, by the order of versions: a read returns no older version than what an operation of the same client, ended before the read began, wrote or
// returned. Where versions say nothing (a bare wall clock), read your writes by time: it returns nothing that had been written before the client's own
// last write began. Pure functions, called after a run.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"
#include "chaos/check/staleness.h"

namespace rift::chaos::check {

struct BrokenSession {
  std::uint64_t before = 0;  // operation index: what the client had written or read
  std::uint64_t read = 0;    // the older answer
};

struct SessionReport {
  std::uint64_t judged = 0;  // reads that had something to be held against
  std::uint64_t unread_writes = 0;
  std::uint64_t reads_back = 0;
  std::vector<BrokenSession> offenders{};  // the first ones, at most session_offenders_max
  std::uint64_t broken() const { return unread_writes + reads_back; }
};

constexpr std::size_t session_offenders_max = 3;

// `by_tokens`: clients pass on the version of every answer, so that a degraded one binds what follows like any other; without, it said that an older
// one may follow.
SessionReport find_broken_sessions(std::span<const Operation> operations, std::string_view keyspace,
                                   NewerBy newer_by = NewerBy::time_and_version, bool by_tokens = false);

}  // namespace rift::chaos::check
