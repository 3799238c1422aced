// Whether a replica believes itself (DESIGN 5, "self-suspicion"), and how that is remembered. No opinion on how it is found out or healed:
// health.cc. Used by CpReplica and by node at start, on the shard's thread.
//
// quarantined: the log is sound, the state is not (its hash is not that of the majority). It appends, acknowledges and votes, but applies and
// serves nothing, until a leader's snapshot of at least what it had applied has replaced the state.
//
// forgetful: durable records are missing or damaged, so that votes and acknowledgements may be forgotten. It is silent: it drops every message of
// the core, and so neither votes nor campaigns, acknowledges, or confirms a read. It draws a number, the wish, and asks for a snapshot
// with it. A leader L of term T that hears a wish for the first time appends a barrier entry m, and answers with a state that
// includes m. Once that is installed and durable the replica R takes part again. Why a promise that R forgot can no longer do harm:
//  1. m is committed, and R was silent from before m existed: a quorum H without R holds m.
//  2. A forgotten vote for Y, asked for in a term above T: Y asked before m existed, and takes nothing from L any more, so Y's log lacks
//     m. To win, Y needs a quorum Q. H and Q have a member V besides R in common, for |H| + |Q| exceeds the number of voters and R is not in H.
//     If V voted for Y before it got m, V's term was above T then and V would have refused m. If after, Y's log was older than V's, and V
//     would have refused Y. So Y never wins, and a second vote of R in that term elects nobody twice.
//  3. A forgotten vote in T or below: L leads T already. R has term T or a later one when it speaks again, and another candidate of T lacks
//     m, which R now holds.
//  4. A forgotten acknowledgement: what was committed with it is in L's log (L was elected by promises that were kept until then, R's too),
//     and so in the snapshot. Until R has it again R elects nobody who may lack it.
// So at most one replica of a majority may be forgetful at a time without a loss; a group whose quorum needs a forgetful one stands still and says so.
#pragma once

#include "cp/space.h"

namespace rift::cp {

enum class Health : std::uint8_t { good = 0, quarantined = 1, forgetful = 2 };

// The mark in meta. It is durable before the replica acts on it, and goes with the batch that installs the snapshot.
Result<Health> read_health(PartitionId partition, Turn& turn);
void put_health(PartitionId partition, Health health, Turn& turn);
// For a node whose store has lost durable batches.
void put_forgetful(PartitionId partition, env::WriteBatch& batch);

// Two copies differ, and it is not known which is right (state_checks.h). Whoever forgot that with a restart would serve the wrong one, or give it
// to a third, which would then outvote the right one.
Result<bool> read_disputed(PartitionId partition, Turn& turn);
void put_disputed(PartitionId partition, bool is_disputed, Turn& turn);

// Whether the others are a quorum without `self`, by the newest configuration that is known; by none, whether `helpers`, who else owns a copy, can be one.
bool others_can_decide(const raft::Config* known, const std::vector<NodeId>& helpers, NodeId self);

}  // namespace rift::cp
