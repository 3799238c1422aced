#include "cli/bench_load.h"

#include <gtest/gtest.h>

#include <set>

namespace rift::cli {
namespace {

constexpr Time start = Time(std::chrono::hours(1));

TEST(BenchHistogram, QuantilesAreWithinTwoPercent) {
  Histogram histogram;
  for (int us = 1; us <= 10'000; ++us) histogram.add(std::chrono::microseconds(us));
  for (const double q : {0.01, 0.5, 0.9, 0.99}) {
    const double exact = q * 1e7;
    const auto measured = static_cast<double>(histogram.quantile(q).count());
    EXPECT_NEAR(measured, exact, exact * 0.02) << q;
  }
  EXPECT_EQ(histogram.quantile(1.0), std::chrono::milliseconds(10));
  EXPECT_EQ(histogram.max(), std::chrono::milliseconds(10));
}

TEST(BenchHistogram, HoldsTheSmallestAndTheLargest) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), Duration::zero());
  histogram.add(Duration::zero());
  histogram.add(std::chrono::hours(10));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.quantile(0), Duration(1));
  EXPECT_LE(histogram.quantile(1), std::chrono::hours(10));
  Histogram other;
  other.merge(histogram);
  EXPECT_EQ(other.count(), 2U);
  EXPECT_EQ(other.max(), std::chrono::hours(10));
}

TEST(BenchPacer, ClientsFillEachKeyOnce) {
  const BenchOptions options{.endpoints = {}, .keys = 100};
  const LoadPlan plan{.options = &options, .fill = true, .value = {}};
  std::set<std::string> keys;
  for (std::uint32_t client = 0; client < 3; ++client) {
    Pacer pacer(plan, client, 3, start);
    while (const auto key = pacer.next(start)) EXPECT_TRUE(keys.insert(*key).second) << *key;
  }
  EXPECT_EQ(keys.size(), 100U);
}

TEST(BenchPacer, CountsOnlyWhatEndsInsideTheWindow) {
  const BenchOptions options{.endpoints = {}, .duration = std::chrono::seconds(10), .warmup = std::chrono::seconds(1)};
  const LoadPlan plan{.options = &options, .fill = false, .value = {}};
  const Time begin = start;
  Pacer pacer(plan, 0, 1, begin);
  ASSERT_TRUE(pacer.next(begin).has_value());
  pacer.ended(begin, begin + std::chrono::milliseconds(999), Outcome::done, {});  // still warming up
  pacer.ended(begin, begin + std::chrono::seconds(5), Outcome::done, {});
  pacer.ended(begin, begin + std::chrono::seconds(5), Outcome::unknown, "why");
  pacer.ended(begin, begin + std::chrono::seconds(5), Outcome::not_done, "other");
  pacer.ended(begin, begin + std::chrono::seconds(20), Outcome::done, {});  // too late
  EXPECT_TRUE(pacer.next(begin + std::chrono::seconds(11) - Duration(1)).has_value());
  EXPECT_FALSE(pacer.next(begin + std::chrono::seconds(11)).has_value());
  const LoadResult result = pacer.take_result();
  EXPECT_EQ(result.done, 1U);
  EXPECT_EQ(result.latency.count(), 1U);
  EXPECT_EQ(result.unknown, 1U);
  EXPECT_EQ(result.not_done, 1U);
  EXPECT_EQ(result.first_error, "why");
  EXPECT_EQ(result.measured, std::chrono::seconds(10));
}

TEST(BenchPacer, AReadLoadDrawsAllKeysOfItsSpan) {
  const BenchOptions options{.endpoints = {}, .keys = 3};
  const LoadPlan plan{.options = &options, .fill = false, .value = {}};
  Pacer pacer(plan, 0, 1, start);
  std::set<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.insert(pacer.next(start).value_or("none"));
  EXPECT_EQ(keys, (std::set<std::string>{"bench/0000000000", "bench/0000000001", "bench/0000000002"}));
}

}  // namespace
}  // namespace rift::cli
