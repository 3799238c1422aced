// Process control with a shell script in the place of `rift`: it announces itself as `rift serve` does and then waits.
#include "cluster/supervisor.h"

#include <signal.h>

#include <thread>

#include <gtest/gtest.h>

#include "cluster/child.h"
#include "tests/unit/cluster/folder.h"

namespace rift::cluster {
namespace {

using test::Folder;

constexpr auto patience = std::chrono::seconds(10);

constexpr const char* good_node = R"(#!/bin/sh
echo "log of $3" >&2
echo '{"event":"listening","node":1}'
exec sleep 1000
)";
constexpr const char* broken_node = R"(#!/bin/sh
echo "the data directory is in use" >&2
exit 1
)";

SupervisorOptions options(const Folder& folder, const char* script) {
  return {.plan = MUST(make_plan("test", folder.path() + "/cluster", 2)),
          .binary = folder.write("node.sh", script, true),
          .start_limit = patience,
          .stop_limit = patience};
}

NodeReport report_of(const Supervisor& supervisor, NodeId node) {
  for (const NodeReport& report : supervisor.report()) {
    if (report.node == node) return report;
  }
  return {};
}

TEST(Supervisor, StartsKillsPausesAndRestartsByNode) {
  const Folder folder;
  const auto supervisor = MUST(Supervisor::create(options(folder, good_node)));
  ASSERT_TRUE(supervisor->start_all());
  const NodeReport first = report_of(*supervisor, NodeId(1));
  EXPECT_EQ(first.state, NodeState::running);
  EXPECT_GT(first.pid, 0);
  EXPECT_EQ(supervisor->plan().find(NodeId(1))->pid, first.pid);
  EXPECT_EQ(supervisor->start(NodeId(1)).error().code, Code::already_exists);

  ASSERT_TRUE(supervisor->kill(NodeId(1)));
  EXPECT_EQ(report_of(*supervisor, NodeId(1)).state, NodeState::stopped);
  EXPECT_EQ(report_of(*supervisor, NodeId(1)).exit_text, "killed by signal 9");
  EXPECT_EQ(report_of(*supervisor, NodeId(2)).state, NodeState::running);
  EXPECT_FALSE(supervisor->kill(NodeId(1)));

  ASSERT_TRUE(supervisor->restart(NodeId(1)));
  EXPECT_NE(report_of(*supervisor, NodeId(1)).pid, first.pid);
  ASSERT_TRUE(supervisor->pause(NodeId(2)));
  EXPECT_EQ(report_of(*supervisor, NodeId(2)).state, NodeState::paused);
  ASSERT_TRUE(supervisor->resume(NodeId(2)));
  EXPECT_EQ(report_of(*supervisor, NodeId(2)).state, NodeState::running);

  ASSERT_TRUE(supervisor->pause(NodeId(2)));
  supervisor->stop_all();  // a paused node stops as well
  EXPECT_EQ(report_of(*supervisor, NodeId(2)).state, NodeState::stopped);
  EXPECT_FALSE(supervisor->pause(NodeId(9)));
  EXPECT_NE(folder.read("cluster/n2/log").find("n2/node.toml"), std::string::npos);
}

TEST(Supervisor, ANodeThatDoesNotComeUpIsReportedWithTheLastLineOfItsLog) {
  const Folder folder;
  const auto supervisor = MUST(Supervisor::create(options(folder, broken_node)));
  const auto started = supervisor->start(NodeId(1));
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().detail.find("exit status 1"), std::string::npos) << started.error().detail;
  EXPECT_NE(started.error().detail.find("the data directory is in use"), std::string::npos);
}

TEST(Supervisor, EndsItsChildrenWhenItEnds) {
  const Folder folder;
  int pid = 0;
  {
    const auto supervisor = MUST(Supervisor::create(options(folder, good_node)));
    ASSERT_TRUE(supervisor->start(NodeId(1)));
    pid = report_of(*supervisor, NodeId(1)).pid;
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Child, IsKilledByTheKernelWhenTheThreadThatStartedItEnds) {
  const Folder folder;
  std::optional<Child> child;
  std::thread([&] {
    child = MUST(Child::start(
        {.command = {"/bin/sh", "-c", "echo up; exec sleep 1000"}, .stderr_path = folder.path() + "/log"}));
    EXPECT_EQ(child->read_line(patience), "up");
  }).join();
  ASSERT_TRUE(child->wait(patience));
  EXPECT_EQ(child->exit_text(), "killed by signal 9");
}

TEST(Child, AProgramThatDoesNotExistEndsAtOnce) {
  const Folder folder;
  Child child = MUST(Child::start({.command = {"/nonexistent/program"}, .stderr_path = folder.path() + "/log"}));
  EXPECT_EQ(child.read_line(patience), std::nullopt);
  ASSERT_TRUE(child.wait(patience));
  EXPECT_EQ(child.exit_text(), "exit status 127");
  EXPECT_FALSE(child.signal(SIGTERM));
}

}  // namespace
}  // namespace rift::cluster
