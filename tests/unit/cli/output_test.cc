// Exit codes and durations: what scripts rely on.
#include "cli/output.h"

#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "cli/verbs.h"
#include "tests/unit/chaos_report/json_schema.h"

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

struct Printed {
  std::string out;
  std::string err;
};

Printed printed(Format format, std::string_view verb, const Response& response) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  show_response({.format = format, .verb = verb}, "k", response);
  std::fflush(stdout);
  Printed text;
  text.out = testing::internal::GetCapturedStdout();
  text.err = testing::internal::GetCapturedStderr();
  return text;
}

std::string shown(Format format, const std::string& hint) {
  Response response;
  response.outcome = Outcome::not_done;
  response.code = Code::level_unreachable;
  response.hint = hint;
  const Printed text = printed(format, "put", response);
  return text.out + text.err;
}

// Of an ap write whose receipt has something to say in each field.
Response told_in_full() {
  Response response;
  response.version = {.hlc = 77, .dot_node = NodeId(1), .dot_incarnation = 2, .dot_sequence = 3};
  response.receipt.asked = response.receipt.reached = Level::one;
  response.receipt.acknowledged_by = {NodeId(1)};
  response.receipt.hints_left = 2;
  response.receipt.hinted = {NodeId(4), NodeId(5)};
  response.receipt.superseded = true;
  response.receipt.superseded_by = {.hlc = 99, .dot_node = NodeId(3), .dot_incarnation = 4, .dot_sequence = 5};
  response.receipt.degraded = true;
  response.receipt.teaching = {.sloppy = true, .wall_clock = false, .no_durability = true};
  response.receipt.map_age = std::chrono::seconds(12);
  return response;
}

TEST(Receipt, JsonFitsItsSchemaAndLeavesNothingOut) {
  std::ifstream file(std::string(RIFT_SOURCE_DIR) + "/docs/schemas/reply.json");
  const test::JsonSchema schema(nlohmann::json::parse(file));
  const auto full = nlohmann::json::parse(printed(Format::json, "put", told_in_full()).out);
  EXPECT_EQ(schema.check(full), "");
  const auto& receipt = full.at("receipt");
  EXPECT_EQ(receipt.at("hinted"), nlohmann::json::array({4, 5}));
  EXPECT_EQ(receipt.at("superseded_by").at("hlc"), "99");
  EXPECT_EQ(receipt.at("degraded"), true);
  EXPECT_EQ(full.at("token"), "4d-1-2-3");
  EXPECT_EQ(receipt.at("teaching"), nlohmann::json::array({"sloppy", "no_durability"}));
  EXPECT_EQ(receipt.at("map_age_ms"), 12'000.0);
  const auto plain = nlohmann::json::parse(printed(Format::json, "get", Response()).out);
  EXPECT_EQ(schema.check(plain), "");
  EXPECT_FALSE(plain.at("receipt").contains("superseded_by"));
}

TEST(Receipt, TextSaysWhatTheAnswerIsWorth) {
  const Printed write = printed(Format::text, "put", told_in_full());
  for (const char* part :
       {"hlc 77", "token 4d-1-2-3", "hints kept for n4, n5", "a newer version had already won (hlc 99, written by n3)"})
    EXPECT_NE(write.out.find(part), std::string::npos) << part << " in " << write.out;
  Response read = told_in_full();
  read.found = true;
  read.value = "tea";
  const Printed text = printed(Format::text, "get", read);
  EXPECT_EQ(text.out, "tea\n") << "the value alone, for scripts";
  for (const Printed& both : {write, text}) {
    for (const char* part :
         {"degraded", "teaching keyspace: --sloppy", "teaching keyspace: --durability none", "12 s old"})
      EXPECT_NE(both.err.find(part), std::string::npos) << part << " in " << both.err;
  }
  EXPECT_EQ(printed(Format::text, "put", Response()).err, "");
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
  EXPECT_EQ(MUST(parse_duration("1h")), 1h);
  EXPECT_EQ(MUST(parse_duration("0s")), 0s);
  for (const char* wrong : {"", "5", "s", "-1s", "1d", "1 s", "nan s", "infs", "9999999999s", "1ss"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace rift::cli
