#include "chaos/check/objects.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace rift::chaos::check {
namespace {

template <class T>
std::map<std::string, std::vector<const T*>> by_key(std::span<const T> all) {
  std::map<std::string, std::vector<const T*>> result;
  for (const T& one : all) result[one.key].push_back(&one);
  return result;
}

// Of two done additions in real time, the later one must have seen the earlier one.
void check_results(const std::string& key, std::vector<const Addition*> done, std::vector<std::string>& failures) {
  std::map<std::int64_t, const Addition*> results;
  for (const Addition* one : done) {
    if (!one->result) continue;
    if (!results.emplace(*one->result, one).second)
      failures.push_back(fmt::format("counter {}: two additions both made it {}", key, *one->result));
  }
  // In order of results: nothing may have ended before something with a smaller result began.
  Time ended = Time::max();
  for (auto it = results.rbegin(); it != results.rend(); ++it) {
    if (it->second->attempt.invoke > ended) {
      failures.push_back(
          fmt::format("counter {}: the addition that made it {} began after a larger result", key, it->first));
      return;
    }
    ended = std::min(ended, it->second->attempt.complete);
  }
}

bool is_prefix(const List& part, const List& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

void check_list(const std::string& key, const std::vector<const Appending*>& appendings, const List& list,
                std::vector<std::string>& failures) {
  std::map<std::string, std::size_t> times;
  for (const std::string& tag : list) ++times[tag];
  std::set<std::string> known;
  for (const Appending* one : appendings) {
    known.insert(one->tag);
    const auto found = times.find(one->tag);
    const std::size_t count = found == times.end() ? 0 : found->second;
    if (count > 1) failures.push_back(fmt::format("list {}: {} was appended {} times", key, one->tag, count));
    if (count == 0 && one->attempt.outcome == Outcome::done)
      failures.push_back(fmt::format("list {}: {} was acknowledged and is not there", key, one->tag));
    if (count > 0 && one->attempt.outcome == Outcome::not_done)
      failures.push_back(fmt::format("list {}: {} was refused and is there", key, one->tag));
  }
  for (const auto& [tag, count] : times) {
    if (!known.contains(tag)) failures.push_back(fmt::format("list {}: nobody appended {}", key, tag));
  }
}

void check_list_read(const ListRead& read, const List& list, const std::vector<const Appending*>& appendings,
                     std::vector<std::string>& failures) {
  if (!is_prefix(read.list, list)) {
    failures.push_back(fmt::format("list {}: a read of {} tags is no beginning of the final list of {}", read.key,
                                   read.list.size(), list.size()));
    return;
  }
  const std::set<std::string> seen(read.list.begin(), read.list.end());
  for (const Appending* one : appendings) {
    if (one->attempt.outcome != Outcome::done || one->attempt.complete >= read.attempt.invoke ||
        seen.contains(one->tag))
      continue;
    failures.push_back(
        fmt::format("list {}: a read did not see {}, which had been acknowledged before", read.key, one->tag));
    return;
  }
}

Time held_until(const Holding& holding) {
  const Time lease_over = holding.invoke + holding.lease;
  return holding.unlock_invoke ? std::min(*holding.unlock_invoke, lease_over) : lease_over;
}

}  // namespace

std::vector<std::string> check_counters(std::span<const Addition> additions,
                                        const std::map<std::string, std::int64_t>& final_values) {
  std::vector<std::string> failures;
  for (const auto& [key, all] : by_key(additions)) {
    std::vector<const Addition*> done;
    std::int64_t unknown = 0;
    for (const Addition* one : all) {
      if (one->attempt.outcome == Outcome::done) done.push_back(one);
      unknown += one->attempt.outcome == Outcome::unknown ? 1 : 0;
    }
    const auto held = final_values.find(key);
    const std::int64_t value = held == final_values.end() ? 0 : held->second;
    const auto least = static_cast<std::int64_t>(done.size());
    if (value < least || value > least + unknown) {
      failures.push_back(
          fmt::format("counter {} is {} after {} done additions and {} unknown ones", key, value, least, unknown));
    }
    check_results(key, std::move(done), failures);
  }
  return failures;
}

std::vector<std::string> check_lists(std::span<const Appending> appendings, std::span<const ListRead> reads,
                                     const std::map<std::string, List>& final_lists) {
  std::vector<std::string> failures;
  const auto of_keys = by_key(appendings);
  const auto final_of = [&](const std::string& key) {
    const auto held = final_lists.find(key);
    return held == final_lists.end() ? List() : held->second;
  };
  for (const auto& [key, of_key] : of_keys) check_list(key, of_key, final_of(key), failures);
  for (const ListRead& read : reads) {
    if (read.attempt.outcome != Outcome::done) continue;
    const auto of_key = of_keys.find(read.key);
    check_list_read(read, final_of(read.key),
                    of_key == of_keys.end() ? std::vector<const Appending*>() : of_key->second, failures);
  }
  return failures;
}

std::vector<std::string> check_bank(std::span<const BankRead> reads, std::int64_t total) {
  std::vector<std::string> failures;
  for (const BankRead& read : reads) {
    if (read.attempt.outcome != Outcome::done) continue;
    std::int64_t sum = 0;
    for (const std::int64_t balance : read.balances) sum += balance;
    if (sum != total) failures.push_back(fmt::format("the accounts hold {} together, not {}", sum, total));
  }
  return failures;
}

std::vector<std::string> check_locks(std::span<const Holding> holdings) {
  std::vector<std::string> failures;
  for (auto& [key, of_key] : by_key(holdings)) {
    auto in_order = of_key;
    std::sort(in_order.begin(), in_order.end(), [](const Holding* a, const Holding* b) { return a->fence < b->fence; });
    const Holding* longest = nullptr;  // of those with smaller fences
    for (const Holding* one : in_order) {
      if (longest != nullptr && one->holder != longest->holder) {
        if (one->fence == longest->fence)
          failures.push_back(
              fmt::format("lock {}: {} and {} both have the fence {}", key, longest->holder, one->holder, one->fence));
        if (one->acquired < held_until(*longest))
          failures.push_back(fmt::format("lock {}: given to {} while {} held it", key, one->holder, longest->holder));
      }
      if (longest == nullptr || held_until(*longest) < held_until(*one)) longest = one;
    }
  }
  return failures;
}

}  // namespace rift::chaos::check
