// Whether a cluster map can be one: what every map that comes from outside has to pass, whoever encoded it (a stored record, a peer's push, an
// administrator's Join). Not whether it is the newest. Pure; called by wire and node.
#pragma once

#include "topology/catalog.h"

namespace rift::topology {

// An epoch is one change, or the step over those of a lost map (loss.h). A map with a higher one would never be followed by another.
constexpr std::uint64_t epoch_max = std::uint64_t{1} << 48U;

// Code::invalid, with the contradiction: no `_system` in partition 1, a partition without owners or with one that is no member, an id that was
// never given out, an epoch that nobody can have counted to.
Result<void> verify(const Catalog& catalog);

}  // namespace rift::topology
