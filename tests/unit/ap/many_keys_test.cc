// Several keys of an ap keyspace: multi-gets and scans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

Request many(const std::vector<std::string>& keys, Level level) {
  Request request = at_level(get(keys.front()), level);
  request.verb = Verb::multi_get;
  for (const std::string& key : keys)
    request.operands.ensure().then_steps.push_back(Step{.verb = Verb::get, .key = Bytes(key)});
  return kit::with_budget(std::move(request), milliseconds(500));
}

Request page(const Bytes& cursor, std::uint32_t keys_max, Level level = Level::one) {
  Request request = at_level(get(""), level);
  request.verb = Verb::scan;
  request.operands.ensure().cursor = cursor;
  request.operands->keys_max = keys_max;
  return request;
}

void make_atomic(ApCluster& c) {
  topology::Catalog next = c.catalog();
  next.epoch = MapEpoch(next.epoch.value() + 1);
  topology::Keyspace& keyspace = next.keyspaces.at("k");
  keyspace.atomic = true;
  keyspace.read = keyspace.write = Level::majority;
  c.change_catalog(std::move(next));
}

std::vector<std::string> values_of(const Response& response) {
  std::vector<std::string> values;
  for (const Item& item : response.results->items) values.push_back(item.found ? item.value.to_string() : "absent");
  return values;
}

TEST(ApMultiGet, GivesEachKeyAtTheLevelAsked) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("a", "1"), Level::all));
  c.call(NodeId(1), at_level(put("b", "old"), Level::all));
  c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(1) && is<wire::Store>(message); });
  const Response newer = *c.call(NodeId(2), at_level(put("b", "new"), Level::majority));
  const auto here = c.call(NodeId(1), many({"a", "b", "never"}, Level::one));
  EXPECT_THAT(values_of(*here), testing::ElementsAre("1", "old", "absent"));
  EXPECT_EQ(here->receipt.reached, Level::one);
  const auto read = c.call(NodeId(1), many({"b", "a", "never"}, Level::majority));
  ASSERT_EQ(read->outcome, Outcome::done) << read->why;
  EXPECT_THAT(values_of(*read), testing::ElementsAre("new", "1", "absent"));
  EXPECT_EQ(read->results->items[0].version, newer.version);
  EXPECT_EQ(read->receipt.reached, Level::majority);
  EXPECT_EQ(c.ap(1).status().pending, 0U);
}

TEST(ApMultiGet, OneKeyThatMissesItsLevelMakesTheWholeNotDone) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("a", "1"), Level::all));
  c.call(NodeId(1), at_level(put("b", "1"), Level::all));
  c.set_filter([](NodeId from, const Outgoing&) { return from != NodeId(1); });
  const auto read = c.call(NodeId(1), many({"a", "b"}, Level::majority));
  EXPECT_EQ(read->code, Code::timeout);
  EXPECT_EQ(read->outcome, Outcome::not_done);
  EXPECT_FALSE(read->results);
  EXPECT_NE(read->why.find("of 2"), std::string::npos) << read->why;
  EXPECT_EQ(c.ap(1).status().pending, 0U);
}

TEST(ApMultiGet, IsRefusedWhereTooMuchIsUnderWayAndAnswersNoMoreThanFits) {
  ApCluster c(3, 1, [](NodeId, Options& options) { options.bounds.pending_reads_max = 3; });
  EXPECT_EQ(c.call(NodeId(1), many({"a", "b", "c"}, Level::majority))->code, Code::ok);
  EXPECT_EQ(c.call(NodeId(1), many({"a", "b", "c", "d"}, Level::majority))->code, Code::overloaded);
  const std::string large(600 * 1024, 'v');
  c.call(NodeId(1), at_level(put("a", large), Level::all));
  c.call(NodeId(1), at_level(put("b", large), Level::all));
  EXPECT_EQ(c.call(NodeId(1), many({"a", "b"}, Level::one))->code, Code::too_large);
  EXPECT_EQ(c.call(NodeId(1), many({"a", "never"}, Level::one))->code, Code::ok);
}

TEST(ApMultiGet, ACancelledOneEndsWithAllItsKeys) {
  ApCluster c;
  c.isolate(NodeId(1));
  const auto id = c.submit(NodeId(1), many({"a", "b", "c"}, Level::majority));
  c.run_for(milliseconds(10));
  EXPECT_EQ(c.ap(1).status().pending, 3U);
  const std::vector<RequestId> ids{id};
  c.at(1).cancel(ids);
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  c.run_for(seconds(2));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
}

TEST(ApScan, GivesEveryKeyOnceInTheOrderOfHashesAndNoneThatIsDeletedOrOver) {
  ApCluster c;
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.insert(fmt::format("k{}", i));
  for (const std::string& key : keys) c.call(NodeId(1), at_level(put(key, "v" + key), Level::all));
  c.call(NodeId(1), at_level(del("k7"), Level::all));
  Request brief = at_level(put("k8", "brief"), Level::all);
  brief.operands.ensure().ttl = milliseconds(500);
  c.call(NodeId(1), brief);
  c.run_for(seconds(1));
  keys.erase("k7");
  keys.erase("k8");
  std::set<std::string> seen;
  Bytes cursor;
  do {
    const auto reply = c.call(NodeId(2), page(cursor, 9));
    ASSERT_EQ(reply->outcome, Outcome::done) << reply->why;
    EXPECT_LE(reply->results->items.size(), 9U);
    for (const Item& item : reply->results->items) {
      EXPECT_TRUE(seen.insert(item.key.to_string()).second) << item.key.to_string();
      EXPECT_EQ(item.value.to_string(), "v" + item.key.to_string());
    }
    cursor = reply->results->next_key;
  } while (!cursor.empty());
  EXPECT_EQ(seen, keys);
}

// Keys come and go between the pages, and each page is another owner's.
TEST(ApScan, T24WhatIsThereAllTheWhileComesExactlyOnce) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    ApCluster c(3, seed);
    Rng random(seed);
    std::set<std::string> staying;
    for (int i = 0; i < 40; ++i) {
      const std::string key = fmt::format("stays{}", i);
      staying.insert(key);
      c.call(NodeId(1), at_level(put(key, "v"), Level::all));
    }
    std::map<std::string, int> seen;
    Bytes cursor;
    do {
      for (int i = 0; i < 10; ++i) {
        const std::string key = fmt::format("goes{}", random.below(30));
        c.call(NodeId(1), at_level(random.below(2) == 0 ? put(key, "v") : del(key), Level::all));
      }
      const auto owner = static_cast<std::uint32_t>(1 + random.below(3));
      const auto reply = c.call(NodeId(owner), page(cursor, static_cast<std::uint32_t>(1 + random.below(6))));
      ASSERT_EQ(reply->outcome, Outcome::done);
      for (const Item& item : reply->results->items) ++seen[item.key.to_string()];
      cursor = reply->results->next_key;
      if (random.below(4) == 0) {
        c.crash(NodeId(owner));
        ASSERT_TRUE(c.restart(NodeId(owner)));
        ASSERT_TRUE(c.rest_within(seconds(10)));
      }
    } while (!cursor.empty());
    for (const std::string& key : staying) EXPECT_EQ(seen[key], 1) << key;
    for (const auto& [key, times] : seen) EXPECT_EQ(times, 1) << key;
  }
}

TEST(ApScan, ARangeIsAFilter) {
  ApCluster c;
  for (const char* key : {"a1", "a2", "b1", "b2", "c1"}) c.call(NodeId(1), at_level(put(key, "v"), Level::all));
  Request request = page({}, 100);
  request.key = "a2";
  request.operands->range_end = "b2";
  request.operands->keys_only = true;
  const auto reply = c.call(NodeId(1), request);
  std::set<std::string> keys;
  for (const Item& item : reply->results->items) {
    keys.insert(item.key.to_string());
    EXPECT_TRUE(item.value.empty());
  }
  EXPECT_EQ(keys, (std::set<std::string>{"a2", "b1"}));
}

TEST(ApScan, IsOfOneCopyAndRefusesToBeMore) {
  ApCluster c;
  const auto reply = c.call(NodeId(1), page({}, 10, Level::majority));
  EXPECT_EQ(reply->code, Code::unsupported);
  EXPECT_NE(reply->hint.find("ONE"), std::string::npos);
}

TEST(ApScan, OfAnAtomicKeyspaceIsRefused) {
  ApCluster c;
  make_atomic(c);
  const auto reply = c.call(NodeId(1), page({}, 10));
  EXPECT_EQ(reply->code, Code::unsupported);
  EXPECT_NE(reply->why.find("atomic"), std::string::npos) << reply->why;
}

TEST(ApScan, T39ACopyThatIsCatchingUpGivesNoPage) {
  bool forgets = false;
  ApCluster c(3, 1, [&](NodeId, Options& options) { options.forgetful = forgets; });
  c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  c.set_filter([](NodeId from, const Outgoing&) { return from == NodeId(2); });  // which nobody is told by
  c.crash(NodeId(1));
  forgets = true;
  ASSERT_TRUE(c.restart(NodeId(1)));
  const auto reply = c.call(NodeId(1), page({}, 10));
  EXPECT_EQ(reply->code, Code::level_unreachable);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  c.set_filter({});
  ASSERT_TRUE(c.rest_within(seconds(10)));
  EXPECT_EQ(c.call(NodeId(1), page({}, 10))->results->items.size(), 1U);
}

TEST(ApMultiGet, OfAnAtomicKeyspaceIsReadByAMajority) {
  ApCluster c;
  make_atomic(c);
  c.call(NodeId(1), at_level(put("a", "1"), Level::majority));
  const auto read = c.call(NodeId(1), many({"a", "never"}, Level::one));
  EXPECT_EQ(read->receipt.reached, Level::majority);
  EXPECT_THAT(values_of(*read), testing::ElementsAre("1", "absent"));
  c.isolate(NodeId(1));
  c.observe(NodeId(1), nodes_of({1}));
  EXPECT_EQ(c.call(NodeId(1), many({"a", "never"}, Level::one))->code, Code::level_unreachable);
}

}  // namespace
}  // namespace rift::ap
