#include "reactor/reactor.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

namespace rift::reactor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<Reactor> started() {
  auto reactor = MUST(Reactor::create("shard-test"));
  MUST(reactor->start());
  return reactor;
}

// Runs `body` on the shard's thread and waits for it.
template <class F>
void on_shard(Reactor& reactor, F body) {
  std::promise<void> done;
  reactor.executor().post([&] {
    body();
    done.set_value();
  });
  done.get_future().wait();
}

TEST(Reactor, RunsTasksInTheOrderPosted) {
  auto reactor = started();
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i) reactor->executor().post([&seen, i] { seen.push_back(i); });
  on_shard(*reactor, [] {});
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(Reactor, KeepsEachPostersOrderAcrossThreads) {
  auto reactor = started();
  constexpr int per_thread = 5000;
  std::vector<std::vector<int>> seen(3);
  {
    std::vector<std::jthread> posters;
    for (std::size_t t = 0; t < seen.size(); ++t) {
      posters.emplace_back([&, t] {
        for (int i = 0; i < per_thread; ++i) reactor->executor().post([&seen, t, i] { seen[t].push_back(i); });
      });
    }
  }
  on_shard(*reactor, [] {});
  for (const auto& line : seen) {
    ASSERT_EQ(line.size(), static_cast<std::size_t>(per_thread));
    EXPECT_TRUE(std::is_sorted(line.begin(), line.end()));
  }
}

TEST(Reactor, NeverRunsAPostedTaskInline) {
  auto reactor = started();
  std::string order;
  std::promise<void> inner;
  on_shard(*reactor, [&] {
    reactor->executor().post([&] {
      order += 'b';
      inner.set_value();
    });
    order += 'a';
  });
  inner.get_future().wait();
  EXPECT_EQ(order, "ab");
}

TEST(Reactor, RunsEverythingOnOneThreadOfItsOwn) {
  auto reactor = started();
  EXPECT_FALSE(reactor->on_shard_thread());
  bool inside = false;
  on_shard(*reactor, [&] { inside = reactor->on_shard_thread(); });
  EXPECT_TRUE(inside);
}

TEST(Reactor, FiresTheTimerNotBeforeItsTime) {
  auto reactor = started();
  std::promise<Time> fired;
  Time due{};
  on_shard(*reactor, [&] {
    due = reactor->clock().now().steady + milliseconds(20);
    reactor->executor().arm(due, [&] { fired.set_value(reactor->clock().now().steady); });
  });
  EXPECT_GE(fired.get_future().get(), due);
}

TEST(Reactor, ReplacesAnArmedTimer) {
  auto reactor = started();
  std::atomic<int> first{0};
  std::promise<void> second;
  on_shard(*reactor, [&] {
    const Time now = reactor->clock().now().steady;
    reactor->executor().arm(now + milliseconds(5), [&] { ++first; });
    reactor->executor().arm(now + milliseconds(15), [&] { second.set_value(); });
  });
  second.get_future().wait();
  reactor.reset();
  EXPECT_EQ(first, 0);
}

// The wait had expired before it was replaced: asio then delivers it without an error.
TEST(Reactor, ReplacesATimerThatIsAlreadyDue) {
  auto reactor = started();
  std::atomic<int> first{0};
  std::promise<void> second;
  on_shard(*reactor, [&] {
    reactor->executor().arm(reactor->clock().now().steady, [&] { ++first; });
    const Time due = reactor->clock().now().steady + milliseconds(2);
    while (reactor->clock().now().steady < due) {
    }
    reactor->executor().arm(due + milliseconds(5), [&] { second.set_value(); });
  });
  second.get_future().wait();
  reactor.reset();
  EXPECT_EQ(first, 0);
}

TEST(Reactor, GivesADueTimerItsTurnUnderAStreamOfPosts) {
  auto reactor = started();
  std::promise<void> fired;
  std::atomic<bool> stop{false};
  std::function<void()> again = [&] {
    if (!stop) reactor->executor().post([&] { again(); });
  };
  on_shard(*reactor, [&] {
    reactor->executor().arm(reactor->clock().now().steady + milliseconds(5), [&] {
      stop = true;
      fired.set_value();
    });
    again();
  });
  EXPECT_EQ(fired.get_future().wait_for(seconds(30)), std::future_status::ready);
  stop = true;
  reactor.reset();  // the last of the posts may still be on its way to `again`
}

TEST(Reactor, StopRunsWhatWasPostedBeforeAndDestroysTheRest) {
  auto reactor = started();
  int ran = 0;
  for (int i = 0; i < 100; ++i) reactor->executor().post([&ran] { ++ran; });
  reactor->stop();
  auto held = std::make_shared<int>(0);
  reactor->executor().post([held] { ++*held; });
  reactor->join();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(*held, 0);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Reactor, EndsWithoutHavingBeenStarted) {
  auto reactor = MUST(Reactor::create("idle"));
  reactor->executor().post([] {});
  reactor->stop();
  reactor->join();
}

TEST(Reactor, UsesNoProcessorTimeWhileItIsIdle) {
  auto reactor = started();
  clockid_t cpu{};
  on_shard(*reactor, [&] { ASSERT_EQ(pthread_getcpuclockid(pthread_self(), &cpu), 0); });
  const auto used = [&] {
    timespec spent{};
    clock_gettime(cpu, &spent);
    return seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
  };
  std::promise<void> later;
  on_shard(*reactor, [&] {
    reactor->executor().arm(reactor->clock().now().steady + milliseconds(200), [&] { later.set_value(); });
  });
  const auto before = used();
  later.get_future().wait();
  EXPECT_LT(used() - before, milliseconds(50));
}

TEST(SystemClock, NeverGoesBackAndKnowsTheYear) {
  auto clock = make_system_clock();
  const Now a = clock->now();
  const Now b = clock->now();
  EXPECT_LE(a.steady, b.steady);
  EXPECT_GT(a.wall.time_since_epoch(), std::chrono::hours(24 * 365 * 50));
}

}  // namespace
}  // namespace rift::reactor
