// The supervisor of a local cluster: writes each node's config, starts `rift serve` children, stops, kills, pauses and restarts them by
// node. It does not found the cluster (found.h) and knows no proxies; who wants them in between sets NodePlan::dial first.
//
// All work happens on one thread of its own, because children die with the thread that started them. The public functions may be called
// from any thread; they post and wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "cluster/plan.h"

namespace rift::cluster {

enum class NodeState : std::uint8_t { stopped, running, paused };
std::string_view to_string(NodeState state);

struct NodeReport {
  NodeId node;
  NodeState state = NodeState::stopped;
  int pid = 0;
  std::string exit_text;  // stopped: how it ended, if it ever ran
};

struct SupervisorOptions {
  Plan plan;
  std::string binary{};  // empty: this program
  std::string log_level = "info";
  Duration start_limit = std::chrono::seconds(20);
  Duration stop_limit = std::chrono::seconds(10);  // then SIGKILL
};

class Supervisor {
 public:
  // Makes the folders and the configs; starts nothing.
  static Result<std::unique_ptr<Supervisor>> create(SupervisorOptions options);
  ~Supervisor();  // kills what still runs
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Each returns when the node listens, or is gone. A node that does not come up is an error with the last line of its log.
  Result<void> start(NodeId node);
  Result<void> start_all();           // at the same time
  Result<void> kill(NodeId node);     // SIGKILL: the kernel keeps the page cache, so this is no power loss
  Result<void> stop(NodeId node);     // SIGTERM, and SIGKILL after stop_limit
  Result<void> pause(NodeId node);    // SIGSTOP
  Result<void> resume(NodeId node);   // SIGCONT
  Result<void> restart(NodeId node);  // stop if it runs, then start
  void stop_all();

  std::vector<NodeReport> report() const;
  Plan plan() const;  // with the pids of now

 private:
  class Impl;
  explicit Supervisor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::cluster
