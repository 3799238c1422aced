#include "caller/scan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "world.h"

namespace rift::caller {
namespace {

topology::Catalog four_partitions() {
  return MUST(topology::create_keyspace(*three_nodes(), {.name = "wide", .mode = Mode::cp, .partitions = 4}));
}

TEST(CallerScan, MergesPartitionsInTheOrderOfKeysPageByPage) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rng random(seed);
    const topology::Catalog catalog = four_partitions();
    const topology::Keyspace& keyspace = *catalog.find("wide");
    std::map<PartitionId, std::set<std::string>> stored;
    std::set<std::string> all;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "k" + std::to_string(random.below(1000));
      stored[topology::place(keyspace, key).id].insert(key);
      all.insert(key);
    }
    Scan scan({.keyspace = "wide", .first = "k", .keys_max = 7}, keyspace);
    std::vector<std::string> seen;
    while (!scan.is_over()) {
      for (const Operation& operation : scan.wanted()) {
        ASSERT_EQ(operation.verb, Verb::scan);
        Results results;
        const auto& keys = stored[operation.partition];
        const std::size_t most = random.below(8);  // a page may be short, even empty, and go on
        auto it = keys.lower_bound(operation.key.to_string());
        for (; it != keys.end() && results.items.size() < most; ++it)
          results.items.push_back(Item{.key = Bytes(*it), .found = true, .value = {}, .version = {}});
        if (it != keys.end()) results.next_key = Bytes(*it);
        scan.take(operation.partition, std::move(results));
      }
      const auto page = scan.page();
      EXPECT_LE(page.size(), 7U);
      for (const Item& item : page) seen.push_back(item.key.to_string());
    }
    EXPECT_EQ(seen, std::vector<std::string>(all.begin(), all.end()));
  }
}

TEST(CallerScan, NamesTheRevisionOfEachPartition) {
  const topology::Catalog catalog = four_partitions();
  Scan scan({.keyspace = "wide"}, *catalog.find("wide"));
  std::uint64_t revision = 5;
  for (const Operation& operation : scan.wanted()) {
    Results results;
    results.revision = Revision(revision++);
    scan.take(operation.partition, std::move(results));
  }
  EXPECT_TRUE(scan.is_over());
  ASSERT_EQ(scan.revisions().size(), 4U);
  EXPECT_EQ(scan.revisions().rbegin()->second, Revision(8));
}

topology::Catalog four_ap_partitions() {
  return MUST(topology::create_keyspace(*three_nodes(), {.name = "wide", .mode = Mode::ap, .partitions = 4}));
}

// Each page is asked for by a scan that knows nothing but the cursor of the one before.
TEST(CallerScan, OfAnApKeyspaceGoesOnFromItsCursor) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rng random(seed);
    const topology::Catalog catalog = four_ap_partitions();
    const topology::Keyspace& keyspace = *catalog.find("wide");
    std::map<PartitionId, std::set<std::string>> stored;
    std::set<std::string> all;
    for (int i = 0; i < 60; ++i) {
      std::string key = "k" + std::to_string(random.below(1000));
      key += static_cast<char>(random.below(256));
      stored[topology::place(keyspace, key).id].insert(key);
      all.insert(key);
    }
    std::multiset<std::string> seen;
    std::string cursor;
    do {
      Scan scan = MUST(Scan::create({.keyspace = "wide", .keys_max = 7, .cursor = cursor}, keyspace));
      std::vector<Item> page;
      while (page.empty() && !scan.is_over()) {
        const auto wanted = scan.wanted();
        ASSERT_LE(wanted.size(), 1U) << "one partition after the other";
        for (const Operation& operation : wanted) {
          Results results;
          const auto& keys = stored[operation.partition];  // by any order that is always the same
          const std::size_t most = random.below(9);
          auto it = keys.lower_bound(operation.operands->cursor.to_string());
          for (; it != keys.end() && results.items.size() < most; ++it)
            results.items.push_back(Item{.key = Bytes(*it), .found = true, .value = {}, .version = {}});
          if (it != keys.end()) results.next_key = Bytes(*it);
          scan.take(operation.partition, std::move(results));
        }
        page = scan.page();
      }
      EXPECT_LE(page.size(), 7U);
      for (const Item& item : page) seen.insert(item.key.to_string());
      cursor = scan.cursor();
    } while (!cursor.empty());
    EXPECT_EQ(seen, std::multiset<std::string>(all.begin(), all.end()));
  }
}

TEST(CallerScan, T24ACursorOfAnotherLifeOrNoneIsRefused) {
  const topology::Catalog catalog = four_ap_partitions();
  const topology::Keyspace& keyspace = *catalog.find("wide");
  const auto told = [&](const std::string& cursor) {
    const auto scan = Scan::create({.keyspace = "wide", .cursor = cursor}, keyspace);
    return scan ? std::string("taken") : std::string(to_string(scan.error().code)) + ": " + scan.error().detail;
  };
  const std::string first = std::to_string(keyspace.partitions.front().id.value());
  EXPECT_EQ(told("1." + first + "."), "taken");
  EXPECT_EQ(told("1." + first + ".6b"), "taken");
  for (const std::string& hostile : std::vector<std::string>{
           "x", "1", "1.", "1..", "2." + first + ".6b", "1." + first + ".6", "1." + first + ".6g", "1.-1.6b",
           "1.99999999999.6b", "1." + first + "." + std::string(2 * limits::key_bytes_max + 2, 'a')})
    EXPECT_EQ(told(hostile).rfind("invalid: this is no cursor", 0), 0U) << hostile.substr(0, 40) << told(hostile);
  EXPECT_EQ(told("1.9999.6b"),
            "invalid: the cursor is of another life of wide: it was dropped and created again, begin anew");
  const auto of_cp =
      Scan::create({.keyspace = "wide", .cursor = "1." + first + ".6b"}, *four_partitions().find("wide"));
  ASSERT_FALSE(of_cp);
  EXPECT_EQ(of_cp.error().code, Code::invalid);
}

TEST(Caller, WhatIsAboutARangeGoesToThePartitionThatItNames) {
  World world({}, false);
  const auto catalog = std::make_shared<const topology::Catalog>(four_partitions());
  world.caller.observe(catalog, world.now);
  const topology::Keyspace& keyspace = *catalog->find("wide");
  std::uint64_t id = 1;
  for (const topology::Partition& partition : keyspace.partitions) {
    world.caller.submit(RequestId(id++),
                        {.keyspace = "wide", .verb = Verb::del_range, .key = "k", .partition = partition.id},
                        world.now);
    const Send send = world.sent();
    EXPECT_EQ(send.request.partition, partition.id);
    EXPECT_TRUE(send.request.op->first);  // a dedup window of that partition
    EXPECT_NE(std::find(partition.owners.begin(), partition.owners.end(), send.node), partition.owners.end());
    world.answer(send, Code::ok, NodeId(1));
    EXPECT_EQ(world.ended().response.outcome, Outcome::done);
  }
  world.caller.submit(RequestId(id++), {.keyspace = "wide", .verb = Verb::scan}, world.now);
  EXPECT_EQ(world.ended().response.code, Code::invalid);  // which of the four?
}

TEST(Caller, APartitionOfADroppedKeyspaceIsNotAskedForAgainByNumber) {
  World world({}, false);
  const auto before = four_partitions();
  const PartitionId old = before.find("wide")->partitions.front().id;
  auto after = MUST(topology::drop_keyspace(before, "wide"));
  after = MUST(topology::create_keyspace(after, {.name = "wide", .mode = Mode::cp, .partitions = 4}));
  const auto map = std::make_shared<const topology::Catalog>(std::move(after));
  // What the caller knows itself.
  world.caller.observe(map, world.now);
  world.caller.submit(RequestId(1), {.keyspace = "wide", .verb = Verb::scan, .partition = old}, world.now);
  const auto known = world.ended().response;
  EXPECT_EQ(known.code, Code::unknown_keyspace);
  EXPECT_EQ(known.outcome, Outcome::not_done);
  EXPECT_NE(known.why.find("dropped and created again"), std::string::npos) << known.why;
  EXPECT_EQ(known.hint, "begin anew");
  // What a node tells one whose map is older.
  World late({}, false);
  late.caller.observe(std::make_shared<const topology::Catalog>(before), late.now);
  late.caller.submit(RequestId(1), {.keyspace = "wide", .verb = Verb::scan, .partition = old}, late.now);
  late.answer(late.sent(), Code::unknown_keyspace);
  EXPECT_TRUE(late.caller.take_map_wish());
  late.caller.observe(map, late.now);
  late.wait();
  EXPECT_EQ(late.ended().response.hint, "begin anew");
}

TEST(Caller, ReadsSeeWhatItHasWrittenAndReadBefore) {
  World world({.read_own = true});
  const auto index_of = [&](std::uint64_t index) {
    const Send send = world.sent();
    Response response = refuse(send.request.id, Code::ok, "");
    response.receipt.index = LogIndex(index);
    world.caller.receive(std::move(response), world.now);
    world.ended();
    return send.request.token;
  };
  world.get(1, "bank");
  EXPECT_EQ(index_of(4), 0U);
  world.put(2, "bank");
  EXPECT_EQ(index_of(9), 0U);  // writes carry none
  world.get(3, "bank");
  EXPECT_EQ(index_of(7), 9U);
  world.get(4, "bank");
  EXPECT_EQ(index_of(9), 9U);
  world.get(5, "carts");
  EXPECT_EQ(index_of(0), 0U);
}

// Whoever was told that another one has the lock must not read of a time before.
TEST(ReadOwn, AFailedConditionHasSeenAStateToo) {
  World world({.read_own = true});
  world.caller.submit(RequestId(1),
                      {.keyspace = "bank",
                       .verb = Verb::cas,
                       .key = "k",
                       .value = "v",
                       .condition = {.kind = Condition::Kind::absent, .version = 0, .value = {}}},
                      world.now);
  const Send cas = world.sent();
  Response failed = refuse(cas.request.id, Code::condition_failed, "");
  failed.receipt.index = LogIndex(12);
  world.caller.receive(std::move(failed), world.now);
  world.ended();
  world.get(2, "bank");
  EXPECT_EQ(world.sent().request.token, 12U);
}

}  // namespace
}  // namespace rift::caller
