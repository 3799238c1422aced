// What the parts of one ap replica share: placement, records, the node's stamper, tokens, timers and counters. Owned by ApReplica; its parts
// hold a reference. No part of it decides anything.
#pragma once

#include <map>
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
  std::uint64_t levels_missed = 0;
  std::uint64_t copies_stored = 0;      // of other coordinators' writes
  std::uint64_t copies_superseded = 0;  // came too late: a newer version was here
  std::uint64_t clock_skew_refused = 0;
  std::uint64_t beyond_drift =
      0;  // accepted by repair or hint, or written over, with a stamp from beyond the drift bound
  std::uint64_t hints_made = 0;
  std::uint64_t hints_delivered = 0;
  std::uint64_t dirty_marks = 0;
  std::uint64_t repairs_sent = 0;
  std::uint64_t messages_dropped = 0;  // undecodable, implausible, or from no owner
};

struct Core {
  explicit Core(const Options& given)
      : options(given), placement(given.partition), records(given.partition, given.generation) {}

  std::uint64_t next_token() { return token++; }
  void note_written(ByteView key) { rounds.wrote(xxh3_64(key)); }
  bool synced(ByteView key) const { return rounds.durable(rounds.round_of(xxh3_64(key))); }
  NodeId self() const { return placement.self(); }

  Options options;
  Placement placement;
  Records records;
  DurableRounds rounds;
  Deadlines deadlines;
  Counters counters;
  std::optional<causal::Hlc> ceiling_in_round;  // written in the round that is open
  // Starts at a random number: a late answer to an earlier life of this node must not be taken for one to a new question.
  std::uint64_t token = 0;
};

}  // namespace rift::ap
