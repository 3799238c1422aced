#include "chaos/check/convergence.h"

#include <algorithm>

namespace rift::chaos::check {
namespace {

using FirstWrites = std::map<std::string_view, Time>;

// When each key was first written after the heal: from then on it says nothing about the fault.
FirstWrites first_writes_after(std::span<const Operation> operations, std::string_view keyspace, Time heal) {
  FirstWrites first;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || !is_write(op) || op.invoke < heal) continue;
    const auto [at, is_new] = first.emplace(op.key, op.invoke);
    if (!is_new) at->second = std::min(at->second, op.invoke);
  }
  return first;
}

bool are_equal(const std::vector<std::string>& versions) {
  return std::adjacent_find(versions.begin(), versions.end(), std::not_equal_to<>()) == versions.end();
}

}  // namespace

Convergence find_convergence(std::span<const Operation> operations, std::string_view keyspace, Time heal,
                             std::span<const VersionSample> samples) {
  const FirstWrites rewritten = first_writes_after(operations, keyspace, heal);
  Convergence found;
  for (const VersionSample& sample : samples) {
    if (sample.at < heal) continue;
    ++found.samples;
    std::uint64_t keys = 0;
    bool is_equal = true;
    for (const auto& [key, versions] : sample.versions) {
      const auto written = rewritten.find(key);
      if (written != rewritten.end() && written->second <= sample.at) continue;
      ++keys;
      is_equal = is_equal && are_equal(versions);
    }
    if (keys == 0) continue;
    found.keys = keys;
    if (!is_equal) found.took.reset();
    if (is_equal && !found.took) found.took = sample.at - heal;
  }
  return found;
}

bool digests_agree(std::span<const std::string> digests) {
  return std::adjacent_find(digests.begin(), digests.end(), std::not_equal_to<>()) == digests.end();
}

}  // namespace rift::chaos::check
