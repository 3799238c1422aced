// The assembly of supervisor, proxies and control socket, with a shell script in the place of `rift`.
#include "chaos/live/local_cluster.h"

#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/cluster/folder.h"

namespace rift::chaos::live {
namespace {

using cluster::test::Folder;
using nlohmann::json;

constexpr const char* node_script = R"(#!/bin/sh
echo '{"event":"listening","node":1}'
exec sleep 1000
)";

struct LocalClusterTest : testing::Test {
  LocalClusterTest() { cluster = MUST(up()); }
  Result<std::unique_ptr<LocalCluster>> up() {
    return LocalCluster::up({.name = "test",
                             .dir = folder.path() + "/c",
                             .nodes = 3,
                             .binary = folder.write("node.sh", node_script, true),
                             .on_down = [this] { down_requests.fetch_add(1); }});
  }
  json ask(const std::string& line) const {
    return json::parse(
        MUST(cluster::control_call(cluster::control_path(cluster->dir()), line, std::chrono::seconds(10))));
  }
  Folder folder;
  std::atomic<int> down_requests = 0;
  std::unique_ptr<LocalCluster> cluster;
};

TEST_F(LocalClusterTest, LeadsEveryLinkThroughAProxyAndSaysSoInItsFiles) {
  const cluster::Plan plan = MUST(cluster::read_plan(cluster->dir()));
  ASSERT_EQ(plan.nodes.size(), 3U);
  for (const auto& node : plan.nodes) {
    EXPECT_EQ(node.dial.size(), 2U);
    EXPECT_FALSE(node.client_proxy.empty());
    EXPECT_GT(node.pid, 0);
    const std::string config = folder.read("c/" + rift::to_string(node.node) + "/node.toml");
    for (const auto& [peer, address] : node.dial) {
      EXPECT_NE(config.find(rift::to_string(peer) + " = \"" + address + "\""), std::string::npos) << config;
    }
  }
  EXPECT_EQ(cluster->network().show().size(), 9U);  // six between nodes, three of clients
}

TEST_F(LocalClusterTest, ASecondStartInTheSameFolderIsRefusedAndALaterOneKeepsTheAddresses) {
  EXPECT_EQ(up().error().code, Code::already_exists);
  const std::string listen = cluster->plan().nodes[0].listen;
  cluster.reset();
  EXPECT_EQ(MUST(cluster::read_plan(folder.path() + "/c")).nodes[0].pid, 0);
  cluster = MUST(up());
  EXPECT_EQ(cluster->plan().nodes[0].listen, listen);
}

// Its node does not say that it listens before the test lets it: until then the folder has neither a socket nor a supervisor to ask.
TEST(LocalClusterStart, TheSecondOfTwoAtOnceIsRefusedAndLeavesTheFirstAlone) {
  const Folder folder;
  const std::string begun = folder.path() + "/begun";
  const std::string gate = folder.path() + "/gate";
  ASSERT_EQ(::mkfifo(begun.c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const std::string slow = folder.write("slow.sh",
                                        "#!/bin/sh\necho > " + begun + "\nread line < " + gate +
                                            "\necho '{\"event\":\"listening\",\"node\":1}'\nexec sleep 1000\n",
                                        true);
  const auto up = [&](const std::string& binary) {
    return LocalCluster::up({.name = "test", .dir = folder.path() + "/c", .nodes = 1, .binary = binary});
  };
  std::unique_ptr<LocalCluster> first;
  std::thread starting([&] { first = MUST(up(slow)); });
  std::string line;
  std::getline(std::ifstream(begun), line);
  const std::string plan = folder.read("c/cluster.json");
  const auto second = up(folder.write("node.sh", node_script, true));
  EXPECT_EQ(second ? Code::ok : second.error().code, Code::already_exists);
  EXPECT_EQ(folder.read("c/cluster.json"), plan);
  std::ofstream(gate) << "\n";
  starting.join();
  EXPECT_EQ(MUST(cluster::read_plan(first->dir())).nodes[0].pid, first->plan().nodes[0].pid);
}

TEST_F(LocalClusterTest, CutsHealsAndDelaysOnRequest) {
  const json cut = ask(R"({"do":"cut","groups":"n1 / n2,n3"})");
  EXPECT_EQ(cut.at("cut"), "cut-1");
  EXPECT_EQ(cut.at("links"), "4");
  EXPECT_EQ(ask(R"({"do":"status"})").at("cuts").size(), 1U);
  EXPECT_TRUE(ask(R"({"do":"delay","from":"n2","to":"n3","ms":50})").at("ok"));
  unsigned cut_links = 0;
  const json shown = ask(R"({"do":"show"})");
  for (const json& link : shown.at("links")) {
    if (link.at("cut")) ++cut_links;
    if (link.at("from") == "n2" && link.at("to") == "n3") {
      EXPECT_EQ(link.at("delay_ms"), 50.0);
    }
  }
  EXPECT_EQ(cut_links, 4U);
  const json healed = ask(R"({"do":"heal","cut":"cut-1"})");
  ASSERT_EQ(healed.at("healed").size(), 1U);
  EXPECT_EQ(healed.at("healed")[0].at("proof").size(), 4U);
}

TEST_F(LocalClusterTest, KillsAndRestartsOnRequestAndKeepsTheFileTrue) {
  EXPECT_TRUE(ask(R"({"do":"kill","node":"n2"})").at("ok"));
  EXPECT_EQ(ask(R"({"do":"status"})").at("nodes")[1].at("state"), "stopped");
  EXPECT_EQ(MUST(cluster::read_plan(cluster->dir())).nodes[1].pid, 0);
  EXPECT_TRUE(ask(R"({"do":"restart","node":"n2"})").at("ok"));
  EXPECT_GT(MUST(cluster::read_plan(cluster->dir())).nodes[1].pid, 0);
}

TEST_F(LocalClusterTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* line :
       {"", "x", "[]", "{}", R"({"do":"dance"})", R"({"do":7})", R"({"do":"kill"})", R"({"do":"kill","node":3})",
        R"({"do":"kill","node":"n9"})", R"({"do":"cut","groups":"n1"})", R"({"do":"cut","groups":[1]})",
        R"({"do":"heal","cut":"cut-9"})", "{\"do\":\"\\u00ff\"}", "{\"do\":\"\xff\"}",
        R"({"do":"delay","from":"n1","to":"n2","ms":-4})", R"({"do":"delay","from":"n1","to":"n9","ms":4})"}) {
    const json answer = ask(line);
    EXPECT_FALSE(answer.at("ok")) << line;
    EXPECT_FALSE(answer.at("why").get<std::string>().empty()) << line;
  }
  EXPECT_EQ(down_requests, 0);
  EXPECT_TRUE(ask(R"({"do":"down"})").at("ok"));
  EXPECT_EQ(down_requests, 1);
}

}  // namespace
}  // namespace rift::chaos::live
