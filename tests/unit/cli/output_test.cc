// Exit codes and durations: what scripts rely on.
#include "cli/output.h"

#include <gtest/gtest.h>

#include "cli/verbs.h"

namespace rift::cli {
namespace {

TEST(ExitCode, FollowsTheOutcomeAndTellsAnUnreachableClusterApart) {
  Response response;
  EXPECT_EQ(exit_of(response), Exit::done);
  response.outcome = Outcome::not_done;
  response.code = Code::condition_failed;
  EXPECT_EQ(exit_of(response), Exit::not_done);
  response.code = Code::unreachable;
  EXPECT_EQ(exit_of(response), Exit::unreachable);
  response.outcome = Outcome::unknown;
  response.code = Code::timeout;
  EXPECT_EQ(exit_of(response), Exit::unknown);
}

TEST(ExitCode, OfAnErrorIsNeverNotDoneUnlessThatIsProved) {
  EXPECT_EQ(exit_of(Error{Code::already_exists, ""}), Exit::not_done);
  EXPECT_EQ(exit_of(Error{Code::unreachable, ""}), Exit::unreachable);
  for (const Code code : {Code::timeout, Code::disconnected, Code::leadership_lost, Code::level_missed}) {
    EXPECT_EQ(exit_of(Error{code, ""}), Exit::unknown) << to_string(code);
  }
}

std::string shown(Format format, const std::string& hint) {
  Response response;
  response.outcome = Outcome::not_done;
  response.code = Code::level_unreachable;
  response.hint = hint;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  show_response({.format = format, .verb = "put"}, "k", response);
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
}

TEST(Hint, SaysTryOnceAndNamesLevelsAsTheOptionWantsThem) {
  EXPECT_NE(shown(Format::text, "try MAJORITY").find("  try   --level majority\n"), std::string::npos);
  EXPECT_NE(shown(Format::text, "try again later").find("  try   again later\n"), std::string::npos);
  EXPECT_NE(
      shown(Format::text, "ONE reads this, ALL does not").find("  try   --level one reads this, --level all does"),
      std::string::npos);
  EXPECT_NE(shown(Format::text, "trying ALLOWED.").find("  try   trying ALLOWED.\n"), std::string::npos);
  EXPECT_NE(shown(Format::json, "try MAJORITY").find("\"try --level majority\""), std::string::npos);
}

TEST(ParseDuration, NeedsAUnit) {
  using namespace std::chrono_literals;
  EXPECT_EQ(MUST(parse_duration("50ms")), 50ms);
  EXPECT_EQ(MUST(parse_duration("1.5s")), 1500ms);
  EXPECT_EQ(MUST(parse_duration("2m")), 2min);
  EXPECT_EQ(MUST(parse_duration("0s")), 0s);
  for (const char* wrong : {"", "5", "s", "-1s", "1h", "1 s", "nan s", "infs", "9999999999s", "1ss"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace rift::cli
