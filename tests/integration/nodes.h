// Real `rift serve` processes on loopback, started, founded and killed by number; they and their folder go away with the object. For
// integration tests only; one thread, but for what says otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/admin.h"
#include "client/client.h"
#include "cluster/found.h"
#include "cluster/supervisor.h"
#include "tests/unit/cluster/folder.h"

namespace rift::test {

using cluster::test::Folder;

constexpr auto patience = std::chrono::seconds(60);  // sanitized binaries on a busy machine are slow

// Looks until `done`, or gives up.
inline bool eventually(const std::function<bool()>& done, Duration limit = patience) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

class Nodes {
 public:
  explicit Nodes(std::uint32_t count) : Nodes(count, count) {}
  // All run; the first `founders` are a cluster, the others know nothing.
  Nodes(std::uint32_t count, std::uint32_t founders) {
    const auto plan = MUST(cluster::make_plan("test", folder_.path() + "/c", count));
    supervisor_ = MUST(cluster::Supervisor::create(
        {.plan = plan, .binary = RIFT_BINARY_DIR "/rift", .start_limit = patience, .stop_limit = patience}));
    MUST(supervisor_->start_all());
    auto founding = addresses();
    founding.resize(founders);
    MUST(cluster::found_cluster(founding, {.limit = patience}));
    MUST(cluster::wait_until_ready(founding, patience));
    if (founders == count) {
      EXPECT_TRUE(reach_each_other(count));
    }
  }

  cluster::Supervisor& supervisor() { return *supervisor_; }
  const Folder& folder() const { return folder_; }
  cluster::Plan plan() const { return supervisor_->plan(); }
  cluster::NodePlan node(NodeId id) const { return *supervisor_->plan().find(id); }
  std::string data(NodeId id) const { return cluster::node_folder(plan(), id) + "/data"; }
  std::vector<NodeId> ids() const {
    std::vector<NodeId> result;
    for (const auto& node : plan().nodes) result.push_back(node.node);
    return result;
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> result;
    for (const auto& node : plan().nodes) result.push_back(node.listen);
    return result;
  }
  std::vector<int> pids() const {
    std::vector<int> result;
    for (const auto& node : plan().nodes) result.push_back(node.pid);
    return result;
  }
  cluster::NodeReport report(NodeId id) const {
    for (const auto& report : supervisor_->report()) {
      if (report.node == id) return report;
    }
    return {};
  }

  // Until every node of the cluster that runs knows the keyspace and, in cp, who leads it.
  void create(const topology::KeyspaceWish& wish) {
    MUST(AdminClient(addresses().front(), patience).create_keyspace(wish));
    ASSERT_TRUE(eventually([&] { return everybody_knows(wish.name); })) << wish.name;
    if (wish.mode == Mode::cp) {
      ASSERT_TRUE(eventually([&] { return leader(wish.name).has_value(); })) << wish.name;
    }
  }

  std::optional<topology::Keyspace> keyspace(const std::string& name) const {
    for (const std::string& address : running()) {
      const auto catalog = AdminClient(address).catalog();
      if (catalog && catalog->find(name) != nullptr) return *catalog->find(name);
    }
    return std::nullopt;
  }

  // Until every node that runs reaches so many, itself included.
  bool reach_each_other(std::size_t count) const {
    return eventually([&] {
      for (const std::string& address : running()) {
        const auto status = AdminClient(address).status();
        if (!status || status->status.reachable.size() < count) return false;
      }
      return true;
    });
  }

  // Of the keyspace's first partition: the node that says so itself, in the highest term.
  std::optional<NodeId> leader(const std::string& name) const {
    const auto wanted = keyspace(name);
    std::optional<NodeId> result;
    Term term;
    for (const std::string& address : running()) {
      const auto status = AdminClient(address).status();
      if (!wanted || !status) continue;
      for (const ReplicaStatus& replica : status->status.replicas) {
        if (replica.partition != wanted->partitions.front().id || replica.role != "leader" || replica.term < term)
          continue;
        term = replica.term;
        result = status->status.identity.node;
      }
    }
    return result;
  }
  NodeId follower(const std::string& name) const {
    const auto leads = leader(name);
    for (const NodeId id : ids()) {
      if (id != leads) return id;
    }
    return {};
  }

  std::unique_ptr<Client> client(Duration deadline = patience) const {
    return MUST(Client::connect({.endpoints = addresses(), .deadline = deadline, .connect_deadline = patience}));
  }
  // Talks to this node only.
  std::unique_ptr<Client> client_of(NodeId id, Duration deadline = patience, bool retry = true) const {
    return MUST(Client::connect({.endpoints = {node(id).listen},
                                 .pin = node(id).listen,
                                 .deadline = deadline,
                                 .connect_deadline = patience,
                                 .attempt_timeout = deadline,
                                 .retry = retry}));
  }

 private:
  std::vector<std::string> running() const {
    std::vector<std::string> result;
    const auto now = plan();
    for (const auto& report : supervisor_->report()) {
      if (report.state == cluster::NodeState::running) result.push_back(now.find(report.node)->listen);
    }
    return result;
  }
  bool everybody_knows(const std::string& name) const {
    for (const std::string& address : running()) {
      const auto identity = AdminClient(address).identity();
      if (identity && identity->identity.cluster.is_zero()) continue;  // nobody has told it of a cluster
      const auto catalog = AdminClient(address).catalog();
      if (!catalog || catalog->find(name) == nullptr) return false;
    }
    return true;
  }

  Folder folder_;
  std::unique_ptr<cluster::Supervisor> supervisor_;
};

// The node's own copy of a keyspace.
inline std::vector<InspectedKey> own_copy(const std::string& address, const std::string& keyspace) {
  AdminClient admin(address, patience);
  std::vector<InspectedKey> keys;
  std::string cursor;
  do {
    auto page = admin.inspect(keyspace, cursor, 1000);
    EXPECT_TRUE(page) << page.error().detail;
    if (!page) break;
    keys.insert(keys.end(), page->keys.begin(), page->keys.end());
    cursor = page->next;
  } while (!cursor.empty());
  return keys;
}

inline std::string describe(const Answer& answer) {
  return std::string(to_string(answer.outcome)) + " " + std::string(to_string(answer.code)) + " " + answer.why;
}

}  // namespace rift::test
