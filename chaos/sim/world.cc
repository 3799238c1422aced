#include "chaos/sim/world.h"

#include <algorithm>

#include "base/hash.h"

namespace rift::chaos::sim {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = (a ^ b) * 0xff51afd7ed558ccdULL;
  x ^= x >> 32;
  return x * 0xc4ceb9fe1a85ec53ULL;
}

}  // namespace

void World::at(Time when, Task task) { heap_.emplace(std::pair(std::max(when, now_), sequence_++), std::move(task)); }

void World::run_until(Time end) {
  while (!heap_.empty() && heap_.begin()->first.first <= end) {
    auto node = heap_.extract(heap_.begin());
    now_ = node.key().first;
    ++events_;
    node.mapped()();
  }
  now_ = std::max(now_, end);
}

void World::trace(std::string_view what, std::uint64_t who, std::string_view bytes) {
  trace_hash_ = mix(trace_hash_, static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  trace_hash_ = mix(trace_hash_, xxh3_64(what) + who);
  if (!bytes.empty()) trace_hash_ = mix(trace_hash_, xxh3_64(bytes));
}

}  // namespace rift::chaos::sim
