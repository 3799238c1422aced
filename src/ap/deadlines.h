// The times at which writes and reads want to be looked at again, rounded up to a grid so that many share one tick. An entry whose operation is
// finished is dropped when it comes to the front. Used by the parts of one ap replica.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace rift::ap {

class Deadlines {
 public:
  static constexpr Duration grid = std::chrono::milliseconds(5);

  void add(Time at, std::uint64_t token) {
    const auto steps = (at.time_since_epoch() + grid - Duration(1)) / grid;
    heap_.push_back(Entry{.at = Time(steps * grid), .token = token});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  std::optional<std::uint64_t> take_due(Time now) {
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    return take_first();
  }
  // The first time at which an operation that is still `alive(token)` wants a tick.
  template <class Alive>
  Time next(Alive alive) {
    while (!heap_.empty() && !alive(heap_.front().token)) take_first();
    return heap_.empty() ? Time::max() : heap_.front().at;
  }

 private:
  struct Entry {
    Time at{};
    std::uint64_t token = 0;
  };
  static bool later(const Entry& a, const Entry& b) { return a.at != b.at ? a.at > b.at : a.token > b.token; }
  std::uint64_t take_first() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::uint64_t token = heap_.back().token;
    heap_.pop_back();
    return token;
  }

  std::vector<Entry> heap_;
};

}  // namespace rift::ap
