// Who lives as long as whom: a supervisor that is killed, or a demo that is interrupted, leaves no node behind; what the nodes had
// acknowledged is there when the cluster comes up again.
#include <csignal>
#include <filesystem>

#include "cluster/child.h"
#include "tests/e2e/lives.h"

namespace rift {
namespace {

using cluster::Child;
using test::announced_folder;
using test::are_gone;
using test::eventually;
using test::Folder;
using test::is_gone;
using test::node_pids;
using test::text_of;
using test::three_pids;

struct Ended {
  std::string how;
  std::string out;
};

class Lifetime : public testing::Test {
 protected:
  std::string dir() const { return folder_.path() + "/c"; }
  std::string stderr_path() const { return folder_.path() + "/stderr"; }
  Ended rift(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), RIFT_BINARY_DIR "/rift");
    arguments.insert(arguments.end(), {"--dir", dir()});
    Child child = MUST(Child::start({.command = std::move(arguments), .stderr_path = stderr_path()}));
    Ended ended;
    while (const auto line = child.read_line(test::patience)) ended.out += *line + "\n";
    EXPECT_TRUE(child.wait(test::patience));
    ended.how = child.exit_text();
    return ended;
  }
  cluster::Plan plan() const { return MUST(cluster::read_plan(dir())); }
  std::vector<std::uint64_t> incarnations() const {
    std::vector<std::uint64_t> result;
    for (const auto& node : plan().nodes)
      result.push_back(MUST(AdminClient(node.listen, test::patience).identity()).identity.incarnation);
    return result;
  }

  Folder folder_;
};

TEST_F(Lifetime, AKilledSupervisorTakesItsNodesWithItAndNothingAcknowledgedIsLost) {
  const Ended up = rift({"cluster", "up", "--nodes", "3"});
  ASSERT_EQ(up.how, "exit status 0") << text_of(stderr_path());
  ASSERT_EQ(rift({"keyspace", "create", "bank", "--mode", "cp"}).how, "exit status 0");
  ASSERT_EQ(rift({"keyspace", "create", "carts", "--mode", "ap"}).how, "exit status 0");
  for (const std::string keyspace : {"bank", "carts"}) {
    ASSERT_EQ(rift({"put", "--ks", keyspace, "k", "kept", "-c", "all"}).how, "exit status 0") << text_of(stderr_path());
  }
  const cluster::Plan before = plan();
  const std::vector<int> pids = node_pids(before);
  ASSERT_EQ(pids.size(), 3U);

  ASSERT_EQ(::kill(before.supervisor_pid, SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return is_gone(before.supervisor_pid) && are_gone(pids); }));
  EXPECT_EQ(rift({"cluster", "status"}).how, "exit status 5");
  EXPECT_EQ(rift({"put", "--ks", "bank", "k", "lost", "--deadline", "500ms"}).how, "exit status 5");

  ASSERT_EQ(rift({"cluster", "up"}).how, "exit status 0") << text_of(stderr_path());
  const std::vector<std::uint64_t> first = incarnations();
  for (const std::string keyspace : {"bank", "carts"}) {
    EXPECT_EQ(rift({"get", "--ks", keyspace, "k", "-c", "majority"}).out, "kept\n") << text_of(stderr_path());
  }

  // An orderly end: everybody goes, and comes back as who they were.
  const std::vector<int> again = node_pids(plan());
  const int supervisor = plan().supervisor_pid;
  EXPECT_EQ(rift({"cluster", "down"}).how, "exit status 0");
  EXPECT_TRUE(is_gone(supervisor));
  EXPECT_TRUE(are_gone(again));
  EXPECT_TRUE(node_pids(plan()).empty());
  EXPECT_EQ(rift({"cluster", "down"}).how, "exit status 5") << "nothing is up";
  ASSERT_EQ(rift({"cluster", "up"}).how, "exit status 0") << text_of(stderr_path());
  EXPECT_EQ(incarnations(), first);
  EXPECT_EQ(rift({"get", "--ks", "bank", "k"}).out, "kept\n");
  EXPECT_EQ(rift({"cluster", "down"}).how, "exit status 0");
}

// A demo that is stopped, at whatever moment, takes its nodes and its folder with it; the shell sees what ended it.
TEST_F(Lifetime, AStoppedDemoLeavesNothingBehind) {
  struct Case {
    int signal;
    std::string_view after;  // what it has said when the signal comes
  };
  for (const Case& stop : {Case{SIGINT, "starting 3 nodes"}, Case{SIGTERM, "bank: cp"},
                           Case{SIGINT, " requests sent, "}, Case{SIGHUP, "split {"}}) {
    SCOPED_TRACE(stop.after);
    std::filesystem::remove(stderr_path());
    Child demo = MUST(Child::start({.command = {RIFT_BINARY_DIR "/rift", "demo", "--auto", "--nodes", "3", "--calm",
                                                "1s", "--out", folder_.path() + "/out"},
                                    .stderr_path = stderr_path()}));
    ASSERT_TRUE(eventually([&] { return text_of(stderr_path()).find(stop.after) != std::string::npos; }))
        << text_of(stderr_path());
    std::string scratch;
    ASSERT_TRUE(eventually([&] { return !(scratch = announced_folder(text_of(stderr_path()))).empty(); }));
    ASSERT_TRUE(demo.signal(stop.signal));
    ASSERT_TRUE(demo.wait(test::patience));
    EXPECT_EQ(demo.exit_text(), "killed by signal " + std::to_string(stop.signal));
    EXPECT_TRUE(test::processes_of(scratch).empty());
    EXPECT_FALSE(std::filesystem::exists(scratch)) << scratch;
    EXPECT_NE(text_of(stderr_path()).find("no verdict"), std::string::npos);
  }
}

TEST_F(Lifetime, AKilledDemoTakesItsNodesWithIt) {
  Child demo = MUST(Child::start(
      {.command = {RIFT_BINARY_DIR "/rift", "demo", "--auto", "--nodes", "3", "--out", folder_.path() + "/out"},
       .stderr_path = stderr_path()}));
  std::string scratch;
  std::vector<int> pids;
  ASSERT_TRUE(eventually([&] {
    scratch = announced_folder(text_of(stderr_path()));
    return !scratch.empty() && !(pids = three_pids(scratch)).empty();
  }));
  ASSERT_TRUE(demo.signal(SIGKILL));
  EXPECT_TRUE(demo.wait(test::patience));
  EXPECT_TRUE(eventually([&] { return are_gone(pids); }));
  std::filesystem::remove_all(scratch);  // nobody was left to do it
}

}  // namespace
}  // namespace rift
