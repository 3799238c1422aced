// Which of our values are protobuf scalars, and the integers they become. Internal to wire.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "base/ids.h"
#include "base/time.h"
#include "causal/version.h"

namespace rift::wire::proto {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

constexpr std::size_t varint_size(std::uint64_t value) {
  return (70U - static_cast<unsigned>(__builtin_clzll(value | 1U))) / 7U;  // 1 + index of the highest bit / 7
}
constexpr std::size_t tag_size(unsigned number) { return varint_size(std::uint64_t{number} << 3); }
static_assert(varint_size(0) == 1 && varint_size(127) == 1 && varint_size(128) == 2 && varint_size(UINT64_MAX) == 10);

// to() gives the bits; from() returns false when they do not fit.
template <class T>
struct Scalar;

template <>
struct Scalar<bool> {
  static std::uint64_t to(bool value) { return value ? 1 : 0; }
  static bool from(std::uint64_t bits, bool& value) {
    value = bits != 0;
    return bits <= 1;
  }
};

template <>
struct Scalar<std::uint64_t> {
  static std::uint64_t to(std::uint64_t value) { return value; }
  static bool from(std::uint64_t bits, std::uint64_t& value) {
    value = bits;
    return true;
  }
};

template <>
struct Scalar<std::int64_t> {
  static std::uint64_t to(std::int64_t value) { return static_cast<std::uint64_t>(value); }
  static bool from(std::uint64_t bits, std::int64_t& value) {
    value = static_cast<std::int64_t>(bits);
    return true;
  }
};

template <>
struct Scalar<std::uint32_t> {
  static std::uint64_t to(std::uint32_t value) { return value; }
  static bool from(std::uint64_t bits, std::uint32_t& value) {
    value = static_cast<std::uint32_t>(bits);
    return bits <= std::numeric_limits<std::uint32_t>::max();
  }
};

template <class Tag, class Integer>
struct Scalar<Id<Tag, Integer>> {
  static std::uint64_t to(Id<Tag, Integer> value) { return value.value(); }
  static bool from(std::uint64_t bits, Id<Tag, Integer>& value) {
    Integer integer{};
    const bool fits = Scalar<Integer>::from(bits, integer);
    value = Id<Tag, Integer>(integer);
    return fits;
  }
};

template <class Rep, class Period>
struct Scalar<std::chrono::duration<Rep, Period>> {
  using Span = std::chrono::duration<Rep, Period>;
  static std::uint64_t to(Span value) { return static_cast<std::uint64_t>(value.count()); }
  static bool from(std::uint64_t bits, Span& value) {
    value = Span(static_cast<Rep>(bits));
    return true;
  }
};

template <class Clock, class Span>
struct Scalar<std::chrono::time_point<Clock, Span>> {
  using Point = std::chrono::time_point<Clock, Span>;
  static std::uint64_t to(Point value) { return Scalar<Span>::to(value.time_since_epoch()); }
  static bool from(std::uint64_t bits, Point& value) {
    value = Point(Span(static_cast<typename Span::rep>(bits)));
    return true;
  }
};

template <>
struct Scalar<causal::Hlc> {
  static std::uint64_t to(causal::Hlc value) { return value.bits(); }
  static bool from(std::uint64_t bits, causal::Hlc& value) {
    value = causal::Hlc(bits);
    return true;
  }
};

}  // namespace rift::wire::proto
