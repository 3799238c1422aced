#include <gtest/gtest.h>

#include <grpcpp/create_channel.h>

#include <atomic>

#include "api/backlog.h"
#include "client/client.h"
#include "client/lock.h"
#include "fake_node.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift {
namespace {

namespace v1 = riftkv::v1;

Response told(std::uint64_t revision, std::string value = "v") {
  Response response;
  response.more = true;
  Results& results = response.results.emplace();
  results.revision = Revision(revision);
  results.events.push_back(Event{.kind = Event::Kind::put,
                                 .revision = Revision(revision),
                                 .key = "k",
                                 .value = Bytes(std::move(value)),
                                 .version = {.create_revision = Revision(1), .modify_revision = Revision(revision)}});
  return response;
}

Response stands(std::uint64_t revision) {
  Response response;
  response.more = true;
  response.results.emplace().revision = Revision(revision);
  return response;
}

// A node says where a watch stands as soon as it opens.
Script stand_at(std::uint64_t revision) {
  return [revision](const Request& request) -> std::optional<Response> {
    if (request.verb != Verb::watch) return refuse(request.id, Code::unsupported, "only watches");
    const Revision from = request.operands->revision;
    return stands(from == Revision() ? revision : from.value() - 1);
  };
}

// What a client's watch delivers, waited for by the test.
class Inbox {
 public:
  WatchCallbacks callbacks() {
    return {.on_batch = [this](const caller::WatchBatch& batch) { take(batch); },
            .on_end = [this](Response response) { end(std::move(response)); }};
  }
  // Until so many events have come.
  std::vector<Event> wait(std::size_t count) {
    Lock lock(mutex_);
    while (events_.size() < count && !ended_) changed_.wait(mutex_);
    return events_;
  }
  Response wait_for_end() {
    Lock lock(mutex_);
    while (!ended_) changed_.wait(mutex_);
    return *ended_;
  }

 private:
  void take(const caller::WatchBatch& batch) {
    Lock lock(mutex_);
    events_.insert(events_.end(), batch.events.begin(), batch.events.end());
    changed_.notify_all();
  }
  void end(Response response) {
    Lock lock(mutex_);
    ended_ = std::move(response);
    changed_.notify_all();
  }
  Mutex mutex_;  // the client's thread delivers, the test waits
  CondVar changed_;
  std::vector<Event> events_ GUARDED_BY(mutex_);
  std::optional<Response> ended_ GUARDED_BY(mutex_);
};

TEST(ClientWatch, EventsArriveAsTheNodeToldThem) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(4));
  const auto client = cluster.connect();
  Inbox inbox;
  const auto handle = client->watch({.keyspace = "bank", .first = "k", .single_key = true}, inbox.callbacks());
  while (cluster.front().seen().empty()) {
  }
  cluster.front().tell(told(5, "five"));
  cluster.front().tell(told(7, "seven"));
  const auto events = inbox.wait(2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].revision, Revision(5));
  EXPECT_EQ(events[0].key, Bytes("k"));
  EXPECT_EQ(events[1].value, Bytes("seven"));
  EXPECT_EQ(events[1].version.modify_revision, Revision(7));
  const Request request = cluster.front().seen().front();
  EXPECT_EQ(request.verb, Verb::watch);
  EXPECT_TRUE(request.operands->single_key);
}

TEST(ClientWatch, ANodeThatGoesIsReplacedByAnotherFromTheNextRevision) {
  FakeCluster cluster(2);
  for (const std::uint32_t n : {1U, 2U}) cluster.front(n).set_script(stand_at(0));
  const auto client = cluster.connect({.endpoints = {cluster.address(1), cluster.address(2)}});
  Inbox inbox;
  const auto handle = client->watch({.keyspace = "bank", .from = Revision(1)}, inbox.callbacks());
  std::uint32_t serving = 0;
  while (serving == 0) {
    for (const std::uint32_t n : {1U, 2U}) {
      if (!cluster.front(n).seen().empty()) serving = n;
    }
  }
  const std::uint32_t other = 3 - serving;
  cluster.front(serving).tell(told(1));
  ASSERT_EQ(inbox.wait(1).size(), 1U);
  cluster.stop(serving);
  while (cluster.front(other).seen().empty()) {
  }
  EXPECT_EQ(cluster.front(other).seen().front().operands->revision, Revision(2));
  cluster.front(other).tell(told(2));
  EXPECT_EQ(inbox.wait(2).size(), 2U);
}

TEST(ClientWatch, CompactedEndsItByName) {
  FakeCluster cluster;
  cluster.front().set_script([](const Request& request) -> std::optional<Response> {
    Response response = refuse(request.id, Code::compacted, "gone");
    response.results.emplace().compacted = Revision(9);
    return response;
  });
  const auto client = cluster.connect();
  Inbox inbox;
  const auto handle = client->watch({.keyspace = "bank", .from = Revision(1)}, inbox.callbacks());
  const Response ended = inbox.wait_for_end();
  EXPECT_EQ(ended.code, Code::compacted);
  EXPECT_EQ(ended.results->compacted, Revision(9));
}

TEST(ClientWatch, LettingItGoTellsTheNode) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(1));
  const auto client = cluster.connect();
  Inbox inbox;
  auto handle = client->watch({.keyspace = "bank"}, inbox.callbacks());
  while (cluster.front().seen().empty()) {
  }
  cluster.front().tell(told(2));
  inbox.wait(1);
  handle.reset();
  while (cluster.front().cancels() == 0) {
  }
  cluster.front().tell(told(3));  // nobody hears it, and nothing breaks
  cluster.front().set_script({});
  EXPECT_TRUE(client->put("bank", "k", "v").is_done());
  EXPECT_EQ(inbox.wait(1).size(), 1U);
}

TEST(ApiWatch, AnyGrpcClientWatchesByACallOfItsOwn) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(3));
  const auto stub = v1::KvService::NewStub(grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::ExecuteRequest request;
  request.mutable_operation()->set_keyspace("bank");
  request.mutable_operation()->mutable_watch()->set_range(true);
  const auto stream = stub->Watch(&context, request);
  v1::ExecuteResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.reply().results().revision(), 3U);
  EXPECT_TRUE(response.reply().more());
  cluster.front().tell(told(4));
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.reply().results().events_size(), 1);
  EXPECT_EQ(response.reply().results().events(0).revision(), 4U);
  Response last = refuse({}, Code::not_ready, "stops");
  cluster.front().tell(std::move(last));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.reply().code(), "not_ready");
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ApiWatch, ACallThatIsCancelledIsForgotten) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(3));
  const auto stub = v1::KvService::NewStub(grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials()));
  v1::ExecuteRequest request;
  request.mutable_operation()->set_keyspace("bank");
  request.mutable_operation()->mutable_watch();
  v1::ExecuteResponse response;
  std::size_t before = cluster.front().sinks();
  {
    grpc::ClientContext context;
    const auto stream = stub->Watch(&context, request);
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(cluster.front().sinks(), before + 1);
    context.TryCancel();
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_FALSE(stream->Finish().ok());
  }
  while (cluster.front().sinks() > before) {
  }
  grpc::ClientContext context;
  request.mutable_operation()->mutable_get();
  const auto stream = stub->Watch(&context, request);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.reply().code(), "invalid");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ApiWatch, AReaderThatDoesNotReadIsEndedWithTheRevisionToResumeFrom) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(0));
  const auto stub = v1::KvService::NewStub(grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::ExecuteRequest request;
  request.mutable_operation()->set_keyspace("bank");
  request.mutable_operation()->mutable_watch()->set_range(true);
  const auto stream = stub->Watch(&context, request);
  v1::ExecuteResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const std::string big(limits::mebi, 'x');
  std::uint64_t revision = 0;
  while (cluster.front().cancels() == 0) cluster.front().tell(told(++revision, big));
  std::uint64_t last = 0;
  while (stream->Read(&response) && response.reply().more()) last = response.reply().results().revision();
  EXPECT_EQ(response.reply().code(), "overloaded");
  EXPECT_EQ(response.reply().results().revision(), last);
  EXPECT_GT(last, 0U);
  EXPECT_LT(last, revision);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ApiWatch, AStoppingServerEndsThemByName) {
  FakeCluster cluster;
  cluster.front().set_script(stand_at(3));
  const auto stub = v1::KvService::NewStub(grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials()));
  v1::Operation watch;
  watch.set_keyspace("bank");
  watch.mutable_watch()->set_range(true);
  v1::ExecuteRequest request;
  *request.mutable_operation() = watch;
  grpc::ClientContext call_context;
  call_context.set_deadline(std::chrono::system_clock::now() + seconds(20));
  const auto call = stub->Watch(&call_context, request);
  v1::ExecuteResponse told;
  ASSERT_TRUE(call->Read(&told));
  grpc::ClientContext pipe_context;
  pipe_context.set_deadline(std::chrono::system_clock::now() + seconds(20));
  const auto pipe = stub->Pipe(&pipe_context);
  v1::PipeRequest batch;
  batch.add_ids(7);
  *batch.add_operations() = watch;
  ASSERT_TRUE(pipe->Write(batch));
  v1::PipeResponse replies;
  ASSERT_TRUE(pipe->Read(&replies));

  std::thread stopping([&] { cluster.stop(1); });
  ASSERT_TRUE(call->Read(&told));
  EXPECT_EQ(told.reply().code(), "not_ready");
  EXPECT_FALSE(call->Read(&told));
  EXPECT_TRUE(call->Finish().ok());
  ASSERT_TRUE(pipe->Read(&replies));
  ASSERT_EQ(replies.ids_size(), 1);
  EXPECT_EQ(replies.ids(0), 7U);
  EXPECT_EQ(replies.replies(0).code(), "not_ready");
  EXPECT_FALSE(replies.replies(0).more());
  ASSERT_TRUE(pipe->Read(&replies));
  EXPECT_EQ(replies.closing().requests_taken(), 1U);
  EXPECT_TRUE(pipe->WritesDone());
  EXPECT_TRUE(pipe->Finish().ok());
  stopping.join();
  EXPECT_EQ(cluster.front().cancels(), 2U) << "the node is told";
}

TEST(Api, ExecuteRefusesAWatch) {
  FakeCluster cluster;
  const auto stub = v1::KvService::NewStub(grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::ExecuteRequest request;
  v1::ExecuteResponse response;
  request.mutable_operation()->set_keyspace("bank");
  request.mutable_operation()->mutable_watch();
  ASSERT_TRUE(stub->Execute(&context, request, &response).ok());
  EXPECT_EQ(response.reply().code(), "unsupported");
}

TEST(WatchBacklog, NamesNoRevisionThatItDoesNotKnow) {
  EXPECT_EQ(api::WatchBacklog(Revision(18)).refusal(RequestId(1)).results->revision, Revision(17));
  EXPECT_EQ(api::WatchBacklog(Revision(1)).refusal(RequestId(1)).results->revision, Revision(0));
  api::WatchBacklog from_now;
  EXPECT_FALSE(from_now.refusal(RequestId(1)).results);
  Response answer;
  answer.results.emplace().revision = Revision(5);
  EXPECT_FALSE(from_now.admit(answer, api::watch_backlog_bytes_max + 1));
  EXPECT_TRUE(from_now.admit(answer, 0));
  EXPECT_EQ(from_now.refusal(RequestId(1)).results->revision, Revision(5));
}

// What a lock that nobody renews does; `renewal` answers every lock after the first.
class UnrenewedLock : public testing::Test {
 protected:
  UnrenewedLock() {
    cluster_.front().set_script([this](const Request& request) -> std::optional<Response> {
      if (request.verb == Verb::unlock) return refuse(request.id, Code::ok, "");
      if (locks_++ > 0) return refuse(request.id, renewal_, "as the test says");
      const Time late = now() + delay_;
      while (now() < late) {
      }
      Response response = refuse(request.id, Code::ok, "");
      response.version.create_revision = Revision(41);
      return response;
    });
  }
  static Time now() {
    return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
  FakeCluster cluster_;
  std::atomic<int> locks_{0};
  std::atomic<Code> renewal_{Code::overloaded};
  Duration delay_{};
};

TEST_F(UnrenewedLock, IsLostWhenItsLeaseHasRunOut) {
  const auto client = cluster_.connect();
  auto taken = HeldLock::take(*client, "bank", "job", {.holder = "me", .lease = milliseconds(600)});
  ASSERT_NE(taken.lock, nullptr);
  const Time end = now() + milliseconds(600);
  while (now() < end) {
  }
  EXPECT_TRUE(taken.lock->is_lost());
  EXPECT_GT(locks_, 2) << "it was tried";
}

TEST_F(UnrenewedLock, MayBeReleasedOrDestroyedWhenItIsLost) {
  renewal_ = Code::condition_failed;
  const auto client = cluster_.connect();
  for (const bool destroys : {false, true}) {
    locks_ = 0;
    std::unique_ptr<HeldLock> lock;
    std::promise<void> is_held;
    std::promise<Outcome> released;
    auto taken =
        HeldLock::take(*client, "bank", "job", {.holder = "me", .lease = milliseconds(900), .on_lost = [&](Response) {
                                                  is_held.get_future().wait();
                                                  const Outcome outcome = lock->release().outcome;
                                                  if (destroys) lock.reset();
                                                  released.set_value(outcome);
                                                }});
    ASSERT_NE(taken.lock, nullptr);
    lock = std::move(taken.lock);
    is_held.set_value();
    EXPECT_EQ(released.get_future().get(), Outcome::not_done);
  }
}

TEST_F(UnrenewedLock, IsNotHeldWhenTheAnswerComesAfterTheLease) {
  delay_ = milliseconds(60);
  const auto client = cluster_.connect();
  const auto taken = HeldLock::take(*client, "bank", "job", {.holder = "me", .lease = milliseconds(50)});
  EXPECT_EQ(taken.lock, nullptr);
  EXPECT_EQ(taken.answer.code, Code::timeout);
  EXPECT_EQ(taken.answer.outcome, Outcome::not_done);
}

// A node whose keep-alives are answered by `renewal`; it counts the unlocks, and answers them as the holder's.
class DoubtfulLock : public testing::Test {
 protected:
  DoubtfulLock() {
    cluster_.front().set_script([this](const Request& request) -> std::optional<Response> {
      if (request.verb == Verb::unlock) ++unlocks_;
      if (request.verb == Verb::lock && locks_++ > 0) return renewal_(request);
      Response response = refuse(request.id, Code::ok, "");
      response.outcome = Outcome::done;
      response.version.create_revision = Revision(41);
      return response;
    });
    client_ = cluster_.connect({.endpoints = {}, .deadline = seconds(20)});
  }
  std::unique_ptr<HeldLock> take(std::function<void(Response)> on_lost = {}) {
    auto taken = HeldLock::take(*client_, "bank", "job",
                                {.holder = "me", .lease = milliseconds(600), .on_lost = std::move(on_lost)});
    EXPECT_NE(taken.lock, nullptr) << taken.answer.why;
    return std::move(taken.lock);
  }
  FakeCluster cluster_;
  std::atomic<int> locks_{0};
  std::atomic<int> unlocks_{0};
  Script renewal_ = [](const Request&) { return std::nullopt; };
  std::unique_ptr<Client> client_;
};

TEST_F(DoubtfulLock, IsUnlockedWhenItsKeepAliveHasNoAnswer) {
  std::promise<void> lost;
  const auto lock = take([&](Response) { lost.set_value(); });
  ASSERT_EQ(lost.get_future().wait_for(seconds(20)), std::future_status::ready);
  const Answer released = lock->release();
  EXPECT_EQ(released.outcome, Outcome::done) << "it stood: " << released.why;
  EXPECT_EQ(unlocks_, 1);
  EXPECT_NE(lock->release().outcome, Outcome::done) << "once";
  EXPECT_EQ(unlocks_, 1);
}

TEST_F(DoubtfulLock, IsUnlockedByWhoeverReleasesItInOnLost) {
  std::unique_ptr<HeldLock> lock;
  std::promise<void> is_held;
  std::promise<Outcome> released;
  lock = take([&](Response) {
    is_held.get_future().wait();
    const Outcome outcome = lock->release().outcome;
    lock.reset();
    released.set_value(outcome);
  });
  is_held.set_value();
  EXPECT_EQ(released.get_future().get(), Outcome::done);
  EXPECT_EQ(unlocks_, 1);
}

TEST_F(DoubtfulLock, ThatWasTakenAnewIsUnlockedThoughNobodyReleasesIt) {
  renewal_ = [](const Request& request) {
    Response response = refuse(request.id, Code::ok, "");
    response.outcome = Outcome::done;
    response.version.create_revision = Revision(99);
    return response;
  };
  auto lock = take();
  const auto end = std::chrono::steady_clock::now() + seconds(20);
  while (unlocks_ == 0 && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_TRUE(lock->is_lost());
  EXPECT_EQ(unlocks_, 1) << "while its owner still thinks about it";
  lock.reset();
  EXPECT_EQ(unlocks_, 1) << "once";
}

TEST(HeldLock, IsKeptAliveUntilItIsReleasedAndLostWhenAnotherHasIt) {
  FakeCluster cluster;
  std::atomic<int> locks{0};
  std::atomic<int> unlocks{0};
  std::atomic<int> takes{0};  // after the first
  std::atomic<bool> is_taken{false};
  cluster.front().set_script([&](const Request& request) -> std::optional<Response> {
    if (request.verb == Verb::unlock) ++unlocks;
    if (request.verb == Verb::lock && locks++ > 0) {
      const bool keeps = request.condition.kind == Condition::Kind::created && request.condition.version == 41;
      if (!is_taken && !keeps) ++takes;
    }
    Response response;
    if (is_taken) response = refuse(request.id, Code::condition_failed, "another one holds the lock");
    response.version.create_revision = Revision(41);
    response.value = request.value;
    return response;
  });
  const auto client = cluster.connect();
  {
    auto taken = HeldLock::take(*client, "bank", "job", {.holder = "me", .lease = milliseconds(900)});
    ASSERT_NE(taken.lock, nullptr);
    EXPECT_EQ(taken.lock->fence(), Revision(41));
    while (locks < 4 && !taken.lock->is_lost()) {
    }
    EXPECT_FALSE(taken.lock->is_lost());
  }
  EXPECT_EQ(unlocks, 1);
  EXPECT_EQ(takes, 0) << "a keep-alive that names no fence takes the lock when it is late";

  std::promise<Response> lost;
  auto taken = HeldLock::take(
      *client, "bank", "job",
      {.holder = "me", .lease = milliseconds(900), .on_lost = [&](Response why) { lost.set_value(std::move(why)); }});
  ASSERT_NE(taken.lock, nullptr);
  is_taken = true;
  EXPECT_EQ(lost.get_future().get().code, Code::condition_failed);
  EXPECT_TRUE(taken.lock->is_lost());
  EXPECT_EQ(taken.lock->release().outcome, Outcome::not_done);
  EXPECT_EQ(unlocks, 1);
  EXPECT_EQ(HeldLock::take(*client, "bank", "job", {.holder = "you"}).lock, nullptr);
}

}  // namespace
}  // namespace rift
