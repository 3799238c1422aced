#include "cluster/found.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include <fmt/core.h>

namespace rift::cluster {
namespace {

constexpr auto poll_period = std::chrono::milliseconds(50);  // asked of other processes: none of them can wake us

Uuid random_uuid() {
  std::random_device device;
  const auto word = [&device] { return std::uint64_t{device()} << 32U | device(); };
  return {.high = word(), .low = word()};
}

Result<ClusterId> common_cluster(const std::vector<IdentityReply>& nodes) {
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
  return known;
}

topology::Member member_of(const IdentityReply& node) {
  return {.node = node.identity.node,
          .client_address = node.client_address,
          .peer_address = node.peer_address,
          .disk = node.identity.disk};
}

// Why a node that was never founded may not be founded into the cluster of `map`; nothing: it is one of its founders.
std::optional<std::string> why_stranger(const IdentityReply& node, const topology::Catalog& map) {
  const std::string name = to_string(node.identity.node);
  const topology::Member* known = map.member(node.identity.node);
  if (known == nullptr) {
    return fmt::format("{} is no member of cluster {}, which was founded without it; `rift members add {}` takes it in",
                       name, to_string(map.cluster), node.client_address);
  }
  if (known->disk != node.identity.disk) {
    return fmt::format(
        "{0} is empty, and cluster {1} knows it with another disk: what it voted for and acknowledged "
        "is gone; `rift members replace {0}` lets it come back with the new one",
        name, to_string(map.cluster));
  }
  return std::nullopt;
}

template <class T>
Result<T> at(const std::string& endpoint, Result<T> result) {
  if (result) return result;
  return rift::fail(result.error().code, endpoint + ": " + result.error().detail);
}

// The newest map of those that are founded; a node that has just started does not have it at once.
Result<topology::Catalog> newest_map(const std::vector<std::string>& endpoints, std::vector<AdminClient>& clients,
                                     const std::vector<IdentityReply>& nodes, Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::optional<topology::Catalog> newest;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].identity.cluster.is_zero()) continue;
    auto map = clients[i].catalog();
    while (!map && map.error().code == Code::not_ready && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(poll_period);
      map = clients[i].catalog();
    }
    if (!map) return at(endpoints[i], std::move(map));
    if (!newest || map->epoch > newest->epoch) newest = std::move(*map);
  }
  return *newest;
}

struct Asked {
  std::vector<AdminClient> clients;
  std::vector<IdentityReply> nodes;
  Founding plan;
  std::optional<topology::Catalog> map;  // of who is founded
};

Result<Asked> ask(const std::vector<std::string>& endpoints, const FoundOptions& options) {
  if (endpoints.empty()) return rift::fail(Code::invalid, "no founding node was named");
  Asked asked;
  for (const std::string& endpoint : endpoints) {
    asked.clients.emplace_back(endpoint);
    TRY(at(endpoint, asked.clients.back().wait_until_reachable(options.limit)));
    asked.nodes.push_back(TRY(at(endpoint, asked.clients.back().identity())));
  }
  const auto is_founded = [](const IdentityReply& node) { return !node.identity.cluster.is_zero(); };
  const auto founded = std::count_if(asked.nodes.begin(), asked.nodes.end(), is_founded);
  const bool is_part_founded = founded > 0 && static_cast<std::size_t>(founded) < endpoints.size();
  if (is_part_founded || (founded > 0 && options.allow_teaching))
    asked.map = TRY(newest_map(endpoints, asked.clients, asked.nodes, options.limit));
  if (options.allow_teaching && asked.map && !asked.map->allow_teaching) {
    return rift::fail(Code::invalid,
                      "the cluster was founded without teaching variants, so that nobody who keeps data "
                      "in it loses some by them; found another one");
  }
  asked.plan = TRY(plan_founding(asked.nodes, is_part_founded ? asked.map : std::nullopt, random_uuid()));
  return asked;
}

Result<void> carry_out(const std::vector<std::string>& endpoints, Asked& asked, bool allow_teaching) {
  if (asked.map) allow_teaching = asked.map->allow_teaching;  // all founders are told the same
  for (const std::size_t i : asked.plan.to_found)
    TRY(at(endpoints[i], asked.clients[i].found(asked.plan.cluster, asked.plan.members, allow_teaching)));
  for (const std::size_t i : asked.plan.to_join) TRY(at(endpoints[i], asked.clients[i].join(*asked.map)));
  return {};
}

}  // namespace

Result<Founding> plan_founding(const std::vector<IdentityReply>& nodes, const std::optional<topology::Catalog>& map,
                               ClusterId fresh) {
  const ClusterId known = TRY(common_cluster(nodes));
  Founding plan;
  plan.cluster = known.is_zero() ? fresh : known;
  if (known.is_zero()) {
    for (const IdentityReply& node : nodes) plan.members.push_back(member_of(node));
    std::sort(plan.members.begin(), plan.members.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  } else if (map) {
    for (const auto& [node, member] : map->members) plan.members.push_back(member);
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].identity.cluster.is_zero()) continue;
    const auto why = map ? why_stranger(nodes[i], *map) : std::nullopt;
    if (why) {
      plan.strangers.push_back(*why);
      plan.strange.push_back(i);
    } else if (map && map->epoch > MapEpoch(1)) {
      plan.to_join.push_back(i);  // the first entry of `_system` is the first map, which nobody may still have
    } else {
      plan.to_found.push_back(i);
    }
  }
  return plan;
}

Result<ClusterId> found_cluster(const std::vector<std::string>& endpoints, const FoundOptions& options) {
  Asked asked = TRY(ask(endpoints, options));
  if (!asked.plan.strangers.empty()) return rift::fail(Code::invalid, asked.plan.strangers.front());
  TRY(carry_out(endpoints, asked, options.allow_teaching));
  return asked.plan.cluster;
}

Result<Founded> found_or_resume(const std::vector<std::string>& endpoints, const FoundOptions& options) {
  Asked asked = TRY(ask(endpoints, options));
  TRY(carry_out(endpoints, asked, options.allow_teaching));
  Founded founded{.cluster = asked.plan.cluster, .endpoints = {}, .left_out = asked.plan.strangers};
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (std::count(asked.plan.strange.begin(), asked.plan.strange.end(), i) == 0)
      founded.endpoints.push_back(endpoints[i]);
  }
  return founded;
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
