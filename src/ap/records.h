// The stored envelopes of one partition: one read and at most one write of the store per operation. A record that does not decode, or
// whose checksum fails, is an error that stops the replica: it must not be answered from, nor repaired over (trap T37). Reads and writes
// a Turn.
#pragma once

#include <optional>
#include <string>

#include "causal/version.h"
#include "replica/turn.h"

namespace rift::ap {

// A key's place in the store and what is there, within one Turn.
struct Slot {
  std::string disk_key;
  std::optional<causal::Envelope> held;
  causal::Stamp stamp() const { return held ? held->stamp : causal::Stamp(); }
};

// What became of a copy. `lost`: of the two versions that met, the one that goes, if the writer of the other had not seen it.
struct Merged {
  bool stored = false;
  std::optional<causal::Envelope> lost;
};

class Records {
 public:
  Records(PartitionId partition, Generation generation) : partition_(partition), generation_(generation) {}

  Result<Slot> load(Turn& turn, ByteView key) const;
  void store(Turn& turn, const Slot& slot, const causal::Envelope& envelope) const;
  void erase(Turn& turn, ByteView key) const;
  // The merge: writes `envelope` if it wins over what the slot holds. The slot holds the winner afterwards.
  Merged merge(Turn& turn, Slot& slot, const causal::Envelope& envelope) const;
  env::Range range() const;

 private:
  PartitionId partition_;
  Generation generation_;
};

// What may come from a peer as a stamp: a real node's dot, and a clock that no honest one passes.
bool plausible(const causal::Stamp& stamp);
bool plausible(const causal::Envelope& envelope);
// A version above it would be plausible too.
bool has_room_above(const causal::Stamp& stamp);

Version version_of(const causal::Stamp& stamp);
causal::Stamp stamp_of(const Version& version);  // of an ap keyspace

}  // namespace rift::ap
