// Seeded pseudo-random numbers (xoshiro256**, Blackman and Vigna 2018) with distributions of our own: those of <random>
// differ by library and would break replay. One per node or simulator; not for secrets.
#pragma once

#include <array>
#include <cstdint>

#include "base/ids.h"
#include "base/time.h"

namespace rift {

class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);                      // [0, bound), bound > 0
  std::uint64_t between(std::uint64_t low, std::uint64_t high);  // [low, high]
  bool chance(double probability);
  double unit();  // [0, 1)
  Duration between(Duration low, Duration high);
  Uuid uuid();
  Rng fork();  // an independent stream

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace rift
