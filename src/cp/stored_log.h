// The group's log on disk: reading it (StoredLog, for the core and for recovery) and writing what the core decided (LogWriter). No opinion on
// what is durable or committed. Every record read is checked: crc and place in the log. Used by CpReplica, on the shard's thread.
#pragma once

#include "cp/space.h"
#include "raft/effects.h"
#include "raft/log.h"

namespace rift::cp {

// Made for one verb; sees what the Turn has written so far.
class StoredLog final : public raft::LogReader {
 public:
  StoredLog(Space space, Turn& turn) : space_(space), turn_(turn) {}

  Result<std::vector<raft::Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max) override;
  Result<std::optional<Term>> term(LogIndex index) override;
  Result<raft::ConfigAt> config(LogIndex index);  // the entry there is one
  // Entries from `from` on, as many as there are, up to a page; empty: the log ends before `from`. A hole is corruption.
  Result<std::vector<raft::Entry>> page(LogIndex from, std::size_t bytes_max);

 private:
  Space space_;
  Turn& turn_;
};

// Where the log holds the group's configurations, ascending: that of the floor first, then every config entry. A follower may know of several
// that it has not applied: what its leader has committed reaches it before the news that it is.
using ConfigPlaces = std::vector<LogIndex>;

// The entry before the first that is stored, with the configuration that stands there: what a compaction or a snapshot leaves of everything
// before. index 0: the log begins at its beginning.
using LogFloor = raft::SnapshotMeta;

class LogWriter {
 public:
  LogWriter(Space space, ConfigPlaces places, LogFloor floor)
      : space_(space), places_(std::move(places)), floor_(std::move(floor)) {}

  // A snapshot's empty log, truncation, entries and hard state, in this order, into the Turn's batch.
  void write(const raft::Effects& effects, Turn& turn);
  // Entries up to `place` go, and the record of what they came to is written, in one batch: the store never holds one without the other
  // (trap 17). knows_config(place.index).
  Result<void> compact(const raft::LogPlace& place, Turn& turn);
  // Which configuration stands at `index` can be told.
  bool knows_config(LogIndex index) const { return !places_.empty() && places_.front() <= index; }

 private:
  void install(const raft::SnapshotMeta& meta, Turn& turn);
  void erase(const raft::Truncation& truncation, Turn& turn);
  void put_places(Turn& turn) const;

  Space space_;
  ConfigPlaces places_;
  LogFloor floor_;
};

void put_entry(Space space, const raft::Entry& entry, Turn& turn);
void put_hard_state(Space space, const raft::HardState& state, Turn& turn);
void put_config_places(Space space, const ConfigPlaces& places, Turn& turn);
void put_floor(Space space, const LogFloor& floor, Turn& turn);
Result<ConfigPlaces> read_config_places(Space space, Turn& turn);
// The newest one of the log or, where there is none, of the floor. Nothing: none is stored.
Result<std::optional<raft::ConfigAt>> newest_config(Space space, Turn& turn);
// The newest configuration at or below `index`, from the log or, where its entry has gone, from the floor. Nothing: it cannot be told.
Result<std::optional<raft::ConfigAt>> config_at(Space space, LogIndex index, env::Reader& reader);

}  // namespace rift::cp
