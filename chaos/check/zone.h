// Linearizability of one register per key with unique written values, unknown outcomes included, in O(n log n): the zone test
// (Gibbons and Korach 1997, extended to compare-and-set chains and open operations). Not a general checker: a key that breaks
// the assumptions (a value written twice, a delete that cannot be told from "never written") is reported inconclusive, never
// passed. Pure functions; called after a run by verdict.cc, from any thread.
//
// How it works. A value's creator and its reads form a cluster; a successful compare-and-set a -> b glues the cluster of a
// directly before that of b, which gives units. Let first_end be the earliest end in a unit and last_start the latest start.
// A unit with first_end < last_start must hold the register for that whole stretch, so two such stretches must not overlap,
// and no other unit may lie inside one. Pairs are enough: in any cycle of forced orders the unit with the greatest last_start
// forms a cycle of two with its successor. An unknown write counts only if somebody saw its value; then its end is infinite.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

enum class Linearizable : std::uint8_t { yes, no, inconclusive };

struct KeyFinding {
  Linearizable answer = Linearizable::yes;
  std::string key;
  std::string reason;                  // one plain sentence, empty for yes
  std::vector<std::uint64_t> witness;  // at most six operation indexes, in order of invocation; only for no
};

// All operations of one key of one keyspace, in any order.
KeyFinding check_key(std::span<const Operation* const> operations);

struct LinearizabilityReport {
  Linearizable answer = Linearizable::yes;  // no beats inconclusive beats yes
  std::uint64_t keys = 0;
  std::uint64_t operations = 0;
  std::vector<KeyFinding> findings;  // keys that are not yes, violations first, then by key
};

// Every key of `keyspace` (linearizability holds for the whole exactly if it holds for each key: Herlihy and Wing 1990).
LinearizabilityReport check_linearizable(std::span<const Operation> operations, std::string_view keyspace);
// With what the owners held at the end taken for reads after everything else, so that a lost write shows although nobody read
// the key again. A key that was ever deleted and is absent is left out: its last delete cannot be told from an earlier one.
LinearizabilityReport check_linearizable(std::span<const Operation> operations, std::string_view keyspace,
                                         const FinalState& final_state);

}  // namespace rift::chaos::check
