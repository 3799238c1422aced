// A node that is only a map: a Front and an Admin behind a real public gRPC server on a loopback port, with a script that may answer in
// its place. Requests are served on a thread of its own, as by a shard, so that the way between the threads is the real one.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "api/api.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/task.h"
#include "client/admin.h"
#include "client/client.h"

namespace rift {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One thread that runs what is posted, in order.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    post({});
    thread_.join();
  }
  void post(Task task) {
    Lock lock(mutex_);
    tasks_.push_back(std::move(task));
    has_work_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::vector<Task> tasks;
      {
        Lock lock(mutex_);
        while (tasks_.empty()) has_work_.wait(mutex_);
        tasks.swap(tasks_);
      }
      for (Task& task : tasks) {
        if (!task) return;
        task();
      }
    }
  }
  Mutex mutex_;
  CondVar has_work_;
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  std::thread thread_;
};

// Answers in place of the map: a response, or no answer at all (a null pointer).
using Script = std::function<std::optional<Response>(const Request&)>;

class MapFront final : public Front {
 public:
  explicit MapFront(NodeId self) : self_(self) {}

  void attach(SinkId id, std::unique_ptr<ReplySink> sink) override {
    worker_.post([this, id, sink = std::move(sink)]() mutable { sinks_[id] = std::move(sink); });
  }
  void detach(SinkId id) override {
    worker_.post([this, id] { sinks_.erase(id); });
  }
  void cancel(SinkId, std::vector<RequestId> requests) override {
    worker_.post([this, requests = std::move(requests)] { cancels_ += requests.size(); });
  }
  void submit(SinkId id, std::vector<Request> requests) override {
    worker_.post([this, id, requests = std::move(requests)] { serve(id, requests); });
  }

  // Until set again. Returning nullopt leaves a request without an answer.
  void set_script(Script script) {
    worker_.post([this, script = std::move(script)] { script_ = script; });
  }
  std::vector<Request> seen() {
    std::promise<std::vector<Request>> promise;
    worker_.post([&] { promise.set_value(seen_); });
    return promise.get_future().get();
  }
  // One more answer to the last watch that came.
  void tell(Response response) {
    worker_.post([this, response = std::move(response)]() mutable {
      response.id = watch_.second;
      const auto sink = sinks_.find(watch_.first);
      if (sink == sinks_.end()) return;
      std::vector<Response> responses;
      responses.push_back(std::move(response));
      sink->second->deliver(std::move(responses));
    });
  }
  // Requests cancelled one by one.
  std::size_t cancels() {
    std::promise<std::size_t> promise;
    worker_.post([&] { promise.set_value(cancels_); });
    return promise.get_future().get();
  }
  std::size_t sinks() {
    std::promise<std::size_t> promise;
    worker_.post([&] { promise.set_value(sinks_.size()); });
    return promise.get_future().get();
  }
  // How many requests came together, for each time that some came.
  std::vector<std::size_t> batches() {
    std::promise<std::vector<std::size_t>> promise;
    worker_.post([&] { promise.set_value(batches_); });
    return promise.get_future().get();
  }
  Response apply(const Request& request);

 private:
  void serve(SinkId id, const std::vector<Request>& requests) {
    batches_.push_back(requests.size());
    std::vector<Response> responses;
    for (const Request& request : requests) {
      seen_.push_back(request);
      if (request.verb == Verb::watch) watch_ = {id, request.id};
      std::optional<Response> response = script_ ? script_(request) : apply(request);
      if (!response) continue;
      response->id = request.id;
      responses.push_back(std::move(*response));
    }
    const auto sink = sinks_.find(id);
    if (sink != sinks_.end() && !responses.empty()) sink->second->deliver(std::move(responses));
  }

  NodeId self_;
  Script script_;
  std::map<SinkId, std::unique_ptr<ReplySink>> sinks_;
  std::map<std::string, std::pair<std::string, std::uint64_t>> map_;  // value, revision
  std::map<std::pair<Uuid, std::uint64_t>, Response> window_;
  std::uint64_t revision_ = 0;
  std::vector<Request> seen_;
  std::vector<std::size_t> batches_;
  std::pair<SinkId, RequestId> watch_;
  std::size_t cancels_ = 0;
  Worker worker_;  // last: it stops before what it touches goes
};

inline Response MapFront::apply(const Request& request) {
  if (const auto valid = validate(request); !valid) return refuse(request.id, valid.error().code, valid.error().detail);
  if (request.op && request.verb != Verb::get) {
    const auto known = window_.find({request.op->client, request.op->sequence});
    if (known != window_.end()) {
      Response again = known->second;
      again.receipt.duplicate = true;
      return again;
    }
    if (request.verb == Verb::resolve) return refuse(request.id, Code::refused, "nothing is known of it");
  }
  Response response;
  response.receipt.served_by = self_;
  response.receipt.leader = self_;
  response.receipt.reached = Level::majority;
  response.receipt.acknowledged_by = {NodeId(1), NodeId(2)};
  const auto it = map_.find(request.key.to_string());
  const bool found = it != map_.end();
  if (request.verb == Verb::get || request.verb == Verb::cas) {
    response.found = found;
    if (found) response.value = Bytes(it->second.first);
    if (found) response.version.modify_revision = Revision(it->second.second);
  }
  const bool holds =
      request.condition.kind == Condition::Kind::none ||
      (request.condition.kind == Condition::Kind::absent && !found) ||
      (request.condition.kind == Condition::Kind::version && found && it->second.second == request.condition.version) ||
      (request.condition.kind == Condition::Kind::value && found && it->second.first == request.condition.value.view());
  if (!holds) {
    response.code = Code::condition_failed;
    response.outcome = Outcome::not_done;
  } else if (request.verb == Verb::put || request.verb == Verb::cas) {
    map_[request.key.to_string()] = {request.value.to_string(), ++revision_};
    response.version.modify_revision = Revision(revision_);
  } else if (request.verb == Verb::del) {
    map_.erase(request.key.to_string());
    response.version.modify_revision = Revision(++revision_);
  }
  if (request.op) window_[{request.op->client, request.op->sequence}] = response;
  return response;
}

// Knows one catalog, which may be replaced.
class MapAdmin final : public Admin {
 public:
  explicit MapAdmin(NodeId self) : self_(self) {}

  void set_catalog(topology::Catalog catalog) {
    Lock lock(mutex_);
    catalog_ = std::move(catalog);
  }
  void identity(Done<NodeIdentity> done) override {
    done(NodeIdentity{.node = self_, .cluster = {}, .disk = {7, 7}, .incarnation = 5});
  }
  void status(Done<NodeStatus> done) override {
    NodeStatus status;
    status.ready = true;
    status.reachable = {NodeId(1), NodeId(3)};
    status.clock_skew = topology::ClockSkew{.ahead = std::chrono::milliseconds(-750), .of = {NodeId(2), NodeId(3)}};
    status.counters["rounds"] = 42;
    ReplicaStatus replica;
    replica.partition = PartitionId(2);
    replica.role = "leader";
    replica.term = Term(9);
    status.replicas.push_back(replica);
    done(std::move(status));
  }
  void found(topology::Catalog first, Done<void> done) override {
    set_catalog(std::move(first));
    done({});
  }
  void catalog(Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    done(catalog_);
  }
  void create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    auto next = topology::create_keyspace(catalog_, wish);
    if (next) catalog_ = *next;
    done(std::move(next));
  }
  void drop_keyspace(std::string name, Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    auto next = topology::drop_keyspace(catalog_, name);
    if (next) catalog_ = *next;
    done(std::move(next));
  }
  void alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    auto next = topology::alter_keyspace(catalog_, wish);
    if (next) catalog_ = *next;
    done(std::move(next));
  }
  void change_members(topology::MemberChange change, Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    auto next = topology::change_members(catalog_, change);
    if (next) catalog_ = *next;
    done(std::move(next));
  }
  void join(topology::Catalog catalog, Done<void> done) override {
    set_catalog(std::move(catalog));
    done({});
  }
  void recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) override {
    Lock lock(mutex_);
    auto next = topology::accept_loss(catalog_, loss);
    if (next) catalog_ = *next;
    done(std::move(next));
  }
  void transfer(PartitionId partition, NodeId to, Done<void> done) override {
    if (to == self_) return done({});
    done(fail(Code::not_leader, to_string(to) + " is not told by partition " + std::to_string(partition.value())));
  }
  void inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) override {
    if (keyspace != "bank") return done(fail(Code::unknown_keyspace, "no keyspace is called " + keyspace));
    InspectPage page;
    page.keys.push_back(
        {.partition = PartitionId(2), .key = "k" + cursor, .version = {}, .deleted = true, .value_hash = keys_max});
    page.next = "more";
    done(std::move(page));
  }
  void inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) override {
    if (keyspace == "bank") return done(fail(Code::unknown_keyspace, "no keyspace is called " + keyspace));
    KeyView view;
    view.partition = PartitionId(3);
    view.owners = {NodeId(1), NodeId(2)};
    view.role = "owner";
    view.leader = NodeId(7);
    view.applied = LogIndex(8);
    view.pending = 9;
    view.found = true;
    view.version = {.hlc = 10, .dot_node = NodeId(1), .dot_incarnation = 11, .dot_sequence = 12};
    view.deleted = true;
    view.value_bytes = key.size();
    view.value_hash = 13;
    view.expiry = WallTime(std::chrono::milliseconds(14));
    view.seen = {{.node = NodeId(2), .incarnation = 15, .sequence = 16}};
    view.hinted = {NodeId(2)};
    view.dirty = {NodeId(1)};
    done(std::move(view));
  }
  void conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) override {
    if (keyspace == "bank") return done(fail(Code::invalid, "a cp keyspace"));
    LossPage page;
    ConcurrentLoss& loss = page.losses.emplace_back();
    loss.partition = PartitionId(losses_max);
    loss.key = "k" + cursor;
    loss.seen_at = WallTime(std::chrono::milliseconds(5));
    loss.seen_by = NodeId(2);
    loss.loser = {.version = {.hlc = 6}, .deleted = false, .omitted = false, .value = Bytes("lost")};
    loss.winner = {.version = {.hlc = 7}, .deleted = true, .omitted = true, .value = {}};
    page.next = "more";
    done(std::move(page));
  }

 private:
  NodeId self_;
  Mutex mutex_;
  topology::Catalog catalog_ GUARDED_BY(mutex_);
};

// `nodes` fake nodes with keyspaces bank (cp) and carts (ap).
class FakeCluster {
 public:
  explicit FakeCluster(std::uint32_t nodes = 1) {
    for (std::uint32_t n = 1; n <= nodes; ++n) {
      nodes_.push_back(std::make_unique<Node>(NodeId(n)));
      start(n, 0);
    }
    std::vector<topology::Member> members;
    for (std::uint32_t n = 1; n <= nodes; ++n) members.push_back({NodeId(n), address(n), "peer:1", {}});
    auto catalog = MUST(topology::found({1, 2}, std::move(members)));
    catalog = MUST(topology::create_keyspace(catalog, {.name = "bank", .mode = Mode::cp, .partitions = 1}));
    catalog = MUST(topology::create_keyspace(catalog, {.name = "carts", .mode = Mode::ap, .partitions = 1}));
    for (auto& node : nodes_) node->admin.set_catalog(catalog);
  }

  void start(std::uint32_t n, std::uint16_t port) {
    Node& node = *nodes_[n - 1];
    node.api = MUST(api::Api::create({.listen = "127.0.0.1:" + std::to_string(port),
                                      .client_address = {},
                                      .peer_address = "peer:1",
                                      .front = &node.front,
                                      .admin = &node.admin,
                                      .log = log_.get()}));
  }
  void stop(std::uint32_t n) { nodes_[n - 1]->api.reset(); }
  MapFront& front(std::uint32_t n = 1) { return nodes_[n - 1]->front; }
  api::Api& api(std::uint32_t n = 1) { return *nodes_[n - 1]->api; }
  std::uint16_t port(std::uint32_t n = 1) const { return nodes_[n - 1]->api->port(); }
  std::string address(std::uint32_t n = 1) const { return nodes_[n - 1]->api->client_address(); }
  std::unique_ptr<Client> connect(ClientOptions options = {}) {
    if (options.endpoints.empty()) options.endpoints = {address(1)};
    return MUST(Client::connect(std::move(options)));
  }
  Log& log() { return *log_; }

 private:
  struct Node {
    explicit Node(NodeId id) : front(id), admin(id) {}
    MapFront front;
    MapAdmin admin;
    std::unique_ptr<api::Api> api;
  };
  std::unique_ptr<Log> log_ = make_null_log();
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace rift
