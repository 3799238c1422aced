#include "chaos/check/convergence.h"

#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

using Versions = std::map<std::string, std::vector<std::string>, std::less<>>;

VersionSample sample(std::int64_t milliseconds, Versions versions) {
  return {at_ms(milliseconds), std::move(versions)};
}

TEST(Convergence, IsTheFirstSampleFromWhichOnAllAgree) {
  const std::vector<VersionSample> samples = {sample(900, {{"k", {"1", "1"}}}),  sample(1000, {{"k", {"1", "2"}}}),
                                              sample(1100, {{"k", {"2", "2"}}}), sample(1200, {{"k", {"2", "1"}}}),
                                              sample(1300, {{"k", {"2", "2"}}}), sample(1400, {{"k", {"2", "2"}}})};
  const auto found = find_convergence({}, "bank", at_ms(1000), samples);
  EXPECT_EQ(found.took, std::chrono::milliseconds(300));
  EXPECT_EQ(found.keys, 1U);
  EXPECT_EQ(found.samples, 5U);
}

TEST(Convergence, LeavesOutKeysThatTheLoadRewroteAfterTheHeal) {
  const auto ops = history({on("busy", write("x", {1050, 1060}))});
  const std::vector<VersionSample> samples = {sample(1000, {{"busy", {"1", "2"}}, {"still", {"1", "1"}}}),
                                              sample(1100, {{"busy", {"1", "2"}}, {"still", {"1", "1"}}})};
  const auto found = find_convergence(ops, "bank", at_ms(1000), samples);
  EXPECT_EQ(found.took, std::chrono::milliseconds(100));
  EXPECT_EQ(found.keys, 1U);
}

TEST(Convergence, IsNotThereIfTheyNeverAgreeOrNothingWasLookedAt) {
  const std::vector<VersionSample> apart = {sample(1000, {{"k", {"1", ""}}})};
  EXPECT_FALSE(find_convergence({}, "bank", at_ms(1000), apart).took.has_value());
  EXPECT_FALSE(find_convergence({}, "bank", at_ms(1000), {}).took.has_value());
}

TEST(Convergence, WantsEqualDigests) {
  EXPECT_TRUE(digests_agree(std::vector<std::string>{"d", "d", "d"}));
  EXPECT_FALSE(digests_agree(std::vector<std::string>{"d", "d", "e"}));
  EXPECT_TRUE(digests_agree(std::vector<std::string>{"d"}));
}

}  // namespace
}  // namespace rift::chaos::check
