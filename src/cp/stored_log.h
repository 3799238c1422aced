// The group's log on disk: reading it (StoredLog, for the core and for recovery) and writing what the core decided (LogWriter). No opinion on
// what is durable or committed. Every record read is checked: crc and place in the log. Used by CpReplica, on the shard's thread.
#pragma once

#include "cp/space.h"
#include "raft/effects.h"

namespace rift::cp {

// Made for one verb; sees what the Turn has written so far.
class StoredLog final : public raft::LogReader {
 public:
  StoredLog(Space space, Turn& turn) : space_(space), turn_(turn) {}

  Result<std::vector<raft::Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max) override;
  Result<std::optional<Term>> term(LogIndex index) override;
  // Entries from `from` on, as many as there are, up to a page; empty: the log ends before `from`. A hole is corruption.
  Result<std::vector<raft::Entry>> page(LogIndex from, std::size_t bytes_max);

 private:
  Space space_;
  Turn& turn_;
};

// Where the log holds the group's configuration: the newest config entry, and the last one before it, which is committed (at most one
// is uncommitted at a time). 0: none.
struct ConfigPlaces {
  LogIndex newest{};
  LogIndex before{};
};

class LogWriter {
 public:
  LogWriter(Space space, ConfigPlaces places) : space_(space), places_(places) {}

  // Truncation, entries and hard state, in this order, into the Turn's batch.
  void write(const raft::Effects& effects, Turn& turn);

 private:
  void erase(const raft::Truncation& truncation, Turn& turn);
  void put_places(Turn& turn) const;

  Space space_;
  ConfigPlaces places_;
};

void put_entry(Space space, const raft::Entry& entry, Turn& turn);
void put_hard_state(Space space, const raft::HardState& state, Turn& turn);
void put_config_places(Space space, ConfigPlaces places, Turn& turn);
Result<ConfigPlaces> read_config_places(Space space, Turn& turn);

}  // namespace rift::cp
