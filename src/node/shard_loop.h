// The shard loop: the one place where Turns are made and carried out, for cp and ap, production and simulator alike (DESIGN 1). It owns the
// replicas of its partitions, batches what arrived while the last round ran, and keeps the order that the types promise:
// send_now and reply_now leave before the store is touched, reply_when_stored once it has this Turn's batch, _when_durable after that batch
// and all before it are on disk.
// Used by Node, on the shard's thread. Everything arrives by a call and is handled in a later, posted round.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/env.h"
#include "node/outbox.h"
#include "node/record_cache.h"
#include "replica/replica.h"

namespace rift::node {

constexpr std::size_t inbox_messages_max = 256 * 1024;  // of all peers; their bytes are bounded like those of requests

// What the loop tells its owner.
class LoopEvents {
 public:
  virtual ~LoopEvents() = default;
  virtual void on_round(
      const Now& now) = 0;  // one begins, and has not looked at anything; what is observed now it sees
  virtual void on_reply(Response response, bool last) = 0;
  virtual void on_applied(const env::WriteBatch& batch,
                          std::size_t first) = 0;  // its operations from `first` on are visible to readers now
  virtual void on_stopped(PartitionId partition, const std::string& reason) = 0;
  virtual void on_flush() = 0;  // what was collected, frames and replies, can leave
};

struct LoopCounters {
  std::uint64_t rounds = 0;
  std::uint64_t syncs = 0;
  std::uint64_t batches = 0;
  std::uint64_t store_keys = 0;
  std::uint64_t requests = 0;
  std::uint64_t messages = 0;
  std::uint64_t messages_dropped = 0;
  std::uint64_t slow_rounds = 0;
  std::uint64_t stopped_replicas = 0;
};

class ShardLoop {
 public:
  using Job = std::function<void(Turn&)>;

  ShardLoop(Env& env, const Options& options, LoopEvents& events);

  // Runs in the next round, before the replicas: how the node itself reads, writes, and starts replicas.
  void run(Job job);
  // After everything applied so far is durable.
  void when_durable(Task task);
  void call_at(Time at, Task task);

  // `generation` of its group: messages leave with it, and those of another are not for this replica.
  void host(PartitionId partition, std::unique_ptr<Replica> replica, std::uint64_t generation = 0);
  void remove(PartitionId partition);
  bool hosts(PartitionId partition) const { return hosted_.contains(partition); }
  bool runs(PartitionId partition) const;  // hosted and not stopped
  std::uint64_t generation(PartitionId partition) const;
  const Replica* replica(PartitionId partition) const;
  // Each replica that has not stopped, in a round of its own: for use inside a job.
  void for_each(Turn& turn, const std::function<void(Replica&, Turn&)>& verb);
  std::vector<ReplicaStatus> statuses() const;

  // False: the inbox is full, nothing was taken.
  bool submit(Request request);  // by request.partition, which is hosted
  // Hosted. Past the inbox's bound the message is lost, as the network may lose it; its sender repeats what matters.
  void receive(PartitionId partition, NodeId from, env::Lane lane, Bytes message);
  void cancel(PartitionId partition, RequestId request);
  void observe(topology::ViewPtr view);
  void schedule_round();
  std::size_t inbox_requests() const { return inbox_requests_; }  // taken in, not yet handed to their replica
  std::size_t timers() const { return timers_.size(); }           // set by call_at and not yet run

  Outbox& outbox() { return outbox_; }
  env::Reader& reader();  // everything applied so far, between rounds
  Rng& random() { return random_; }
  Now now() const { return env_.clock.now(); }
  const LoopCounters& counters() const { return counters_; }
  const RecordCache& cache() const { return cache_; }

 private:
  struct PeerMessage {
    NodeId from;
    env::Lane lane;
    Bytes message;
  };
  struct Hosted {
    std::unique_ptr<Replica> replica;
    std::uint64_t generation = 0;
    std::vector<PeerMessage> messages;
    std::vector<Request> requests;
    std::vector<RequestId> cancels;
    topology::ViewPtr observed;  // to be handed over
    Time wake = Time::max();
    bool due = false;
    bool listed = false;  // in active_
    bool stopped = false;
  };
  // What waits for one sync.
  struct Release {
    std::uint64_t batches = 0;  // durable once this many batches are
    std::vector<Outgoing> sends;
    std::vector<Reply> replies;
    std::vector<Task> tasks;
  };

  void activate(PartitionId partition, Hosted& hosted);
  void round();
  void mark_due(Time now);
  void run_replica(PartitionId partition, Hosted& hosted, Turn& turn);
  std::vector<PeerMessage> take_messages(Hosted& hosted);
  std::vector<Request> take_requests(Hosted& hosted);
  void drop_cancelled(Hosted& hosted, std::vector<RequestId>& cancels);
  void carry_out();
  bool leaves_store_for_later();
  bool store();  // false: the store has failed
  void queue_release();
  void on_synced(std::uint64_t batches);
  void release(Release& release);
  void deliver_to_self(Outgoing message);
  void set_wake(PartitionId partition, Hosted& hosted, Time at);
  void arm_timer();
  void stop_failed();

  Env& env_;
  Options options_;
  LoopEvents& events_;
  Rng random_;
  RecordCache cache_;
  Outbox outbox_;
  TurnPlaces places_;

  std::map<PartitionId, Hosted> hosted_;
  std::vector<PartitionId> active_;
  std::set<std::pair<Time, PartitionId>> wakes_;
  std::multimap<Time, Task> timers_;
  std::vector<Job> jobs_;
  std::vector<Task> durable_tasks_;
  topology::ViewPtr view_;
  TurnOutput output_;
  std::size_t visible_ = 0;       // operations of its batch that earlier rounds left
  Time store_due_ = Time::max();  // set while a batch waits
  std::deque<Release> releases_;
  std::size_t inbox_requests_ = 0;
  std::size_t inbox_bytes_ = 0;
  std::size_t inbox_messages_ = 0;
  std::size_t inbox_message_bytes_ = 0;
  std::uint64_t applied_batches_ = 0;
  std::uint64_t durable_batches_ = 0;
  Time armed_ = Time::max();
  bool round_posted_ = false;
  bool in_round_ = false;
  bool dead_ = false;
  LoopCounters counters_;
};

}  // namespace rift::node
