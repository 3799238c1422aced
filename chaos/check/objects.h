// Checkers for what is more than a register: counters that are added to, lists that are appended to, accounts between which money moves, locks
// with a lease. Each takes what the clients were told and what the store held at the end, and answers with plain sentences, none when all
// is well. Unknown attempts may have happened or not, and at most once. Pure functions, called after a run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "base/time.h"

namespace rift::chaos::check {

struct Attempted {
  Outcome outcome = Outcome::unknown;
  Time invoke{};
  Time complete = Time::max();
};

// Adds 1 to a counter; `result` is what the counter was told to be afterwards.
struct Addition {
  std::string key;
  std::optional<std::int64_t> result;
  Attempted attempt;
};
// Each done addition counted once, no refused one; results are unique and in the order of real time.
std::vector<std::string> check_counters(std::span<const Addition> additions,
                                        const std::map<std::string, std::int64_t>& final_values);

using List = std::vector<std::string>;

// Puts a unique tag at the end of a list.
struct Appending {
  std::string key;
  std::string tag;
  Attempted attempt;
};
struct ListRead {
  std::string key;
  List list;
  Attempted attempt;
};
// Each tag at most once, every done one there and no refused one; every read shows a beginning of the final list, and everything that
// was done before it began.
std::vector<std::string> check_lists(std::span<const Appending> appendings, std::span<const ListRead> reads,
                                     const std::map<std::string, List>& final_lists);

// All accounts read at one revision.
struct BankRead {
  std::vector<std::int64_t> balances;
  Attempted attempt;
};
std::vector<std::string> check_bank(std::span<const BankRead> reads, std::int64_t total);

// A lock that was given, to a holder that did not keep it alive: it held it at least until it asked to unlock or until the lease after its request
// was over, whichever came first.
struct Holding {
  std::string key;
  std::string holder;
  std::uint64_t fence = 0;
  Time invoke{};
  Time acquired{};
  std::optional<Time> unlock_invoke{};
  Duration lease{};
};
// No two hold one lock at a time, and fences grow from holder to holder.
std::vector<std::string> check_locks(std::span<const Holding> holdings);

}  // namespace rift::chaos::check
