// Requests, responses and receipts: what a client asks of one partition and what it is told, the same for both modes. Plain values; the
// wire form is proto/riftkv/v1. validate() is called by node for every request, whoever brought it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/boxed.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "base/result.h"
#include "base/time.h"

namespace rift {

enum class Verb : std::uint8_t {
  get = 1,
  put = 2,
  del = 3,
  cas = 4,
  resolve = 5,
  increment = 6,  // a decimal number; an absent key counts as 0
  del_range = 7,  // at most limits::batch_ops_max keys, in one revision
  txn = 8,        // compare, then one of two lists of steps; without compares: an atomic batch
  lock = 9,       // takes the lock, or keeps it alive for its holder
  unlock = 10,
  multi_get = 11,
  scan = 12,
  watch = 13,    // answers until it is cancelled
  compact = 14,  // forgets history; values stay
  // Only in logs, written by a leader; never a request.
  expire = 32,  // deletes what has outlived its time to live
  verify = 33,  // the hash of the state at an index, for comparison
};

constexpr bool is_internal(Verb verb) { return verb == Verb::expire || verb == Verb::verify; }
constexpr bool is_write(Verb verb) {
  return verb != Verb::get && verb != Verb::multi_get && verb != Verb::scan && verb != Verb::watch;
}

// Works on one key, unconditionally: what a token of ap can go with.
constexpr bool is_single(Verb verb) { return verb == Verb::get || verb == Verb::put || verb == Verb::del; }

// ap: a node that is no owner may carry it out where no owner can be reached.
constexpr bool may_be_stood_in(Verb verb, Level level, bool sloppy) {
  return is_single(verb) && (sloppy || level == Level::any);
}

// When a cas may write, or what a Txn compares. Exactly one kind.
struct Condition {
  enum class Kind : std::uint8_t { none = 0, absent = 1, version = 2, value = 3, exists = 4, created = 5 };
  Kind kind = Kind::none;
  std::uint64_t version = 0;  // version: the key's modify revision; created: its create revision (the fence of a lock)
  Bytes value;                // Kind::value: the whole value expected
  friend bool operator==(const Condition&, const Condition&) = default;
};

// Identity of an operation for exactly-once (cp): with the partition that its key falls into, (client, sequence) names it for ever.
struct OpId {
  ClientId client;
  std::uint64_t sequence = 0;  // from 1, never reused by the client for this partition
  std::uint64_t floor = 0;     // every sequence below is finished for the client: its outcome may be forgotten
  bool first = false;          // the client's first request to this partition: opens its dedup window
  bool retry = false;          // an earlier copy may have been executed
  friend bool operator==(const OpId&, const OpId&) = default;
};

// What a Txn demands of one key.
struct Compare {
  Bytes key{};
  Condition condition{};
  friend bool operator==(const Compare&, const Compare&) = default;
};

// One step of a Txn (get, put, del, increment) or of a multi_get.
struct Step {
  Verb verb = Verb::get;
  Bytes key{};
  Bytes value{};
  std::int64_t delta = 0;
  Duration ttl{};
  friend bool operator==(const Step&, const Step&) = default;
};

// What the richer verbs need. The verb says which fields count; the others stay as they are here.
struct Operands {
  Bytes range_end{};        // del_range, scan, watch: the range is [key, range_end); empty: to the end of the keyspace
  bool single_key = false;  // watch: `key` alone
  std::int64_t delta = 0;   // increment
  Duration ttl{};           // put, cas, increment, lock: deleted when so much log time has passed; 0: never
  Revision revision{};      // watch: the first one wanted, 0: from now on; compact: history up to here goes
  std::uint32_t keys_max = 0;       // scan: of a page; 0: limits::scan_page_keys_max
  bool keys_only = false;           // scan
  Bytes cursor{};                   // ap scan: next_key of the page before; empty: from the beginning
  std::vector<Compare> compares{};  // txn
  std::vector<Step> then_steps{};   // txn: when all compares hold; multi_get: the keys
  std::vector<Step> else_steps{};   // txn: otherwise
  friend bool operator==(const Operands&, const Operands&) = default;
};

// Which write a value comes from. cp fills the revisions, ap the hlc and the dot.
struct Version {
  Revision create_revision{};
  Revision modify_revision{};
  std::uint64_t version = 0;  // cp: writes since creation
  std::uint64_t hlc = 0;
  NodeId dot_node{};
  std::uint64_t dot_incarnation = 0;
  std::uint64_t dot_sequence = 0;
  friend bool operator==(const Version&, const Version&) = default;
};

struct Request {
  RequestId id;  // chosen by the submitter, unique in its sink; replaced by the node's own while inside a node
  std::string keyspace;
  // Filled in by the node that routes, by the key. scan, watch, del_range and compact work on one partition: a client names it, 0 is
  // the only one.
  PartitionId partition;
  MapEpoch epoch;  // the sender's map; 0: unknown
  Verb verb = Verb::get;
  Level level = Level::unspecified;
  Bytes key;
  Bytes value;  // lock, unlock: who holds it
  Condition condition;
  Boxed<Operands> operands;
  std::optional<OpId> op;  // resolve: the operation asked about; its key routes
  Duration budget{};       // time left, never a wall-clock deadline; 0: limits::request_budget_default
  bool forwarded = false;  // has made its one hop
  bool write_back = true;  // ap reads above ONE: a majority holds what is returned
  // A read's token: the answer includes everything up to here. cp: Receipt::index of an earlier answer; 0: none.
  std::uint64_t token = 0;
  // ap: the newest version of the key (hlc and dot) that the client has read or written, wherever that was; zero: none. A read answers
  // nothing older, a write stands above it.
  Version seen{};
  // ap reads: the client will send the answer's version as `seen`. It is answered once that is on the disk of an owner: what a power loss
  // undoes could never be met.
  bool mints_token = false;
  friend bool operator==(const Request&, const Request&) = default;
};

enum class ReadPath : std::uint8_t { none = 0, local = 1, read_index = 2, quorum = 3, quorum_repaired = 4 };

// What a keyspace gives up so that its loss can be watched (ap): a receipt names it, in every answer.
struct Teaching {
  bool sloppy = false;         // a level counts nodes that are no owners
  bool wall_clock = false;     // versions are ordered by bare wall clocks
  bool no_durability = false;  // levels count copies in memory
  friend bool operator==(const Teaching&, const Teaching&) = default;
};

// The evidence for a reply: what was asked, what was reached, by whom.
struct Receipt {
  Level asked = Level::unspecified;
  Level reached = Level::unspecified;  // unspecified: none
  std::vector<NodeId> acknowledged_by;
  NodeId served_by;
  NodeId leader;  // cp: as far as known
  Term term;
  LogIndex index;
  ReadPath read_path = ReadPath::none;
  std::optional<Duration> staleness_bound;  // only ever set where it is proved; absent: unbounded
  std::uint32_t hints_left = 0;
  bool superseded = false;      // ap: a newer version had already won when this one was acknowledged
  bool duplicate = false;       // cp: answered from the dedup window, not executed again
  bool wal_durability = false;  // levels counted copies handed to the operating system
  MapEpoch epoch;
  Duration map_age{};
  std::uint32_t refounded =
      0;  // cp: times that the group was founded again with accepted loss: what older receipts promised may be gone
  Version superseded_by{};       // ap: the newest version known to have won over this write; zero: none
  std::vector<NodeId> hinted{};  // ap: the owners that are owed a hint, of which hints_left is the number
  bool degraded = false;         // the value holds, but less stands behind it than was asked for
  Teaching teaching{};
  std::vector<NodeId>
      stand_ins{};  // ap: of those that acknowledged, the ones that are no owners and keep a copy for them
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// One key in an answer: of a scan, or what a step of a Txn or multi_get came to.
struct Item {
  Bytes key{};
  bool found = false;
  Bytes value{};
  Version version{};
  friend bool operator==(const Item&, const Item&) = default;
};

// One change, as a watch tells it.
struct Event {
  enum class Kind : std::uint8_t { put = 1, del = 2, expired = 3 };
  Kind kind = Kind::put;
  Revision revision{};
  Bytes key{};
  Bytes value{};
  Version version{};
  friend bool operator==(const Event&, const Event&) = default;
};

// What the richer verbs answer.
struct Results {
  bool succeeded = false;     // txn: the compares held and then_steps ran; else else_steps
  std::vector<Item> items{};  // scan: in the order of keys, in ap of their hashes; txn, multi_get: one for each step
  Bytes next_key{};           // scan, del_range: where to go on; empty: that was all
  Revision
      revision{};  // scan, multi_get: the state is as of here; txn, del_range: the one spent, 0: none; watch: all up to here was told
  Revision compacted{};         // watch, compact: history up to here is gone
  std::uint64_t deleted = 0;    // del_range
  std::vector<Event> events{};  // watch: in order; all events of a revision come together
  friend bool operator==(const Results&, const Results&) = default;
};

struct Response {
  RequestId id;
  Code code = Code::ok;
  Outcome outcome = Outcome::done;
  bool found = false;  // get: the key has a value; failed cas: it had one
  Bytes value;         // get: the value; failed cas: what was seen
  Version version;     // of the value, of the write made, or of the delete that explains an absence
  std::string why;     // for people, empty when done
  std::string hint;    // what to try
  bool more = false;   // watch: further answers to the same request follow
  Boxed<Results> results;
  Receipt receipt;
  friend bool operator==(const Response&, const Response&) = default;
};

// A refusal or failure with the outcome that its code implies.
Response refuse(RequestId id, Code code, std::string why, std::string hint = {});

// Everything that can be judged without the map: sizes, verb, level, condition, op id. Returns the refusal's code and reason.
Result<void> validate(const Request& request);

// The time it may take, from when it came in.
Duration budget_of(const Request& request);

// What this request costs a queue.
std::size_t footprint(const Request& request);

}  // namespace rift
