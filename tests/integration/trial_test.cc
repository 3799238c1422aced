// The trials of `rift bench` in short: what a program that uses the SDK feels of a killed leader, of nodes that are stopped in order, of a node that
// comes back, and of a split of an ap keyspace. The nodes write to memory where the machine offers that: a disk that others keep busy would be the figure.
#include "tests/integration/program.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace rift {
namespace {

using nlohmann::json;

class Trial : public ::testing::Test {
 protected:
  json run(const std::string& name, const std::string& schema, std::vector<std::string> arguments) {
    std::vector<std::string> all = {"bench", name, "-o", "json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto finished = program_.run(all);
    EXPECT_EQ(finished.exit, 0) << finished.out << finished.err;
    EXPECT_EQ(test::misfit(finished.out, schema), "") << finished.err;
    const json value = json::parse(finished.out, nullptr, false);
    EXPECT_EQ(value.value("failed", ""), "0") << finished.out;
    EXPECT_EQ(value.value("lost", ""), "0") << finished.out;
    EXPECT_EQ(value.value("stale", ""), "0") << finished.out;
    return value;
  }
  static double p95(const json& value, const char* figure) { return value.at(figure).at("p95_ms").get<double>(); }
  static std::vector<std::string> environment() {
    return std::filesystem::is_directory("/dev/shm") ? std::vector<std::string>{"TMPDIR=/dev/shm"}
                                                     : std::vector<std::string>{};
  }

  test::Folder folder_;
  test::Program program_{folder_, environment()};
};

TEST_F(Trial, AKilledLeaderIsReplacedInTimeAndNothingAcknowledgedIsLost) {
  const json value = run("failover", "bench_failover", {"--rounds", "5"});
  EXPECT_LE(p95(value, "outage"), 2500);
  EXPECT_EQ(value.at("outage").at("values_ms").size(), 5U);
}

TEST_F(Trial, NodesThatAreStoppedInOrderFailNoRequest) {
  const json value = run("rolling", "bench_rolling", {"--rounds", "3"});
  EXPECT_LE(p95(value, "leader_gap"), 300);
}

TEST_F(Trial, AFollowerThatWasAwayCatchesUpUnderLoad) {
  const json value = run("catch-up", "bench_catch_up", {"--rounds", "1", "--writes", "20000", "--value-size", "1000"});
  EXPECT_EQ(value.at("catch_up").at("values_ms").size(), 1U);
  EXPECT_EQ(value.at("snapshots"), "1");
}

TEST_F(Trial, ACatchUpByTheLogAloneShowsNothing) {
  const auto finished = program_.run({"bench", "catch-up", "--rounds", "1", "--writes", "100", "-o", "json"});
  EXPECT_EQ(finished.exit, 2) << finished.out;
  EXPECT_NE(finished.out.find("no snapshot was installed"), std::string::npos) << finished.out;
}

TEST_F(Trial, EveryNodeOfAnApKeyspaceAnswersAlone) {
  const json value = run("split", "bench_split", {"--rounds", "1", "--phase", "2s", "--nodes", "3"});
  EXPECT_GE(value.at("available_worst").get<double>(), 0.99);
}

TEST_F(Trial, TheCopiesOfAnApKeyspaceAgreeAfterAHeal) {
  const json value = run("heal", "bench_heal", {"--keys", "5000", "--cut", "3s"});
  EXPECT_GE(std::stoull(value.at("diverged_keys").get<std::string>()), 4000U);
  EXPECT_GT(value.at("bytes_per_key").get<double>(), 0);
}

}  // namespace
}  // namespace rift
