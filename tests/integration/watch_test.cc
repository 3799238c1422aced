// A watch on real processes: it is told exactly what the log holds, whatever is killed, cut off and compacted meanwhile. What the log holds is
// known twice: from the receipts of the writes, and from a second watch that reads the whole history at the end.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "base/mutex.h"
#include "client/client.h"
#include "cluster/plan.h"
#include "tests/integration/nodes.h"
#include "tests/integration/program.h"

namespace rift {
namespace {

using test::eventually;
using test::Folder;
using test::Program;

// What a watch has been told, from its own thread.
class Told {
 public:
  void take(const caller::WatchBatch& batch) {
    Lock lock(mutex_);
    for (const Event& event : batch.events) {
      if (event.revision <= last_)
        problem_ = "revision " + std::to_string(event.revision.value()) + " came late or twice";
      events_[event.revision] = event.key.to_string() + "=" + event.value.to_string();
      last_ = event.revision;
    }
    if (batch.revision < last_) problem_ = "it went backwards";
    up_to_ = batch.revision;
  }
  void end(const Response& response) {
    Lock lock(mutex_);
    ended_ = response;
  }
  std::map<Revision, std::string> events() const {
    Lock lock(mutex_);
    return events_;
  }
  Revision up_to() const {
    Lock lock(mutex_);
    return up_to_;
  }
  std::string problem() const {
    Lock lock(mutex_);
    return problem_;
  }
  std::optional<Response> ended() const {
    Lock lock(mutex_);
    return ended_;
  }
  WatchCallbacks callbacks() {
    return {.on_batch = [this](const caller::WatchBatch& batch) { take(batch); },
            .on_end = [this](const Response& response) { end(response); }};
  }

 private:
  mutable Mutex mutex_;  // the client's thread tells, the test looks
  std::map<Revision, std::string> events_ GUARDED_BY(mutex_);
  Revision last_ GUARDED_BY(mutex_);
  Revision up_to_ GUARDED_BY(mutex_);
  std::string problem_ GUARDED_BY(mutex_);
  std::optional<Response> ended_ GUARDED_BY(mutex_);
};

// One key raised for as long as it lives; what was acknowledged is known with its revision.
class Writer {
 public:
  explicit Writer(std::unique_ptr<Client> client) : client_(std::move(client)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      for (std::uint64_t i = 0; !stop.stop_requested(); ++i) write(i);
    });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  std::map<Revision, std::string> acknowledged() const {
    Lock lock(mutex_);
    return acknowledged_;
  }
  std::uint64_t count() const { return count_; }

 private:
  void write(std::uint64_t i) {
    const std::string key = "k" + std::to_string(i % 7);
    const std::string value = std::to_string(i);
    const Answer answer = client_->put("bank", key, value);
    if (!answer.is_done()) return;
    Lock lock(mutex_);
    acknowledged_[answer.version.modify_revision] = key + "=" + value;
    ++count_;
  }

  std::unique_ptr<Client> client_;
  mutable Mutex mutex_;  // the test looks while the thread writes
  std::map<Revision, std::string> acknowledged_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> count_{0};
  std::jthread thread_;
};

class WatchTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({"cluster", "up", "--nodes", "3"}), 0);
    ASSERT_EQ(run({"keyspace", "create", "bank", "--mode", "cp"}), 0);
  }
  void TearDown() override { EXPECT_EQ(run({"cluster", "down"}), 0); }

  int run(std::vector<std::string> arguments) { return program_.run(std::move(arguments)).exit; }
  std::unique_ptr<Client> client() {
    ClientOptions options;
    for (const auto& node : MUST(cluster::read_plan(folder_.path() + "/rift/default")).nodes)
      options.endpoints.push_back(node.listen);
    options.deadline = std::chrono::seconds(10);
    return MUST(Client::connect(std::move(options)));
  }
  std::string leader(Client& reader) {
    NodeId leader;
    eventually([&] {
      leader = reader.get("bank", "k0", {.level = Level::majority}).receipt.leader;
      return leader != NodeId();
    });
    return to_string(leader);
  }
  static bool grows(const Writer& writer, std::uint64_t by) {
    const std::uint64_t wanted = writer.count() + by;
    return eventually([&] { return writer.count() >= wanted; });
  }

  Folder folder_;
  Program program_{folder_, {"XDG_STATE_HOME=" + folder_.path()}};
};

TEST_F(WatchTest, SurvivesKillSplitCompactionAndReconnectWithExactlyTheEventsOfTheLog) {
  const auto watcher = client();
  const auto reader = client();
  Told told;
  auto handle = watcher->watch({.keyspace = "bank", .from = Revision(1)}, told.callbacks());
  Writer writer(client());
  ASSERT_TRUE(grows(writer, 50));

  const std::string killed = leader(*reader);
  ASSERT_EQ(run({"cluster", "kill", killed}), 0);
  ASSERT_TRUE(grows(writer, 50)) << "without " << killed;
  ASSERT_EQ(run({"cluster", "restart", killed}), 0);

  const std::string alone = leader(*reader);
  std::string rest;
  for (const std::string node : {"n1", "n2", "n3"}) {
    if (node != alone) rest += (rest.empty() ? "" : ",") + node;
  }
  ASSERT_EQ(run({"net", "cut", alone, "/", rest}), 0);
  ASSERT_TRUE(grows(writer, 50)) << "while " << alone << " was cut off";
  ASSERT_EQ(run({"net", "heal"}), 0);
  ASSERT_TRUE(grows(writer, 50));

  // History is forgotten up to what the watch has been told: it goes on.
  const Revision forgotten = told.up_to();
  ASSERT_GT(forgotten, Revision(100));
  ASSERT_TRUE(reader->compact("bank", {}, Revision(forgotten.value() - 50)).is_done());
  ASSERT_TRUE(grows(writer, 50));
  // Whichever node serves the watch dies once.
  for (const std::string node : {"n1", "n2", "n3"}) {
    ASSERT_EQ(run({"cluster", "kill", node}), 0);
    ASSERT_TRUE(grows(writer, 20)) << "without " << node;
    ASSERT_EQ(run({"cluster", "restart", node}), 0);
    ASSERT_TRUE(grows(writer, 20));
  }
  writer.stop();

  const Answer last = reader->put("bank", "end", "1");
  ASSERT_TRUE(last.is_done()) << last.why;
  const Revision head = last.version.modify_revision;
  ASSERT_TRUE(eventually([&] { return told.up_to() >= head; })) << "told up to " << told.up_to().value();
  handle.reset();
  EXPECT_EQ(told.problem(), "");
  EXPECT_FALSE(told.ended().has_value());
  const auto events = told.events();
  // Every revision is one write of one key here: none is missing.
  EXPECT_EQ(events.size(), head.value());
  for (const auto& [revision, change] : writer.acknowledged()) {
    ASSERT_TRUE(events.contains(revision)) << revision.value();
    EXPECT_EQ(events.at(revision), change);
  }

  Told gone;
  handle = watcher->watch({.keyspace = "bank", .from = Revision(1)}, gone.callbacks());
  ASSERT_TRUE(eventually([&] { return gone.ended().has_value(); }));
  EXPECT_EQ(gone.ended()->code, Code::compacted);
  const Revision compacted = gone.ended()->results->compacted;
  EXPECT_EQ(compacted.value(), forgotten.value() - 50);
  handle.reset();

  Told again;
  handle = watcher->watch({.keyspace = "bank", .from = next(compacted)}, again.callbacks());
  ASSERT_TRUE(eventually([&] { return again.up_to() >= head; }));
  handle.reset();
  for (const auto& [revision, change] : again.events()) EXPECT_EQ(events.at(revision), change);
  EXPECT_EQ(again.events().size(), head.value() - compacted.value());
}

TEST_F(WatchTest, TheVerbsOfManyKeysAnswerInTheirSchemas) {
  const auto json_of = [&](std::vector<std::string> arguments, int exit, const std::string& schema) {
    arguments.insert(arguments.end(), {"-o", "json"});
    const auto finished = program_.run(arguments);
    EXPECT_EQ(finished.exit, exit) << finished.out << finished.err;
    EXPECT_EQ(test::misfit(finished.out, schema), "") << finished.out;
    return test::json::parse(finished.out, nullptr, false);
  };
  for (const std::string key : {"a:1", "a:2", "b:1"}) ASSERT_EQ(run({"put", "--ks", "bank", key, "v-" + key}), 0);
  const auto page = json_of({"scan", "--ks", "bank", "--prefix", "a:"}, 0, "reply");
  ASSERT_EQ(page.at("results").at("items").size(), 2U);
  EXPECT_EQ(page.at("results").at("items")[1].at("key"), "a:2");
  EXPECT_EQ(page.at("results").at("items")[1].at("value"), "v-a:2");
  EXPECT_EQ(program_.run({"scan", "--ks", "bank", "a:2", "c", "--keys-only"}).out, "a:2\nb:1\n");
  const auto several = json_of({"mget", "--ks", "bank", "b:1", "never", "a:1"}, 0, "reply");
  EXPECT_EQ(several.at("results").at("items")[0].at("value"), "v-b:1");
  EXPECT_EQ(several.at("results").at("items")[1].at("found"), false);
  EXPECT_EQ(program_.run({"incr", "--ks", "bank", "n", "--by=5"}).out, "5\n");
  EXPECT_EQ(program_.run({"incr", "--ks", "bank", "n", "--by=-7"}).out, "-2\n");
  EXPECT_EQ(json_of({"incr", "--ks", "bank", "a:1"}, 2, "reply").at("outcome"), "not_done");  // no number
  const auto then =
      json_of({"txn", "--ks", "bank", "if n = -2", "then put n 0", "then get a:1", "else del n"}, 0, "reply");
  EXPECT_EQ(then.at("results").at("succeeded"), true);
  EXPECT_EQ(then.at("results").at("items")[1].at("value"), "v-a:1");
  EXPECT_EQ(json_of({"txn", "--ks", "bank", "if n = -2", "else del n"}, 0, "reply").at("results").at("succeeded"),
            false);
  EXPECT_EQ(run({"txn", "--ks", "bank", "when n = 1"}), 1);
  EXPECT_EQ(json_of({"del", "--ks", "bank", "a:", "--prefix"}, 0, "reply").at("results").at("deleted"), "2");
  const auto watched = program_.run({"watch", "--ks", "bank", "--from", "1", "--count", "3", "-o", "json"});
  EXPECT_EQ(watched.exit, 0) << watched.err;
  std::istringstream lines(watched.out);
  std::vector<std::string> kinds;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(test::misfit(line, "event"), "") << line;
    kinds.push_back(test::json::parse(line).at("kind"));
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"put", "put", "put"}));
  json_of({"compact", "--ks", "bank", "--revision", "2"}, 0, "reply");
  EXPECT_EQ(json_of({"watch", "--ks", "bank", "--from", "1"}, 2, "error").at("code"), "compacted");
  EXPECT_EQ(run({"put", "--ks", "bank", "brief", "v", "--ttl", "200ms"}), 0);
  ASSERT_TRUE(eventually([&] {
    return json_of({"get", "--ks", "bank", "brief", "-c", "majority"}, 0, "reply").at("found") == false;
  }));
}

TEST_F(WatchTest, ALockRunsACommandAndKeepsOthersOut) {
  EXPECT_EQ(program_.run({"lock", "--ks", "bank", "job", "--", "sh", "-c", "test -n \"$RIFT_FENCE\"; exit 7"}).exit, 7);
  EXPECT_EQ(run({"lock", "--ks", "bank", "job", "--holder", "me", "--lease", "30s"}), 0);
  EXPECT_EQ(run({"lock", "--ks", "bank", "job", "--holder", "you", "--lease", "30s"}), 2);
  EXPECT_EQ(run({"lock", "--ks", "bank", "job", "--holder", "me", "--lease", "30s"}), 0);
  EXPECT_EQ(run({"unlock", "--ks", "bank", "job", "--holder", "me"}), 0);
  EXPECT_EQ(run({"lock", "--ks", "bank", "job", "--holder", "you", "--lease", "1s"}), 0);
  // The lease ends by itself, and the next holder's fence is greater.
  const auto waited = program_.run({"lock", "--ks", "bank", "job", "--wait", "20s", "--", "true"});
  EXPECT_EQ(waited.exit, 0) << waited.err;
}

}  // namespace
}  // namespace rift
