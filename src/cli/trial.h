// The trials behind `rift bench failover`, `rolling` and `catch-up`: what clients of a real cluster feel when a leader is killed, when nodes
// are stopped in order, and while a node that was away is brought back. Each starts a cluster of its own and prints its figures; exit code 4
// when an acknowledged write was lost, a read was stale, or a request failed that should not. Main thread; they block for their whole run.
#pragma once

#include "cli/output.h"
#include "cli/trial_nodes.h"

namespace rift::cli {

// kill -9 of the leader, a restart, and again: how long until the first write is acknowledged in a later term.
Exit run_failover_trial(const TrialOptions& options, Format format);
// SIGTERM of the leader, a start, SIGTERM of a follower, a start, and again: no request fails; the longest time without an acknowledged write.
Exit run_rolling_trial(const TrialOptions& options, Format format);
// A follower is stopped, `away_writes` are written, it is started again: how long it takes, and what clients feel meanwhile.
Exit run_catch_up_trial(const TrialOptions& options, Format format);

}  // namespace rift::cli
