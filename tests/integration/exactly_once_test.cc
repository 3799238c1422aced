// Counters raised by compare-and-set while nodes are killed and paused: every increment takes effect at most once, and whatever was answered,
// the final value is the number of those that did. An outcome that stays unknown is settled by resolve().
#include <random>
#include <thread>

#include "tests/integration/nodes.h"

namespace rift {
namespace {

using test::eventually;
using test::Nodes;

// Raises a counter of its own, one step at a time. Nobody else writes the key: a failed comparison is a step that was taken twice or lost.
class Counter {
 public:
  Counter(std::unique_ptr<Client> client, std::string key) : client_(std::move(client)), key_(std::move(key)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      // The window is opened first: of a lost opening request nobody can say that it never happened.
      while (!stop.stop_requested() && !client_->put("bank", key_ + "/opened", "yes").is_done()) {
      }
      while (!stop.stop_requested() && problem_.empty()) raise();
    });
  }
  // The problem, if there was one.
  std::string stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return problem_;
  }
  std::uint64_t value() const { return value_; }
  std::uint64_t resolved() const { return resolved_; }
  const std::string& key() const { return key_; }

 private:
  void raise() {
    Condition condition{.kind = Condition::Kind::absent, .version = 0, .value = {}};
    if (value_ > 0) condition = {.kind = Condition::Kind::value, .version = 0, .value = Bytes(std::to_string(value_))};
    Answer answer = client_->cas("bank", key_, condition, std::to_string(value_ + 1));
    if (answer.outcome == Outcome::unknown) answer = settle(answer);
    if (answer.is_done()) {
      ++value_;
    } else if (answer.code == Code::condition_failed) {
      problem_ = key_ + " at " + std::to_string(value_) + " saw " + answer.value.to_string() + ", attempts " +
                 std::to_string(answer.attempts);
    } else if (answer.outcome == Outcome::unknown) {
      problem_ = key_ + " cannot be settled: " + test::describe(answer);
    }
  }
  Answer settle(const Answer& unknown) {
    ++resolved_;
    if (!unknown.op) return unknown;
    Answer answer = unknown;
    eventually([&] {
      answer = client_->resolve("bank", key_, *unknown.op);
      return answer.outcome != Outcome::unknown;
    });
    return answer;
  }

  std::unique_ptr<Client> client_;
  const std::string key_;
  std::atomic<std::uint64_t> value_{0};
  std::uint64_t resolved_ = 0;
  std::string problem_;  // read after the join
  std::jthread thread_;
};

TEST(ExactlyOnce, CountersKeepTheirCountWhileNodesAreKilledAndPaused) {
  Nodes nodes(3);
  nodes.create({.name = "bank", .mode = Mode::cp});
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);

  std::vector<std::unique_ptr<Counter>> counters;
  for (int i = 0; i < 6; ++i) {
    // Some give up within an election, so that outcomes stay unknown.
    const auto deadline = i % 2 == 0 ? Duration(std::chrono::milliseconds(400)) : Duration(std::chrono::seconds(10));
    counters.push_back(std::make_unique<Counter>(nodes.client(deadline), "counter" + std::to_string(i)));
  }
  const auto sum = [&] {
    std::uint64_t result = 0;
    for (const auto& counter : counters) result += counter->value();
    return result;
  };
  const auto grows_by = [&](std::uint64_t count) {
    const std::uint64_t wanted = sum() + count;
    return eventually([&] { return sum() >= wanted; });
  };
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(grows_by(30 + random() % 100));
    ASSERT_TRUE(eventually([&] { return nodes.leader("bank").has_value(); }));
    const NodeId victim = *nodes.leader("bank");
    if (round % 2 == 0) {
      ASSERT_TRUE(nodes.supervisor().kill(victim));
      ASSERT_TRUE(grows_by(30)) << "without " << to_string(victim);
      ASSERT_TRUE(nodes.supervisor().start(victim));
    } else {
      ASSERT_TRUE(nodes.supervisor().pause(victim));
      ASSERT_TRUE(grows_by(30)) << "without " << to_string(victim);
      ASSERT_TRUE(nodes.supervisor().resume(victim));  // it still believes that it leads
    }
    ASSERT_TRUE(grows_by(30));
  }
  const auto reader = nodes.client();
  std::uint64_t resolved = 0;
  for (const auto& counter : counters) {
    EXPECT_EQ(counter->stop(), "");
    resolved += counter->resolved();
    EXPECT_EQ(reader->get("bank", counter->key()).value.view(), std::to_string(counter->value())) << counter->key();
  }
  RecordProperty("resolved", std::to_string(resolved));
}

}  // namespace
}  // namespace rift
