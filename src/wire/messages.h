// Messages between nodes (CONTRACTS 2): plain structs. raft's own messages stand in raft/messages.h. encode_message gives the bytes that a
// Turn sends; decode_message takes hostile bytes. Which lane a message travels on, and whether it waits for the disk, is its sender's part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "causal/version.h"
#include "raft/messages.h"
#include "replica/request.h"
#include "topology/catalog.h"

namespace rift::wire {

// --- node ----------------------------------------------------------------------------------------------------------------------

constexpr std::size_t hello_starts_max = 64;

// First on every connection. A node whose cluster, disk or starts do not fit is refused.
struct Hello {
  ClusterId cluster;
  NodeId node;
  DiskId disk;
  std::uint32_t protocol_min = 1;
  std::uint32_t protocol_max = 1;
  MapEpoch epoch;
  // Each start from this disk, newest first: counter (upper half) and a random number. Never empty; the oldest are forgotten.
  std::vector<std::uint64_t> starts;
  friend bool operator==(const Hello&, const Hello&) = default;
};
constexpr std::uint32_t protocol_version = 1;

struct Forward {
  Request request;  // id is the sender's own
  friend bool operator==(const Forward&, const Forward&) = default;
};
struct ForwardReply {
  Response response;
  friend bool operator==(const ForwardReply&, const ForwardReply&) = default;
};
struct MapPull {
  MapEpoch epoch;  // the asker's
  friend bool operator==(const MapPull&, const MapPull&) = default;
};
// The answer: the map itself, for a node that has no replica of `_system` yet, or whose replica lags. It was committed, for the sender has
// applied it.
struct MapPush {
  std::uint64_t revision = 0;  // of the `_system` key
  Bytes catalog;               // encode(Catalog)
  friend bool operator==(const MapPush&, const MapPush&) = default;
};

// --- membership ------------------------------------------------------------------------------------------------------------------

struct Ping {
  std::uint64_t sequence = 0;
  Time sent{};  // the sender's steady clock, echoed
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct PingAck {
  std::uint64_t sequence = 0;
  Time sent{};
  WallTime wall{};  // clock sample of the answering node
  friend bool operator==(const PingAck&, const PingAck&) = default;
};

// --- cp ------------------------------------------------------------------------------------------------------------------------

// A follower asks the leader for a read position on behalf of its own waiting reads.
struct ReadPosition {
  Term term;
  std::uint64_t token = 0;  // the follower's, never reused; another life of it starts at another random number
  friend bool operator==(const ReadPosition&, const ReadPosition&) = default;
};
struct ReadPositionReply {
  Term term;
  std::uint64_t token = 0;
  bool granted = false;
  LogIndex index;  // serve when applied >= index
  friend bool operator==(const ReadPositionReply&, const ReadPositionReply&) = default;
};
// A replica that the map does not name any more asks the owners whether its group has let it go; the leader whose committed configuration
// leaves the asker out quotes that configuration's index (DESIGN 7: birth and death).
struct LeaveQuestion {
  MapEpoch epoch;  // of the map that leaves it out
  friend bool operator==(const LeaveQuestion&, const LeaveQuestion&) = default;
};
struct LeaveAnswer {
  MapEpoch epoch;         // of the question, which is that of the leader's map as well
  LogIndex config_index;  // above the index of the newest configuration in the asker's log: it was let go
  friend bool operator==(const LeaveAnswer&, const LeaveAnswer&) = default;
};
// A replica tells itself, through send_when_durable, how far its own log is on disk.
struct LogDurable {
  Term term;  // of the writer, when it was sent: stale after a term change (trap 11)
  LogIndex index;
  Term index_term;
  friend bool operator==(const LogDurable&, const LogDurable&) = default;
};

// A state transfer (DESIGN 5): the leader offers the view that it holds, the receiver pulls chunk after chunk on the bulk lane.
struct SnapshotOffer {
  Term term;
  std::uint64_t id = 0;    // of the view: the same id is the same records in the same chunks
  std::uint64_t wish = 0;  // that of the SnapshotWish that this answers; 0: none
  raft::SnapshotMeta meta;
  friend bool operator==(const SnapshotOffer&, const SnapshotOffer&) = default;
};
struct SnapshotPull {
  std::uint64_t id = 0;
  std::uint64_t number = 0;  // from 1
  friend bool operator==(const SnapshotPull&, const SnapshotPull&) = default;
};
struct StateRecord {
  Bytes key;  // without partition and generation
  Bytes value;
  friend bool operator==(const StateRecord&, const StateRecord&) = default;
};
struct SnapshotChunk {
  std::uint64_t id = 0;
  std::uint64_t number = 0;
  std::vector<StateRecord> records;
  std::uint64_t sum = 0;  // over all records from the first chunk's to this one's last
  bool last = false;
  friend bool operator==(const SnapshotChunk&, const SnapshotChunk&) = default;
};
constexpr std::size_t snapshot_records_max = 16 * 1024;  // of one chunk
struct SnapshotDone {
  std::uint64_t id = 0;
  bool installed = false;  // and durable; false: it is not wanted
  friend bool operator==(const SnapshotDone&, const SnapshotDone&) = default;
};
// A replica whose own state cannot be believed asks for one.
struct SnapshotWish {
  Term term;
  std::uint64_t wish = 0;  // drawn when it was found out
  LogIndex at_least;       // an older state does not help
  bool amnesiac =
      false;  // it may also have forgotten what it promised: it is silent until it is refilled (cp/repair.h)
  friend bool operator==(const SnapshotWish&, const SnapshotWish&) = default;
};

// What a replica's state was at an index: a question to the voters, and their answer (cp/state_checks.h).
struct StateReport {
  LogIndex index;
  std::uint64_t hash = 0;
  bool known = false;
  bool is_answer = false;
  friend bool operator==(const StateReport&, const StateReport&) = default;
};

// --- ap ------------------------------------------------------------------------------------------------------------------------

enum class StoreReason : std::uint8_t { write = 1, repair = 2, hint = 3, sync = 4, stand_in = 5 };
enum class StoreResult : std::uint8_t { stored = 1, had_it = 2, superseded = 3, clock_skew = 4, refused = 5 };

struct Store {
  std::uint64_t token = 0;  // the sender's
  StoreReason reason = StoreReason::write;
  Bytes key;
  causal::Envelope envelope;
  friend bool operator==(const Store&, const Store&) = default;
};
struct StoreAck {
  std::uint64_t token = 0;
  StoreResult result = StoreResult::stored;
  causal::Stamp winner;  // what the replica holds now
  friend bool operator==(const StoreAck&, const StoreAck&) = default;
};
struct Versions {  // which version of this key do you hold?
  std::uint64_t token = 0;
  Bytes key;
  friend bool operator==(const Versions&, const Versions&) = default;
};
struct VersionsReply {
  std::uint64_t token = 0;
  bool found = false;  // false: absent, nothing was ever stored
  causal::Stamp stamp;
  bool tombstone = false;
  bool catching_up = false;  // it may lack what it held before: no proof of absence, nor of being the newest
  friend bool operator==(const VersionsReply&, const VersionsReply&) = default;
};
struct Fetch {
  std::uint64_t token = 0;
  Bytes key;
  friend bool operator==(const Fetch&, const Fetch&) = default;
};
struct FetchReply {
  std::uint64_t token = 0;
  bool found = false;
  causal::Envelope envelope;
  bool catching_up = false;  // as in VersionsReply
  friend bool operator==(const FetchReply&, const FetchReply&) = default;
};
// Hint delivery: versions first, then only what the target lacks.
struct HintOffer {
  std::uint64_t token = 0;
  struct Item {
    Bytes key;
    causal::Stamp stamp;
    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> items;  // at most hint_offer_keys_max
  friend bool operator==(const HintOffer&, const HintOffer&) = default;
};
struct HintWant {
  std::uint64_t token = 0;
  std::vector<std::uint32_t> wanted;  // positions in the offer; the others are held already, durably
  friend bool operator==(const HintWant&, const HintWant&) = default;
};
constexpr std::size_t hint_offer_keys_max = 256;
// After an unclean stop: what the sender's disk had not taken is gone from it, whoever counted it. The receiver owes it everything above `since`.
struct Refill {
  std::uint64_t token = 0;
  causal::Hlc since;
  friend bool operator==(const Refill&, const Refill&) = default;
};
struct RefillAck {  // the debt is on disk
  std::uint64_t token = 0;
  friend bool operator==(const RefillAck&, const RefillAck&) = default;
};
struct RefillDone {         // and everything of it has been delivered
  std::uint64_t token = 0;  // of the Refill
  friend bool operator==(const RefillDone&, const RefillDone&) = default;
};

using Message = std::variant<raft::Message, Forward, ForwardReply, MapPull, MapPush, Ping, PingAck, ReadPosition,
                             ReadPositionReply, LeaveQuestion, LeaveAnswer, LogDurable, SnapshotOffer, SnapshotPull,
                             SnapshotChunk, SnapshotDone, SnapshotWish, StateReport, Store, StoreAck, Versions,
                             VersionsReply, Fetch, FetchReply, HintOffer, HintWant, Refill, RefillAck, RefillDone>;

Bytes encode_message(const Message& message);
// Payloads of appends and envelopes are slices of `bytes` where that saves a copy.
Result<Message> decode_message(const Bytes& bytes);

// At least one and at most hello_starts_max, and each earlier than the one before it.
bool is_list_of_starts(const std::vector<std::uint64_t>& starts);

Bytes encode_hello(const Hello& hello);
Result<Hello> decode_hello(ByteView bytes);

}  // namespace rift::wire
