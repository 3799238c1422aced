// A shortened split-brain story by the built `rift demo`: row T1 of the experiment matrix on five real processes. What must hold whatever the
// machine does is always checked; what depends on speed only where no sanitizer slows five nodes down.
#include <gtest/gtest.h>

#include "chaos/check/history_json.h"
#include "tests/integration/program.h"

namespace rift {
namespace {

using nlohmann::json;
using test::Finished;
using test::Folder;
using test::misfit;
using test::Program;
using test::read_text;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_slowed_down = true;
#elif defined(__has_feature)
constexpr bool is_slowed_down = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool is_slowed_down = false;
#endif

std::uint64_t number(const json& value) { return std::stoull(value.get<std::string>()); }

void expect_both_modes_kept_their_promises(const json& cp, const json& ap) {
  EXPECT_EQ(cp.at("linearizable"), true) << cp.at("reasons");
  EXPECT_EQ(number(cp.at("stale_reads")), 0U);
  EXPECT_EQ(number(cp.at("lost_writes")), 0U);
  EXPECT_EQ(number(cp.at("sides").at("minority").at("late_done")), 0U) << "the minority acknowledged after the cut";
  EXPECT_EQ(cp.at("digests_equal"), true);
  EXPECT_EQ(ap.at("digests_equal"), true);
  EXPECT_GT(number(ap.at("stale_reads")), 0U);
  for (const json& row : {cp, ap}) {
    EXPECT_EQ(row.at("links").size(), 12U);
    EXPECT_GT(number(row.at("fault_proof")), 0U);
  }
}

TEST(Story, ASplitOfFiveNodesIsJudgedFromWhatTheClientsSaw) {
  const Folder folder;
  const std::string out = folder.path() + "/out";
  const Finished told = Program(folder).run({"demo", "--story", "split-brain", "--auto", "--out", out, "--seed", "11",
                                             "--calm", "2s", "--split", "9s", "--healed", "7s", "-o", "json"});
  ASSERT_EQ(misfit(read_text(out + "/results.json"), "results"), "") << told.err;
  EXPECT_EQ(json::parse(told.out), json::parse(read_text(out + "/results.json")));
  const json rows = json::parse(told.out).at("rows");
  ASSERT_EQ(rows.size(), 2U);
  expect_both_modes_kept_their_promises(rows[0], rows[1]);
  if (!is_slowed_down) {
    EXPECT_EQ(rows[0].at("verdict"), "PASS") << rows[0].at("reasons");
    EXPECT_EQ(rows[1].at("verdict"), "EXPECTED") << rows[1].at("reasons");
    EXPECT_EQ(told.exit, 0) << told.err;
  }

  const auto history = MUST(chaos::check::read_history(read_text(out + "/history.jsonl")));
  EXPECT_GT(history.operations.size(), 4000U);
  EXPECT_NE(read_text(out + "/report.html").find("</html>"), std::string::npos);
}

}  // namespace
}  // namespace rift
