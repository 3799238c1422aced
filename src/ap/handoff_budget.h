// How much a node spends on bringing owners what it owes them, all partitions and targets together (trap T29): bulk work takes turns and leaves
// room for clients. A leaky bucket in virtual time. One per node, beside the stamper; used by HintDelivery, on the shard's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"
#include "base/time.h"

namespace rift::ap {

class HandoffBudget {
 public:
  // Above 0.
  explicit HandoffBudget(std::uint64_t bytes_per_second = limits::handoff_bytes_per_second)
      : bytes_per_second_(bytes_per_second) {
    ASSERT(bytes_per_second > 0);
  }

  // A page of that many bytes was brought over. The earliest time for the next one, in the order of the calls: nobody is passed over, and a page
  // larger than a second's share only waits longer. At or before `now`: at once.
  Time pay(Time now, std::uint64_t bytes) {
    paid_until_ =
        std::max(paid_until_, now) + Duration(static_cast<Duration::rep>(bytes * per_second / bytes_per_second_));
    return paid_until_ - limits::handoff_burst;
  }

 private:
  static constexpr std::uint64_t per_second = Duration(std::chrono::seconds(1)).count();

  std::uint64_t bytes_per_second_;
  Time paid_until_{};
};

}  // namespace rift::ap
