#include <gtest/gtest.h>

#include "cli/trial_run.h"

namespace rift::cli {
namespace {

TEST(Trial, TheMedianLiesInTheMiddle) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1}), 5);
  EXPECT_EQ(median({9, 1, 2}), 2);
  EXPECT_EQ(median({4, 100, 1, 2}), 3);
}

TEST(Trial, AQuantileIsOneOfTheValues) {
  const auto of = [](double q) { return percentile({Duration(40), Duration(10), Duration(30), Duration(20)}, q); };
  EXPECT_EQ(of(0), Duration(10));
  EXPECT_EQ(of(0.5), Duration(20));
  EXPECT_EQ(of(0.51), Duration(30));
  EXPECT_EQ(of(1), Duration(40));
  EXPECT_EQ(percentile({}, 0.5), Duration());
}

// Puts that ended at these times, in milliseconds.
std::vector<Sample> puts(std::initializer_list<int> times) {
  std::vector<Sample> samples;
  for (const int time : times)
    samples.push_back({.ended = Time(std::chrono::milliseconds(time)), .outcome = Outcome::done});
  return samples;
}

TEST(Trial, AGapReachesOverTheEdgesOfWhatIsLookedAt) {
  const auto gap = [](const std::vector<Sample>& samples) {
    return longest_gap(samples, Time(std::chrono::milliseconds(100)), Time(std::chrono::milliseconds(200)));
  };
  EXPECT_EQ(gap(puts({50, 110, 120, 190, 300})), std::chrono::milliseconds(70));
  EXPECT_EQ(gap(puts({20, 150, 160})), std::chrono::milliseconds(130)) << "from the last one before";
  EXPECT_EQ(gap(puts({90, 110})), std::chrono::milliseconds(90)) << "to the end";
  EXPECT_EQ(gap({}), std::chrono::milliseconds(100));
  auto failed = puts({50, 110, 150, 190});
  failed[2].outcome = Outcome::unknown;
  EXPECT_EQ(gap(failed), std::chrono::milliseconds(80));
}

TEST(Trial, IsTooSlowAboveItsLimitOnly) {
  const auto judged = [](int slowest, int limit) {
    Figure figure{.name = "outage", .title = "outage", .values = {}};
    for (int i = 0; i < 18; ++i) figure.values.push_back(std::chrono::milliseconds(1));
    figure.values.push_back(std::chrono::milliseconds(slowest));
    figure.values.push_back(std::chrono::milliseconds(9000));  // one in twenty may be
    return too_slow(figure, std::chrono::milliseconds(limit)).value_or("");
  };
  EXPECT_EQ(judged(300, 300), "");
  EXPECT_EQ(judged(301, 300), "too slow: outage: p95 is 301.0 ms, at most 300.0 ms are allowed");
  EXPECT_EQ(judged(301, 0), "") << "nobody asked";
  EXPECT_TRUE(too_slow({.name = "outage", .title = "outage", .values = {}}, Duration(1)).has_value());
}

}  // namespace
}  // namespace rift::cli
