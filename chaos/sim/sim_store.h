// The load's port into a simulated cluster: one pinned client per client number, each a real caller. Remembers the stamp of every acknowledged ap
// write, so that the end of the run can be held against it.
#pragma once

#include <map>
#include <memory>

#include "chaos/load/store.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/sim_client.h"

namespace rift::chaos::sim {

struct AckedWrite {
  std::string keyspace;
  std::string key;
  Version version;
};

class SimStore final : public load::Store {
 public:
  struct Options {
    bool retry = true;        // callers retry inside the timeout; cp writes then are exactly-once by op id
    bool deduplicate = true;
  };
  // Times of answers count from `start`, as a history's do.
  SimStore(Cluster& cluster, const Options& options, Time start) : cluster_(cluster), options_(options), start_(start) {}

  void submit(const load::Ask& ask, Done done) override;
  void node_down(NodeId node);
  const std::vector<AckedWrite>& acked() const { return acked_; }

 private:
  SimClient& client(const load::Ask& ask);

  Cluster& cluster_;
  Options options_;
  Time start_;
  std::map<std::uint64_t, std::unique_ptr<SimClient>> clients_;
  std::vector<AckedWrite> acked_;
};

// "hlc.node.incarnation.sequence" or the modify revision: equal exactly for the same write.
std::string version_text(const Version& version);

}  // namespace rift::chaos::sim
