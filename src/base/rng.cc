#include "base/rng.h"

#include <bit>

#include "base/assert.h"

namespace rift {
namespace {

// splitmix64: spreads a small seed over the whole state.
std::uint64_t spread(std::uint64_t& x) {
  x += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(std::uint64_t seed) : state_{} {
  for (auto& word : state_) word = spread(seed);
}

std::uint64_t Rng::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Rng::below(std::uint64_t bound) {
  ASSERT(bound > 0);
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
}

std::uint64_t Rng::between(std::uint64_t low, std::uint64_t high) {
  ASSERT(low <= high);
  if (low == 0 && high == UINT64_MAX) return next();
  return low + below(high - low + 1);
}

bool Rng::chance(double probability) { return unit() < probability; }

double Rng::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

Duration Rng::between(Duration low, Duration high) {
  ASSERT(low <= high);
  return low + Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((high - low).count()) + 1)));
}

Uuid Rng::uuid() {
  const std::uint64_t high = next();
  return Uuid{high, next()};
}

Rng Rng::fork() { return Rng(next()); }

}  // namespace rift
