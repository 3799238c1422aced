#include "caller/watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "world.h"

namespace rift::caller {
namespace {

std::shared_ptr<const topology::Catalog> with_parts(std::uint32_t partitions) {
  auto made =
      MUST(topology::create_keyspace(*three_nodes(), {.name = "wide", .mode = Mode::cp, .partitions = partitions}));
  return std::make_shared<const topology::Catalog>(std::move(made));
}

Response told(RequestId id, std::vector<std::uint64_t> revisions, std::uint64_t up_to) {
  Response response;
  response.id = id;
  response.more = true;
  Results& results = response.results.emplace();
  results.revision = Revision(up_to);
  for (const std::uint64_t revision : revisions)
    results.events.push_back(
        Event{.kind = Event::Kind::put, .revision = Revision(revision), .key = "k", .value = "v", .version = {}});
  return response;
}

// One watch of `bank`, which has one partition, and what it does.
struct Bench {
  explicit Bench(WatchWish wish = {.keyspace = "bank"}, WatchOptions options = {})
      : watch(options, std::move(wish), Rng(3)) {
    watch.observe(three_nodes(), now);
  }
  Send sent() {
    auto all = watch.take_sends();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Send{} : all.front();
  }
  void tell(const Send& send, std::vector<std::uint64_t> revisions, std::uint64_t up_to) {
    watch.receive(told(send.request.id, std::move(revisions), up_to), now);
  }
  void refuse_with(const Send& send, Code code) { watch.receive(refuse(send.request.id, code, "no"), now); }
  // To the next thing that it wants to wake for.
  void wait() {
    ASSERT_TRUE(watch.wake_at().has_value());
    now = std::max(now, *watch.wake_at());
    watch.tick(now);
  }
  // "3 4 (6)": the revisions delivered, and how far each batch came.
  std::string delivered() {
    std::string text;
    for (const WatchBatch& batch : watch.take_batches()) {
      for (const Event& event : batch.events) text += std::to_string(event.revision.value()) + " ";
      text += "(" + std::to_string(batch.revision.value()) + ") ";
    }
    return text;
  }

  Time now = Time{} + std::chrono::hours(1);
  Watch watch;
};

TEST(CallerWatch, APinnedOneEndsWhereThePinnedNodeHasNoCopy) {
  Bench pinned({.keyspace = "bank"}, {.pinned = true});
  pinned.refuse_with(pinned.sent(), Code::wrong_node);
  ASSERT_TRUE(pinned.watch.ended().has_value());
  EXPECT_EQ(pinned.watch.ended()->code, Code::wrong_node);
  Bench free;
  free.refuse_with(free.sent(), Code::wrong_node);
  EXPECT_FALSE(free.watch.ended().has_value());
}

TEST(CallerWatch, FromNowBeginsWhereTheNodeSays) {
  Bench bench;
  const Send first = bench.sent();
  EXPECT_EQ(first.request.verb, Verb::watch);
  EXPECT_EQ(first.request.operands->revision, Revision(0));
  EXPECT_NE(first.request.partition, PartitionId());
  bench.tell(first, {}, 7);
  EXPECT_EQ(bench.delivered(), "(7) ");
  bench.tell(first, {8, 9}, 9);
  bench.tell(first, {}, 12);
  EXPECT_EQ(bench.delivered(), "8 9 (9) (12) ");
}

TEST(CallerWatch, ABrokenStreamGoesOnElsewhereAfterTheLastRevisionDelivered) {
  for (const Code code : {Code::disconnected, Code::unreachable, Code::not_ready, Code::no_leader, Code::overloaded,
                          Code::corruption, Code::wrong_node}) {
    SCOPED_TRACE(std::string(to_string(code)));
    Bench bench({.keyspace = "bank", .from = Revision(3)});
    const Send first = bench.sent();
    EXPECT_EQ(first.request.operands->revision, Revision(3));
    bench.tell(first, {}, 2);
    bench.tell(first, {3, 5}, 6);
    bench.refuse_with(first, code);
    EXPECT_TRUE(bench.watch.take_sends().empty());  // not at once
    bench.wait();
    const Send second = bench.sent();
    EXPECT_NE(second.node, first.node);
    EXPECT_NE(second.request.id, first.request.id);
    EXPECT_EQ(second.request.operands->revision, Revision(7));
    EXPECT_EQ(bench.watch.take_map_wish(), code == Code::wrong_node);
    bench.tell(first, {7}, 7);  // the stream that was left says no more
    EXPECT_EQ(bench.delivered(), "3 5 (6) ");
    bench.tell(second, {7}, 7);
    EXPECT_EQ(bench.delivered(), "7 (7) ");
  }
}

TEST(CallerWatch, FromNowKeepsItsBeginningThoughTheFirstNodeFellSilentAfterNamingIt) {
  Bench bench;
  const Send first = bench.sent();
  bench.tell(first, {}, 40);
  bench.refuse_with(first, Code::disconnected);
  bench.wait();
  EXPECT_EQ(bench.sent().request.operands->revision, Revision(41));
}

TEST(CallerWatch, WhatComesTwiceIsDeliveredOnce) {
  Bench bench({.keyspace = "bank", .from = Revision(1)});
  const Send first = bench.sent();
  bench.tell(first, {1, 2, 3}, 3);
  bench.tell(first, {2, 3, 4}, 4);
  bench.tell(first, {}, 2);  // never backwards
  EXPECT_EQ(bench.delivered(), "1 2 3 (3) 4 (4) ");
}

TEST(CallerWatch, ASilentNodeIsLeftAndToldSo) {
  Bench bench;
  const Send first = bench.sent();
  bench.tell(first, {}, 1);
  const Time silent_since = bench.now;
  bench.wait();
  EXPECT_EQ(bench.now - silent_since, WatchOptions{}.silence_max);
  const auto cancels = bench.watch.take_cancels();
  ASSERT_EQ(cancels.size(), 1U);
  EXPECT_EQ(cancels[0].id, first.request.id);
  EXPECT_EQ(cancels[0].node, first.node);
  EXPECT_NE(bench.sent().node, first.node);
}

TEST(CallerWatch, CompactedEndsItByNameAndSaysHowFarItCame) {
  Bench bench({.keyspace = "bank", .from = Revision(1)});
  const Send first = bench.sent();
  bench.tell(first, {1}, 1);
  Response gone = refuse(first.request.id, Code::compacted, "gone");
  gone.results.emplace().compacted = Revision(9);
  bench.watch.receive(std::move(gone), bench.now);
  ASSERT_TRUE(bench.watch.ended().has_value());
  EXPECT_EQ(bench.watch.ended()->code, Code::compacted);
  EXPECT_EQ(bench.watch.ended()->results->compacted, Revision(9));
  EXPECT_EQ(bench.watch.position().begin()->second, Revision(1));
  EXPECT_FALSE(bench.watch.wake_at().has_value());
  EXPECT_EQ(bench.delivered(), "1 (1) ");
}

TEST(CallerWatch, AKeyspaceThatIsMissingIsLookedForOnceMoreThenItEnds) {
  Bench bench({.keyspace = "new"});
  EXPECT_TRUE(bench.watch.take_map_wish());
  EXPECT_FALSE(bench.watch.ended().has_value());
  bench.watch.observe(three_nodes(), bench.now);
  ASSERT_TRUE(bench.watch.ended().has_value());
  EXPECT_EQ(bench.watch.ended()->code, Code::unknown_keyspace);
}

TEST(CallerWatch, APartitionThatThePositionDoesNotNameIsToldFromItsBeginning) {
  const auto map = with_parts(2);
  const auto& parts = map->find("wide")->partitions;
  const auto begins = [&](WatchWish wish) {
    Watch watch({}, std::move(wish), Rng(4));
    watch.observe(map, Time{});
    std::map<PartitionId, Revision> from;
    for (const Send& send : watch.take_sends()) from[send.request.partition] = send.request.operands->revision;
    return from;
  };
  const std::map<PartitionId, Revision> position = {{parts[0].id, Revision(8)}};
  using Begins = std::map<PartitionId, Revision>;
  EXPECT_EQ(begins({.keyspace = "wide", .resume = position}),
            (Begins{{parts[0].id, Revision(9)}, {parts[1].id, Revision(1)}}));
  EXPECT_EQ(begins({.keyspace = "wide", .from = Revision(5), .resume = position}),
            (Begins{{parts[0].id, Revision(9)}, {parts[1].id, Revision(5)}}));
  EXPECT_EQ(begins({.keyspace = "wide"}), (Begins{{parts[0].id, Revision(0)}, {parts[1].id, Revision(0)}}));
}

TEST(CallerWatch, APositionOfAnotherKeyspaceIsRefusedByNameAfterALookAtTheNewestMap) {
  const auto map = with_parts(2);
  const auto& parts = map->find("wide")->partitions;
  const WatchWish wish{.keyspace = "wide", .resume = {{PartitionId(99), Revision(5)}}};
  Watch watch({}, wish, Rng(4));
  watch.observe(map, Time{});
  EXPECT_FALSE(watch.ended().has_value()) << "the map may be older than the position";
  EXPECT_TRUE(watch.take_map_wish());
  EXPECT_TRUE(watch.take_sends().empty());
  watch.observe(map, Time{});
  ASSERT_TRUE(watch.ended().has_value());
  EXPECT_EQ(watch.ended()->code, Code::invalid);
  const std::string& why = watch.ended()->why;
  EXPECT_NE(why.find("names partition 99"), std::string::npos) << why;
  const std::string both = std::to_string(parts[0].id.value()) + ", " + std::to_string(parts[1].id.value());
  EXPECT_NE(why.find("wide has " + both), std::string::npos) << why;
  EXPECT_NE(watch.ended()->hint.find("read the state anew"), std::string::npos);
  EXPECT_TRUE(watch.take_sends().empty());
}

TEST(CallerWatch, ARangeIsWatchedInEachPartitionAndResumedByAVector) {
  Watch watch({}, {.keyspace = "wide", .from = Revision(1)}, Rng(3));
  const Time now = Time{} + std::chrono::hours(1);
  watch.observe(with_parts(4), now);
  const auto sends = watch.take_sends();
  ASSERT_EQ(sends.size(), 4U);
  std::uint64_t up_to = 10;
  for (const Send& send : sends) watch.receive(told(send.request.id, {up_to}, up_to), now), ++up_to;
  EXPECT_EQ(watch.take_batches().size(), 4U);
  watch.stop();
  EXPECT_EQ(watch.take_cancels().size(), 4U);
  Watch again({}, {.keyspace = "wide", .resume = watch.position()}, Rng(4));
  again.observe(with_parts(4), now);
  for (const Send& send : again.take_sends()) {
    const auto known = watch.position().at(send.request.partition);
    EXPECT_EQ(send.request.operands->revision, next(known));
    EXPECT_GE(known, Revision(10));
  }
  Watch one({}, {.keyspace = "wide", .first = "k", .single_key = true}, Rng(5));
  one.observe(with_parts(4), now);
  EXPECT_EQ(one.take_sends().size(), 1U);
}

// A cluster that loses streams, repeats and lags at will: what is delivered is the log, each revision once and in order.
TEST(CallerWatch, DeliversExactlyTheLogWhateverTheNodesDo) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Rng random(seed);
    Bench bench({.keyspace = "bank", .from = Revision(1)});
    std::uint64_t head = 0;
    std::map<RequestId, std::uint64_t> open;  // stream -> next revision it will tell
    std::vector<std::uint64_t> got;
    for (int step = 0; step < 400; ++step) {
      head += random.below(3);
      for (const Send& send : bench.watch.take_sends()) open[send.request.id] = send.request.operands->revision.value();
      for (const WatchCancel& cancel : bench.watch.take_cancels()) {
        if (random.chance(0.5)) open.erase(cancel.id);  // the other half goes on for a while
      }
      for (auto it = open.begin(); it != open.end();) {
        const RequestId id = it->first;
        if (random.chance(0.05)) {
          it = open.erase(it);
          bench.watch.receive(refuse(id, random.chance(0.5) ? Code::disconnected : Code::not_ready, ""), bench.now);
          continue;
        }
        if (random.chance(0.7) && it->second <= head) {
          const std::uint64_t first = random.chance(0.1) && it->second > 1 ? it->second - 1 : it->second;
          const std::uint64_t last = random.between(it->second, head);
          std::vector<std::uint64_t> revisions;
          for (std::uint64_t revision = first; revision <= last; ++revision) revisions.push_back(revision);
          bench.watch.receive(told(id, revisions, last), bench.now);
          it->second = last + 1;
        }
        ++it;
      }
      bench.now += random.between(milliseconds(1), milliseconds(800));
      bench.watch.tick(bench.now);
      for (const WatchBatch& batch : bench.watch.take_batches()) {
        for (const Event& event : batch.events) got.push_back(event.revision.value());
        ASSERT_EQ(batch.revision.value(), got.size());
      }
    }
    ASSERT_FALSE(got.empty());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i + 1);
    EXPECT_GT(bench.watch.resumes(), 3U);
  }
}

}  // namespace
}  // namespace rift::caller
