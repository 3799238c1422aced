// Founding a cluster (DESIGN 7): asks every founding node who it is, makes the cluster id and the member list, and hands both to each.
// Repeating it changes nothing; an interrupted founding is finished with the id and the members that some node already has, and nobody whom
// these do not name, with this very disk, is founded into it. Blocking; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "client/admin.h"

namespace rift::cluster {

// What is left to do, by place in the list of nodes.
struct Founding {
  ClusterId cluster;
  std::vector<topology::Member> members;  // who founds
  std::vector<std::size_t> to_found;
  std::vector<std::size_t> to_join;    // founders that were not told, of a cluster whose map has changed since
  std::vector<std::string> strangers;  // not of this cluster: why, and what to do
  std::vector<std::size_t> strange;    // their places
};
// `map`: the newest that a founded node of the list has; nothing: none is founded. `fresh`: the id of a new cluster. Pure. Errors: invalid (two
// nodes with one id, nodes of different clusters).
Result<Founding> plan_founding(const std::vector<IdentityReply>& nodes, const std::optional<topology::Catalog>& map,
                               ClusterId fresh);

// `endpoints`: the client address of every founding node. Errors: those of plan_founding, invalid for a stranger (nobody is founded then),
// unreachable, or what a node answered, with its address.
// With `allow_teaching` its keyspaces may be teaching variants (DESIGN 4): said once, when the first node is founded. Errors, too: invalid, it was
// founded without.
struct FoundOptions {
  bool allow_teaching = false;
  Duration limit = std::chrono::seconds(20);
};
Result<ClusterId> found_cluster(const std::vector<std::string>& endpoints, const FoundOptions& options = {});

// The same for nodes that may have been a cluster before: strangers are left out, and said.
struct Founded {
  ClusterId cluster;
  std::vector<std::string> endpoints;  // of the cluster's
  std::vector<std::string> left_out;   // why, and what to do
};
Result<Founded> found_or_resume(const std::vector<std::string>& endpoints, const FoundOptions& options = {});

// Until every node says it is ready; the error names the first that is not and why.
Result<void> wait_until_ready(const std::vector<std::string>& endpoints, Duration limit = std::chrono::seconds(20));

}  // namespace rift::cluster
