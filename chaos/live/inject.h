// Carries a resolved fault out on real processes and links: cuts and delays through the proxies, signals through the supervisor. Called by
// the story's thread; a restart blocks until the node listens again.
#pragma once

#include "chaos/fault/fault.h"
#include "chaos/live/local_cluster.h"

namespace rift::chaos::live {

struct Injected {
  std::vector<check::LinkProof> links;  // a heal: what each link of the cuts it ended had held
};
Result<Injected> inject(LocalCluster& cluster, const fault::Fault& fault);

}  // namespace rift::chaos::live
