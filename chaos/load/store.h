// The port through which a load reaches a cluster, simulated or real, and the two values that cross it. Implemented by
// chaos/live (the SDK, one pinned client per node) and chaos/sim (caller objects in virtual time).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "chaos/check/history.h"

namespace rift::chaos::load {

using check::Kind;
using check::Value;

// One operation to attempt, once: a load wants the outcome of the attempt, so the store does not try again by itself.
struct Ask {
  std::uint64_t client = 0;
  std::uint64_t sequence = 0;
  std::string keyspace{};
  NodeId node{};  // where it goes: to nobody else. Most clients are pinned to one node
  Kind kind = Kind::read;
  std::string key{};
  Value value{};     // write, cas: what to write
  Value expected{};  // cas
  Level level = Level::unspecified;
  Duration timeout = std::chrono::seconds(1);
};

// What the client was told. A timeout or a broken connection is Outcome::unknown, never not_done, for a write as for a read.
struct Answer {
  Outcome outcome = Outcome::unknown;
  Code code = Code::ok;
  Value value{};          // read: what it returned
  bool has_seen = false;  // a cas whose condition failed says what it saw
  Value seen{};
  std::string error{};
  std::string version{};            // of what was read or written, of the tombstone for an absent key; "" is not known
  std::uint64_t revision = 0;       // cp write: its place in the order of the group
  Level held = Level::unspecified;  // of a degraded answer: what it promises, less than was asked
};

class Store {
 public:
  // `now` is stamped after the answer has arrived.
  using Done = std::function<void(Answer answer, Time now)>;
  virtual ~Store() = default;
  // Calls `done` exactly once, at the latest soon after the timeout, on the thread that owns the load; it may do so at once.
  virtual void submit(const Ask& ask, Done done) = 0;
};

}  // namespace rift::chaos::load
