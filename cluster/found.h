// Founding a cluster (DESIGN 7): asks every founding node who it is, makes the cluster id and the member list, and hands both to each.
// Repeating it changes nothing; an interrupted founding is finished with the id that some node already has. Blocking; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace rift::cluster {

// `endpoints`: the client address of every founding node. Errors: invalid (two nodes with one id, nodes of different clusters),
// unreachable, or what a node answered, with its address.
Result<ClusterId> found_cluster(const std::vector<std::string>& endpoints, Duration limit = std::chrono::seconds(20));

// Until every node says it is ready; the error names the first that is not and why.
Result<void> wait_until_ready(const std::vector<std::string>& endpoints, Duration limit = std::chrono::seconds(20));

}  // namespace rift::cluster
