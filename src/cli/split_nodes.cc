#include "cli/split_nodes.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "client/admin.h"
#include "cluster/found.h"

namespace rift::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration start_limit = std::chrono::seconds(60);
constexpr Duration look_limit = std::chrono::seconds(5);
constexpr auto poll_period = std::chrono::milliseconds(20);  // asked of other processes: none of them can wake us

Time now() { return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())); }

// User and system time of a process, by proc(5): fields 14 and 15, counted behind the name in parentheses.
Result<double> cpu_seconds_of(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return fail(Code::io, fmt::format("/proc/{}/stat cannot be read", pid));
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (!(rest >> user >> system)) return fail(Code::io, fmt::format("/proc/{}/stat is not what it should be", pid));
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Result<std::unique_ptr<SplitNodes>> SplitNodes::create(const Options& options) {
  std::string pattern = (fs::temp_directory_path() / "rift-trial-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return fail(Code::io, "cannot make a folder for the trial: " + pattern);
  std::unique_ptr<SplitNodes> nodes(new SplitNodes(pattern, options.keep));
  if (const auto started = nodes->start(options); !started) return tl::unexpected<Error>(started.error());
  return nodes;
}

SplitNodes::~SplitNodes() {
  cluster_.reset();
  std::error_code ignored;
  if (!keep_) fs::remove_all(folder_, ignored);
}

Result<void> SplitNodes::start(const Options& options) {
  cluster_ = TRY(chaos::live::LocalCluster::up({.name = "trial", .dir = folder_ + "/c", .nodes = options.nodes}));
  TRY(cluster::found_cluster(endpoints(), {.limit = start_limit}));
  TRY(cluster::wait_until_ready(endpoints(), start_limit));
  const topology::KeyspaceWish wish{
      .name = keyspace, .mode = Mode::ap, .copies = options.copies, .partitions = options.partitions};
  catalog_ = TRY(AdminClient(endpoints().front(), start_limit).create_keyspace(wish));
  for (const Time give_up = now() + start_limit; !runs_every_copy(); std::this_thread::sleep_for(poll_period)) {
    if (now() > give_up) return fail(Code::timeout, "not every node runs its copies of the keyspace in time");
  }
  return {};
}

bool SplitNodes::runs_every_copy() const {
  std::size_t running = 0;
  for (const std::string& endpoint : endpoints()) {
    const auto reply = AdminClient(endpoint, look_limit).status();
    if (!reply || reply->status.reachable.size() < cluster_->plan().nodes.size()) return false;
    running += static_cast<std::size_t>(std::count_if(reply->status.replicas.begin(), reply->status.replicas.end(),
                                                      [](const ReplicaStatus& it) { return it.mode == Mode::ap; }));
  }
  return running == placement().partitions.size() * placement().copies;
}

std::vector<std::string> SplitNodes::endpoints() const {
  std::vector<std::string> result;
  for (const auto& node : cluster_->plan().nodes) result.push_back(node.listen);
  return result;
}

Result<void> SplitNodes::cut(const chaos::live::Groups& groups) {
  TRY(cluster_->network().cut(groups, chaos::live::CutKind::both_ways));
  return {};
}

Result<void> SplitNodes::heal() {
  TRY(cluster_->network().heal(""));
  return {};
}

Result<std::uint64_t> SplitNodes::owed() const {
  std::uint64_t total = 0;
  for (const std::string& endpoint : endpoints()) {
    for (const ReplicaStatus& replica : TRY(AdminClient(endpoint, look_limit).status()).status.replicas)
      total += replica.mode == Mode::ap ? replica.hints : 0;
  }
  return total;
}

Result<void> SplitNodes::wait_until_settled(Duration limit) const {
  for (const Time give_up = now() + limit; now() < give_up; std::this_thread::sleep_for(poll_period)) {
    const auto left = owed();
    if (left && *left == 0) return {};
  }
  return fail(Code::timeout, "the nodes still owe each other writes");
}

Result<SplitNodes::Used> SplitNodes::used() const {
  Used used;
  for (const auto& report : cluster_->supervisor().report()) used.cpu_seconds += TRY(cpu_seconds_of(report.pid));
  for (const auto& link : cluster_->network().show()) {
    if (link.id.from == NodeId()) continue;
    used.bytes_between += link.counters.bytes_forward + link.counters.bytes_back;
  }
  return used;
}

Result<cluster::Copies> SplitNodes::compare() const {
  cluster::Copies copies = cluster::read_copies(catalog_, placement());
  if (copies.silent.empty()) return copies;
  const auto& [node, why] = *copies.silent.begin();
  return fail(Code::unreachable, to_string(node) + ": " + why);
}

}  // namespace rift::cli
