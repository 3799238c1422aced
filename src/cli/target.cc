#include "cli/target.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/limits.h"
#include "chaos/live/network.h"
#include "client/admin.h"
#include "cluster/plan.h"

namespace rift::cli {
namespace {

constexpr auto reach_limit = std::chrono::seconds(2);
// A node that refuses for longer than an election takes will not change its mind soon, and --via lets nobody else be asked.
constexpr auto pinned_patience = std::chrono::milliseconds(1500);
static_assert(pinned_patience > limits::election_timeout_max);

// The address of "n3": from the local cluster's file, else from the map of a node that answers.
Result<std::string> address_of(const Target& target, NodeId node) {
  if (target.endpoints.empty()) {
    const cluster::Plan plan = TRY(cluster::read_plan(target.cluster.folder()));
    const cluster::NodePlan* found = plan.find(node);
    if (found != nullptr) return found->listen;
    return rift::fail(Code::invalid, "there is no node " + to_string(node));
  }
  for (const std::string& endpoint : target.endpoints) {
    const auto catalog = AdminClient(endpoint, reach_limit).catalog();
    if (!catalog) continue;
    const topology::Member* member = catalog->member(node);
    if (member != nullptr) return member->client_address;
    return rift::fail(Code::invalid, "there is no node " + to_string(node));
  }
  return rift::fail(Code::unreachable, "no endpoint answers");
}

Result<std::string> pin_of(const Target& target) {
  if (target.via.empty()) return std::string();
  if (target.via.find(':') != std::string::npos) return target.via;
  return address_of(target, TRY(chaos::live::parse_node(target.via)));
}

}  // namespace

std::string Target::flag() const {
  if (endpoints.empty()) return cluster.flag();
  return " --endpoints " + shell_word(fmt::format("{}", fmt::join(endpoints, ",")));
}

void add_target(CLI::App& app, Target& target) {
  app.add_option("--endpoints", target.endpoints, "Nodes to talk to, host:port (default: those of the local cluster)")
      ->delimiter(',')
      ->envname("RIFT_ENDPOINTS");
  app.add_option("--via", target.via, "Talk to this node only, whoever leads or owns the key: n3 or host:port");
  target.has_deadline =
      app.add_option("--deadline", target.deadline,
                     "Time allowed; a refusal by the node of --via is told after 1.5 s, unless this is given")
          ->capture_default_str();
  add_cluster_choice(app, target.cluster);
}

Result<std::vector<std::string>> endpoints_of(const Target& target) {
  if (!target.endpoints.empty()) return target.endpoints;
  const auto plan = cluster::read_plan(target.cluster.folder());
  if (!plan) {
    return rift::fail(
        Code::unreachable,
        fmt::format("no endpoints: {}, and neither --endpoints nor RIFT_ENDPOINTS is set", plan.error().detail));
  }
  std::vector<std::string> endpoints;
  for (const auto& node : plan->nodes) endpoints.push_back(node.listen);
  return endpoints;
}

Result<std::unique_ptr<Client>> connect(const Target& target) {
  const Duration deadline = TRY(parse_duration(target.deadline));
  if (deadline <= Duration::zero()) return rift::fail(Code::invalid, "--deadline must be longer than nothing");
  ClientOptions options{.endpoints = TRY(endpoints_of(target)), .deadline = deadline, .connect_deadline = deadline};
  options.pin = TRY(pin_of(target));
  const bool is_patient = target.has_deadline != nullptr && target.has_deadline->count() > 0;
  if (!options.pin.empty() && !is_patient) options.refusal_patience = pinned_patience;
  return Client::connect(std::move(options));
}

Result<std::string> admin_endpoint(const Target& target) {
  std::string pin = TRY(pin_of(target));
  if (!pin.empty()) return pin;
  const auto endpoints = TRY(endpoints_of(target));
  for (const std::string& endpoint : endpoints) {
    if (AdminClient(endpoint).wait_until_reachable(reach_limit)) return endpoint;
  }
  return rift::fail(Code::unreachable, fmt::format("none of {} nodes answers", endpoints.size()));
}

}  // namespace rift::cli
