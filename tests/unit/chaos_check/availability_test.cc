#include "chaos/check/availability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

// Cut at 5 s, healed at 25 s: n1 n2 n3 | n4 n5.
Timeline split() {
  return {.start = at_ms(0),
          .cut = at_ms(5000),
          .heal = at_ms(25000),
          .end = at_ms(35000),
          .majority = {NodeId(1), NodeId(2), NodeId(3)},
          .minority = {NodeId(4), NodeId(5)}};
}

TEST(Availability, CountsScheduledAttemptsOutsideTheGraceOnly) {
  const auto ops =
      history({write("before", {4900, 4901}), not_done(write("grace", {7499, 7500})), write("a", {7500, 7501}),
               not_done(write("b", {8000, 8001})), unknown(write("c", {9000, 10000})), write("d", {24000, 24001}),
               write("after", {25000, 25001}), write("other side", {9000, 9001}, 4)});
  const auto found = availability_of(ops, "bank", Side::majority, split());
  EXPECT_EQ(found.all.attempts, 4U);
  EXPECT_EQ(found.all.available, 2U);
  EXPECT_DOUBLE_EQ(found.all.ratio(), 0.5);
  EXPECT_EQ(found.outcomes.ok, 2U);
  EXPECT_EQ(found.outcomes.not_done, 2U);
  EXPECT_EQ(found.outcomes.unknown, 1U);
  EXPECT_EQ(availability_of(ops, "carts", Side::majority, split()).all.attempts, 0U);
}

TEST(Availability, CountsAFailedConditionAsAnAnswer) {
  const auto ops = history({failed_cas("a", "b", "c", {9000, 9001}), read("x", {9100, 9101})});
  const auto found = availability_of(ops, "bank", Side::majority, split());
  EXPECT_EQ(found.all.available, 2U);
  EXPECT_EQ(found.reads.attempts, 1U);
  EXPECT_EQ(found.writes.attempts, 1U);
}

TEST(Availability, CountsByTheScheduleEvenIfTheClientSentLate) {
  Operation late = write("a", {25500, 25501});
  late.scheduled = at_ms(24900);
  const auto found = availability_of(history({late}), "bank", Side::majority, split());
  EXPECT_EQ(found.all.attempts, 1U);
  EXPECT_EQ(found.all.available, 0U);
}

TEST(Availability, LeavesOutTheGraceAfterEveryChange) {
  Timeline timeline = split();
  timeline.changes = {at_ms(10000)};
  const auto ops = history(
      {write("a", {9999, 10000}), write("b", {10000, 10001}), write("c", {12499, 12500}), write("d", {12500, 12501})});
  EXPECT_EQ(availability_of(ops, "bank", Side::majority, timeline).all.attempts, 2U);
}

TEST(Availability, CallsAnOperationThatAMinorityDidWhileCutOff) {
  const auto ops = history({write("in flight", {5050, 5200}, 4), write("too late", {5101, 5300}, 4),
                            write("answered by the healed network", {24900, 25000}, 5), read("x", {9000, 9001}, 5),
                            failed_cas("a", "b", "c", {9000, 9001}, 5)});
  const auto found = availability_of(ops, "bank", Side::minority, split());
  EXPECT_EQ(found.late_done, 2U);
  EXPECT_THAT(found.late_done_witness, ::testing::ElementsAre(20, 40));
}

TEST(Availability, MeasuresFirstSuccessAndTheLongestGap) {
  const auto ops = history(
      {write("before", {4999, 5003}), write("a", {5900, 6200}), write("b", {9000, 9200}), write("c", {20000, 20200})});
  const auto found = availability_of(ops, "bank", Side::majority, split());
  EXPECT_EQ(found.first_success, std::chrono::milliseconds(1200));
  EXPECT_EQ(found.longest_gap, std::chrono::milliseconds(11000));
  const auto silent = availability_of({}, "bank", Side::minority, split());
  EXPECT_FALSE(silent.first_success.has_value());
  EXPECT_EQ(silent.longest_gap, std::chrono::seconds(20));
}

TEST(Availability, CutsTheRunIntoStepsPerNode) {
  const auto ops = history({write("a", {0, 1}), write("b", {249, 250}), not_done(write("c", {250, 251})),
                            write("d", {34999, 35000}, 5), write("stray", {35000, 35001})});
  const std::vector<std::uint64_t> stale = {20, 55};
  const auto series = node_series(ops, "bank", split(), stale);
  ASSERT_EQ(series.size(), 5U);
  ASSERT_EQ(series[0].steps.size(), 140U);
  EXPECT_EQ(series[0].steps[0].tally.attempts, 2U);
  EXPECT_EQ(series[0].steps[1].tally.attempts, 1U);
  EXPECT_EQ(series[0].steps[1].tally.available, 0U);
  EXPECT_EQ(series[4].node, NodeId(5));
  EXPECT_EQ(series[4].steps[139].tally.available, 1U);
  EXPECT_EQ(series[0].steps[0].stale, 1U);
  EXPECT_EQ(series[0].steps[1].stale, 0U);
}

TEST(Availability, CountsKeysContendedAcrossTheSides) {
  const auto ops = history({on("x", write("a", {6000, 6001}, 1)), on("x", read("a", {6000, 6001}, 4)),
                            on("y", read("a", {6000, 6001}, 1)), on("y", read("a", {6000, 6001}, 4)),
                            on("z", write("b", {6000, 6001}, 1)), on("z", write("c", {30000, 30001}, 4))});
  EXPECT_EQ(contended_keys(ops, "bank", split()), 1U);
}

}  // namespace
}  // namespace rift::chaos::check
