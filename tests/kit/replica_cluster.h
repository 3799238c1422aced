// ReplicaCluster: N replicas of one partition, each in a TurnHarness, with messages between them delivered in virtual time over links that a
// test can delay, drop or cut in one direction, and disks that take time or stand still. Deterministic: a seed gives the same run. It is not
// the simulator: no nodes, frames, skew or service times. Used by one test, on its thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tests/kit/requests.h"
#include "tests/kit/turn_harness.h"

namespace rift::kit {

class ReplicaCluster {
 public:
  // Everything a factory may want to know about the replica that it makes. `turn` gives time, random numbers, log and the store.
  struct Making {
    NodeId self;
    PartitionId partition;
    const topology::Catalog& catalog;
    const topology::Keyspace& keyspace;
    MapStore& store;
    Turn& turn;
  };
  using Factory = std::function<Result<std::unique_ptr<Replica>>(const Making& making)>;

  struct Options {
    std::uint32_t nodes = 3;
    std::uint32_t copies = 0;  // 0: on every node
    Mode mode = Mode::cp;
    std::uint64_t seed = 1;
    Duration delay_min = std::chrono::microseconds(200);  // of a message
    Duration delay_max = std::chrono::microseconds(800);
    Duration disk_delay = std::chrono::microseconds(500);  // of a sync
    double drop_probability = 0;                           // of any message
    bool log_to_stderr = false;
  };

  // Starts all replicas and lets each observe a view in which all are reachable.
  ReplicaCluster(Options options, Factory factory);

  // Time. run_until returns false when `most` passed without `done` becoming true.
  Time now() const { return now_; }
  void run_for(Duration duration);
  bool run_until(const std::function<bool()>& done, Duration most = std::chrono::seconds(30));

  // Requests. A reply is waited for with call(), or collected: replies are kept until taken.
  RequestId submit(NodeId node, Request request);
  std::vector<RequestId> submit(NodeId node, std::vector<Request> requests);
  std::optional<Response> take_reply(NodeId node, RequestId id) { return at(node).take_reply(id); }
  // Submits and runs until the reply; nothing when none came within `most`.
  std::optional<Response> call(NodeId node, Request request, Duration most = std::chrono::seconds(10));

  // Faults. A cut link loses what is in flight as well; links are directed.
  void cut(NodeId from, NodeId to) { cuts_.insert({from, to}); }
  void cut_both(NodeId a, NodeId b);
  void isolate(NodeId node);
  void heal() { cuts_.clear(); }
  void set_delay(NodeId from, NodeId to, Duration delay) { delays_[{from, to}] = delay; }
  void set_drop_probability(double probability) { options_.drop_probability = probability; }
  // True drops the message. Sees everything sent from now on.
  void set_filter(std::function<bool(NodeId from, const Outgoing& message)> drop) { filter_ = std::move(drop); }
  void hold_disk(NodeId node) { held_disks_.insert(node); }  // syncs do not finish
  void release_disk(NodeId node);
  void crash(NodeId node, TurnHarness::Crash kind = TurnHarness::Crash::power_loss);
  Result<void> restart(NodeId node);
  // What `node` believes about liveness from now on; every replica starts with all.
  void observe(NodeId node, std::vector<NodeId> reachable);
  void observe_all(std::vector<NodeId> reachable);
  // The map from now on: every running replica sees it, and so does who starts later.
  void change_catalog(topology::Catalog catalog);
  // As by SIGSTOP: `node` does nothing, and finds all that came meanwhile when it goes on.
  void pause(NodeId node) { paused_.try_emplace(node); }
  void resume(NodeId node);
  // Wall clock of `node` against the common one.
  void set_wall_offset(NodeId node, std::chrono::milliseconds offset) { wall_offsets_[node] = offset; }

  TurnHarness& at(NodeId node) { return *harnesses_.at(node); }
  TurnHarness& at(std::uint32_t node) { return at(NodeId(node)); }
  std::vector<NodeId> nodes() const;
  std::vector<NodeId> others(NodeId node) const;
  std::optional<NodeId> with_role(std::string_view role) const;  // the first running replica whose status says so
  const topology::Catalog& catalog() const { return catalog_; }
  const topology::Keyspace& keyspace() const { return *catalog_.find("k"); }
  PartitionId partition() const { return keyspace().partitions.front().id; }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t lost() const { return lost_; }

 private:
  struct Message {
    NodeId from;
    Outgoing outgoing;
  };
  struct SyncDone {
    NodeId node;
    std::uint64_t life = 0;
  };
  struct Wake {
    NodeId node;
  };
  using Event = std::variant<Message, SyncDone, Wake>;

  bool step(Time end);  // the next event not after `end`
  void handle(Event event);
  bool wait_for_paused(const Event& event);
  void deliver(Message message);
  void set_clock(NodeId node);
  void collect(NodeId node);  // what the round left behind becomes events
  void schedule(Time at, Event event);
  Result<void> start(NodeId node);

  Options options_;
  Factory factory_;
  topology::Catalog catalog_;
  Rng random_;
  Time now_;
  std::map<NodeId, std::unique_ptr<TurnHarness>> harnesses_;
  std::map<NodeId, std::vector<NodeId>> reachable_;
  std::map<NodeId, std::uint64_t> lives_;
  std::map<NodeId, std::size_t> syncs_scheduled_;
  std::map<NodeId, Time> wakes_scheduled_;
  std::map<NodeId, std::chrono::milliseconds> wall_offsets_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::map<std::pair<NodeId, NodeId>, Duration> delays_;
  std::set<NodeId> held_disks_;
  std::map<NodeId, std::vector<Event>> paused_;  // and what waits for each
  std::function<bool(NodeId, const Outgoing&)> filter_;
  std::map<std::pair<Time, std::uint64_t>, Event> events_;
  std::uint64_t next_event_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace rift::kit
