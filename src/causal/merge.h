// The merge of the lww policy: the larger stamp stays. A maximum over a total order, so it commutes, associates and is idempotent
// (traps T04, T05, T12); what the writer had seen plays no part here, it was honoured when the stamp was made. Pure functions.
#pragma once

#include "causal/version.h"

namespace rift::causal {

// True if `a` replaces `b`. Equal stamps name the same write: neither wins.
constexpr bool wins(const Stamp& a, const Stamp& b) { return a > b; }

inline const Envelope& merge(const Envelope& a, const Envelope& b) { return wins(b.stamp, a.stamp) ? b : a; }

}  // namespace rift::causal
