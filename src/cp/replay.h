// Replay: an outcome as the dedup window keeps it, and the answer made of it when the operation comes again. Pure functions. Used by Applier.
#pragma once

#include "cp/execute.h"

namespace rift::cp {

wire::DedupOutcome to_outcome(std::uint64_t sequence, const Applied& result);
Applied replay(const wire::DedupOutcome& outcome);

}  // namespace rift::cp
