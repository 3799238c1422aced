// When a read's fetch that dawdles is asked of a second owner, and how many may be (DESIGN 6): after the 95th percentile of the fetches that
// were not hedged, so that the measure does not follow its own remedy, and out of a bucket that each read fills by a twentieth, so that where
// everything is slow the load grows by a twentieth and no more. One per node, beside the stamper; used by Reads, on the shard's thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/time.h"

namespace rift::ap {

class Hedging {
 public:
  static constexpr Duration delay_min = std::chrono::milliseconds(1);
  static constexpr std::size_t reads_per_hedge = 20;
  static constexpr std::size_t hedges_in_a_row_max = 10;

  // A read that asks other owners begins.
  void note_read() { saved_ = std::min(saved_ + 1, reads_per_hedge * hedges_in_a_row_max); }
  // One that asked one owner for the value has it.
  void note_fetch(Duration took) {
    taken_[next_] = took;
    next_ = (next_ + 1) % taken_.size();
    known_ = std::min(known_ + 1, taken_.size());
    auto sorted = taken_;
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(known_ * 95 / 100);
    std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(known_));
    delay_ = std::max(*at, delay_min);
  }
  // How long the first owner is waited for; Reads rounds it up to the grid of its Deadlines.
  Duration delay() const { return delay_; }
  // True: one more may be asked, and is paid for.
  bool take() {
    if (saved_ < reads_per_hedge) return false;
    saved_ -= reads_per_hedge;
    return true;
  }

 private:
  std::array<Duration, 64> taken_{};
  std::size_t next_ = 0;
  std::size_t known_ = 0;
  Duration delay_ = delay_min;
  std::size_t saved_ = 0;  // in twentieths of a hedge
};

}  // namespace rift::ap
