// What must hold at the end of a simulated run (DESIGN 4, 10): cp linearizable, nothing acknowledged lost, replicas equal; ap converged, and every
// acknowledged write is what the owners hold or has been superseded by a larger version, and none is lost silently (losses.h); and what versions.h
// says of both.
// Appends plain sentences.
#pragma once

#include <string>
#include <vector>

#include "chaos/check/convergence.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {

// A running node that is no owner keeps something for those (an ap keyspace: ANY, sloppy).
bool has_stand_in(Cluster& cluster, const std::string& keyspace);

// True when all owners hold the same versions of every key, and under one version the same value, and nobody keeps any for them.
bool has_converged(Cluster& cluster, const std::string& keyspace);

// What the running owners hold, for the checkers of rows of a cp keyspace with one partition.
struct EndState {
  check::FinalState values;           // of the replicas that agree with most others
  std::vector<std::string> digests;   // one per running owner: everything that it holds
  std::vector<std::string> failures;  // values that nobody wrote, or that were reported as not done
};
EndState look_at_the_end(Cluster& cluster, const std::string& keyspace, const check::History& history);
// The same of an ap keyspace of any number of partitions: every value that an owner of a key holds, and one digest for each copy: of what the first
// owner of every key holds, the second, and so on. A copy whose owner is down has none.
EndState look_at_the_owners(Cluster& cluster, const std::string& keyspace, const check::History& history);
// The versions, at each owner, of what a load leaves alone from the heal on: still keys and documents (chaos/load).
check::VersionSample sample_owners(Cluster& cluster, const std::string& keyspace, Time at);

// `answers` are those of all keyspaces.
void judge_cp(Cluster& cluster, const std::string& keyspace, const check::History& history,
              const std::vector<Answered>& answers, std::vector<std::string>& failures);
void judge_ap(Cluster& cluster, const std::string& keyspace, const check::History& history,
              const std::vector<Answered>& answers, std::vector<std::string>& failures);
// Of clients that carried tokens, whichever nodes they went to (ap).
void judge_sessions(const std::string& keyspace, const check::History& history, std::vector<std::string>& failures);

}  // namespace rift::chaos::sim
