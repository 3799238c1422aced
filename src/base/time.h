// Time types. `Time` is a steady instant handed in by the loop: no room below node ever reads a clock. `WallTime` is
// milliseconds since 1970 and is used for stamps and logs only, never for a timer (trap 5).
#pragma once

#include <chrono>
#include <cstdint>

namespace rift {

using Duration = std::chrono::nanoseconds;

struct SteadyTag {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyTag>;
  static constexpr bool is_steady = true;
};
using Time = std::chrono::time_point<SteadyTag>;

struct WallTag {
  using rep = std::int64_t;
  using period = std::milli;
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::time_point<WallTag>;
  static constexpr bool is_steady = false;
};
using WallTime = std::chrono::time_point<WallTag>;

// Both clocks, read together once per round, after the inbox is taken.
struct Now {
  Time steady{};
  WallTime wall{};
};

constexpr double to_milliseconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }
constexpr double to_seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }

}  // namespace rift
