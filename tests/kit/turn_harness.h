// TurnHarness: runs one Replica as the shard loop would, one verb (or several) per round, over a MapStore and with virtual time. It keeps
// apart what leaves at once and what waits for the disk, and hands messages to oneself back once durable. It is no node: one partition, no
// routing, no frames, no validation. Used by one test, on its thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/replica.h"
#include "tests/kit/map_store.h"

namespace rift::kit {

class TurnHarness {
 public:
  // Makes the replica, at the first start and after each crash, from what the store holds. Runs inside a round of its own.
  using Factory = std::function<Result<std::unique_ptr<Replica>>(MapStore& store, Turn& turn)>;
  enum class Crash : std::uint8_t { kill, power_loss };

  struct Options {
    NodeId self{1};
    PartitionId partition{7};
    std::uint64_t seed = 1;
    Now now{.steady = Time(std::chrono::seconds(1000)), .wall = WallTime(std::chrono::seconds(1'700'000'000))};
    std::string log_prefix;
    bool log_to_stderr = false;
  };

  TurnHarness(Options options, Factory factory);
  TurnHarness(const TurnHarness&) = delete;
  TurnHarness& operator=(const TurnHarness&) = delete;
  ~TurnHarness();

  // Rounds. A stopped replica (crashed, failed, never started) ignores them.
  Result<void> start();
  RequestId submit(Request request);  // a zero id is replaced by a fresh one
  std::vector<RequestId> submit(std::vector<Request> requests);
  void receive(NodeId from, env::Lane lane, const Bytes& message);
  void tick();
  void observe(topology::ViewPtr view);
  void cancel(std::vector<RequestId> requests);
  // Anything in one Turn.
  void round(const std::function<void(Replica&, Turn&)>& verbs);

  // The disk finishes the syncs that are open now; what waited for them leaves, and messages to oneself are received.
  void sync();
  bool sync_one();
  // sync() until nothing is open. At most `rounds_max` times: a replica that never rests fails the test.
  void settle(std::size_t rounds_max = 1000);

  // Time. advance() stops at every wish to be woken on the way and ticks.
  Now now() const { return options_.now; }
  void set_now(Now now) { options_.now = now; }
  std::optional<Time> next_wake() const { return wake_; }
  void advance(Duration by);
  // Sets the clock and ticks if a wake is due.
  void advance_to(Now now);

  // What has left: at once, or released by a sync. In order.
  std::vector<Outgoing> take_sent() { return std::exchange(sent_, {}); }
  std::vector<Response> take_replies() { return std::exchange(replies_, {}); }
  // Takes the reply to `id` out of what has left.
  std::optional<Response> take_reply(RequestId id);
  // What waits for the disk, oldest first.
  std::vector<Outgoing> held_sends() const;
  std::vector<Response> held_replies() const;
  std::size_t replies_last(RequestId id) const;  // last replies that ever left for `id`: more than one is a defect

  // The process ends; what waits dies with it. power_loss keeps what was synced (or `batches_kept`, where given).
  void crash(Crash kind, std::optional<std::size_t> batches_kept = std::nullopt);
  bool running() const { return replica_ != nullptr && !failure_; }
  const std::optional<std::string>& failure() const { return failure_; }

  Replica& replica() { return *replica_; }
  MapStore& store() { return store_; }
  Recorder& recorder() { return recorder_; }
  std::size_t rounds() const { return rounds_; }

 private:
  struct Held {
    std::vector<Outgoing> sends;
    std::vector<Reply> replies;
  };
  Turn make_turn();
  void carry_out();
  void release(Held held);
  void leave(Outgoing message);
  void leave(Reply reply);
  void receive_own();

  Options options_;
  Factory factory_;
  MapStore store_;
  Rng random_;
  std::unique_ptr<Log> log_;
  Recorder recorder_;
  TurnPlaces places_;
  std::unique_ptr<Replica> replica_;
  std::optional<std::string> failure_;
  TurnOutput output_;
  std::deque<Held> held_;
  std::deque<Outgoing> own_;
  std::vector<Outgoing> sent_;
  std::vector<Response> replies_;
  std::map<RequestId, std::size_t> last_replies_;
  std::optional<Time> wake_;
  std::uint64_t next_request_ = 1'000'000;
  std::size_t rounds_ = 0;
};

}  // namespace rift::kit
