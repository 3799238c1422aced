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

struct Told {
  Finished finished;
  json rows;
};

// Runs the story and checks all of it that no busy neighbour can excuse.
Told tell(const Folder& folder, const std::string& seed) {
  const std::string out = folder.path() + "/out";
  Told told;
  told.finished = Program(folder).run({"demo", "--story", "split-brain", "--auto", "--out", out, "--seed", seed,
                                       "--calm", "2s", "--split", "9s", "--healed", "7s", "-o", "json"});
  EXPECT_EQ(misfit(read_text(out + "/results.json"), "results"), "") << told.finished.err;
  EXPECT_EQ(told.finished.out, read_text(out + "/results.json"));
  told.rows = json::parse(told.finished.out, nullptr, false).value("rows", json::array());
  if (told.rows.size() != 2) return told;
  expect_both_modes_kept_their_promises(told.rows[0], told.rows[1]);
  EXPECT_GT(MUST(chaos::check::read_history(read_text(out + "/history.jsonl"))).operations.size(), 4000U);
  EXPECT_NE(read_text(out + "/report.html").find("</html>"), std::string::npos);
  return told;
}

// The matrix's 99 % belongs to the full story of 20 s, which scripts/demo runs. In nine seconds one stall of a shared machine is a whole
// percent, so here a side is either served or not.
void expect_sides_are_served(const json& cp, const json& ap) {
  EXPECT_GE(cp.at("availability").at("majority").get<double>(), 0.9);
  EXPECT_EQ(cp.at("availability").at("minority").get<double>(), 0.0);
  EXPECT_GE(ap.at("availability").at("majority").get<double>(), 0.9);
  EXPECT_GE(ap.at("availability").at("minority").get<double>(), 0.9);
}

TEST(Story, ASplitOfFiveNodesIsJudgedFromWhatTheClientsSaw) {
  const Folder folder;
  const Told told = tell(folder, "11");
  ASSERT_EQ(told.rows.size(), 2U) << told.finished.err;
  if (!is_slowed_down) expect_sides_are_served(told.rows[0], told.rows[1]);
}

}  // namespace
}  // namespace rift
