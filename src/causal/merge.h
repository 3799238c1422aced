// The merge of the lww policy: the larger stamp stays. A maximum over a total order, so it commutes, associates and is idempotent
// (traps T04, T05, T12); what the writer had seen plays no part here, it was honoured when the stamp was made. What the merge throws away without its
// winner's writer having seen it is a concurrent loss (DESIGN 6, trap T01). Pure functions.
#pragma once

#include "causal/version.h"

namespace rift::causal {

// True if `a` replaces `b`. Equal stamps name the same write: neither wins.
constexpr bool wins(const Stamp& a, const Stamp& b) { return a > b; }

inline const Envelope& merge(const Envelope& a, const Envelope& b) { return wins(b.stamp, a.stamp) ? b : a; }

// What a version that overwrites `held` stands on: what that stood on, and that itself. Whom it was heard of last stands last; past the bound the
// first goes: then a loss may be reported that was none, never the reverse.
std::vector<Actor> context_above(const Envelope& held);
// What a version stands on whose writer has seen `dot` besides: `context` with that, heard of last.
std::vector<Actor> context_with(std::vector<Actor> context, const Dot& dot);

// The writer of `winner` had seen `loser`, or a later write of the same life of its node, which stands on it: a coordinator writes over what it
// holds, and what it held and lost to another version was counted as a loss then.
bool covers(const Envelope& winner, const Dot& loser);

}  // namespace rift::causal
