#include "cluster/members.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <tuple>

#include <fmt/format.h>

#include "base/node_list.h"

namespace rift::cluster {
namespace {

using topology::MemberChange;

constexpr auto call_limit = std::chrono::seconds(6);  // a change of the map has five
constexpr auto status_limit = std::chrono::seconds(2);
constexpr auto poll_period = std::chrono::milliseconds(100);  // asked of other processes: none of them can wake us
constexpr auto transfer_limit = std::chrono::seconds(5);      // a hand-over takes an election's time, or is given up

// Another node may do better: this one is not there, or has no way to the leader of `_system`.
bool is_worth_another_node(Code code) { return code == Code::unreachable || code == Code::not_ready; }

// A step before this one is done: the verb as a whole has neither taken effect nor had none.
tl::unexpected<Error> half_done(std::string done, const Error& error, const std::string& finish) {
  return rift::fail(Code::timeout, fmt::format("{}, but {}; {}", std::move(done), error.detail, finish));
}

// "bank", or "bank/0".
bool is_meant(const Group& group, const std::string& which) { return group.keyspace == which || group.name == which; }

bool lost(const Result<topology::Catalog>& map, NodeId node) { return map && map->member(node) == nullptr; }

template <class T, class Ask>
Result<T> ask_any(const std::vector<std::string>& endpoints, Ask ask) {
  Result<T> last = rift::fail(Code::unreachable, "no endpoint was named");
  for (const std::string& endpoint : endpoints) {
    AdminClient admin(endpoint, call_limit);
    last = ask(admin);
    if (last || !is_worth_another_node(last.error().code)) return last;
  }
  return last;
}

void hear_replica(Group& group, NodeId node, const ReplicaStatus& replica) {
  group.replicas[node] = replica;
  const bool leads = replica.role == "leader";
  const auto known = group.replicas.find(group.leader);
  if (!leads || (known != group.replicas.end() && known->second.term > replica.term)) return;
  group.leader = node;
  group.settled = replica.settled;
  group.voters = replica.voters;
  group.learners = replica.learners;
  group.peers.clear();
  for (const PeerProgress& peer : replica.peers) group.peers[peer.node] = peer;
}

}  // namespace

Result<topology::Catalog> Members::catalog() const {
  return ask_any<topology::Catalog>(endpoints_, [](AdminClient& admin) { return admin.catalog(); });
}

Result<topology::Catalog> Members::change(const MemberChange& wish) const {
  return ask_any<topology::Catalog>(endpoints_, [&](AdminClient& admin) { return admin.change_members(wish); });
}

Result<Survey> Members::survey() const {
  Survey survey;
  survey.catalog = TRY(catalog());
  std::map<PartitionId, std::size_t> places;
  for (const auto& [name, keyspace] : survey.catalog.keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      places[partition.id] = survey.groups.size();
      Group group;
      group.partition = partition.id;
      group.keyspace = name;
      group.name = topology::partition_name(keyspace, partition);
      group.mode = keyspace.mode;
      group.owners = partition.owners;
      survey.groups.push_back(std::move(group));
    }
  }
  for (const auto& [node, member] : survey.catalog.members) {
    const Result<StatusReply>& reply =
        survey.nodes.emplace(node, AdminClient(member.client_address, status_limit).status()).first->second;
    if (!reply) continue;
    for (const ReplicaStatus& replica : reply->status.replicas) {
      const auto place = places.find(replica.partition);
      if (place != places.end()) hear_replica(survey.groups[place->second], node, replica);
    }
  }
  return survey;
}

Result<IdentityReply> Members::identity_of(const std::string& address) const {
  AdminClient admin(address, call_limit);
  if (const auto reached = admin.wait_until_reachable(status_limit); !reached)
    return rift::fail(Code::unreachable, "no node answers at " + address);
  return admin.identity();
}

// The map first, for the newcomer's word alone makes no member; then the newcomer, which must have it on disk before it takes part.
Result<topology::Catalog> Members::admit(const MemberChange& wish, const std::string& address) const {
  auto changed = change(wish);
  if (!changed && changed.error().code == Code::already_exists) changed = catalog();  // an interrupted verb goes on
  if (!changed) return changed;
  const topology::Member* member = changed->member(wish.member.node);
  if (member == nullptr || member->disk != wish.member.disk)
    return rift::fail(Code::timeout, "another change of the members came in between; look at `rift members list`");
  AdminClient newcomer(address, call_limit);
  if (const auto joined = newcomer.join(*changed); !joined)
    return half_done(fmt::format("the map names {} now", to_string(member->node)), joined.error(),
                     "it has not been told so; repeat the command");
  return changed;
}

Result<topology::Catalog> Members::add(const std::string& address) const {
  const IdentityReply newcomer = TRY(identity_of(address));
  const ClusterId cluster = TRY(catalog()).cluster;
  if (!newcomer.identity.cluster.is_zero() && newcomer.identity.cluster != cluster)
    return rift::fail(Code::invalid,
                      fmt::format("{} at {} belongs to another cluster, {}", to_string(newcomer.identity.node), address,
                                  to_string(newcomer.identity.cluster)));
  return admit({.kind = MemberChange::Kind::add,
                .member = {.node = newcomer.identity.node,
                           .client_address = newcomer.client_address,
                           .peer_address = newcomer.peer_address,
                           .disk = newcomer.identity.disk}},
               address);
}

Result<topology::Catalog> Members::replace(NodeId node, std::string address) const {
  const topology::Catalog map = TRY(catalog());
  const topology::Member* known = map.member(node);
  if (known == nullptr) return rift::fail(Code::invalid, to_string(node) + " is not a member of this cluster");
  if (address.empty()) address = known->client_address;
  const IdentityReply newcomer = TRY(identity_of(address));
  if (newcomer.identity.node != node)
    return rift::fail(Code::invalid, fmt::format("the node at {} is {}", address, to_string(newcomer.identity.node)));
  if (newcomer.identity.disk == known->disk && !newcomer.identity.cluster.is_zero())
    return rift::fail(Code::already_exists, to_string(node) + " runs on the disk that the cluster knows");
  if (!newcomer.identity.cluster.is_zero() && newcomer.identity.cluster != map.cluster)
    return rift::fail(Code::invalid, fmt::format("the node at {} belongs to another cluster", address));
  return admit({.kind = MemberChange::Kind::replace,
                .member = {.node = node,
                           .client_address = newcomer.client_address,
                           .peer_address = newcomer.peer_address,
                           .disk = newcomer.identity.disk}},
               address);
}

Result<topology::Catalog> Members::remove(NodeId node, const std::function<void(const std::string&)>& tell) const {
  if (const auto left = change({.kind = MemberChange::Kind::remove, .member = {}, .node = node, .instead_of = {}});
      !left) {
    auto map = left.error().code == Code::invalid ? catalog() : left;
    if (!lost(map, node)) return left;
    tell(to_string(node) + " is no member");
    return map;
  }
  return forget_when_free(node, tell);
}

Result<topology::Catalog> Members::forget_when_free(NodeId node,
                                                    const std::function<void(const std::string&)>& tell) const {
  const auto deadline = std::chrono::steady_clock::now() + limit_;
  std::vector<std::string> waiting;
  bool answers = true;
  while (true) {
    const auto seen = survey();
    if (seen) {
      const auto known = seen->nodes.find(node);
      answers = known == seen->nodes.end() || known->second.has_value();
      auto groups = groups_with(*seen, node);
      if (groups.empty()) break;
      if (groups != waiting) tell(fmt::format("waits for {}", fmt::join(groups, ", ")));
      waiting = std::move(groups);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      const std::string silence =
          answers ? ""
                  : fmt::format("; it does not answer: `rift members recover --lost {}` gives up what it alone keeps",
                                to_string(node));
      return rift::fail(Code::timeout, fmt::format("{0} still takes part in {1}; `rift members remove {0}` goes on{2}",
                                                   to_string(node), fmt::join(waiting, ", "), silence));
    }
    std::this_thread::sleep_for(poll_period);
  }
  auto forgotten = change({.kind = MemberChange::Kind::forget, .member = {}, .node = node, .instead_of = {}});
  if (forgotten) return forgotten;
  if (auto map = catalog(); lost(map, node)) return map;
  return half_done(fmt::format("{} takes part in nothing any more", to_string(node)), forgotten.error(),
                   "repeat the command");
}

Result<void> Members::transfer(const std::string& which, NodeId to) const {
  const Survey seen = TRY(survey());
  const auto concerned = TRY(to_hand_over(seen, which, to));
  std::size_t asked = 0;
  for (const Group& group : concerned) {
    AdminClient leader(seen.catalog.member(group.leader)->client_address, call_limit);
    if (const auto told = leader.transfer(group.partition, to); !told) {
      if (asked == 0) return told;
      return half_done(fmt::format("{} groups were told", asked), told.error(), "repeat the command");
    }
    ++asked;
  }
  return asked == 0 ? Result<void>() : wait_until_leads(which, to);
}

// The leader that was asked has only begun to hand over.
Result<void> Members::wait_until_leads(const std::string& which, NodeId to) const {
  const auto deadline = std::chrono::steady_clock::now() + std::min<Duration>(limit_, transfer_limit);
  while (true) {
    const auto seen = survey();
    std::vector<std::string> others;
    for (const Group& group : seen ? seen->groups : std::vector<Group>()) {
      if (is_meant(group, which) && group.leader != to) others.push_back(group.name);
    }
    if (seen && others.empty()) return {};
    if (std::chrono::steady_clock::now() >= deadline)
      return rift::fail(Code::timeout,
                        fmt::format("{} was asked to lead, and does not lead {} yet; `rift why-leader {}` says why",
                                    to_string(to), fmt::join(others, ", "), which));
    std::this_thread::sleep_for(poll_period);
  }
}

Result<std::vector<Group>> to_hand_over(const Survey& survey, const std::string& which, NodeId to) {
  std::vector<Group> concerned;
  std::vector<std::string> strange;
  std::size_t meant = 0;
  for (const Group& group : survey.groups) {
    if (!is_meant(group, which)) continue;
    ++meant;
    if (group.mode == Mode::ap) return rift::fail(Code::invalid, "an ap keyspace has no leaders");
    if (group.leader == NodeId()) return rift::fail(Code::no_leader, group.name + " has no leader at the moment");
    if (!holds(group.owners, to) || !holds(group.voters, to)) strange.push_back(group.name);
    if (group.leader != to) concerned.push_back(group);
  }
  if (meant == 0) return rift::fail(Code::unknown_keyspace, "no keyspace is called " + which + ", and no partition");
  if (!strange.empty()) {
    return rift::fail(
        Code::invalid,
        fmt::format("{} has no vote in {}, so nobody was told; name a partition where it has one, as {}/0",
                    to_string(to), fmt::join(strange, ", "), which.substr(0, which.find('/'))));
  }
  return concerned;
}

// What it keeps for owners must reach them first; of one that does not tell, or has stopped, nobody knows that it keeps nothing.
bool may_keep_writes(const Survey& survey, const Group& group, NodeId node) {
  const auto keyspace = survey.catalog.keyspaces.find(group.keyspace);
  const auto known = survey.nodes.find(node);
  if (keyspace == survey.catalog.keyspaces.end() || known == survey.nodes.end()) return false;
  if (!topology::may_stand_in(survey.catalog, keyspace->second, node)) return false;
  if (!known->second) return true;
  const auto replica = group.replicas.find(node);
  return replica != group.replicas.end() &&
         (replica->second.role == stand_in_role || replica->second.role == "stopped");
}

std::vector<std::string> groups_with(const Survey& survey, NodeId node) {
  std::vector<std::string> names;
  for (const Group& group : survey.groups) {
    if (group.mode == Mode::ap) {
      if (!holds(group.owners, node) && may_keep_writes(survey, group, node)) names.push_back(group.name);
      continue;
    }
    const bool named =
        group.leader == NodeId() || !group.settled || holds(group.voters, node) || holds(group.learners, node);
    if (named) names.push_back(group.name);
  }
  return names;
}

namespace {

// A stopped or quarantined replica, or one that asks what it has forgotten, answers and counts for nothing.
bool takes_part(const ReplicaStatus& replica) {
  for (const std::string_view role : {"leader", "follower", "candidate", "pre_candidate", "owner"}) {
    if (replica.role == role) return true;
  }
  return false;
}

// Voters of a cp group, owners of an ap partition, and how many of them take part where they are most: beyond a cut they are up and help nobody.
struct Standing {
  std::size_t copies = 0;
  std::size_t up = 0;
  bool is_led = true;
  std::size_t majority() const { return copies / 2 + 1; }
  // Failures until no majority is left; negative: it is lost already.
  std::ptrdiff_t spare() const { return static_cast<std::ptrdiff_t>(up) - static_cast<std::ptrdiff_t>(majority()); }
};

Standing standing_of(const Survey& survey, const Group& group) {
  const auto& members = group.mode == Mode::cp && !group.voters.empty() ? group.voters : group.owners;
  Standing standing{.copies = members.size(), .up = 0, .is_led = group.mode == Mode::ap || group.leader != NodeId()};
  std::vector<NodeId> up;
  for (const NodeId node : members) {
    const auto known = survey.nodes.find(node);
    const auto replica = group.replicas.find(node);
    const bool answers = known != survey.nodes.end() && known->second && replica != group.replicas.end();
    if (answers && takes_part(replica->second)) up.push_back(node);
  }
  const auto heard_by = [&](NodeId node) {
    const auto& reachable = survey.nodes.at(node)->status.reachable;
    return static_cast<std::size_t>(
        std::count_if(up.begin(), up.end(), [&](NodeId other) { return other == node || holds(reachable, other); }));
  };
  if (group.mode == Mode::cp && holds(up, group.leader)) {
    standing.up = heard_by(group.leader);
  } else {
    for (const NodeId node : up) standing.up = std::max(standing.up, heard_by(node));
  }
  return standing;
}

std::string failures(std::ptrdiff_t count) {
  return count == 1 ? "one more failure" : fmt::format("{} more failures", count);
}

}  // namespace

std::string what_can_fail(const Survey& survey, const topology::Keyspace& keyspace) {
  const auto rank = [](const Standing& s) { return std::tuple(s.is_led, s.spare(), s.up); };
  std::vector<Standing> all;
  for (const Group& group : survey.groups) {
    if (group.keyspace == keyspace.name) all.push_back(standing_of(survey, group));
  }
  if (all.empty()) return keyspace.name + ": no partition";
  const auto worst =
      std::min_element(all.begin(), all.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  const auto alike = std::count_if(all.begin(), all.end(), [&](const Standing& s) { return rank(s) == rank(*worst); });
  const bool is_part = static_cast<std::size_t>(alike) < all.size();
  const std::string where = is_part ? fmt::format(" {} of {} partitions have", alike, all.size()) : "";
  const std::string up = fmt::format("{}:{} {} of {} copies up", keyspace.name, where, worst->up, worst->copies);
  if (keyspace.atomic) {  // reads need a majority like writes, and nobody leads
    if (worst->spare() < 0)
      return fmt::format("{}; no writes and no reads until {} more come back", up, -worst->spare());
    return fmt::format("{}; {} stop{} reads and writes", up, failures(worst->spare() + 1),
                       worst->spare() == 0 ? "s" : "");
  }
  if (keyspace.mode == Mode::ap) {
    if (worst->up == 0) return up + (is_part ? "; of these nothing is served" : "; nothing is served");
    if (worst->spare() < 0) return fmt::format("{}; level one is served, majority is not", up);
    return fmt::format("{}; {} end{} level majority, level one needs one copy", up, failures(worst->spare() + 1),
                       worst->spare() == 0 ? "s" : "");
  }
  if (worst->spare() < 0)
    return fmt::format("{}; no writes and no current reads until {} more come back", up, -worst->spare());
  if (!worst->is_led) return up + "; an election is under way";
  return fmt::format("{}; {} stop{} writes", up, failures(worst->spare() + 1), worst->spare() == 0 ? "s" : "");
}

}  // namespace rift::cluster
