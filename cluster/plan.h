// What a local cluster looks like before anything runs: its nodes, their addresses and folders, the proxies they dial through, and
// the files that say so (node.toml per node, cluster.json). Plain values and their text. Addresses stay the same over restarts,
// because the catalog of a founded cluster holds them. Called by supervisor.cc and by `rift`; no threads of its own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace rift::cluster {

struct NodePlan {
  NodeId node;
  std::string listen;  // clients
  std::string peer_listen;
  std::string http;
  std::string client_proxy;            // of clients that are pinned to this node; empty: none
  std::map<NodeId, std::string> dial;  // peer -> proxy; empty: dial the peers themselves
  int pid = 0;                         // of the running process; 0: none
  friend bool operator==(const NodePlan&, const NodePlan&) = default;
};

struct Plan {
  std::string name;
  std::string dir;
  int supervisor_pid = 0;
  std::vector<NodePlan> nodes;

  const NodePlan* find(NodeId node) const;
  friend bool operator==(const Plan&, const Plan&) = default;
};

// A name is part of a path: ASCII letters, digits, '.', '_' and '-', at most 64 of them, not starting with '.'.
Result<void> check_name(const std::string& name);

// `nodes` nodes n1.. on loopback ports that are free now, outside the range that the kernel hands out for outgoing connections
// (else a stopped node could find its port taken when it comes back).
Result<Plan> make_plan(std::string name, std::string dir, std::uint32_t nodes);

std::string node_folder(const Plan& plan, NodeId node);
std::string config_text(const Plan& plan, const NodePlan& node, const std::string& log_level);

Result<void> write_plan(const Plan& plan);            // DIR/cluster.json, replaced atomically
Result<Plan> read_plan(const std::string& dir);       // invalid: no such cluster, or a broken file
std::string default_folder(const std::string& name);  // $XDG_STATE_HOME/rift/NAME
std::string control_path(const std::string& dir);     // DIR/control.sock

}  // namespace rift::cluster
