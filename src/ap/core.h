// What the parts of one ap replica share: placement, records, the node's stamper, tokens, timers, counters and what is common to all answers.
// Owned by ApReplica; its parts hold a reference. No part of it decides anything.
#pragma once

#include <array>
#include <string>

#include "ap/deadlines.h"
#include "ap/durable_rounds.h"
#include "ap/options.h"
#include "ap/placement.h"
#include "ap/records.h"
#include "base/hash.h"

namespace rift::ap {

struct Counters {
  std::uint64_t writes = 0;
  std::uint64_t reads = 0;
  std::uint64_t scans = 0;  // pages
  std::uint64_t levels_missed = 0;
  std::uint64_t copies_stored = 0;      // of other coordinators' writes
  std::uint64_t copies_superseded = 0;  // came too late: a newer version was here
  std::uint64_t concurrent_losses = 0;  // versions that went although the winner's writer had not seen them
  std::uint64_t clock_skew_refused = 0;
  std::uint64_t beyond_drift =
      0;  // accepted by repair or hint, or written over, with a stamp from beyond the drift bound
  std::uint64_t hints_made = 0;
  std::uint64_t hints_delivered = 0;
  std::uint64_t dirty_marks = 0;
  std::uint64_t repairs_sent = 0;
  std::uint64_t reads_degraded = 0;
  std::uint64_t reads_hedged = 0;
  std::uint64_t tokens_not_met = 0;
  std::uint64_t messages_dropped = 0;  // undecodable, implausible, or from no owner
};

// Counts what is written, by a hash of the key: while the count stands nothing newer has come. Keys that share a slot disturb each other.
class WriteCounts {
 public:
  void wrote(std::uint64_t key_hash) { ++counts_[key_hash % counts_.size()]; }
  std::uint64_t of(std::uint64_t key_hash) const { return counts_[key_hash % counts_.size()]; }

 private:
  std::array<std::uint64_t, 512> counts_{};
};

struct Core {
  explicit Core(const Options& given)
      : options(given), placement(given.partition), records(given.partition, given.generation) {}

  std::uint64_t next_token() { return token++; }
  // A record of `key` is written in this round; its stamp has been shown to the stamper.
  void note_written(ByteView key) {
    const std::uint64_t hash = xxh3_64(key);
    rounds.wrote(hash);
    write_counts.wrote(hash);
    changed_at = options.stamper->latest();
  }
  // A copy that has come in. True: it is stored. What is lost by that goes to the ledger, in the same batch. The writes of an atomic keyspace have one
  // order: what another comes after is overwritten, not lost.
  Result<bool> take(Turn& turn, ByteView key, Slot& slot, const causal::Envelope& envelope) {
    const Merged merged = records.merge(turn, slot, envelope);
    if (merged.stored) note_written(key);
    if (merged.lost && !placement.keyspace().atomic) {
      ++counters.concurrent_losses;
      TRY(options.ledger->keep(turn, options.partition, key, *slot.held, *merged.lost));
    }
    return merged.stored;
  }
  bool synced(ByteView key) const { return rounds.durable(rounds.round_of(xxh3_64(key))); }
  NodeId self() const { return placement.self(); }
  // Why so many nodes cannot be had now as `level` counts; nothing: they can be reached.
  std::optional<Response> refuse_out_of_reach(const Request& request, Level level) const;
  // What each answer says of itself; what was reached, and by whom, is the answer's own.
  Receipt receipt(Level asked) const {
    Receipt receipt;
    receipt.asked = asked;
    receipt.served_by = self();
    receipt.wal_durability = placement.wal();
    receipt.epoch = placement.epoch();
    return receipt;
  }
  void acknowledge(Receipt& receipt, NodeId node) const {
    receipt.acknowledged_by.push_back(node);
    if (!placement.owns(node)) receipt.stand_ins.push_back(node);
  }

  Options options;
  Placement placement;
  Records records;
  DurableRounds rounds;
  WriteCounts write_counts;
  Deadlines deadlines;
  Counters counters;
  causal::Hlc changed_at;                       // the node's clock when this partition last changed
  std::optional<causal::Hlc> ceiling_in_round;  // written in the round that is open
  // Refill's: this copy may lack what it has acknowledged. It takes and gives versions, and counts as no answer (trap T39).
  bool catching_up = false;
  // Starts at a random number: a late answer to an earlier life of this node must not be taken for one to a new question.
  std::uint64_t token = 0;
};

}  // namespace rift::ap
