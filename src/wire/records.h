// The values on disk: plain structs and their codecs. Every value starts with a format byte (record_format); a record that fails to
// decode, or whose checksum does not match, is Code::corruption. Golden-byte tests hold the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "causal/version.h"
#include "raft/types.h"
#include "replica/request.h"
#include "topology/catalog.h"

namespace rift::wire {

constexpr std::uint8_t record_format = 1;

// --- node-wide ---------------------------------------------------------------------------------------------------------------

struct IdentityRecord {  // meta node/identity: written once, when the data directory is made
  NodeId node;
  DiskId disk;
  ClusterId cluster;  // zero until founded
  friend bool operator==(const IdentityRecord&, const IdentityRecord&) = default;
};
Bytes encode(const IdentityRecord& record);
Result<IdentityRecord> decode_identity(ByteView bytes);

Bytes encode_u64(std::uint64_t value);  // incarnation, hlc_ceiling, generation, first_index
Result<std::uint64_t> decode_u64(ByteView bytes);

Bytes encode_starts(const std::vector<std::uint64_t>& starts);  // is_list_of_starts (messages.h)
Result<std::vector<std::uint64_t>> decode_starts(ByteView bytes);

Bytes encode(const topology::Catalog& catalog);
Result<topology::Catalog> decode_catalog(ByteView bytes);

// --- raft ----------------------------------------------------------------------------------------------------------------------

Bytes encode(const raft::HardState& state);
Result<raft::HardState> decode_hard_state(ByteView bytes);
Bytes encode(const raft::Config& config);
Result<raft::Config> decode_config(ByteView bytes);
Bytes encode(
    const raft::ConfigAt& config);  // with the index of its entry, which compaction may have removed from the log
Result<raft::ConfigAt> decode_config_at(ByteView bytes);
Bytes encode_config_places(const std::vector<LogIndex>& places);  // ascending
Result<std::vector<LogIndex>> decode_config_places(ByteView bytes);
Bytes encode(const raft::SnapshotMeta& meta);
Result<raft::SnapshotMeta> decode_snapshot_meta(ByteView bytes);

// One log entry with a crc of its own over term, index, kind, log time and payload. decode checks it.
Bytes encode_log_record(const raft::Entry& entry);
Result<raft::Entry> decode_log_record(ByteView bytes, LogIndex expected);

// --- cp ------------------------------------------------------------------------------------------------------------------------

// One operation inside an entry's payload. An entry carries many.
struct Command {
  Verb verb = Verb::put;
  Bytes key;
  Bytes value;
  Condition condition;
  std::optional<OpId> op;
  Boxed<Operands> operands{};
  friend bool operator==(const Command&, const Command&) = default;
};
// Size of `command` inside a payload: so that a round can fill entries up to their limits.
std::size_t encoded_size(const Command& command);
Bytes encode_commands(std::span<const Command> commands);
// The keys and values are slices of `payload`: nothing is copied. Malformed: corruption, and the applier treats the entry as a no-op.
Result<std::vector<Command>> decode_commands(const Bytes& payload);

struct CpValue {         // state_cp d
  bool deleted = false;  // a delete keeps its version: the checkers need it
  Bytes value;
  Revision create_revision;
  Revision modify_revision;
  std::uint64_t version = 0;
  Duration expiry{};  // log time at which it is deleted; zero: never
  bool lock = false;  // held by `value`; written only by lock, unlock and expire
  friend bool operator==(const CpValue&, const CpValue&) = default;
};
Bytes encode(const CpValue& value);
Result<CpValue> decode_cp_value(const Bytes& bytes);  // the value is a slice

struct DedupOutcome {
  std::uint64_t sequence = 0;
  Code code = Code::ok;
  Revision revision;          // of the write made, or of the value a failed cas saw
  bool seen_found = false;    // failed condition: there was a value
  bool seen_omitted = false;  // values were too large to be kept
  Bytes seen;                 // what a failed condition saw, what an increment came to
  Revision create_revision{};
  std::uint64_t version = 0;
  Boxed<Results> results{};  // of a txn or del_range
  friend bool operator==(const DedupOutcome&, const DedupOutcome&) = default;
};
struct DedupRow {  // state_cp c: the window of one client
  std::uint64_t floor = 1;
  Duration last_used{};                // log time
  std::vector<DedupOutcome> outcomes;  // by ascending sequence
  friend bool operator==(const DedupRow&, const DedupRow&) = default;
};
Bytes encode(const DedupRow& row);
Result<DedupRow> decode_dedup_row(ByteView bytes);

// One change as history keeps it. Events of one revision stand in one record.
struct HistoryEvent {
  Event::Kind kind = Event::Kind::put;
  Revision revision;
  Bytes key;
  Bytes value;
  Revision create_revision;
  std::uint64_t version = 0;
  friend bool operator==(const HistoryEvent&, const HistoryEvent&) = default;
};
struct HistoryRecord {               // state_cp h: what one entry changed; of a very large entry a part
  std::vector<HistoryEvent> events;  // in the order of revisions
  friend bool operator==(const HistoryRecord&, const HistoryRecord&) = default;
};
Bytes encode_history(std::span<const HistoryEvent> events);
Result<HistoryRecord> decode_history(const Bytes& bytes);  // keys and values are slices
Event to_event(HistoryEvent event);

struct AppliedRecord {  // state_cp a: one per round
  LogIndex index;
  Term term;
  Revision revision;
  Duration log_time{};
  std::uint64_t hash = 0;           // rolling, over every applied change
  Revision compacted{};             // history up to here is gone for whoever asks
  Revision swept{};                 // and is erased up to here; follows `compacted`
  std::uint64_t history_bytes = 0;  // of the records kept
  friend bool operator==(const AppliedRecord&, const AppliedRecord&) = default;
};
Bytes encode(const AppliedRecord& record);
Result<AppliedRecord> decode_applied(ByteView bytes);

// --- ap ------------------------------------------------------------------------------------------------------------------------

Bytes encode(const causal::Envelope& envelope);  // with its crc
Result<causal::Envelope> decode_envelope(const Bytes& bytes);

struct HintRecord {  // a reference: delivery sends the current state
  std::uint64_t first_hlc = 0;
  std::uint64_t last_hlc = 0;
  causal::Dot dot;  // of the newest write that made the hint
  friend bool operator==(const HintRecord&, const HintRecord&) = default;
};
Bytes encode(const HintRecord& record);
Result<HintRecord> decode_hint(ByteView bytes);

// ledger: two versions of a key of which neither's writer had seen the other; the loser was acknowledged and is gone from the key.
struct LedgerRecord {
  Bytes key;
  causal::Envelope winner;
  causal::Envelope loser;
  NodeId seen_by;               // the owner that wrote this
  bool winner_omitted = false;  // both payloads would be too large together: the winner's is what the owners hold
  friend bool operator==(const LedgerRecord&, const LedgerRecord&) = default;
};
Bytes encode(LedgerRecord record);  // with a crc of its own; leaves the winner's payload out where it must
Result<LedgerRecord> decode_ledger(const Bytes& bytes);  // key and payloads are slices

}  // namespace rift::wire
