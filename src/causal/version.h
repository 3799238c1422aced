// Versions of AP data: hybrid logical clock stamps, dots, and the envelope in which a value travels and is stored. The merge is a total
// order (hlc, actor, sequence), so it commutes, associates and is idempotent; causality is enforced when stamping, never in the merge
// (trap T05). Pure values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

namespace rift::causal {

// 48 bit milliseconds since 1970, 16 bit logical counter (Kulkarni et al. 2014).
class Hlc {
 public:
  constexpr Hlc() = default;
  explicit constexpr Hlc(std::uint64_t bits) : bits_(bits) {}
  static constexpr Hlc from_wall(WallTime wall) {
    return Hlc(static_cast<std::uint64_t>(wall.time_since_epoch().count()) << 16);
  }
  constexpr std::uint64_t bits() const { return bits_; }
  constexpr WallTime wall() const { return WallTime(WallTime::duration(static_cast<std::int64_t>(bits_ >> 16))); }
  friend constexpr auto operator<=>(Hlc, Hlc) = default;

 private:
  std::uint64_t bits_ = 0;
};

// Names one write for ever. Incarnation = counter (upper 32 bit) | random (lower 32 bit).
struct Dot {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  friend constexpr auto operator<=>(const Dot&, const Dot&) = default;
};

// A version's place in the total order; a zero stamp is older than every write.
struct Stamp {
  Hlc hlc;
  Dot dot;
  friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

enum class Kind : std::uint8_t { value = 1, tombstone = 2 };

// Every write of one life of a node, up to `sequence`.
struct Actor {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  friend bool operator==(const Actor&, const Actor&) = default;
};

struct Envelope {
  Kind kind = Kind::value;
  Stamp stamp;
  Bytes payload;
  std::vector<Actor> context{};  // what its writer had seen of the key; at most limits::context_actors_max
  WallTime expiry{};             // from here on it is absent; zero: never
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace rift::causal
