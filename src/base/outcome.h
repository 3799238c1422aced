// The words every reply is made of, everywhere: what happened (Outcome), what was asked (Level), why (Code).
// A code says what the caller may conclude: definite (nothing happened, a retry is safe), unknown, or fatal (the replica stops).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rift {

enum class Outcome : std::uint8_t {
  done,      // took effect, at least at the level that the receipt states
  not_done,  // proved to have had no effect
  unknown,   // may or may not have taken effect, now or later
};

// 0 means: the keyspace's default. any, of single writes to ap keyspaces: a durable copy on a node that is no owner is enough.
enum class Level : std::uint8_t { unspecified = 0, one = 1, majority = 2, all = 3, any = 4 };

// By what they promise: unspecified (nothing), any, one, majority, all.
constexpr bool is_weaker(Level a, Level b) {
  const auto rank = [](Level level) {
    return level == Level::unspecified ? 0 : level == Level::any ? 1 : static_cast<int>(level) + 1;
  };
  return rank(a) < rank(b);
}

enum class Mode : std::uint8_t { cp = 1, ap = 2 };

enum class Code : std::uint8_t {
  ok = 0,
  // Definite: nothing happened.
  invalid = 1,    // malformed request: empty key, bad flag, unknown level
  too_large = 2,  // past a limit of DESIGN 12
  unknown_keyspace = 3,
  unsupported = 4,        // the keyspace's mode refuses this verb by name (cas on ap)
  condition_failed = 5,   // a compare-and-set whose condition did not hold; the reply carries what was seen
  not_leader = 6,         // this replica does not lead; receipt.leader may name who does
  no_leader = 7,          // no leader is known, or the leader has lost its quorum
  level_unreachable = 8,  // the level asked cannot be met now; refused before anything was touched
  overloaded = 9,         // a bounded queue is full
  disk_full = 10,
  wrong_node = 11,  // not an owner, or the map is older than the request's
  not_ready = 12,   // not founded yet, starting, or stopping
  already_exists = 13,
  refused = 14,           // Resolve wrote a refusal for this op id
  superseded_entry = 15,  // a committed entry of another term took the proposal's place: proof that it did not happen
  compacted = 16,         // the revision asked for is no longer in the history; the answer says what is
  clock_skewed = 17,      // ap: this node's clock is away from the majority's, it stamps no writes; another owner may
  token_not_met = 18,     // ap: nobody in reach holds what the request's token names
  // Depends on whether it was a retry: the reply's outcome field decides.
  dedup_expired = 20,
  // Unknown: may have taken effect.
  timeout = 30,
  leadership_lost = 31,
  level_missed = 32,  // ap: touched a replica and missed its level
  disconnected = 33,
  // Fatal for the replica.
  corruption = 40,
  io = 41,
  unreachable = 50,  // client side: no connection was ever made, so nothing was sent (definite)
};

std::string_view to_string(Outcome outcome);
std::string_view to_string(Level level);
std::string_view to_string(Mode mode);
std::string_view to_string(Code code);
std::optional<Level> parse_level(std::string_view text);  // "one", "majority", "all", "any"
std::optional<Mode> parse_mode(std::string_view text);    // "cp", "ap"

// True when a request that ended with `code` certainly had no effect. Drives retries, gRPC status, history :fail / :info.
bool took_no_effect(Code code);

// The outcome that `code` implies where a reply does not carry one of its own.
Outcome outcome_of(Code code);

}  // namespace rift
