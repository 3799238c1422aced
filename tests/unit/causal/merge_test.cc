#include "causal/merge.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace rift::causal {
namespace {

// Few distinct values per field, so that ties in each of them are common.
rc::Gen<Stamp> any_stamp() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, 3), rc::gen::inRange(1, 4), rc::gen::inRange(0, 3), rc::gen::inRange(0, 3)),
      [](const auto& t) {
        return Stamp{.hlc = Hlc(static_cast<std::uint64_t>(std::get<0>(t))),
                     .dot = Dot{.node = NodeId(static_cast<std::uint32_t>(std::get<1>(t))),
                                .incarnation = static_cast<std::uint64_t>(std::get<2>(t)),
                                .sequence = static_cast<std::uint64_t>(std::get<3>(t))}};
      });
}

// One stamp names one write: the payload follows from it.
rc::Gen<Envelope> any_envelope() {
  return rc::gen::map(any_stamp(), [](const Stamp& stamp) {
    const bool deleted = stamp.dot.sequence == 0;
    return Envelope{
        .kind = deleted ? Kind::tombstone : Kind::value,
        .stamp = stamp,
        .payload = deleted ? Bytes() : Bytes(std::to_string(stamp.hlc.bits()) + std::to_string(stamp.dot.sequence))};
  });
}

RC_GTEST_PROP(Merge, T12Commutes, ()) {
  const auto a = *any_envelope(), b = *any_envelope();
  RC_ASSERT(merge(a, b) == merge(b, a));
}

RC_GTEST_PROP(Merge, T12Associates, ()) {
  const auto a = *any_envelope(), b = *any_envelope(), c = *any_envelope();
  RC_ASSERT(merge(a, merge(b, c)) == merge(merge(a, b), c));
}

RC_GTEST_PROP(Merge, T12IsIdempotent, ()) {
  const auto a = *any_envelope();
  RC_ASSERT(merge(a, a) == a);
}

RC_GTEST_PROP(Merge, T12AnyOrderWithDuplicatesEndsTheSame, ()) {
  const auto versions = *rc::gen::nonEmpty(rc::gen::container<std::vector<Envelope>>(any_envelope()));
  const auto order = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange(std::size_t{0}, versions.size()));
  Envelope straight = versions.front();
  for (const auto& version : versions) straight = merge(straight, version);
  Envelope shuffled = versions.back();
  for (const std::size_t i : order) shuffled = merge(versions[i], shuffled);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) shuffled = merge(*it, shuffled);
  RC_ASSERT(straight == shuffled);
}

RC_GTEST_PROP(Merge, T04ExactlyOneOfTwoDifferentStampsWins, ()) {
  const auto a = *any_stamp(), b = *any_stamp();
  RC_ASSERT(wins(a, b) + wins(b, a) == (a == b ? 0 : 1));
}

RC_GTEST_PROP(Merge, T05WinningHasNoCycles, ()) {
  const auto a = *any_stamp(), b = *any_stamp(), c = *any_stamp();
  RC_ASSERT(!wins(a, b) || !wins(b, c) || wins(a, c));
}

TEST(Merge, TheClockDecidesFirstThenTheActorThenTheSequence) {
  const auto stamp = [](std::uint64_t hlc, std::uint32_t node, std::uint64_t incarnation, std::uint64_t sequence) {
    return Stamp{.hlc = Hlc(hlc), .dot = Dot{.node = NodeId(node), .incarnation = incarnation, .sequence = sequence}};
  };
  EXPECT_TRUE(wins(stamp(2, 1, 1, 1), stamp(1, 9, 9, 9)));
  EXPECT_TRUE(wins(stamp(1, 2, 1, 1), stamp(1, 1, 9, 9)));
  EXPECT_TRUE(wins(stamp(1, 1, 2, 1), stamp(1, 1, 1, 9)));
  EXPECT_TRUE(wins(stamp(1, 1, 1, 2), stamp(1, 1, 1, 1)));
}

}  // namespace
}  // namespace rift::causal
