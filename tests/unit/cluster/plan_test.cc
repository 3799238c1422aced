#include "cluster/plan.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/cluster/folder.h"

namespace rift::cluster {
namespace {

using test::Folder;

TEST(Plan, GivesEveryNodeAddressesOfItsOwn) {
  const Plan plan = MUST(make_plan("test", "/nowhere", 5));
  std::set<std::string> addresses;
  for (const NodePlan& node : plan.nodes) addresses.insert({node.listen, node.peer_listen, node.http});
  EXPECT_EQ(addresses.size(), 15U);
  EXPECT_EQ(plan.nodes.front().node, NodeId(1));
  EXPECT_FALSE(make_plan("test", "/nowhere", 0));
  EXPECT_FALSE(make_plan("test", "/nowhere", 1000));
}

TEST(Plan, IsReadBackAsItWasWritten) {
  const Folder folder;
  Plan plan = MUST(make_plan("test", folder.path(), 3));
  plan.supervisor_pid = 17;
  plan.nodes[0].pid = 18;
  plan.nodes[0].dial[NodeId(2)] = "127.0.0.1:9002";
  plan.nodes[0].client_proxy = "127.0.0.1:9001";
  ASSERT_TRUE(write_plan(plan));
  EXPECT_EQ(MUST(read_plan(folder.path())), plan);
}

TEST(Plan, AMissingOrDamagedFileIsAnErrorThatNamesIt) {
  const Folder folder;
  EXPECT_EQ(read_plan(folder.path()).error().code, Code::invalid);
  for (const char* text : {"", "{", "[]", R"({"name":"x"})", R"({"name":1,"supervisor_pid":1,"nodes":[]})",
                           R"({"name":"x","supervisor_pid":1,"nodes":[{"node":"one"}]})"}) {
    folder.write("cluster.json", text);
    const auto plan = read_plan(folder.path());
    ASSERT_FALSE(plan) << text;
    EXPECT_NE(plan.error().detail.find("cluster.json"), std::string::npos);
  }
}

TEST(NodeConfig, NamesAddressesAndDialOverridesAndQuotesPaths) {
  Plan plan{.name = "test", .dir = "/tmp/a \"b\"", .nodes = {}};
  plan.nodes.push_back({.node = NodeId(3),
                        .listen = "127.0.0.1:7003",
                        .peer_listen = "127.0.0.1:7103",
                        .http = "127.0.0.1:7203",
                        .client_proxy = {},
                        .dial = {{NodeId(2), "127.0.0.1:9002"}}});
  EXPECT_EQ(config_text(plan, plan.nodes[0], "info"), R"([node]
id = 3
data = "/tmp/a \"b\"/n3/data"
listen = "127.0.0.1:7003"
peer_listen = "127.0.0.1:7103"
http = "127.0.0.1:7203"
log_level = "info"

[dial]
n2 = "127.0.0.1:9002"
)");
}

TEST(Plan, RefusesFoldersThatItsFilesCannotHold) {
  EXPECT_EQ(make_plan("default", "/tmp/x\xff", 3).error().code, Code::invalid);
  EXPECT_EQ(read_plan("/tmp/x\xff").error().code, Code::invalid);
  EXPECT_TRUE(make_plan("default", "/tmp/größer", 3).has_value());
}

TEST(Plan, RefusesNamesThatArePathsOrWouldNotBeReadBack) {
  for (const std::string& name :
       {std::string("default"), std::string("a"), std::string("Two_2-b.c"), std::string("-"), std::string(64, 'x')}) {
    EXPECT_TRUE(check_name(name)) << name;
    EXPECT_TRUE(make_plan(name, "/tmp/x", 3)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../../esc"), std::string(".hidden"),
        std::string("a/b"), std::string("/abs"), std::string("two words"), std::string("größer"), std::string("\xff"),
        std::string("nul\0l", 5), std::string(65, 'x')}) {
    ASSERT_FALSE(check_name(name)) << name;
    EXPECT_EQ(check_name(name).error().code, Code::invalid) << name;
    EXPECT_EQ(make_plan(name, "/tmp/x", 3).error().code, Code::invalid) << name;
  }
}

}  // namespace
}  // namespace rift::cluster
