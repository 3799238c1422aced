#include "chaos/check/staleness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Staleness, MeasuresFromTheEarliestWriteThatShouldHaveBeenSeen) {
  const auto found = find_stale_reads(
      history({write("a", {0, 10}), write("c", {25, 90}), write("b", {20, 30}), read("a", {100, 101}, 4)}), "bank");
  EXPECT_EQ(found.stale, 1U);
  EXPECT_EQ(found.worst, std::chrono::milliseconds(70));
  ASSERT_EQ(found.offenders.size(), 1U);
  EXPECT_EQ(found.offenders[0].read, 40U);
  EXPECT_EQ(found.offenders[0].overwritten, 10U);
  EXPECT_EQ(found.offenders[0].newer, 30U);
  EXPECT_THAT(found.indexes, ElementsAre(40));
}

TEST(Staleness, IsNotStaleWhileTheWritesOverlapEachOtherOrTheRead) {
  EXPECT_EQ(find_stale_reads(history({write("a", {0, 10}), write("b", {10, 30}), read("a", {100, 101})}), "bank").stale,
            0U);
  EXPECT_EQ(find_stale_reads(history({write("a", {0, 10}), write("b", {11, 30}), read("a", {30, 31})}), "bank").stale,
            0U);
  EXPECT_EQ(find_stale_reads(history({write("a", {0, 10}), unknown(write("b", {11, 30})), read("a", {90, 91})}), "bank")
                .stale,
            0U);
  EXPECT_EQ(
      find_stale_reads(history({write("a", {0, 10}), not_done(write("b", {11, 30})), read("a", {90, 91})}), "bank")
          .stale,
      0U);
  EXPECT_EQ(find_stale_reads(history({unknown(write("a", {0, 10})), write("b", {11, 30}), read("a", {90, 91})}), "bank")
                .stale,
            0U);
}

TEST(Staleness, CountsAnAbsentAnswerAfterAnAcknowledgedWrite) {
  const auto found = find_stale_reads(history({write("a", {0, 10}), read(std::nullopt, {15, 16}, 5)}), "bank");
  EXPECT_EQ(found.stale, 1U);
  EXPECT_EQ(found.worst, std::chrono::milliseconds(5));
}

TEST(Staleness, TellsTombstonesApartByTheirVersion) {
  EXPECT_EQ(find_stale_reads(history({write("a", {0, 1}), erase("t", {2, 3}), absent("t", {4, 5})}), "bank").stale, 0U);
  EXPECT_EQ(find_stale_reads(history({erase("t", {0, 1}), write("a", {2, 3}), absent("t", {4, 5})}), "bank").stale, 1U);
  EXPECT_EQ(find_stale_reads(history({erase("t", {0, 1}), absent("", {4, 5})}), "bank").unjudged, 1U);
}

TEST(Staleness, NamesReadsOfValuesThatNobodyCanHaveWritten) {
  const auto found = find_stale_reads(history({read("ghost", {0, 1}), not_done(write("a", {0, 1})), read("a", {2, 3}),
                                               read("b", {4, 5}), write("b", {6, 7})}),
                                      "bank");
  EXPECT_THAT(found.phantoms, ElementsAre(10, 30, 40));
  EXPECT_EQ(found.stale, 0U);
}

// The definition, word for word, in quadratic time.
std::uint64_t stale_by_definition(const std::vector<Operation>& ops, Duration& worst) {
  std::uint64_t count = 0;
  for (const Operation& read : ops) {
    if (read.kind != Kind::read) continue;
    const Operation* creator = nullptr;
    for (const Operation& op : ops) {
      if (is_write(op) && op.value == read.value && op.outcome != Outcome::not_done) creator = &op;
    }
    if (creator != nullptr && (creator->outcome == Outcome::unknown || read.complete < creator->invoke)) continue;
    if (creator == nullptr && read.value) continue;
    Time earliest = Time::max();
    for (const Operation& op : ops) {
      if (is_done_write(op) && (creator == nullptr || op.invoke > creator->complete))
        earliest = std::min(earliest, op.complete);
    }
    if (earliest >= read.invoke) continue;
    ++count;
    worst = std::max(worst, read.invoke - earliest);
  }
  return count;
}

TEST(Staleness, AgreesWithTheDefinitionOnRandomHistories) {
  Rng rng(5);
  std::uint64_t seen = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::vector<Operation> ops;
    for (int i = 0; i < 12; ++i) {
      const auto from = static_cast<std::int64_t>(rng.below(40));
      const Span span{from, from + static_cast<std::int64_t>(rng.below(8))};
      const std::string tag = "v" + std::to_string(rng.below(6));
      if (i >= 6) ops.push_back(read(rng.chance(0.2) ? Value() : Value(tag), span));
      if (i >= 6) continue;
      Operation op = write("v" + std::to_string(i), span);
      ops.push_back(rng.chance(0.2) ? unknown(op) : rng.chance(0.1) ? not_done(op) : op);
    }
    ops = history(std::move(ops));
    Duration worst{};
    const auto expected = stale_by_definition(ops, worst);
    const auto found = find_stale_reads(ops, "bank");
    ASSERT_EQ(found.stale, expected) << "round " << round;
    ASSERT_EQ(found.worst, worst) << "round " << round;
    seen += expected;
  }
  EXPECT_GT(seen, 5'000U);
}

Operation with_version(Operation op, std::string version) {
  op.version = std::move(version);
  return op;
}

// The clock of c's node stands behind: its write began after a's and lost to it.
TEST(Staleness, OfAnApKeyspaceGoesByVersionsAsWell) {
  auto ops = history({with_version(write("a", {0, 10}), "a.1.1.1"), with_version(write("c", {20, 30}), "9.2.1.1"),
                      with_version(read("a", {100, 101}), "a.1.1.1")});
  EXPECT_EQ(find_stale_reads(ops, "bank").stale, 1U);
  EXPECT_EQ(find_stale_reads(ops, "bank", NewerBy::time_and_version).stale, 0U);
  ops[1].version = "b.2.1.1";
  EXPECT_EQ(find_stale_reads(ops, "bank", NewerBy::time_and_version).stale, 1U);
}

TEST(Staleness, IsMeasuredFromTheEarliestWriteWithALargerVersion) {
  const auto found = find_stale_reads(
      history({with_version(write("a", {0, 10}), "5.1.1.1"), with_version(write("b", {20, 30}), "4.2.1.1"),
               with_version(write("c", {40, 50}), "6.2.1.2"), with_version(read("a", {100, 101}), "5.1.1.1")}),
      "bank", NewerBy::time_and_version);
  ASSERT_EQ(found.offenders.size(), 1U);
  EXPECT_EQ(found.offenders[0].newer, 30U);
  EXPECT_EQ(found.worst, std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace rift::chaos::check
