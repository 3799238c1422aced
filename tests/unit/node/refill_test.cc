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

}  // namespace
}  // namespace rift::node
