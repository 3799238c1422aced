#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace rift {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Code::invalid, "odd");
  return number / 2;
}

Result<int> quarter(int number) {
  const int halved = TRY(half(number));
  return TRY(half(halved));
}

Result<void> check(int number) {
  TRY(half(number));
  return {};
}

Result<std::string> nested(int number) {
  TRY(check(number));
  return std::to_string(TRY(quarter(number)));
}

Result<std::unique_ptr<int>> make(int number) { return std::make_unique<int>(TRY(half(number))); }

TEST(Result, TryHandsTheValueOn) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(nested(8).value(), "2");
}

TEST(Result, TryReturnsTheFirstErrorAsItIs) {
  EXPECT_EQ(quarter(6).error(), (Error{Code::invalid, "odd"}));
  EXPECT_EQ(nested(7).error(), (Error{Code::invalid, "odd"}));
  EXPECT_FALSE(check(1).has_value());
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  const auto twice = [](int number) -> Result<int> {
    const std::unique_ptr<int> made = TRY(make(number));
    return *made * 2;
  };
  EXPECT_EQ(twice(8).value(), 8);
  EXPECT_FALSE(twice(7).has_value());
}

TEST(Result, MustAbortsOnAnError) {
  EXPECT_EQ(MUST(half(4)), 2);
  EXPECT_DEATH(MUST(half(3)), "has_value");
}

TEST(Assert, PrintsWhatDidNotHoldAndWhere) { EXPECT_DEATH(ASSERT(1 + 1 == 3), "1 \\+ 1 == 3.*result_test.cc"); }

}  // namespace
}  // namespace rift
