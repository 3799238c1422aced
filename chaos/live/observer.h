// What the nodes themselves say, beside what clients are told: who leads, which version of each key every owner holds, digests of whole
// copies, and the values left at the end. Blocking calls to each node's own address, so no cut stands in the way. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chaos/check/convergence.h"
#include "chaos/check/lost.h"
#include "chaos/live/live_store.h"
#include "client/admin.h"

namespace rift::chaos::live {

class Observer {
 public:
  explicit Observer(const std::map<NodeId, std::string>& endpoints);

  // The leader of the keyspace's only partition as the node with the highest term sees it; nullopt: nobody leads.
  Result<std::optional<NodeId>> leader(const std::string& keyspace);
  // Until somebody leads.
  Result<NodeId> await_leader(const std::string& keyspace, Duration limit);

  // Of all keys of a keyspace on each node; an error if a node did not answer.
  Result<check::VersionSample> sample(const std::string& keyspace, Time at);
  // One per node.
  Result<std::vector<std::string>> digests(const std::string& keyspace);
  // Until all are equal, or `limit` has passed: then as they are.
  Result<std::vector<std::string>> settled_digests(const std::string& keyspace, Duration limit);

 private:
  Result<std::vector<InspectedKey>> copy_of(NodeId node, const std::string& keyspace);

  std::map<NodeId, AdminClient> nodes_;
};

// Every distinct value that any node answers for each key at level ONE.
Result<check::FinalState> read_final_state(const std::map<NodeId, std::string>& endpoints, const std::string& keyspace,
                                           const std::vector<std::string>& keys);

}  // namespace rift::chaos::live
