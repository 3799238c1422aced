// A local cluster with its network under control: the supervisor's nodes, a link proxy per directed pair and per pinned client link, and
// the control socket that `rift net` and `rift cluster` talk to. Used by `rift cluster up`, `rift demo` and the story. Does not found the
// cluster and asks no node anything (cluster/found.h, client). Public functions may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "chaos/live/network.h"
#include "cluster/control.h"
#include "cluster/folder_lock.h"
#include "cluster/supervisor.h"

namespace rift::chaos::live {

struct LocalClusterOptions {
  std::string name = "default";
  std::string dir{};        // empty: cluster::default_folder(name)
  std::uint32_t nodes = 5;  // of a new cluster; one that exists keeps its own
  std::string binary{};     // empty: this program
  std::string log_level = "info";
  std::function<void()> on_down =
      nullptr;  // somebody asked for the end, on the control socket's thread; must not block
};

class LocalCluster {
 public:
  // Starts every node and returns when all listen. already_exists if a supervisor is at work in the folder.
  static Result<std::unique_ptr<LocalCluster>> up(LocalClusterOptions options);
  ~LocalCluster();  // stops the nodes in order

  cluster::Supervisor& supervisor() { return *supervisor_; }
  Network& network() { return *network_; }
  cluster::Plan plan() const { return supervisor_->plan(); }
  const std::string& dir() const { return dir_; }

  // Answers one request of the control socket (docs/reference/control.md).
  std::string handle(const std::string& line);

 private:
  LocalCluster() = default;
  Result<void> save_plan() const;

  std::string dir_;
  std::function<void()> on_down_;
  std::optional<cluster::FolderLock> lock_;  // goes last
  // In this order: the socket goes first, the proxies last, so that nothing is asked of what is gone.
  std::unique_ptr<Network> network_;
  std::unique_ptr<cluster::Supervisor> supervisor_;
  std::unique_ptr<cluster::ControlServer> control_;
};

// Where each node serves clients: its own address, and the proxy of the clients that are pinned to it.
std::map<NodeId, std::string> direct_endpoints(const cluster::Plan& plan);
std::map<NodeId, std::string> client_endpoints(const cluster::Plan& plan);

}  // namespace rift::chaos::live
