// Requests, responses and receipts: what a client asks of one partition and what it is told, the same for both modes. Plain values; the
// wire form is proto/riftkv/v1. validate() is called by node for every request, whoever brought it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "base/result.h"
#include "base/time.h"

namespace rift {

enum class Verb : std::uint8_t { get = 1, put = 2, del = 3, cas = 4, resolve = 5 };

constexpr bool is_write(Verb verb) { return verb != Verb::get; }

// When a cas may write. Exactly one kind per request.
struct Condition {
  enum class Kind : std::uint8_t { none = 0, absent = 1, version = 2, value = 3 };
  Kind kind = Kind::none;
  std::uint64_t version = 0;  // Kind::version: the key's modify revision
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

struct Request {
  RequestId id;  // chosen by the submitter, unique in its sink; replaced by the node's own while inside a node
  std::string keyspace;
  PartitionId partition;  // filled in by the node that routes
  MapEpoch epoch;         // the sender's map; 0: unknown
  Verb verb = Verb::get;
  Level level = Level::unspecified;
  Bytes key;
  Bytes value;
  Condition condition;
  std::optional<OpId> op;  // resolve: the operation asked about; its key routes
  Duration budget{};       // time left, never a wall-clock deadline; 0: limits::request_budget_default
  bool forwarded = false;  // has made its one hop
  bool write_back = true;  // ap reads above ONE: a majority holds what is returned
  friend bool operator==(const Request&, const Request&) = default;
};

// Which write a value comes from. cp fills the revisions, ap the hlc and the dot.
struct Version {
  Revision create_revision;
  Revision modify_revision;
  std::uint64_t version = 0;  // cp: writes since creation
  std::uint64_t hlc = 0;
  NodeId dot_node;
  std::uint64_t dot_incarnation = 0;
  std::uint64_t dot_sequence = 0;
  friend bool operator==(const Version&, const Version&) = default;
};

enum class ReadPath : std::uint8_t { none = 0, local = 1, read_index = 2, quorum = 3, quorum_repaired = 4 };

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
  friend bool operator==(const Receipt&, const Receipt&) = default;
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
  Receipt receipt;
  friend bool operator==(const Response&, const Response&) = default;
};

// A refusal or failure with the outcome that its code implies.
Response refuse(RequestId id, Code code, std::string why, std::string hint = {});

// Everything that can be judged without the map: sizes, verb, level, condition, op id. Returns the refusal's code and reason.
Result<void> validate(const Request& request);

// What this request costs a queue.
std::size_t footprint(const Request& request);

}  // namespace rift
