#include "cluster/found.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include <fmt/core.h>

#include "client/admin.h"

namespace rift::cluster {
namespace {

constexpr auto poll_period = std::chrono::milliseconds(50);  // asked of other processes: none of them can wake us

Uuid random_uuid() {
  std::random_device device;
  const auto word = [&device] { return std::uint64_t{device()} << 32U | device(); };
  return {.high = word(), .low = word()};
}

Result<void> check(const std::vector<IdentityReply>& nodes) {
  std::set<NodeId> ids;
  ClusterId known;
  for (const IdentityReply& node : nodes) {
    if (!ids.insert(node.identity.node).second) {
      return rift::fail(Code::invalid, fmt::format("two nodes call themselves {}", to_string(node.identity.node)));
    }
    if (node.identity.cluster.is_zero()) continue;
    if (!known.is_zero() && known != node.identity.cluster) {
      return rift::fail(Code::invalid, fmt::format("{} belongs to another cluster, {}", to_string(node.identity.node),
                                                   to_string(node.identity.cluster)));
    }
    known = node.identity.cluster;
  }
  return {};
}

template <class T>
Result<T> at(const std::string& endpoint, Result<T> result) {
  if (result) return result;
  return rift::fail(result.error().code, endpoint + ": " + result.error().detail);
}

}  // namespace

Result<ClusterId> found_cluster(const std::vector<std::string>& endpoints, Duration limit) {
  if (endpoints.empty()) return rift::fail(Code::invalid, "no founding node was named");
  std::vector<AdminClient> clients;
  std::vector<IdentityReply> nodes;
  for (const std::string& endpoint : endpoints) {
    clients.emplace_back(endpoint);
    TRY(at(endpoint, clients.back().wait_until_reachable(limit)));
    nodes.push_back(TRY(at(endpoint, clients.back().identity())));
  }
  TRY(check(nodes));

  const auto founded =
      std::find_if(nodes.begin(), nodes.end(), [](const auto& n) { return !n.identity.cluster.is_zero(); });
  const ClusterId id = founded == nodes.end() ? random_uuid() : founded->identity.cluster;
  std::vector<topology::Member> members;
  for (const IdentityReply& node : nodes) {
    members.push_back({.node = node.identity.node,
                       .client_address = node.client_address,
                       .peer_address = node.peer_address,
                       .disk = node.identity.disk});
  }
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (nodes[i].identity.cluster.is_zero()) TRY(at(endpoints[i], clients[i].found(id, members)));
  }
  return id;
}

Result<void> wait_until_ready(const std::vector<std::string>& endpoints, Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (const std::string& endpoint : endpoints) {
    AdminClient client(endpoint);
    while (true) {
      const auto status = client.status();
      if (status && status->status.ready) break;
      if (std::chrono::steady_clock::now() >= deadline) {
        const std::string why = status ? status->status.not_ready_because : status.error().detail;
        return rift::fail(Code::not_ready, fmt::format("{} is not ready: {}", endpoint, why));
      }
      std::this_thread::sleep_for(poll_period);
    }
  }
  return {};
}

}  // namespace rift::cluster
