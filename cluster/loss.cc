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

// The newest group first, of one group a sound state, then later terms, then the longer log: what it would elect.
auto hold_of(const ReplicaStatus& replica) {
  return std::tuple(counter(replica, "refounded"), replica.role != "quarantined", counter(replica, "last_term"),
                    replica.last, replica.commit);
}

// A replica whose log and state can be counted.
bool tells(const ReplicaStatus& replica) {
  return replica.role != "stopped" && replica.role != "repair" && !replica.voters.empty();
}

void insert(Nodes& nodes, NodeId node) {
  const auto at = std::lower_bound(nodes.begin(), nodes.end(), node);
  if (at == nodes.end() || *at != node) nodes.insert(at, node);
}

// One group and what its nodes have said, or have not.
class Hearing {
 public:
  Hearing(const Survey& survey, const Group& group, const Nodes& lost) : survey_(survey), group_(group), lost_(lost) {
    for (const NodeId node : group.owners) insert(nodes_, node);
    for (const auto& [node, replica] : group.replicas) {
      for (const NodeId voter : replica.voters) insert(nodes_, voter);
    }
  }

  // Named now, or in a recovery before.
  bool is_lost(NodeId node) const {
    const topology::Member* member = survey_.catalog.member(node);
    return holds(lost_, node) || (member != nullptr && member->state == topology::MemberState::lost);
  }
  // Who may still come back with more than anybody has told. Who is no member any more is refused everywhere.
  Nodes silent() const {
    Nodes result;
    for (const NodeId node : nodes_) {
      const auto reply = survey_.nodes.find(node);
      if (reply != survey_.nodes.end() && !reply->second && !is_lost(node)) result.push_back(node);
    }
    return result;
  }
  // " (n2, n4 do not answer)"
  std::string aside() const {
    const Nodes nodes = silent();
    if (nodes.empty()) return {};
    return fmt::format(" ({} {} not answer)", names_of(nodes), nodes.size() == 1 ? "does" : "do");
  }
  std::size_t count_lost(const Nodes& nodes) const {
    return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [&](NodeId n) { return is_lost(n); }));
  }
  std::size_t count_owners_heard() const {
    return static_cast<std::size_t>(std::count_if(group_.owners.begin(), group_.owners.end(), [&](NodeId node) {
      const auto reply = survey_.nodes.find(node);
      return reply != survey_.nodes.end() && reply->second && !is_lost(node);
    }));
  }
  std::size_t count_voters_heard(const Nodes& voters) const {
    return static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), [&](NodeId node) {
      const auto replica = group_.replicas.find(node);
      return replica != group_.replicas.end() && tells(replica->second) && !is_lost(node);
    }));
  }
  // It holds the most of those that answered: a group is gone on from only when everybody who is left has.
  Result<void> check_everybody_heard() const {
    const Nodes nodes = silent();
    if (nodes.empty()) return {};
    return rift::fail(
        Code::invalid,
        fmt::format("{}: {} neither {} nor {} named lost and may hold more than those who answer: start {}, or name {}",
                    group_.name, names_of(nodes), nodes.size() == 1 ? "answers" : "answer",
                    nodes.size() == 1 ? "is" : "are", nodes.size() == 1 ? "it" : "them",
                    nodes.size() == 1 ? "it" : "them"));
  }

 private:
  const Survey& survey_;
  const Group& group_;
  const Nodes& lost_;
  Nodes nodes_;  // owners, and whom somebody calls a voter
};

struct Survivor {
  NodeId node;
  const ReplicaStatus* replica = nullptr;
};

Survivor best_of(const Group& group, const topology::Partition& partition, const Hearing& hearing) {
  Survivor best;
  for (const auto& [node, replica] : group.replicas) {
    // Of an older group only what was kept because nobody has heard the new one.
    const bool follows_the_map =
        counter(replica, "refounded") >= partition.refounded || counter(replica, "superseded") > 0;
    if (!tells(replica) || !follows_the_map || hearing.is_lost(node) || !holds(group.owners, node)) continue;
    if (best.replica == nullptr || hold_of(replica) > hold_of(*best.replica)) best = {node, &replica};
  }
  return best;
}

// Once for all partitions of a keyspace.
void tell_of_stand_ins(const Survey& survey, const Group& group, LossPlan& plan) {
  const auto keyspace = survey.catalog.keyspaces.find(group.keyspace);
  if (keyspace == survey.catalog.keyspaces.end() || keyspace->second.atomic) return;
  std::string line = fmt::format("{}: no owner is lost; writes at level any that only {} kept for the owners are",
                                 group.keyspace, names_of(plan.loss.lost));
  if (std::find(plan.consequences.begin(), plan.consequences.end(), line) == plan.consequences.end())
    plan.consequences.push_back(std::move(line));
}

void plan_ap(const Survey& survey, const Group& group, LossPlan& plan) {
  const Hearing hearing(survey, group, plan.loss.lost);
  if (hearing.count_lost(group.owners) == 0) return tell_of_stand_ins(survey, group, plan);
  const std::size_t left = hearing.count_owners_heard();
  if (left == 0 && hearing.silent().empty()) {
    plan.consequences.push_back(
        fmt::format("{}: nobody is left who holds it: its data is gone; drop its keyspace", group.name));
    return;
  }
  plan.consequences.push_back(
      fmt::format("{}: {} of {} owners are left{}, and levels count those; what only {} held is lost", group.name, left,
                  group.owners.size(), hearing.aside(), names_of(plan.loss.lost)));
}

std::string what_is_left(const Group& group, const Hearing& hearing, const Nodes& voters) {
  const std::size_t heard = hearing.count_voters_heard(voters);
  const std::string left =
      fmt::format("{}: {} of {} voters are left{}", group.name, heard, voters.size(), hearing.aside());
  if (heard >= voters.size() / 2 + 1) return left + ", which decide: nothing is lost";
  return left + ", too few to decide: it waits for the others, and nothing is given up";
}

Result<void> plan_cp(const Survey& survey, const Group& group, LossPlan& plan) {
  const topology::Partition& partition = *survey.catalog.partition(group.partition);
  const Hearing hearing(survey, group, plan.loss.lost);
  const Survivor best = best_of(group, partition, hearing);
  if (best.replica == nullptr) {
    plan.consequences.push_back(fmt::format(
        "{}: nobody who answers holds it{}; unless one comes back its data is gone, and its keyspace can be dropped",
        group.name, hearing.aside()));
    return {};
  }
  if (counter(*best.replica, "refounded") > partition.refounded) {
    TRY(hearing.check_everybody_heard());
    plan.loss.survivors[group.partition] = best.node;
    plan.consequences.push_back(fmt::format("{}: {} goes on from what it holds already; the map is to follow",
                                            group.name, to_string(best.node)));
    return {};
  }
  if (counter(*best.replica, "superseded") > 0) {
    TRY(hearing.check_everybody_heard());
    plan.loss.survivors[group.partition] = best.node;
    plan.consequences.push_back(fmt::format(
        "{}: it was founded again from {}, and nobody who answers has heard of that; it goes on from what {} kept of "
        "the group before, whose log ends at entry {}; what was written since is lost",
        group.name, to_string(partition.survivor), to_string(best.node), best.replica->last.value()));
    return {};
  }
  const Nodes& voters = best.replica->voters;
  const std::size_t gone = hearing.count_lost(voters);
  if (gone == 0) return {};
  if (!best.replica->settled && group.leader != NodeId())
    return rift::fail(Code::not_ready, group.name + " is changing its members; look again in a moment");
  if (best.replica->settled && voters.size() - gone >= voters.size() / 2 + 1) {
    plan.consequences.push_back(what_is_left(group, hearing, voters));
    return {};
  }
  TRY(hearing.check_everybody_heard());
  plan.loss.survivors[group.partition] = best.node;
  plan.consequences.push_back(fmt::format(
      "{}: {} of {} voters are left; it goes on from {}, whose log ends at entry {}; what only {} held after that is "
      "lost",
      group.name, hearing.count_voters_heard(voters), voters.size(), to_string(best.node), best.replica->last.value(),
      names_of(plan.loss.lost)));
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
      plan_ap(survey, group, plan);
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
