// The load's port into a simulated cluster: one client per client number and node that it goes to, each a real caller. Remembers every answer with its version, so
// that the end of the run can be held against it.
#pragma once

#include <map>
#include <memory>

#include "chaos/load/load.h"
#include "chaos/load/store.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/sim_client.h"

namespace rift::chaos::sim {

// An operation that was done: a write with the version that it made, a read with the one that it saw (zero: the key had none).
struct Answered {
  std::string keyspace;
  std::string key;
  load::Kind kind = load::Kind::read;
  Level level = Level::unspecified;
  load::Value value;
  Version version;
  Time invoke{};
  Time complete{};
  // The stamp may stand beyond the drift bound of its node's clock: its key held one that did, and the clock stayed behind (DESIGN 6).
  bool is_beyond_drift = false;
  bool is_write() const { return kind != load::Kind::read; }
};

class SimStore final : public load::Store {
 public:
  struct Options {
    bool retry = true;  // callers retry inside the timeout; cp writes then are exactly-once by op id
    bool deduplicate = true;
    bool tokens = false;  // each client names what it has seen of a key, whichever node it goes to
  };
  // Times of answers count from `start`, as a history's do.
  SimStore(Cluster& cluster, const Options& options, Time start)
      : cluster_(cluster), options_(options), start_(start) {}

  void submit(const load::Ask& ask, Done done) override;
  void node_down(NodeId node);
  const std::vector<Answered>& answers() const { return answers_; }  // in the order of their ends

 private:
  SimClient& client(const load::Ask& ask);
  caller::Operation operation_of(const load::Ask& ask);
  bool may_be_beyond_drift(const Version& version, Time since);

  Cluster& cluster_;
  Options options_;
  Time start_;
  std::map<std::pair<std::uint64_t, NodeId>, std::unique_ptr<SimClient>> clients_;
  std::map<std::pair<std::uint64_t, std::string>, caller::Tokens> sessions_;  // by client and keyspace
  std::vector<Answered> answers_;
};

// Runs the world until `end` and gives the store what the load wants when it is due; the load's times count from `start`.
void run_load(World& world, load::Load& load, Time start, Time end);

// "hlc.node.incarnation.sequence" or the modify revision: equal exactly for the same write.
std::string version_text(const Version& version);

}  // namespace rift::chaos::sim
