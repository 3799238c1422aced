#include "cli/trial_nodes.h"

#include <stdlib.h>

#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "client/admin.h"
#include "cluster/found.h"
#include "cluster/plan.h"

namespace rift::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration start_limit = std::chrono::seconds(60);
constexpr Duration look_limit = std::chrono::seconds(1);
constexpr auto poll_period = std::chrono::milliseconds(20);  // asked of other processes: none of them can wake us

Time now() { return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())); }

}  // namespace

Result<std::unique_ptr<TrialNodes>> TrialNodes::create(const TrialOptions& options) {
  std::string pattern = (fs::temp_directory_path() / "rift-trial-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return fail(Code::io, "cannot make a folder for the trial: " + pattern);
  std::unique_ptr<TrialNodes> nodes(new TrialNodes(pattern, options.keep));
  if (const auto started = nodes->start(options); !started) return tl::unexpected<Error>(started.error());
  return nodes;
}

TrialNodes::~TrialNodes() {
  supervisor_.reset();
  std::error_code ignored;
  if (!keep_) fs::remove_all(folder_, ignored);
}

Result<void> TrialNodes::start(const TrialOptions& options) {
  const auto plan = TRY(cluster::make_plan("trial", folder_ + "/c", options.nodes));
  supervisor_ = TRY(cluster::Supervisor::create({.plan = plan, .start_limit = start_limit, .stop_limit = start_limit}));
  TRY(supervisor_->start_all());
  TRY(cluster::found_cluster(endpoints(), {.limit = start_limit}));
  TRY(cluster::wait_until_ready(endpoints(), start_limit));
  const topology::KeyspaceWish wish{.name = keyspace, .mode = Mode::cp, .copies = options.nodes};
  const auto catalog = TRY(AdminClient(endpoints().front(), start_limit).create_keyspace(wish));
  partition_ = catalog.find(keyspace)->partitions.front().id;
  return wait_until_level(start_limit);
}

std::vector<std::string> TrialNodes::endpoints() const {
  std::vector<std::string> result;
  for (const auto& node : supervisor_->plan().nodes) result.push_back(node.listen);
  return result;
}

std::string TrialNodes::address(NodeId node) const { return supervisor_->plan().find(node)->listen; }

std::map<NodeId, ReplicaStatus> TrialNodes::replicas() const {
  std::map<NodeId, ReplicaStatus> result;
  const auto plan = supervisor_->plan();
  for (const auto& report : supervisor_->report()) {
    if (report.state != cluster::NodeState::running) continue;
    const auto reply = AdminClient(plan.find(report.node)->listen, look_limit).status();
    if (!reply) continue;
    for (const ReplicaStatus& replica : reply->status.replicas) {
      if (replica.partition == partition_) result[report.node] = replica;
    }
  }
  return result;
}

Result<NodeId> TrialNodes::leader() const {
  for (const Time give_up = now() + start_limit; now() < give_up; std::this_thread::sleep_for(poll_period)) {
    NodeId best;
    Term term;
    for (const auto& [node, replica] : replicas()) {
      if (replica.role != "leader" || replica.term < term) continue;
      best = node;
      term = replica.term;
    }
    if (best != NodeId()) return best;
  }
  return fail(Code::no_leader, fmt::format("nobody leads {}", keyspace));
}

Result<void> TrialNodes::wait_until_level(Duration limit) const {
  const std::size_t count = supervisor_->plan().nodes.size();
  LogIndex wanted;
  for (const Time give_up = now() + limit; now() < give_up; std::this_thread::sleep_for(poll_period)) {
    const auto all = replicas();
    bool led = false;
    bool level = all.size() == count;
    for (const auto& [node, replica] : all) {
      if (replica.role == "leader" && wanted == LogIndex()) wanted = replica.commit;
      led = led || replica.role == "leader";
    }
    for (const auto& [node, replica] : all) level = level && replica.applied >= wanted;
    if (led && level) return {};
  }
  return fail(Code::timeout, "not every node has caught up in time");
}

}  // namespace rift::cli
