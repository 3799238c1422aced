// The two faces of a status: Prometheus text by the rules of its exposition format, and JSON.
#include "server/metrics.h"

#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

namespace rift::server {
namespace {

using nlohmann::json;

NodeStatus full_status() {
  NodeStatus status;
  status.identity = {
      .node = NodeId(3), .cluster = {.high = 0xabc, .low = 1}, .disk = {.high = 2, .low = 2}, .incarnation = 7};
  status.ready = true;
  status.epoch = MapEpoch(~std::uint64_t{0});  // no double holds it
  status.reachable = {NodeId(1), NodeId(3)};
  status.clock_skew =
      topology::ClockSkew{.ahead = std::chrono::milliseconds(-60'250), .of = {NodeId(1), NodeId(2), NodeId(4)}};
  status.counters = {{"rounds", 12}, {"open_requests", 5}, {"timers", 2}, {"frames_sent", 0}};
  ReplicaStatus cp;
  cp.partition = PartitionId(4);
  cp.mode = Mode::cp;
  cp.role = "leader";
  cp.leader = NodeId(3);
  cp.term = Term(9);
  cp.commit = LogIndex(100);
  cp.applied = LogIndex(99);
  cp.pending = 6;
  ReplicaStatus ap;
  ap.partition = PartitionId(5);
  ap.mode = Mode::ap;
  ap.role = "owner";
  ap.hints = 8;
  ReplicaStatus follower = cp;
  follower.partition = PartitionId(6);
  follower.role = "follower";
  follower.leader = NodeId();
  status.replicas = {cp, ap, follower};
  return status;
}

// One sample per name and labels; what breaks a rule of the format fails the test.
struct Exposition {
  std::map<std::string, std::string> types;
  std::map<std::string, double> samples;

  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n')) << "the last line ends like every other";
    std::istringstream lines(text);
    std::set<std::string> ended;
    std::string family;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      std::smatch match;
      static const std::regex comment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)");
      static const std::regex sample(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (\S+))re");
      if (std::regex_match(line, match, comment)) {
        start(match[2], family, ended);
        if (match[1] != "TYPE") continue;
        EXPECT_TRUE(types.emplace(match[2], match[3]).second) << "a second TYPE: " << line;
        EXPECT_TRUE(match[3] == "counter" || match[3] == "gauge") << line;
      } else if (std::regex_match(line, match, sample)) {
        EXPECT_EQ(match[1], family) << "a sample outside its family, or before its TYPE: " << line;
        EXPECT_TRUE(types.contains(match[1])) << line;
        check_labels(match[2]);
        std::size_t read = 0;
        const double value = std::stod(match[3], &read);
        EXPECT_EQ(read, static_cast<std::size_t>(match[3].length())) << line;
        EXPECT_TRUE(samples.emplace(match[1].str() + match[2].str(), value).second) << "twice: " << line;
      } else {
        ADD_FAILURE() << "no line of the format: " << line;
      }
    }
  }

 private:
  static void start(const std::string& name, std::string& family, std::set<std::string>& ended) {
    if (name == family) return;
    EXPECT_FALSE(ended.contains(name)) << "the family " << name << " is torn apart";
    ended.insert(family);
    family = name;
  }
  static void check_labels(const std::string& labels) {
    static const std::regex whole(
        R"re((\{[a-z_][a-z0-9_]*="([^"\\\n]|\\["\\n])*"(,[a-z_][a-z0-9_]*="([^"\\\n]|\\["\\n])*")*\})?)re");
    EXPECT_TRUE(std::regex_match(labels, whole)) << labels;
  }
};

TEST(MetricsText, FollowsTheExpositionFormat) {
  const Exposition metrics(metrics_text(full_status()));
  for (const auto& [name, type] : metrics.types) {
    EXPECT_TRUE(name.starts_with("rift_")) << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
  }
  EXPECT_FALSE(Exposition(metrics_text(NodeStatus())).samples.empty()) << "a node that has just started";
}

TEST(MetricsText, SaysWhatTheStatusSays) {
  const auto samples = Exposition(metrics_text(full_status())).samples;
  EXPECT_EQ(samples.at("rift_ready"), 1);
  EXPECT_EQ(samples.at("rift_reachable_nodes"), 2);
  EXPECT_EQ(samples.at("rift_clock_skew_seconds"), -60.25);
  EXPECT_EQ(Exposition(metrics_text(NodeStatus())).samples.at("rift_clock_skew_seconds"), 0);
  EXPECT_EQ(samples.at("rift_node_rounds_total"), 12);
  EXPECT_EQ(samples.at("rift_node_frames_sent_total"), 0);
  EXPECT_EQ(samples.at(R"(rift_replica_pending{mode="cp",partition="4"})"), 6);
  EXPECT_EQ(samples.at(R"(rift_replica_hints{mode="ap",partition="5"})"), 8);
  EXPECT_EQ(samples.at(R"(rift_raft_term{mode="cp",partition="4"})"), 9);
  EXPECT_EQ(samples.at(R"(rift_raft_commit_index{mode="cp",partition="4"})"), 100);
  EXPECT_EQ(samples.at(R"(rift_raft_is_leader{mode="cp",partition="4"})"), 1);
  EXPECT_EQ(samples.at(R"(rift_raft_is_leader{mode="cp",partition="6"})"), 0);
  EXPECT_FALSE(samples.contains(R"(rift_raft_term{mode="ap",partition="5"})")) << "ap has no terms";
  NodeStatus starting = full_status();
  starting.ready = false;
  EXPECT_EQ(Exposition(metrics_text(starting)).samples.at("rift_ready"), 0);
}

TEST(MetricsText, WhatCanFallIsAGauge) {
  const Exposition metrics(metrics_text(full_status()));
  EXPECT_EQ(metrics.types.at("rift_node_open_requests"), "gauge");
  EXPECT_EQ(metrics.samples.at("rift_node_open_requests"), 5);
  EXPECT_EQ(metrics.types.at("rift_node_timers"), "gauge");
  EXPECT_EQ(metrics.types.at("rift_node_rounds_total"), "counter");
}

TEST(StatusJson, SaysWhatTheStatusSays) {
  const std::string text = status_json(full_status());
  EXPECT_TRUE(text.ends_with("}\n"));
  const json value = json::parse(text, nullptr, false);
  const json cp = {{"partition", 4},  {"mode", "cp"},    {"role", "leader"}, {"leader", "n3"}, {"term", "9"},
                   {"commit", "100"}, {"applied", "99"}, {"pending", "6"},   {"hints", "0"}};
  const json ap = {{"partition", 5}, {"mode", "ap"},   {"role", "owner"}, {"leader", ""}, {"term", "0"},
                   {"commit", "0"},  {"applied", "0"}, {"pending", "0"},  {"hints", "8"}};
  json follower = cp;
  follower.update({{"partition", 6}, {"role", "follower"}, {"leader", ""}});
  const json expected = {{"schema", "rift.node_status/1"},
                         {"node", "n3"},
                         {"cluster", "0000000000000abc0000000000000001"},
                         {"ready", true},
                         {"not_ready_because", ""},
                         {"epoch", "18446744073709551615"},  // 64-bit numbers are strings: nothing is rounded
                         {"reachable", {"n1", "n3"}},
                         {"clock_skew", "60.250 s behind n1, n2, n4"},
                         {"replicas", {cp, ap, follower}}};
  EXPECT_EQ(value, expected);
}

TEST(StatusJson, StaysJsonWhateverAReasonContains) {
  NodeStatus status;
  status.not_ready_because = "a \"quoted\" \\ reason\nover two lines\t";
  ReplicaStatus replica;
  replica.role = "\"\\\x01";
  status.replicas = {replica};
  const json value = json::parse(status_json(status), nullptr, false);
  ASSERT_FALSE(value.is_discarded());
  EXPECT_EQ(value["not_ready_because"], "a \"quoted\" \\ reasonover two lines");
  EXPECT_EQ(value["replicas"][0]["role"], "\"\\");
  EXPECT_EQ(value["ready"], false);
  EXPECT_TRUE(value["reachable"].is_array());
}

}  // namespace
}  // namespace rift::server
