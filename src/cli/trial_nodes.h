// The cluster of one trial: `rift serve` processes without proxies in a folder of their own, founded, with one cp keyspace; and what their
// status says of it. Gone with the object; the folder stays when keep_folder() was called. Used by the trial verbs, on the main thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/supervisor.h"
#include "replica/replica.h"

namespace rift::cli {

struct TrialOptions {
  std::uint32_t nodes = 5;
  std::uint32_t rounds = 20;
  std::uint32_t rate = 1000;  // puts per second; half as many gets
  std::uint32_t value_size = 100;
  std::uint32_t away_writes = 100'000;  // catch-up: while the follower is away
  Duration p95_max{};                   // failover, rolling: slower is a failure; 0: whatever it is
  bool keep = false;                    // the folder with the nodes' logs stays
};

class TrialNodes {
 public:
  static constexpr const char* keyspace = "trial";

  static Result<std::unique_ptr<TrialNodes>> create(const TrialOptions& options);
  ~TrialNodes();
  TrialNodes(const TrialNodes&) = delete;
  TrialNodes& operator=(const TrialNodes&) = delete;

  cluster::Supervisor& processes() { return *supervisor_; }
  std::vector<std::string> endpoints() const;
  std::string address(NodeId node) const;
  const std::string& folder() const { return folder_; }
  void keep_folder() { keep_ = true; }
  bool keeps_folder() const { return keep_; }

  // The replicas of the keyspace's partition, by the nodes that run and answer.
  std::map<NodeId, ReplicaStatus> replicas() const;
  // Waits until somebody leads; the one in the latest term.
  Result<NodeId> leader() const;
  // Waits until every node runs its replica and has applied what the leader has committed now.
  Result<void> wait_until_level(Duration limit) const;

 private:
  TrialNodes(std::string folder, bool keep) : folder_(std::move(folder)), keep_(keep) {}
  Result<void> start(const TrialOptions& options);

  std::string folder_;
  std::unique_ptr<cluster::Supervisor> supervisor_;
  PartitionId partition_{};
  bool keep_;
};

}  // namespace rift::cli
