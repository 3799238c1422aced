// A whole simulated cluster: nodes, network, keyspaces, and the questions that a scenario asks of it. Runs the world where an answer is waited for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/sim/sim_client.h"
#include "chaos/sim/sim_network.h"
#include "chaos/sim/sim_node.h"
#include "topology/catalog.h"

namespace rift::chaos::sim {

class Cluster {
 public:
  struct Options {
    std::uint32_t nodes = 5;
    SimNetwork::Options network;
    SimDisk::Options disk;
    cp::Tuning cp{};
    double clock_rate_error_max = 0.001;
    std::chrono::milliseconds wall_offset_max{20};
  };
  Cluster(World& world, const Options& options);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Starts all nodes and founds the cluster on them.
  Result<void> found();
  Result<void> create_keyspace(const topology::KeyspaceWish& wish);
  // One more node, which knows of no cluster, and runs.
  SimNode& add_node(NodeId id);

  World& world() { return world_; }
  SimNetwork& network() { return network_; }
  std::map<NodeId, std::unique_ptr<SimNode>>& nodes() { return nodes_; }
  SimNode& node(NodeId id) { return *nodes_.at(id); }
  std::vector<NodeId> ids() const;

  // Both directions between every pair of different groups.
  void split(const std::vector<std::vector<NodeId>>& groups);
  void heal() { network_.heal(); }
  // Starts a node that is down.
  Result<void> restart(NodeId id);

  // The newest map that a running node knows; nothing when none does.
  std::optional<topology::Catalog> catalog();
  std::optional<topology::Keyspace> keyspace(const std::string& name);
  // Of the keyspace's first partition, as the newest map wishes.
  std::vector<NodeId> owners(const std::string& keyspace);
  std::vector<NodeId> owners(const std::string& keyspace, const std::string& key);
  // The leader of the keyspace's first partition as a majority of running replicas see it now.
  std::optional<NodeId> leader_of(const std::string& keyspace);
  // A node's own copy of a keyspace; nothing when it is down.
  std::optional<std::vector<InspectedKey>> inspect(NodeId id, const std::string& keyspace);
  NodeStatus status(NodeId id);
  bool wait(const std::function<bool()>& done, Duration most);

 private:
  void make_node(NodeId id);
  bool hosts_its_share(NodeId id, const topology::Keyspace& keyspace);

  World& world_;
  Options options_;
  SimNetwork network_;
  std::map<NodeId, std::unique_ptr<SimNode>> nodes_;
};

}  // namespace rift::chaos::sim
