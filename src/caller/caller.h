// The client's logic without I/O: routing by the map, sequences, safe retry until the deadline, honest outcomes. It is told what was asked,
// what was answered and what time it is, and says what to send and what has ended. The SDK drives it over gRPC, the simulator over its
// network; nothing here knows which. Not thread-safe: one thread (or one simulated client) owns it.
//
// A connection that could not be made is told as an answer with code `unreachable` (the request never left), a broken one as `disconnected`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/rng.h"
#include "caller/operation.h"
#include "caller/policy.h"
#include "caller/router.h"
#include "caller/session.h"
#include "caller/tokens.h"
#include "topology/catalog.h"

namespace rift::caller {

struct Options {
  Duration deadline = limits::request_budget_default;
  // Without an answer for so long, what may be sent again is sent to another node; the first copy's answer still counts.
  Duration attempt_timeout = std::chrono::seconds(1);
  // Refusals alone end an operation after so long, with the last of them; its deadline stands for everything else.
  Duration refusal_patience = Duration::max();
  Duration back_off_min = std::chrono::milliseconds(10);
  Duration back_off_max = std::chrono::milliseconds(100);
  bool pinned = false;      // everything goes to node 0, the pinned endpoint
  bool deduplicate = true;  // op ids on cp writes
  bool retry = true;        // off: each operation is one attempt
  // On any replica cp reads see at least what this caller has written and read before. ap: reads of the tokens_max keys used last do, and writes
  // stand above it; where nobody in reach holds it, reads end with `token_not_met`.
  bool read_own = false;
  // Past either: `overloaded`, not done.
  std::size_t open_max = 64 * limits::kibi;  // operations
  std::size_t open_bytes_max = 256 * limits::mebi;
};

class Caller {
 public:
  Caller(Options options, Rng rng);

  // `id` is the submitter's, unique while open.
  void submit(RequestId id, Operation operation, Time now);
  // The answer to an attempt: Response::id is that of the Send.
  void receive(Response response, Time now);
  // The map as some node has it, newer or not; operations that waited for it go on.
  void observe(std::shared_ptr<const topology::Catalog> catalog, Time now);
  // Time has passed; due when wake_at() is.
  void tick(Time now);
  // Ends everything open, each with the outcome that can be vouched for.
  void stop(Time now);

  // What has come of the calls above; each takes and empties.
  std::vector<Send> take_sends() { return std::exchange(sends_, {}); }
  std::vector<Completion> take_completions() { return std::exchange(completions_, {}); }
  // The map is wanted: fetch it from any node and call observe().
  bool take_map_wish() { return std::exchange(map_wish_, false); }

  std::optional<Time> wake_at() const;
  std::size_t open_count() const { return operations_.size(); }
  std::uint64_t resends() const { return resends_; }
  const std::shared_ptr<const topology::Catalog>& catalog() const { return catalog_; }

 private:
  struct Attempt {
    std::uint64_t id = 0;
    NodeId node;
  };
  enum class State : std::uint8_t { wants_map, queued, in_flight, backing_off };
  struct Open {
    std::uint64_t arrival = 0;
    RequestId id;
    Operation operation;
    Time begun;
    Time deadline;
    Time wake;  // its key in wakes_
    State state = State::wants_map;
    Mode mode = Mode::cp;
    Nature nature = Nature::plain;
    bool has_looked = false;  // its keyspace was missing, and the map has been fetched since
    PartitionId partition;    // 0: not routed yet
    std::optional<OpId> op;
    std::vector<Attempt> attempts;  // without an answer; any of them may take effect
    std::size_t bytes = 0;
    std::uint32_t sent = 0;
    std::uint32_t lost = 0;           // ended unknown: may have taken effect
    Code lost_code = Code::timeout;   // of the last of them; before: a copy has no answer yet
    std::uint32_t redirects = 0;      // in a row
    std::optional<Response> refusal;  // the last definite one
  };

  // Those that may end the operation, after which `open` is gone, return nothing and are last in their callers.
  void route(Open& open, Time now);
  void place(Open& open, const topology::Keyspace& keyspace, Time now);
  void dispatch(Open& open, Time now);
  void send(Open& open, Time now);
  void apply(Open& open, Next next, Response response, Time now);
  void redirect(Open& open, NodeId from, Time now);
  void renew(Open& open, Time now);
  void restart(Open& open, Time now);
  void wake(Open& open, Time now);
  void expire(Open& open, Time now);
  void finish(Open& open, Response response, Time now);
  static void doubt(const Open& open, Response& response);

  void wait_for_map(Open& open, Time now);
  void resend_later(Open& open, Time now);
  void set_wake(Open& open, Time wake);
  void leave_session(Open& open, Outcome outcome);
  void pump(PartitionId partition, Time now);
  Session& session(PartitionId partition);
  Request request_of(const Open& open, Time now);
  bool keeps_token(const Open& open) const;
  void take_token(const Open& open, Request& request);
  void note_seen(const Open& open, const Response& response);
  bool may_have_taken_effect(const Open& open) const;
  std::vector<NodeId> nodes_for(const Open& open, const topology::Keyspace& keyspace,
                                const topology::Partition& placed) const;
  bool has_node_left(const Open& open) const;
  Duration back_off(std::uint32_t sent);

  Options options_;
  Rng rng_;
  std::shared_ptr<const topology::Catalog> catalog_;
  Router router_;
  std::map<std::uint64_t, Open> operations_;                   // by arrival
  std::unordered_map<std::uint64_t, std::uint64_t> attempts_;  // attempt -> arrival
  std::set<std::pair<Time, std::uint64_t>> wakes_;             // (when, arrival)
  std::map<PartitionId, Session> sessions_;
  std::map<PartitionId, LogIndex> seen_;                     // the newest index that an answer came from
  Tokens tokens_;                                            // ap
  std::map<PartitionId, std::deque<std::uint64_t>> queues_;  // arrivals that wait for room in the session
  std::uint64_t next_arrival_ = 1;
  std::uint64_t next_attempt_ = 1;
  std::uint64_t resends_ = 0;
  std::size_t open_bytes_ = 0;
  std::vector<Send> sends_;
  std::vector<Completion> completions_;
  bool map_wish_ = false;
};

}  // namespace rift::caller
