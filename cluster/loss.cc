// Members: what is left after nodes have gone for good, and going on with it.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/node_list.h"
#include "cluster/members.h"

namespace rift::cluster {
namespace {

constexpr auto recovery_limit = std::chrono::seconds(15);  // an election comes before the change of the map

using Nodes = std::vector<NodeId>;

std::uint64_t counter(const ReplicaStatus& replica, const std::string& name) {
  const auto it = replica.counters.find(name);
  return it == replica.counters.end() ? 0 : it->second;
}

// A sound state first, then later terms, then the longer log: what a group would elect.
auto hold_of(const ReplicaStatus& replica) {
  return std::tuple(replica.role != "quarantined", counter(replica, "last_term"), replica.last, replica.commit);
}

struct Survivor {
  NodeId node;
  const ReplicaStatus* replica = nullptr;
};

Survivor best_of(const Group& group, const topology::Partition& partition, const Nodes& lost) {
  Survivor best;
  for (const auto& [node, replica] : group.replicas) {
    const bool tells = replica.role != "stopped" && replica.role != "repair" && !replica.voters.empty();
    const bool follows_the_map = counter(replica, "refounded") >= partition.refounded;
    if (!tells || !follows_the_map || holds(lost, node) || !holds(group.owners, node)) continue;
    if (best.replica == nullptr || hold_of(replica) > hold_of(*best.replica)) best = {node, &replica};
  }
  return best;
}

std::size_t count_lost(const Nodes& nodes, const Nodes& lost) {
  return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [&](NodeId n) { return holds(lost, n); }));
}

void plan_ap(const Group& group, LossPlan& plan) {
  const std::size_t gone = count_lost(group.owners, plan.loss.lost);
  if (gone == 0) return;
  const std::size_t left = group.owners.size() - gone;
  plan.consequences.push_back(
      left == 0 ? fmt::format("{}: nobody is left who holds it: its data is gone; drop its keyspace", group.name)
                : fmt::format("{}: {} of {} owners are left, and levels count those; what only {} held is lost",
                              group.name, left, group.owners.size(), names_of(plan.loss.lost)));
}

Result<void> plan_cp(const Survey& survey, const Group& group, LossPlan& plan) {
  const topology::Partition& partition = *survey.catalog.partition(group.partition);
  const Survivor best = best_of(group, partition, plan.loss.lost);
  if (best.replica == nullptr) {
    plan.consequences.push_back(fmt::format(
        "{}: nobody who answers holds it; unless one comes back its data is gone, and its keyspace can be dropped",
        group.name));
    return {};
  }
  if (counter(*best.replica, "refounded") > partition.refounded) {
    plan.loss.survivors[group.partition] = best.node;
    plan.consequences.push_back(fmt::format("{}: {} goes on from what it holds already; the map is to follow",
                                            group.name, to_string(best.node)));
    return {};
  }
  const Nodes& voters = best.replica->voters;
  const std::size_t gone = count_lost(voters, plan.loss.lost);
  const std::size_t left = voters.size() - gone;
  if (gone == 0) return {};
  if (!best.replica->settled && group.leader != NodeId())
    return rift::fail(Code::not_ready, group.name + " is changing its members; look again in a moment");
  if (best.replica->settled && left >= voters.size() / 2 + 1) {
    plan.consequences.push_back(
        fmt::format("{}: {} of {} voters are left, which decide: nothing is lost", group.name, left, voters.size()));
    return {};
  }
  plan.loss.survivors[group.partition] = best.node;
  plan.consequences.push_back(fmt::format(
      "{}: {} of {} voters are left; it goes on from {}, whose log ends at entry {}; what only {} held after that is "
      "lost",
      group.name, left, voters.size(), to_string(best.node), best.replica->last.value(), names_of(plan.loss.lost)));
  return {};
}

}  // namespace

Result<LossPlan> plan_loss(const Survey& survey, const Nodes& lost) {
  LossPlan plan{.loss = {.epoch = survey.catalog.epoch, .lost = lost, .survivors = {}}, .consequences = {}};
  for (const NodeId node : lost) {
    const auto reply = survey.nodes.find(node);
    if (reply == survey.nodes.end())
      return rift::fail(Code::invalid, to_string(node) + " is not a member of this cluster");
    if (reply->second)
      return rift::fail(Code::invalid,
                        to_string(node) + " answers: it is not lost; stop it for good first, or remove it");
  }
  for (const Group& group : survey.groups) {
    if (group.mode == Mode::ap) {
      plan_ap(group, plan);
    } else {
      TRY(plan_cp(survey, group, plan));
    }
  }
  return plan;
}

Result<topology::Catalog> Members::accept(const LossPlan& plan) const {
  const auto survivor = plan.loss.survivors.find(topology::system_partition);
  Result<topology::Catalog> last = rift::fail(Code::unreachable, "no endpoint was named");
  if (survivor == plan.loss.survivors.end()) {
    for (const std::string& endpoint : endpoints_) {
      last = AdminClient(endpoint, recovery_limit).recover(plan.loss);
      if (last || (last.error().code != Code::unreachable && last.error().code != Code::not_ready)) break;
    }
    return last;
  }
  const topology::Catalog map = TRY(catalog());
  const topology::Member* member = map.member(survivor->second);
  if (member == nullptr) return rift::fail(Code::invalid, to_string(survivor->second) + " is not a member any more");
  return AdminClient(member->client_address, recovery_limit).recover(plan.loss);
}

Result<topology::Catalog> Members::recover(const LossPlan& plan,
                                           const std::function<void(const std::string&)>& tell) const {
  Result<topology::Catalog> map = accept(plan);
  if (!map) return map;
  for (const NodeId node : plan.loss.lost) {
    const auto forgotten = forget_when_free(node, tell);
    if (forgotten) {
      map = forgotten;
    } else {
      tell(fmt::format("{} stays in the map as lost: {}", to_string(node), forgotten.error().detail));
    }
  }
  return map;
}

}  // namespace rift::cluster
