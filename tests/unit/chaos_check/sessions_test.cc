#include "chaos/check/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"
#include "chaos/check/ap_version.h"

namespace rift::chaos::check {
namespace {

// By one client, with the version n of one node.
Operation versioned(Operation op, std::uint64_t number, std::uint64_t client = 1) {
  op.version = number == 0 ? std::string() : std::to_string(number) + ".1.7.1";
  op.client = client;
  return op;
}

SessionReport judge(std::vector<Operation> ops) { return find_broken_sessions(history(std::move(ops)), "bank"); }

TEST(ApVersion, IsOrderedByTimeThenByDot) {
  const auto parsed = [](std::string_view text) { return parse_ap_version(text).value(); };
  EXPECT_EQ(parsed("18bc.2.ff.10"), (ApVersion{.hlc = 0x18bc, .node = 2, .incarnation = 0xff, .sequence = 10}));
  EXPECT_LT(parsed("9.9.9.9"), parsed("a.1.1.1"));
  EXPECT_LT(parsed("a.1.1.9"), parsed("a.1.1.10"));
  EXPECT_LT(parsed(""), parsed("1.1.1.1"));
}

TEST(ApVersion, OfARevisionThereIsNone) {
  for (const char* text : {"12", "1.2.3", "1.2.3.4.5", "1.2.3.", "x.1.1.1", "1..1.1", ".1.1.1", "1.f.1.1"})
    EXPECT_FALSE(parse_ap_version(text).has_value()) << text;
}

TEST(Sessions, AClientReadsItsOwnWrite) {
  EXPECT_EQ(judge({versioned(write("a", {0, 10}), 5), versioned(read("a", {20, 30}), 5)}).broken(), 0U);
  EXPECT_EQ(judge({versioned(write("a", {0, 10}), 5), versioned(read("b", {20, 30}), 6)}).broken(), 0U);
  const auto found = judge({versioned(write("a", {0, 10}), 5), versioned(read("b", {20, 30}), 4)});
  EXPECT_EQ(found.unread_writes, 1U);
  EXPECT_EQ(found.reads_back, 0U);
  ASSERT_EQ(found.offenders.size(), 1U);
  EXPECT_EQ(found.offenders[0].before, 10U);
  EXPECT_EQ(found.offenders[0].read, 20U);
}

TEST(Sessions, TheReadsOfAClientDoNotGoBack) {
  const auto found = judge({versioned(read("a", {0, 10}), 5), versioned(read("b", {20, 30}), 4)});
  EXPECT_EQ(found.reads_back, 1U);
  EXPECT_EQ(found.unread_writes, 0U);
  EXPECT_EQ(judge({versioned(read("a", {0, 10}), 5), versioned(read(std::nullopt, {20, 30}), 0)}).reads_back, 1U);
}

TEST(Sessions, ADegradedReadPromisesNothingToLaterOnes) {
  Operation degraded = versioned(read("a", {0, 10}), 5);
  degraded.held = Level::one;
  EXPECT_EQ(judge({degraded, versioned(read("b", {20, 30}), 4)}).broken(), 0U);
  EXPECT_EQ(judge({versioned(write("c", {0, 5}), 6), degraded}).broken(), 0U) << "it is of the same time";
}

TEST(Sessions, AreOfOneClientAndOneKey) {
  EXPECT_EQ(judge({versioned(write("a", {0, 10}), 5), versioned(read("b", {20, 30}), 4, 2)}).broken(), 0U);
  EXPECT_EQ(judge({versioned(write("a", {0, 10}), 5), on("other", versioned(read("b", {20, 30}), 4))}).broken(), 0U);
}

// By the bare wall clock a version may be larger and older.
TEST(Sessions, ByTimeAReadOfWhatWasWrittenBeforeOnesOwnWriteIsBroken) {
  const auto by_time = [](std::vector<Operation> ops) {
    return find_broken_sessions(history(std::move(ops)), "bank", NewerBy::time);
  };
  const Operation early = versioned(write("e", {0, 5}), 9, 2);
  const auto found = by_time({early, versioned(write("a", {10, 15}), 5), versioned(read("e", {20, 30}), 9)});
  EXPECT_EQ(found.unread_writes, 1U);
  EXPECT_EQ(found.judged, 1U);
  ASSERT_EQ(found.offenders.size(), 1U);
  const Operation during = versioned(write("e", {8, 12}), 9, 2);
  EXPECT_EQ(by_time({during, versioned(write("a", {10, 15}), 5), versioned(read("e", {20, 30}), 9)}).broken(), 0U);
  EXPECT_EQ(by_time({early, versioned(write("a", {10, 15}), 5), versioned(read("a", {20, 30}), 5)}).broken(), 0U);
}

TEST(Sessions, ADegradedAnswerBindsClientsWithTokens) {
  Operation degraded = versioned(read("b", {10, 15}), 5);
  degraded.held = Level::one;
  const std::vector<Operation> ops = {degraded, versioned(read("a", {20, 30}), 4)};
  EXPECT_EQ(judge(ops).broken(), 0U);
  EXPECT_EQ(find_broken_sessions(history(ops), "bank", NewerBy::time_and_version, true).broken(), 1U);
}

TEST(Sessions, WhatWasNotOverOrNotDonePromisesNothing) {
  EXPECT_EQ(judge({versioned(write("a", {0, 25}), 5), versioned(read("b", {20, 30}), 4)}).broken(), 0U);
  const auto found = judge({unknown(versioned(write("a", {0, 10}), 5)), versioned(read("b", {20, 30}), 4)});
  EXPECT_EQ(found.broken(), 0U);
  EXPECT_EQ(found.judged, 0U);
}

// The newest of all, not the last: an open loop's operations of one client overlap.
TEST(Sessions, HoldAReadAgainstTheNewestThatWasKnown) {
  EXPECT_EQ(
      judge({versioned(read("a", {0, 10}), 9), versioned(read("b", {1, 12}), 3), versioned(read("c", {20, 30}), 8)})
          .reads_back,
      1U);
}

}  // namespace
}  // namespace rift::chaos::check
