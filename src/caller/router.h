// Which node to ask: what is known of leaders and of nodes that did not answer. Pure; used by Caller only.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "replica/request.h"
#include "topology/catalog.h"

namespace rift::caller {

// A node that failed is avoided for so long, if another one can be asked.
constexpr Duration suspicion = std::chrono::milliseconds(500);

class Router {
 public:
  // The node for the `attempt`-th copy (from 0) of a request to this partition. cp: the leader if known; else, and for ap, `nodes` (the owners, then
  // who may stand in) in their order, those under suspicion last.
  NodeId choose(Mode mode, PartitionId partition, const std::vector<NodeId>& nodes, std::uint32_t attempt,
                Time now) const;

  // What an answer teaches: the leader, and that the node is there.
  void learn(PartitionId partition, NodeId from, const Response& response);
  // No answer, or no connection.
  void suspect(PartitionId partition, NodeId node, Time now);

  std::optional<NodeId> leader(PartitionId partition) const;

 private:
  bool is_suspect(NodeId node, Time now) const;

  std::map<PartitionId, NodeId> leaders_;
  std::map<NodeId, Time> suspects_;  // until when
};

}  // namespace rift::caller
