// Who lives as long as whom: a supervisor that is killed, or a demo that is interrupted, leaves no node behind; what the nodes had
// acknowledged is there when the cluster comes up again.
#include <csignal>
#include <filesystem>

#include "cluster/child.h"
#include "cluster/plan.h"
#include "tests/integration/nodes.h"

namespace rift {
namespace {

using cluster::Child;
using test::eventually;
using test::Folder;

struct Ended {
  std::string how;
  std::string out;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A process that nobody has collected yet is gone as well.
bool is_gone(int pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_ends = stat.rfind(") ");
  return name_ends == std::string::npos || stat[name_ends + 2] == 'Z' || stat[name_ends + 2] == 'X';
}

std::vector<int> node_pids(const cluster::Plan& plan) {
  std::vector<int> pids;
  for (const auto& node : plan.nodes) {
    if (node.pid != 0) pids.push_back(node.pid);
  }
  return pids;
}

bool are_gone(const std::vector<int>& pids) { return std::all_of(pids.begin(), pids.end(), is_gone); }

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
    for (const auto& node : plan().nodes) result.push_back(MUST(AdminClient(node.listen, test::patience).identity()).identity.incarnation);
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

TEST_F(Lifetime, AnInterruptedDemoLeavesNoNodeBehind) {
  for (const int signal : {SIGINT, SIGKILL}) {
    SCOPED_TRACE(signal);
    std::filesystem::remove(stderr_path());
    Child demo = MUST(Child::start({.command = {RIFT_BINARY_DIR "/rift", "demo", "--auto", "--nodes", "3", "--out", folder_.path() + "/out"},
                                    .stderr_path = stderr_path()}));
    const std::string announced = "starting 3 nodes in ";
    std::string scratch;
    std::vector<int> pids;
    ASSERT_TRUE(eventually([&] {
      const std::string said = text_of(stderr_path());
      const std::size_t at = said.find(announced);
      if (at == std::string::npos || said.find('\n', at) == std::string::npos) return false;
      scratch = said.substr(at + announced.size(), said.find('\n', at) - at - announced.size());
      const auto running = cluster::read_plan(scratch);
      pids = running ? node_pids(*running) : std::vector<int>();
      return pids.size() == 3;
    }));
    ASSERT_TRUE(demo.signal(signal));
    EXPECT_TRUE(demo.wait(test::patience));
    EXPECT_TRUE(eventually([&] { return are_gone(pids); }));
    std::filesystem::remove_all(scratch);
  }
}

}  // namespace
}  // namespace rift
