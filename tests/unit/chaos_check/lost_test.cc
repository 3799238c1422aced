#include "chaos/check/lost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint64_t> lost(const std::vector<Operation>& ops, Mode mode, const FinalState& state) {
  return find_lost_writes(ops, "bank", mode, state).lost;
}

TEST(Lost, FindsNothingWhenTheFinalValueIsTheLastWrite) {
  const auto ops = history({write("a", {0, 1}), write("b", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), IsEmpty());
  EXPECT_EQ(find_lost_writes(ops, "bank", Mode::ap, {{"k", {"b"}}}).judged, 2U);
}

TEST(Lost, CallsTheLoserOfTwoWritesOnEitherSideOfASplit) {
  const auto ops = history({write("a", {0, 5}), write("b", {3, 8}, 4)});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), ElementsAre(10));
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a"}}}), ElementsAre(20));
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a", "b"}}}), IsEmpty());
}

TEST(Lost, CallsAnAcknowledgedWriteThatAnOlderValueOutlived) {
  const auto ops = history({write("a", {0, 1}), write("b", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"a"}}}), ElementsAre(20));
  EXPECT_THAT(lost(ops, Mode::cp, {}), ElementsAre(20));
}

TEST(Lost, DoesNotBlameWritesThatWereNeverAcknowledged) {
  const auto ops = history({unknown(write("a", {0, 1})), not_done(write("b", {2, 3}))});
  EXPECT_THAT(lost(ops, Mode::cp, {}), IsEmpty());
}

TEST(Lost, TakesACompareAndSetAsHavingSeenWhatItExpected) {
  const auto ops = history({write("a", {0, 9}), cas("a", "b", {1, 5})});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), IsEmpty());
}

TEST(Lost, LetsAnOverlappingWriteOfTheSameGroupOverwriteByItsOrderOnly) {
  auto first = write("a", {0, 5});
  auto second = write("b", {3, 8});
  first.revision = 7;
  second.revision = 8;
  EXPECT_THAT(lost(history({first, second}), Mode::cp, {{"k", {"b"}}}), IsEmpty());
  EXPECT_THAT(lost(history({first, second}), Mode::cp, {{"k", {"a"}}}), ElementsAre(20));
}

TEST(Lost, CountsAnUnknownWriteAsOverwritingOnlyIfItWasSeen) {
  const auto ops = history({write("a", {0, 1}), unknown(write("b", {2, 3}))});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"b"}}}), IsEmpty());
  EXPECT_THAT(lost(ops, Mode::cp, {}), ElementsAre(10));
}

TEST(Lost, ExpectsADeletedKeyToStayAbsent) {
  const auto ops = history({write("a", {0, 1}), erase("t", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::ap, {}), IsEmpty());
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a"}}}), ElementsAre(20));
}

}  // namespace
}  // namespace rift::chaos::check
