// Nodes whose replicas are given a state by others: after a long absence, and after their store has lost what was durable.
#include <gtest/gtest.h>

#include "cp/space.h"
#include "node/amnesia.h"
#include "tests/unit/node/node_world.h"
#include "wire/keys.h"

namespace rift::node {
namespace {

struct Refill : ::testing::Test {
  Refill() : world(3) {
    for (const std::uint32_t n : {1U, 2U, 3U}) world.seat(n).cp.compaction.entries_max = 8;
    for (const std::uint32_t n : {1U, 2U, 3U}) world.kill(n);
    for (const std::uint32_t n : {1U, 2U, 3U}) MUST(world.start(n));
    world.found(world.first_catalog(3));
    change_map("bank");
    EXPECT_TRUE(world.pass_until([&] { return knows("bank", 3); }));
    world.await_leaders();
  }
  bool knows(const std::string& name, std::uint32_t n) {
    bool known = false;
    world.node(n).catalog([&](const Result<topology::Catalog>& told) { known = told && told->find(name) != nullptr; });
    return known;
  }
  void change_map(const std::string& name) {
    bool done = false;
    world.node().create_keyspace({.name = name, .mode = Mode::cp, .partitions = 1},
                                 [&](const Result<topology::Catalog>& result) { done = result.has_value(); });
    ASSERT_TRUE(world.pass_until([&] { return done; })) << name;
  }
  void drop(const std::string& name) {
    bool done = false;
    world.node().drop_keyspace(name, [&](const Result<topology::Catalog>& result) { done = result.has_value(); });
    ASSERT_TRUE(world.pass_until([&] { return done; })) << name;
  }
  Generation generation(std::uint32_t n, PartitionId partition) {
    return MUST(cp::find_space(partition, world.seat(n).store)).generation;
  }
  std::string role(std::uint32_t n, PartitionId partition) {
    for (const ReplicaStatus& replica : world.status(n).replicas) {
      if (replica.partition == partition) return replica.role;
    }
    return "absent";
  }

  NodeWorld world;
};

// The catalog key moves to another generation of the state, and the node follows it there.
TEST_F(Refill, ANodeThatWasAwayTakesTheMapFromASnapshotAndHearsOfLaterOnes) {
  world.kill(3);
  for (int i = 0; i < 20; ++i) {
    change_map("other");
    drop("other");
  }
  change_map("last");
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return knows("last", 3); }));
  ASSERT_TRUE(world.pass_until([&] { return generation(3, topology::system_partition) == Generation(2); }));
  change_map("later");
  EXPECT_TRUE(world.pass_until([&] { return knows("later", 3); }));
  // From its own disk alone it knows the map of the new generation.
  world.kill(3);
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return world.node(3).ready(); }));
  EXPECT_TRUE(knows("later", 3));
}

// Every group of the node is silent until it has been refilled, and then takes part again.
TEST_F(Refill, AStoreThatHasForgottenIsRefilledGroupByGroup) {
  Request write = kit::put("k", "v");
  write.keyspace = "bank";
  ASSERT_TRUE(world.pass_until([&] { return world.call(write).outcome == Outcome::done; }));
  world.pass(std::chrono::seconds(1));
  world.kill(3);
  world.seat(3).store.poke(env::Table::meta, amnesia_key(), Bytes("1"));
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return world.node(3).ready() && knows("bank", 3); }));
  topology::Catalog map;
  world.node(3).catalog([&](Result<topology::Catalog> told) { map = MUST(std::move(told)); });
  const PartitionId bank = NodeWorld::partition_of(map, "bank");
  for (const PartitionId partition : {topology::system_partition, bank}) {
    ASSERT_TRUE(world.pass_until([&] { return role(3, partition) == "follower" || role(3, partition) == "leader"; }))
        << partition.value() << " " << role(3, partition);
    EXPECT_EQ(generation(3, partition), Generation(2));
  }
  Request request = kit::with_level(kit::get("k"), Level::one);
  request.keyspace = "bank";
  EXPECT_EQ(world.call(request, 3).value, Bytes("v"));
}

// A voter that was born as a learner has promised as much as any other.
TEST_F(Refill, AStoreThatHasForgottenDoubtsItsLearnersToo) {
  const PartitionId learnt{77};
  world.kill(3);
  world.seat(3).store.poke(env::Table::meta, wire::partition_meta_key(learnt, "learner"), Bytes("1"));
  world.seat(3).store.poke(env::Table::meta, amnesia_key(), Bytes("1"));
  env::WriteBatch batch;
  EXPECT_TRUE(MUST(take_amnesia(world.seat(3).store, batch)));
  bool marked = false;
  for (std::size_t i = 0; i < batch.size(); ++i)
    marked = marked || batch.at(i).key == wire::partition_meta_key(learnt, "repair");
  EXPECT_TRUE(marked);
}

// Two of three nodes have forgotten once, long ago: a new group is none of that.
TEST_F(Refill, WhatIsBornAfterTheRefillIsBornSound) {
  for (const std::uint32_t n : {2U, 3U}) {
    world.kill(n);
    world.seat(n).store.poke(env::Table::meta, amnesia_key(), Bytes("1"));
    MUST(world.start(n));
    ASSERT_TRUE(world.pass_until([&] {
      const std::string now = role(n, topology::system_partition);
      return now == "follower" || now == "leader";
    }));
  }
  change_map("later");
  ASSERT_TRUE(world.pass_until([&] { return knows("later", 1) && knows("later", 2) && knows("later", 3); }));
  topology::Catalog map;
  world.node().catalog([&](Result<topology::Catalog> told) { map = MUST(std::move(told)); });
  const PartitionId later = NodeWorld::partition_of(map, "later");
  Request write = kit::with_budget(kit::put("k", "v"), std::chrono::seconds(5));
  write.keyspace = "later";
  EXPECT_TRUE(world.pass_until([&] { return world.call(write).outcome == Outcome::done; }));
  for (const std::uint32_t n : {2U, 3U}) {
    EXPECT_EQ(generation(n, later), Generation(1)) << "it was not refilled";
    EXPECT_NE(role(n, later), "repair");
  }
}

// What it does not know it may have held: created in the part of its log that is gone.
TEST_F(Refill, WhatWasBornInTheForgottenPartIsBornInDoubt) {
  topology::Catalog map;
  world.node(3).catalog([&](Result<topology::Catalog> told) { map = MUST(std::move(told)); });
  const PartitionId bank = NodeWorld::partition_of(map, "bank");
  world.pass(std::chrono::seconds(1));
  world.kill(3);
  kit::MapStore& store = world.seat(3).store;
  env::WriteBatch lost;
  for (const env::Table table : {env::Table::meta, env::Table::log, env::Table::state_cp}) {
    const auto range = wire::partition_range(bank);
    lost.erase_range(table, range.first, range.last);
  }
  lost.put(env::Table::meta, amnesia_key(), wire::encode_u64(1));
  MUST(store.apply(lost));
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return role(3, bank) != "absent"; }));
  EXPECT_EQ(role(3, bank), "repair");
  EXPECT_TRUE(world.pass_until([&] { return role(3, bank) == "follower" || role(3, bank) == "leader"; }));
}

// Nothing tells what of an ap partition is missing: until it has been brought what the others hold it proves nothing.
TEST_F(Refill, T39AnApReplicaThatHasForgottenCountsForNothingUntilItIsRefilled) {
  bool done = false;
  world.node().create_keyspace({.name = "carts", .mode = Mode::ap, .partitions = 1},
                               [&](const Result<topology::Catalog>& result) { done = result.has_value(); });
  ASSERT_TRUE(world.pass_until([&] { return done && knows("carts", 3); }));
  Request write = kit::with_level(kit::put("k", "v"), Level::all);
  write.keyspace = "carts";
  ASSERT_TRUE(world.pass_until([&] { return world.call(write).outcome == Outcome::done; }));
  topology::Catalog map;
  world.node().catalog([&](Result<topology::Catalog> told) { map = MUST(std::move(told)); });
  const PartitionId carts = NodeWorld::partition_of(map, "carts");
  world.kill(3);
  const auto range = wire::ap_data_range(carts, Generation(1));
  env::WriteBatch lost;
  lost.erase_range(env::Table::state_ap, range.first, range.last);
  lost.put(env::Table::meta, amnesia_key(), Bytes("1"));
  MUST(world.seat(3).store.apply(lost));
  world.cut(1, 3);
  world.cut(2, 3);
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return role(3, carts) == "catching up"; }));
  const auto read = [&](Level level, std::uint32_t n) {
    Request request = kit::with_budget(kit::with_level(kit::get("k"), level), std::chrono::seconds(1));
    request.keyspace = "carts";
    return world.call(request, n);
  };
  EXPECT_NE(read(Level::majority, 3).outcome, Outcome::done);
  const Response alone = read(Level::one, 3);
  EXPECT_EQ(alone.outcome, Outcome::done);
  EXPECT_TRUE(alone.receipt.degraded) << "it answers what it has, and says so";
  // It remembers that over another start.
  world.kill(3);
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return role(3, carts) == "catching up"; }));
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return role(3, carts) == "owner"; }));
  EXPECT_EQ(read(Level::all, 1).value, Bytes("v")) << "it counts again";
  const Response here = read(Level::one, 3);
  EXPECT_EQ(here.value, Bytes("v"));
  EXPECT_EQ(here.receipt.served_by, NodeId(3));
  EXPECT_FALSE(here.receipt.degraded);
  world.kill(3);
  MUST(world.start(3));
  EXPECT_TRUE(world.pass_until([&] { return role(3, carts) != "absent"; }));
  EXPECT_EQ(role(3, carts), "owner") << "once";
}

}  // namespace
}  // namespace rift::node
