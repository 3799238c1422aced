#include "chaos/sim/cluster.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration wait_step = std::chrono::milliseconds(10);
constexpr Duration start_patience = std::chrono::seconds(20);

}  // namespace

Cluster::Cluster(World& world, const Options& options)
    : world_(world), options_(options), network_(world, options.network) {
  for (std::uint32_t n = 1; n <= options.nodes; ++n) make_node(NodeId(n));
}

void Cluster::make_node(NodeId id) {
  Rng& random = world_.random();
  SimExecutor::Options executor;
  executor.rate = 1.0 + (random.unit() * 2 - 1) * options_.clock_rate_error_max;
  executor.steady_offset = random.between(Duration(0), Duration(std::chrono::seconds(1000)));
  executor.wall_offset = std::chrono::milliseconds(
      static_cast<std::int64_t>((random.unit() * 2 - 1) * static_cast<double>(options_.wall_offset_max.count())));
  nodes_.emplace(
      id, std::make_unique<SimNode>(
              world_, network_,
              SimNode::Options{
                  .id = id, .executor = executor, .disk = options_.disk, .cp = options_.cp, .check_invariants = true}));
}

SimNode& Cluster::add_node(NodeId id) {
  make_node(id);
  MUST(node(id).start());
  return node(id);
}

std::vector<NodeId> Cluster::ids() const {
  std::vector<NodeId> result;
  for (const auto& [id, node] : nodes_) result.push_back(id);
  return result;
}

bool Cluster::wait(const std::function<bool()>& done, Duration most) {
  const Time end = world_.now() + most;
  while (!done()) {
    if (world_.now() >= end) return false;
    world_.run_for(wait_step);
  }
  return true;
}

Result<void> Cluster::found() {
  for (auto& [id, node] : nodes_) TRY(node->start());
  if (!wait(
          [&] {
            return std::all_of(nodes_.begin(), nodes_.end(),
                               [](const auto& entry) { return entry.second->node().ready(); });
          },
          start_patience)) {
    return fail(Code::timeout, "the simulated nodes did not start");
  }
  std::vector<topology::Member> members;
  for (auto& [id, node] : nodes_) {
    node->node().identity([&members, id = id](Result<NodeIdentity> identity) {
      members.push_back(topology::Member{.node = id,
                                         .client_address = SimNetwork::address_of(id),
                                         .peer_address = SimNetwork::address_of(id),
                                         .disk = identity->disk});
    });
  }
  const topology::Catalog first = TRY(topology::found(world_.random().uuid(), std::move(members), true));
  std::size_t founded = 0;
  std::optional<Error> refused;
  for (auto& [id, node] : nodes_) {
    node->executor().post([&node = *node, first, &founded, &refused] {
      node.node().found(first, [&](Result<void> done) {
        if (!done) refused = done.error();
        ++founded;
      });
    });
  }
  if (!wait([&] { return founded == nodes_.size(); }, start_patience))
    return fail(Code::timeout, "founding did not end");
  if (refused) return tl::unexpected<Error>(*refused);
  if (!wait([&] { return leader_of("_system").has_value(); }, start_patience))
    return fail(Code::timeout, "_system elected no leader");
  return {};
}

Result<void> Cluster::create_keyspace(const topology::KeyspaceWish& wish) {
  auto outcome = std::make_shared<std::optional<Result<topology::Catalog>>>();
  nodes_.begin()->second->executor().post([this, wish, outcome] {
    nodes_.begin()->second->node().create_keyspace(
        wish, [outcome](Result<topology::Catalog> done) { *outcome = std::move(done); });
  });
  if (!wait([&] { return outcome->has_value(); }, start_patience))
    return fail(Code::timeout, "the keyspace was not created in time");
  if (!**outcome) return tl::unexpected<Error>((**outcome).error());
  const topology::Keyspace keyspace = *(**outcome)->find(wish.name);
  const auto everywhere = [&] {
    return std::all_of(nodes_.begin(), nodes_.end(),
                       [&](const auto& entry) { return hosts_its_share(entry.first, keyspace); });
  };
  if (!wait(everywhere, start_patience)) return fail(Code::timeout, "the keyspace did not reach every node in time");
  return {};
}

bool Cluster::hosts_its_share(NodeId id, const topology::Keyspace& keyspace) {
  const auto replicas = status(id).replicas;
  return std::all_of(keyspace.partitions.begin(), keyspace.partitions.end(), [&](const topology::Partition& partition) {
    const bool owns = std::find(partition.owners.begin(), partition.owners.end(), id) != partition.owners.end();
    return !owns ||
           std::any_of(replicas.begin(), replicas.end(), [&](const auto& r) { return r.partition == partition.id; });
  });
}

void Cluster::split(const std::vector<std::vector<NodeId>>& groups) {
  for (std::size_t a = 0; a < groups.size(); ++a) {
    for (std::size_t b = 0; b < groups.size(); ++b) {
      if (a == b) continue;
      for (const NodeId from : groups[a]) {
        for (const NodeId to : groups[b]) network_.cut(from, to);
      }
    }
  }
}

Result<void> Cluster::restart(NodeId id) { return node(id).start(); }

NodeStatus Cluster::status(NodeId id) {
  NodeStatus result;
  if (node(id).is_up()) {
    node(id).node().status([&](Result<NodeStatus> status) { result = std::move(*status); });
  }
  return result;
}

std::optional<topology::Catalog> Cluster::catalog() {
  std::optional<topology::Catalog> newest;
  for (auto& [id, sim_node] : nodes_) {
    if (!sim_node->is_up()) continue;
    sim_node->node().catalog([&](const Result<topology::Catalog>& known) {
      if (known && (!newest || known->epoch > newest->epoch)) newest = *known;
    });
  }
  return newest;
}

std::optional<topology::Keyspace> Cluster::keyspace(const std::string& name) {
  const auto map = catalog();
  const topology::Keyspace* found = map ? map->find(name) : nullptr;
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::vector<NodeId> Cluster::owners(const std::string& name) {
  const auto found = keyspace(name);
  return found ? found->partitions.front().owners : std::vector<NodeId>{};
}

std::vector<NodeId> Cluster::owners(const std::string& name, const std::string& key) {
  const auto found = keyspace(name);
  return found ? topology::place(*found, key).owners : std::vector<NodeId>{};
}

std::optional<NodeId> Cluster::leader_of(const std::string& name) {
  const auto found = keyspace(name);
  if (!found) return std::nullopt;
  std::map<NodeId, std::size_t> votes;
  for (const auto& [id, sim_node] : nodes_) {
    for (const ReplicaStatus& replica : status(id).replicas) {
      if (replica.partition == found->partitions.front().id && replica.leader != NodeId()) ++votes[replica.leader];
    }
  }
  for (const auto& [leader, count] : votes) {
    if (count >= topology::majority(static_cast<std::uint32_t>(found->partitions.front().owners.size()))) return leader;
  }
  return std::nullopt;
}

std::optional<std::vector<InspectedKey>> Cluster::inspect(NodeId id, const std::string& keyspace) {
  if (!node(id).is_up()) return std::nullopt;
  std::vector<InspectedKey> keys;
  std::string cursor;
  bool complete = false;
  while (!complete) {
    bool failed = false;
    node(id).node().inspect(keyspace, cursor, limits::scan_page_keys_max, [&](Result<InspectPage> page) {
      failed = !page.has_value();
      if (failed) return;
      keys.insert(keys.end(), page->keys.begin(), page->keys.end());
      cursor = page->next;
    });
    if (failed) return std::nullopt;
    complete = cursor.empty();
  }
  return keys;
}

}  // namespace rift::chaos::sim
