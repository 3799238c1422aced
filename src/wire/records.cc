#include "wire/records.h"
#include "wire/messages.h"

#include <algorithm>
#include <functional>

#include "base/limits.h"
#include "wire/checksum.h"
#include "wire/describe_causal.h"
#include "wire/describe_client.h"
#include "wire/describe_node.h"
#include "wire/describe_raft.h"
#include "wire/stored.h"

namespace rift::wire {
namespace proto {

struct Number {
  std::uint64_t value = 0;
};

template <class Io, Is<Number> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.value);
}

struct Starts {
  std::vector<std::uint64_t> starts;
};

template <class Io, Is<Starts> M>
void describe(Io& io, M& m) {
  io.packed(1, m.starts);
}

struct ConfigPlaces {
  std::vector<LogIndex> places;
};

template <class Io, Is<ConfigPlaces> M>
void describe(Io& io, M& m) {
  io.packed(1, m.places);
}

template <class Io, Is<IdentityRecord> M>
void describe(Io& io, M& m) {
  io.required(1, m.node);
  io.message(2, m.disk);
  io.message(3, m.cluster);
}

template <class Io, Is<CpValue> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.deleted);
  io.scalar(2, m.create_revision);
  io.scalar(3, m.modify_revision);
  io.scalar(4, m.version);
  io.bytes(5, m.value);
  io.scalar(6, m.expiry);
  io.scalar(7, m.lock);
}

template <class Io, Is<DedupOutcome> M>
void describe(Io& io, M& m) {
  io.required(1, m.sequence);
  io.enumeration(2, m.code);
  io.scalar(3, m.revision);
  io.scalar(4, m.seen_found);
  io.scalar(5, m.seen_omitted);
  io.bytes(6, m.seen);
  io.scalar(7, m.create_revision);
  io.scalar(8, m.version);
  io.maybe_message(9, m.results);
}

template <class Io, Is<DedupRow> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.floor);
  io.scalar(2, m.last_used);
  io.messages(3, m.outcomes, limits::dedup_window_max);
}

template <class Io, Is<AppliedRecord> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.index);
  io.scalar(2, m.term);
  io.scalar(3, m.revision);
  io.scalar(4, m.log_time);
  io.fixed(5, m.hash);
  io.scalar(6, m.compacted);
  io.scalar(7, m.swept);
  io.scalar(8, m.history_bytes);
}

template <class Io, Is<HintRecord> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.first_hlc);
  io.fixed(2, m.last_hlc);
  io.message(3, m.dot);
}

template <class Io, Is<LedgerRecord> M>
void describe(Io& io, M& m) {
  io.required(1, m.key);
  io.message(2, m.winner);
  io.message(3, m.loser);
  io.required(4, m.seen_by);
  io.scalar(5, m.winner_omitted);
}

}  // namespace proto

Bytes encode(const IdentityRecord& record) { return proto::store(record); }
Result<IdentityRecord> decode_identity(ByteView bytes) {
  return proto::load<IdentityRecord>(bytes, nullptr, "identity");
}

Bytes encode_u64(std::uint64_t value) { return proto::store(proto::Number{value}); }
Result<std::uint64_t> decode_u64(ByteView bytes) {
  return TRY(proto::load<proto::Number>(bytes, nullptr, "number")).value;
}

Bytes encode_starts(const std::vector<std::uint64_t>& starts) { return proto::store(proto::Starts{starts}); }

Result<std::vector<std::uint64_t>> decode_starts(ByteView bytes) {
  auto starts = TRY(proto::load<proto::Starts>(bytes, nullptr, "starts")).starts;
  if (!is_list_of_starts(starts)) return fail(Code::corruption, "starts: not a list of them, newest first");
  return starts;
}

Bytes encode_config_places(const std::vector<LogIndex>& places) { return proto::store(proto::ConfigPlaces{places}); }

Result<std::vector<LogIndex>> decode_config_places(ByteView bytes) {
  auto places = TRY(proto::load<proto::ConfigPlaces>(bytes, nullptr, "config places")).places;
  if (std::adjacent_find(places.begin(), places.end(), std::greater_equal<>()) != places.end() ||
      (!places.empty() && places.front() == LogIndex(0)))
    return fail(Code::corruption, "config places: not ascending");
  return places;
}

Bytes encode(const raft::HardState& state) { return proto::store(state); }
Result<raft::HardState> decode_hard_state(ByteView bytes) {
  return proto::load<raft::HardState>(bytes, nullptr, "hard state");
}

Bytes encode(const raft::Config& config) { return proto::store(config); }

Result<raft::Config> decode_config(ByteView bytes) {
  raft::Config config = TRY(proto::load<raft::Config>(bytes, nullptr, "config"));
  if (const auto valid = raft::validate(config); !valid)
    return fail(Code::corruption, "config: " + valid.error().detail);
  return config;
}

Bytes encode(const raft::ConfigAt& config) { return proto::store(config); }

Result<raft::ConfigAt> decode_config_at(ByteView bytes) {
  raft::ConfigAt config = TRY(proto::load<raft::ConfigAt>(bytes, nullptr, "config"));
  if (const auto valid = raft::validate(config.config); !valid)
    return fail(Code::corruption, "config: " + valid.error().detail);
  return config;
}

Bytes encode(const raft::SnapshotMeta& meta) { return proto::store(meta); }

Result<raft::SnapshotMeta> decode_snapshot_meta(ByteView bytes) {
  raft::SnapshotMeta meta = TRY(proto::load<raft::SnapshotMeta>(bytes, nullptr, "snapshot meta"));
  if (const auto valid = raft::validate(meta.config.config); !valid)
    return fail(Code::corruption, "snapshot meta: " + valid.error().detail);
  if (meta.config.index > meta.index)
    return fail(Code::corruption, "snapshot meta: the config lies behind the snapshot");
  return meta;
}

Bytes encode(const CpValue& value) { return proto::store(value); }
Result<CpValue> decode_cp_value(const Bytes& bytes) { return proto::load<CpValue>(bytes, &bytes, "cp value"); }

Bytes encode(const DedupRow& row) { return proto::store(row); }

Result<DedupRow> decode_dedup_row(ByteView bytes) {
  DedupRow row = TRY(proto::load<DedupRow>(bytes, nullptr, "dedup row"));
  for (std::size_t i = 1; i < row.outcomes.size(); ++i) {
    if (row.outcomes[i - 1].sequence >= row.outcomes[i].sequence)
      return fail(Code::corruption, "dedup row: sequences do not ascend");
  }
  return row;
}

Bytes encode(const AppliedRecord& record) { return proto::store(record); }
Result<AppliedRecord> decode_applied(ByteView bytes) {
  return proto::load<AppliedRecord>(bytes, nullptr, "applied record");
}

Bytes encode(const HintRecord& record) { return proto::store(record); }
Result<HintRecord> decode_hint(ByteView bytes) { return proto::load<HintRecord>(bytes, nullptr, "hint"); }

Bytes encode_log_record(const raft::Entry& entry) { return proto::store_checked(entry); }

Result<raft::Entry> decode_log_record(ByteView bytes, LogIndex expected) {
  raft::Entry entry = TRY(proto::load_checked<raft::Entry>(bytes, nullptr, "log record"));
  if (entry.index != expected) {
    return fail(Code::corruption, "log record: holds index " + std::to_string(entry.index.value()) +
                                      " in the place of " + std::to_string(expected.value()));
  }
  return entry;
}

Bytes encode(const causal::Envelope& envelope) { return proto::store_checked(envelope); }
Result<causal::Envelope> decode_envelope(const Bytes& bytes) {
  return proto::load_checked<causal::Envelope>(bytes, &bytes, "envelope");
}

Bytes encode(LedgerRecord record) {
  if (record.winner.payload.size() + record.loser.payload.size() > limits::ledger_payload_bytes_max) {
    record.winner.payload = {};
    record.winner_omitted = true;
  }
  return proto::store_checked(record);
}
Result<LedgerRecord> decode_ledger(const Bytes& bytes) {
  return proto::load_checked<LedgerRecord>(bytes, &bytes, "ledger record");
}

}  // namespace rift::wire
