// What a benchmark asks of the cluster before and after a run: who leads, which term, what the nodes have counted; and the same of etcd.
#pragma once

#include <map>
#include <string>

#include "cli/bench.h"

namespace rift::cli {

struct ClusterState {
  std::string leader;      // address of the node that leads the keyspace's first partition; ap: an owner
  std::uint64_t term = 0;  // sum over the keyspace's partitions: grows with every election
  std::map<std::string, std::uint64_t> counters;  // sums over all nodes
};

// Creates the keyspace if need be and waits until it takes writes.
Result<void> prepare_keyspace(const BenchOptions& options);
Result<ClusterState> look_at_rift(const BenchOptions& options);
Result<ClusterState> look_at_etcd(const BenchOptions& options);

}  // namespace rift::cli
