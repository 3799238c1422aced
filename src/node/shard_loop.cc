#include "node/shard_loop.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace rift::node {
namespace {

constexpr Duration slow_round = std::chrono::milliseconds(100);
constexpr Duration store_delay_max = std::chrono::milliseconds(1);
constexpr std::size_t unstored_bytes_max = 256 * limits::kibi;

// The most that one round hands to one replica: a full inbox must not keep heartbeats waiting for an election timeout.
constexpr std::size_t round_items_max = 4096;

// The first round_items_max of `queue`; the rest stays.
template <class T>
std::vector<T> take_some(std::vector<T>& queue) {
  if (queue.size() <= round_items_max) return std::exchange(queue, {});
  const auto end = queue.begin() + static_cast<std::ptrdiff_t>(round_items_max);
  std::vector<T> taken(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
  queue.erase(queue.begin(), end);
  return taken;
}

}  // namespace

ShardLoop::ShardLoop(Env& env, const Options& options, LoopEvents& events)
    : env_(env),
      options_(options),
      events_(events),
      random_(env.seed),
      cache_(env.storage, options.cache_bytes_max),
      outbox_(env.network),
      places_{.store = &env.storage} {}

void ShardLoop::schedule_round() {
  if (round_posted_ || dead_) return;
  round_posted_ = true;
  env_.executor.post([this] { round(); });
}

void ShardLoop::activate(PartitionId partition, Hosted& hosted) {
  if (!hosted.listed) {
    hosted.listed = true;
    active_.push_back(partition);
  }
  schedule_round();
}

void ShardLoop::run(Job job) {
  jobs_.push_back(std::move(job));
  schedule_round();
}

void ShardLoop::when_durable(Task task) {
  durable_tasks_.push_back(std::move(task));
  schedule_round();
}

void ShardLoop::call_at(Time at, Task task) {
  timers_.emplace(at, std::move(task));
  arm_timer();
}

void ShardLoop::host(PartitionId partition, std::unique_ptr<Replica> replica, std::uint64_t generation) {
  ASSERT(!hosts(partition));
  Hosted& hosted = hosted_[partition];
  hosted.generation = generation;
  hosted.replica = std::move(replica);
  hosted.observed = view_;
  hosted.due = true;  // the first tick sets its timers
  activate(partition, hosted);
}

void ShardLoop::remove(PartitionId partition) {
  const auto it = hosted_.find(partition);
  if (it == hosted_.end()) return;
  wakes_.erase({it->second.wake, partition});
  for (const Request& request : it->second.requests) {
    inbox_bytes_ -= footprint(request);
    --inbox_requests_;
  }
  for (const PeerMessage& message : it->second.messages) {
    inbox_message_bytes_ -= message.message.size();
    --inbox_messages_;
  }
  hosted_.erase(it);
}

bool ShardLoop::runs(PartitionId partition) const {
  const auto it = hosted_.find(partition);
  return it != hosted_.end() && !it->second.stopped;
}

std::uint64_t ShardLoop::generation(PartitionId partition) const {
  const auto it = hosted_.find(partition);
  return it == hosted_.end() ? 0 : it->second.generation;
}

const Replica* ShardLoop::replica(PartitionId partition) const {
  const auto it = hosted_.find(partition);
  return it == hosted_.end() ? nullptr : it->second.replica.get();
}

void ShardLoop::for_each(Turn& turn, const std::function<void(Replica&, Turn&)>& verb) {
  for (auto& [partition, hosted] : hosted_) {
    if (hosted.stopped) continue;
    turn.begin(partition);
    verb(*hosted.replica, turn);
    turn.end();
  }
}

std::vector<ReplicaStatus> ShardLoop::statuses() const {
  std::vector<ReplicaStatus> result;
  for (const auto& [partition, hosted] : hosted_) {
    ReplicaStatus status = hosted.replica->status();
    const bool idles = status.role == stand_in_role && status.hints == 0 && status.pending == 0;
    if (idles && !hosted.stopped) continue;
    result.push_back(std::move(status));
    if (hosted.stopped) result.back().role = "stopped";
  }
  return result;
}

bool ShardLoop::submit(Request request) {
  if (inbox_requests_ >= limits::shard_inbox_requests_max || inbox_bytes_ >= limits::shard_inbox_bytes_max) {
    MARK(env_.recorder, "node.inbox_full");
    return false;
  }
  const PartitionId partition = request.partition;
  Hosted& hosted = hosted_.at(partition);
  ++inbox_requests_;
  inbox_bytes_ += footprint(request);
  hosted.requests.push_back(std::move(request));
  activate(partition, hosted);
  return true;
}

void ShardLoop::receive(PartitionId partition, NodeId from, env::Lane lane, Bytes message) {
  const bool full = inbox_messages_ >= inbox_messages_max || inbox_message_bytes_ >= limits::shard_inbox_bytes_max;
  if (full && from != options_.self) {
    MARK(env_.recorder, "node.inbox_messages_full");
    ++counters_.messages_dropped;
    return;
  }
  Hosted& hosted = hosted_.at(partition);
  ++inbox_messages_;
  inbox_message_bytes_ += message.size();
  hosted.messages.push_back(PeerMessage{.from = from, .lane = lane, .message = std::move(message)});
  activate(partition, hosted);
}

void ShardLoop::cancel(PartitionId partition, RequestId request) {
  const auto it = hosted_.find(partition);
  if (it == hosted_.end()) return;
  it->second.cancels.push_back(request);
  activate(partition, it->second);
}

void ShardLoop::observe(topology::ViewPtr view) {
  view_ = std::move(view);
  for (auto& [partition, hosted] : hosted_) {
    hosted.observed = view_;
    activate(partition, hosted);
  }
}

void ShardLoop::mark_due(Time now) {
  while (!wakes_.empty() && wakes_.begin()->first <= now) {
    const PartitionId partition = wakes_.begin()->second;
    wakes_.erase(wakes_.begin());
    Hosted& hosted = hosted_.at(partition);
    hosted.wake = Time::max();
    hosted.due = true;
    activate(partition, hosted);
  }
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

// One round: everything that waits, through one Turn. The clock is read after the inbox is taken, never before (review 14b): an
// event that arrives later is in the next round, with a later time.
void ShardLoop::round() {
  if (dead_) return;
  const Now begun = env_.clock.now();
  events_.on_round(begun);
  mark_due(begun.steady);
  in_round_ = true;
  round_posted_ = false;  // from here on: what is due now is in this round
  const auto jobs = std::exchange(jobs_, {});
  auto active = std::exchange(active_, {});
  const Now now = env_.clock.now();
  Turn turn({.now = now,
             .reader = cache_,
             .pressure = env_.storage.pressure(),
             .random = random_,
             .log = env_.log,
             .recorder = env_.recorder,
             .places = &places_},
            output_);
  ++counters_.rounds;
  for (const Job& job : jobs) {
    turn.begin(PartitionId());
    job(turn);
    turn.end();
  }
  std::sort(active.begin(), active.end());
  for (const PartitionId partition : active) {
    const auto it = hosted_.find(partition);
    if (it != hosted_.end()) run_replica(partition, it->second, turn);
  }
  stop_failed();
  carry_out();
  events_.on_flush();
  in_round_ = false;
  if (env_.clock.now().steady - now.steady > slow_round) {
    ++counters_.slow_rounds;
    LOG_WARN(env_.log, "node.slow_round", "a round took {:.0f} ms",
             to_milliseconds(env_.clock.now().steady - now.steady));
  }
  if (!jobs_.empty() || !active_.empty() || !durable_tasks_.empty()) schedule_round();
  arm_timer();
}

std::vector<ShardLoop::PeerMessage> ShardLoop::take_messages(Hosted& hosted) {
  auto messages = take_some(hosted.messages);
  inbox_messages_ -= messages.size();
  for (const PeerMessage& message : messages) inbox_message_bytes_ -= message.message.size();
  return messages;
}

std::vector<Request> ShardLoop::take_requests(Hosted& hosted) {
  auto requests = take_some(hosted.requests);
  inbox_requests_ -= requests.size();
  for (const Request& request : requests) inbox_bytes_ -= footprint(request);
  return requests;
}

// One that its replica has never seen is forgotten here: handed over after the word that ends it, it would stay for ever.
void ShardLoop::drop_cancelled(Hosted& hosted, std::vector<RequestId>& cancels) {
  std::sort(cancels.begin(), cancels.end());
  std::erase_if(hosted.requests, [&](const Request& request) {
    if (!std::binary_search(cancels.begin(), cancels.end(), request.id)) return false;
    inbox_bytes_ -= footprint(request);
    --inbox_requests_;
    MARK(env_.recorder, "node.cancelled_in_inbox");
    return true;
  });
}

void ShardLoop::run_replica(PartitionId partition, Hosted& hosted, Turn& turn) {
  hosted.listed = false;
  auto cancels = std::exchange(hosted.cancels, {});
  if (!cancels.empty()) drop_cancelled(hosted, cancels);
  auto messages = take_messages(hosted);
  auto requests = take_requests(hosted);
  const auto view = std::exchange(hosted.observed, nullptr);
  const bool due = std::exchange(hosted.due, false);
  if (!hosted.messages.empty() || !hosted.requests.empty()) activate(partition, hosted);  // the rest: in the next round
  counters_.requests += requests.size();
  counters_.messages += messages.size();
  if (requests.size() > 1) MARK(env_.recorder, "node.round_with_several_requests");

  if (hosted.stopped) {
    for (const Request& request : requests) {
      output_.reply_now.push_back(
          Reply{refuse(request.id, Code::not_ready, "this replica has stopped after a store error"), true});
    }
    return;
  }
  turn.begin(partition);
  if (view) hosted.replica->observe(view, turn);
  for (PeerMessage& message : messages) hosted.replica->receive(message.from, message.lane, message.message, turn);
  if (!cancels.empty()) hosted.replica->cancel(cancels, turn);
  if (!requests.empty()) hosted.replica->submit(requests, turn);
  if (due) hosted.replica->tick(turn);
  turn.end();
}

void ShardLoop::stop_failed() {
  for (const auto& [partition, reason] : output_.failures) {
    if (const auto it = hosted_.find(partition); it != hosted_.end() && !it->second.stopped) {
      it->second.stopped = true;
      ++counters_.stopped_replicas;
      LOG_ERROR(env_.log, "node.replica_stopped", "partition={} reason={}", partition.value(), reason);
      events_.on_stopped(partition, reason);
    }
  }
}

void ShardLoop::carry_out() {
  for (Outgoing& message : output_.send_now)
    outbox_.add(message.to, message.lane, message.partition, std::move(message.message), generation(message.partition));
  for (const auto& [partition, at] : output_.wakes) {
    if (const auto it = hosted_.find(partition); it != hosted_.end()) set_wake(partition, it->second, at);
  }
  if (output_.batch.size() > visible_) events_.on_applied(output_.batch, visible_);
  visible_ = output_.batch.size();
  for (Reply& reply : output_.reply_now) events_.on_reply(std::move(reply.response), reply.last);
  events_.on_flush();  // what may overtake the disk leaves before the store is touched
  if (!leaves_store_for_later() && !store()) return;
  for (Reply& reply : output_.reply_when_stored) events_.on_reply(std::move(reply.response), reply.last);
  queue_release();
  output_.clear_effects();
}

// A leader's state changes: its clients have their answers, and the next round, which proposes what they ask next, sends first and stores
// afterwards, while the followers work.
bool ShardLoop::leaves_store_for_later() {
  const bool is_awaited = !output_.reply_when_stored.empty() || !output_.send_when_durable.empty() ||
                          !output_.reply_when_durable.empty() || !durable_tasks_.empty();
  if (output_.batch.empty() || output_.must_store || is_awaited || output_.batch.bytes() >= unstored_bytes_max)
    return false;
  const Time now = env_.clock.now().steady;
  if (store_due_ == Time::max()) store_due_ = now + store_delay_max;
  return now < store_due_;
}

bool ShardLoop::store() {
  if (output_.batch.empty()) return true;
  if (const auto applied = env_.storage.apply(output_.batch); !applied) {
    dead_ = true;
    env_.fatal(applied.error());
    return false;
  }
  ++applied_batches_;
  ++counters_.batches;
  counters_.store_keys += output_.batch.size();
  cache_.applied(output_.batch);
  output_.clear_batch();
  visible_ = 0;
  store_due_ = Time::max();
  return true;
}

env::Reader& ShardLoop::reader() {
  ASSERT(!in_round_);  // a Turn may be looking into the batch
  if (!dead_) store();
  return cache_;
}

void ShardLoop::queue_release() {
  Release next{.batches = applied_batches_,
               .sends = std::exchange(output_.send_when_durable, {}),
               .replies = std::exchange(output_.reply_when_durable, {}),
               .tasks = std::exchange(durable_tasks_, {})};
  if (next.sends.empty() && next.replies.empty() && next.tasks.empty()) return;
  for (Outgoing& message : next.sends) message.generation = generation(message.partition);
  if (durable_batches_ >= applied_batches_ && releases_.empty()) {
    release(next);
    return;
  }
  releases_.push_back(std::move(next));
  ++counters_.syncs;
  env_.storage.sync([this, batches = applied_batches_] { on_synced(batches); });
}

void ShardLoop::on_synced(std::uint64_t batches) {
  if (dead_) return;
  durable_batches_ = std::max(durable_batches_, batches);
  while (!releases_.empty() && releases_.front().batches <= durable_batches_) {
    Release ready = std::move(releases_.front());
    releases_.pop_front();
    release(ready);
  }
  events_.on_flush();  // others wait for what was released; the next round may be a long one
}

void ShardLoop::release(Release& ready) {
  for (Outgoing& message : ready.sends) {
    if (message.to == options_.self) {
      deliver_to_self(std::move(message));
    } else {
      outbox_.add(message.to, message.lane, message.partition, std::move(message.message), message.generation);
    }
  }
  for (Reply& reply : ready.replies) events_.on_reply(std::move(reply.response), reply.last);
  for (Task& task : ready.tasks) task();
}

void ShardLoop::deliver_to_self(Outgoing message) {
  const bool is_there = hosts(message.partition) && generation(message.partition) == message.generation;
  if (is_there) receive(message.partition, options_.self, message.lane, std::move(message.message));
}

void ShardLoop::set_wake(PartitionId partition, Hosted& hosted, Time at) {
  if (at >= hosted.wake) return;
  wakes_.erase({hosted.wake, partition});
  hosted.wake = at;
  wakes_.emplace(at, partition);
}

void ShardLoop::arm_timer() {
  Time earliest = store_due_;
  if (!wakes_.empty()) earliest = std::min(earliest, wakes_.begin()->first);
  if (!timers_.empty()) earliest = std::min(earliest, timers_.begin()->first);
  if (earliest >= armed_) return;  // a timer that rings too early costs less than setting it anew each round
  armed_ = earliest;
  env_.executor.arm(earliest, [this] {
    armed_ = Time::max();
    schedule_round();
  });
}

}  // namespace rift::node
