#include "chaos/report/story.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/check/history_json.h"
#include "chaos/report/words.h"
#include "example_story.h"
#include "json_schema.h"

namespace rift::chaos::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json schema(const std::string& name) {
  std::ifstream file(std::string(RIFT_SOURCE_DIR) + "/docs/schemas/" + name);
  return nlohmann::json::parse(file);
}

Story hostile_story() {
  Story story = example_story();
  const std::string bad = "</text></style><script>alert('x')</script>\" onload=\"\x01\xFF&";
  story.name = bad;
  story.results.replay = bad;
  for (auto& row : story.results.rows) {
    row.keyspace = row.id = row.witness_reason = bad;
    row.witness = {1};
    row.reasons = {bad + std::string(100'000, 'x')};
  }
  for (auto& strip : story.strips) strip.keyspace = bad;
  for (auto& change : story.leaders) change.keyspace = bad;
  return story;
}

TEST(Summary, SaysInMeasuredNumbersWhatHappened) {
  EXPECT_EQ(summarize(example_story()).text(),
            "For 20.0 s the network was split 3|2, the CP leader among the 2. CP (bank): the 3-node side answered "
            "again after 1.1 s, the 2-node side refused "
            "1,588 requests and left 12 without an answer; no answer was wrong. AP (carts): both sides answered 99.9 "
            "%; 1,456 reads "
            "were stale (worst 19.8 s); 3 acknowledged writes lost to last-writer-wins; all replicas agreed 0.9 s "
            "after the heal.");
}

TEST(Summary, HidesNoViolation) {
  Story story = example_story();
  auto& m = story.results.rows[0].measured;
  m.staleness.stale = 2;
  m.lost.lost = {1};
  m.minority.late_done = 7;
  m.majority.first_success.reset();
  const std::string text = summarize(story).text();
  EXPECT_THAT(text, HasSubstr("the 3-node side did not answer, the 2-node side did 7 of 1,600 requests although it was "
                              "cut off; 2 reads were "
                              "stale (worst 0.0 s), 1 acknowledged writes were lost."));
  auto& ap = story.results.rows[1].measured;
  ap.minority.all.available = 700;
  ap.convergence.took.reset();
  EXPECT_THAT(summarize(story).text(), HasSubstr("the 3-node side answered 99.9 %, the 2-node side 50.0 %"));
  EXPECT_THAT(summarize(story).text(), HasSubstr("the replicas were not seen to agree."));
}

TEST(Words, RoundsAvailabilityDown) {
  EXPECT_EQ(percent(0.99999), "99.9 %");
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(123456), "123,456");
  EXPECT_EQ(in_seconds(std::chrono::milliseconds(3)), "3 ms");
}

TEST(Table, StandsSideBySide) {
  const std::string text = table(example_story());
  EXPECT_THAT(text, HasSubstr("verdict                           PASS                  EXPECTED\n"));
  EXPECT_THAT(text, HasSubstr("answered, 2-node side             0 %                   99.9 %\n"));
  EXPECT_THAT(text, HasSubstr("stale reads                       0                     1,456 (worst 19.8 s)\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(table(example_story(), {.colour = true}), HasSubstr("\x1b[1;32mPASS"));
  EXPECT_THAT(table(hostile_story()), Not(HasSubstr("\x01")));
}

TEST(ResultsJson, FitsItsSchema) {
  const rift::test::JsonSchema expected(schema("results.json"));
  for (const Story& story : {example_story(), hostile_story()}) {
    const auto parsed = nlohmann::json::parse(results_json(story.results));
    EXPECT_EQ(expected.check(parsed), "");
  }
  check::Results bare;
  bare.rows.emplace_back();
  bare.rows[0].measured.linearizability.answer = check::Linearizable::inconclusive;
  EXPECT_EQ(expected.check(nlohmann::json::parse(results_json(bare))), "");
  EXPECT_NE(
      expected.check(nlohmann::json::parse("{\"schema\":\"rift.results/1\",\"seed\":42,\"replay\":\"\",\"rows\":[]}")),
      "");
}

TEST(ResultsJson, GivesNumbersAsStringsAndSharesAsNumbers) {
  const auto json = nlohmann::json::parse(results_json(example_story().results));
  EXPECT_EQ(json["seed"], "42");
  const auto& cp = json["rows"][0];
  EXPECT_EQ(cp["verdict"], "PASS");
  EXPECT_EQ(cp["linearizable"], true);
  EXPECT_EQ(cp["sides"]["minority"]["not_done"], "1588");
  EXPECT_EQ(cp["availability"]["minority"], 0.0);
  EXPECT_EQ(cp["fault_proof"], "14");
  EXPECT_FALSE(cp.contains("witness"));
  const auto& ap = json["rows"][1];
  EXPECT_EQ(ap["stale_reads"], "1456");
  EXPECT_EQ(ap["worst_staleness_ms"], "19780");
  EXPECT_EQ(ap["converged_ms"], "900");
  EXPECT_EQ(ap["witness"][2], "2402");
}

TEST(ResultsJson, SaysNothingOfWhatNobodyCouldLookAt) {
  Story story = example_story();
  for (auto& row : story.results.rows) {
    row.verdict = check::Verdict::error;
    row.measured.has_final_state = row.measured.has_digests = false;
    row.measured.lost.lost.clear();
  }
  const auto json = nlohmann::json::parse(results_json(story.results));
  EXPECT_EQ(rift::test::JsonSchema(schema("results.json")).check(json), "");
  EXPECT_TRUE(json["rows"][1]["lost_writes"].is_null());
  EXPECT_TRUE(json["rows"][1]["foreign_values"].is_null());
  EXPECT_THAT(table(story, {.colour = false}), HasSubstr("not known"));
  EXPECT_THAT(summarize(story).text(), HasSubstr("whether acknowledged writes were lost is not known"));
}

TEST(HistorySchema, FitsEveryLine) {
  check::History history = example_history();
  history.operations.resize(20);
  check::Operation cas;
  cas.index = 900;
  cas.process = 77;
  cas.kind = check::Kind::cas;
  cas.value = "b";
  cas.complete = at_ms(1);
  cas.outcome = Outcome::not_done;
  cas.has_seen = true;
  cas.error = "no";
  cas.version = "7";
  cas.revision = 9;
  history.operations.push_back(cas);
  history.faults[1].groups = {{NodeId(1)}, {NodeId(2)}};
  history.faults[1].links = {{NodeId(1), NodeId(2), 5, 6}};
  const rift::test::JsonSchema expected(schema("history.json"));
  std::istringstream lines(check::write_history(history));
  std::string line;
  std::size_t count = 0;
  for (; std::getline(lines, line); ++count) ASSERT_EQ(expected.check(nlohmann::json::parse(line)), "") << line;
  EXPECT_EQ(count, 45U);
}

TEST(Html, IsOneSmallFileThatNeedsNothingElse) {
  const std::string page = html(example_story());
  EXPECT_LT(page.size(), 200'000U);
  for (const char* outside : {"http://", "https://", "src=", "@import", "<script"})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  EXPECT_THAT(page, HasSubstr("For 20.0 s the network was split 3|2, the CP leader among the 2."));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(page, HasSubstr("rift demo --story split-brain --auto --seed 42"));
  EXPECT_THAT(page, HasSubstr("n3 leads from 6.1 s"));
  EXPECT_THAT(page, HasSubstr("12 of 12 links"));
  // For a look at it in a browser.
  if (const char* path = std::getenv("RIFT_REPORT_OUT")) std::ofstream(path) << page;
}

TEST(Html, EscapesWhateverTheHistoryHolds) {
  const std::string page = html(hostile_story());
  for (const char* bad : {"<script", "alert('x')", "\" onload", "\x01"}) EXPECT_THAT(page, Not(HasSubstr(bad)));
  EXPECT_LT(page.size(), 200'000U);
}

TEST(Html, DrawsAStoryWithoutNodesOrRows) {
  EXPECT_THAT(html(Story{}), HasSubstr("</html>"));
  Story endless = example_story();
  endless.timeline.end = endless.timeline.start;
  EXPECT_THAT(html(endless), HasSubstr("</html>"));
}

}  // namespace
}  // namespace rift::chaos::report
