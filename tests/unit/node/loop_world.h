// A shard loop over kit::MapStore, an executor that runs what the test says, and replicas that do what a request's key says. Everything that leaves
// is written down in order. Used by the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "node/shard_loop.h"
#include "tests/kit/map_store.h"
#include "wire/frame.h"

namespace rift::node {

class ManualExecutor final : public env::Executor, public env::Clock {
 public:
  void post(Task task) override { tasks_.push_back(std::move(task)); }
  void arm(Time at, Task task) override {
    at_ = at;
    timer_ = std::move(task);
  }
  Now now() override { return Now{.steady = steady_, .wall = right_wall() + wall_offset_}; }
  WallTime right_wall() const {
    return WallTime(std::chrono::seconds(1'700'000'000)) +
           std::chrono::floor<std::chrono::milliseconds>(steady_.time_since_epoch());
  }
  void set_wall_offset(std::chrono::milliseconds offset) { wall_offset_ = offset; }
  std::size_t waiting() const { return tasks_.size(); }
  bool run_one() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }
  void run() {
    for (int i = 0; i < 10'000 && run_one(); ++i) {
    }
    ASSERT_EQ(tasks_.size(), 0u) << "the loop never rests";
  }
  // The process has gone, and everything that it meant to do.
  void drop() {
    tasks_.clear();
    timer_ = Task();
  }
  // Time passes without anything being run: a stopped process.
  void pause(Duration by) { steady_ += by; }
  void advance(Duration by) {
    const Time end = steady_ + by;
    run();
    while (timer_ && at_ <= end) {
      steady_ = std::max(steady_, at_);
      Task task = std::exchange(timer_, Task());
      task();
      run();
    }
    steady_ = end;
  }

 private:
  Time steady_{std::chrono::seconds(10)};
  std::chrono::milliseconds wall_offset_{};
  std::deque<Task> tasks_;
  Time at_{};
  Task timer_;
};

struct SentFrame {
  NodeId to;
  env::Lane lane = env::Lane::data;
  std::vector<std::string> messages;
  std::size_t applied = 0;  // batches of the store when it left
  std::size_t synced = 0;
  std::size_t bytes = 0;
};

class ManualNetwork final : public env::Network {
 public:
  explicit ManualNetwork(kit::MapStore& store) : store_(store) {}
  void start(env::NetworkEvents& owner) override { events = &owner; }
  void set_hello(Bytes bytes) override { hello = std::move(bytes); }
  void dial(NodeId peer, const std::string& address) override { dialled[peer] = address; }
  void forget(NodeId peer) override { dialled.erase(peer); }
  bool send(NodeId peer, env::Lane lane, Bytes frame) override {
    if (refuse || (refuse_frame && sent.size() + refused == *refuse_frame)) {
      ++refused;
      return false;
    }
    SentFrame record{.to = peer,
                     .lane = lane,
                     .messages = {},
                     .applied = store_.applied(),
                     .synced = store_.synced(),
                     .bytes = frame.size()};
    for (const auto& part : MUST(wire::decode_frame(frame)).parts) record.messages.push_back(part.message.to_string());
    sent.push_back(std::move(record));
    return true;
  }

  env::NetworkEvents* events = nullptr;
  Bytes hello;
  std::map<NodeId, std::string> dialled;
  std::vector<SentFrame> sent;
  std::size_t refused = 0;
  bool refuse = false;
  std::optional<std::size_t> refuse_frame;

 private:
  kit::MapStore& store_;
};

// Does what the key says: "put" writes and answers when durable, "now" writes and answers at once, "send" sends in both ways, "self" tells itself,
// "stored" writes and answers when the store has it, "fail" writes, answers and fails, "later" writes what may be stored later, "read" looks for its value's key, "quiet" does nothing.
class ObedientReplica final : public Replica {
 public:
  explicit ObedientReplica(PartitionId partition) : partition_(partition) {}

  void submit(std::span<Request> requests, Turn& turn) override {
    batches.push_back(requests.size());
    for (const Request& request : requests) obey(request, turn);
  }
  void receive(NodeId from, env::Lane, const Bytes& message, Turn&) override {
    received.emplace_back(from, message.to_string());
    events.push_back("receive");
  }
  void tick(Turn& turn) override {
    ticks.push_back(turn.now().steady);
    if (wake_next) turn.wake_at(*std::exchange(wake_next, std::nullopt));
  }
  void observe(const topology::ViewPtr&, Turn&) override { events.push_back("observe"); }
  void cancel(std::span<const RequestId> requests, Turn&) override { cancelled += requests.size(); }
  ReplicaStatus status() const override {
    ReplicaStatus status;
    status.partition = partition_;
    status.role = "owner";
    return status;
  }

  std::vector<std::size_t> batches;
  std::vector<std::pair<NodeId, std::string>> received;
  std::vector<Time> ticks;
  std::vector<std::string> events;
  std::optional<Time> wake_next;
  std::size_t cancelled = 0;
  std::optional<Bytes> found;

 private:
  static Response done(const Request& request) {
    Response response;
    response.id = request.id;
    return response;
  }
  void obey(const Request& request, Turn& turn) {
    const std::string what = request.key.to_string();
    if (what != "quiet" && what != "read")
      turn.put(env::Table::state_cp, std::to_string(partition_.value()) + "/" + std::to_string(request.id.value()),
               request.value);
    if (what == "put") turn.reply_when_durable(done(request));
    if (what == "now") turn.reply(done(request));
    if (what == "stored") turn.reply_when_stored(done(request));
    if (what == "later") turn.store_later();
    if (what == "read") found = MUST(turn.get(env::Table::state_cp, request.value.view()));
    if (what == "send") {
      turn.send_when_durable(NodeId(2), env::Lane::data, "durable");
      turn.send(NodeId(2), env::Lane::data, "early");
    }
    if (what == "self") turn.send_when_durable(NodeId(1), env::Lane::data, "to myself");
    if (what == "fail") {
      turn.reply(done(request));
      turn.send(NodeId(2), env::Lane::data, "of a failed replica");
      turn.fail("told to");
    }
    if (what == "wake") turn.wake_at(turn.now().steady + std::chrono::milliseconds(100));
  }
  PartitionId partition_;
};

struct ReplyRecord {
  Response response;
  std::size_t synced = 0;
  std::size_t applied = 0;  // batches of the store when it left
};

class LoopWorld : public LoopEvents {
 public:
  LoopWorld() : loop(env, options, *this) {}

  ObedientReplica& host(std::uint32_t partition) {
    auto replica = std::make_unique<ObedientReplica>(PartitionId(partition));
    ObedientReplica& result = *replica;
    loop.host(PartitionId(partition), std::move(replica));
    executor.run();
    return result;
  }
  bool submit(std::uint32_t partition, const char* what, std::uint64_t id = 0, Bytes value = "v") {
    Request request;
    request.id = RequestId(id != 0 ? id : ++last_id_);
    request.partition = PartitionId(partition);
    request.verb = Verb::put;
    request.key = what;
    request.value = std::move(value);
    return loop.submit(std::move(request));
  }

  void on_round(const Now& now) override { rounds.push_back(now); }
  void on_reply(Response response, bool) override {
    replies.push_back({std::move(response), store.synced(), store.applied()});
  }
  void on_applied(const env::WriteBatch& batch, std::size_t first) override { applied.push_back(batch.size() - first); }
  void on_stopped(PartitionId partition, const std::string& reason) override {
    stopped.emplace_back(partition, reason);
  }
  void on_flush() override { loop.outbox().flush(MapEpoch(1)); }

  kit::MapStore store;
  ManualExecutor executor;
  ManualNetwork network{store};
  std::unique_ptr<Log> log = make_null_log();
  Recorder recorder;
  std::vector<Error> fatal;
  Env env{.clock = executor,
          .executor = executor,
          .storage = store,
          .network = network,
          .log = *log,
          .seed = 1,
          .recorder = &recorder,
          .fatal = [this](const Error& error) { fatal.push_back(error); }};
  Options options{.self = NodeId(1), .dial = {}};
  std::vector<Now> rounds;
  std::vector<ReplyRecord> replies;
  std::vector<std::size_t> applied;
  std::vector<std::pair<PartitionId, std::string>> stopped;
  ShardLoop loop;

 private:
  std::uint64_t last_id_ = 0;
};

}  // namespace rift::node
