// What the versions in answers must show, whatever was lost on the way: each written value has one version for ever (else it was carried out
// twice), a node never stamps below what it has stamped before and never uses a dot twice, and majorities of one key never go back. Pure
// functions over what the clients were told, called after a run.
#pragma once

#include <string>
#include <vector>

#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {

// The order of an ap keyspace's versions.
bool is_older(const Version& a, const Version& b);

// `held`: what the replicas hold at the end, as reads.
void judge_one_version_per_value(const std::vector<Answered>& answers, const std::vector<Answered>& held,
                                 std::vector<std::string>& failures);
void judge_stamps(const std::vector<Answered>& answers, std::vector<std::string>& failures);
// Reads and writes at MAJORITY or ALL of one key: a read never returns an older version than one that was answered before it began (DESIGN 4).
void judge_quorums(const std::vector<Answered>& answers, std::vector<std::string>& failures);

}  // namespace rift::chaos::sim
