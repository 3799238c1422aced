// Who a node is, by its disk alone.
#include "node/identity.h"

#include <gtest/gtest.h>

#include "node/amnesia.h"
#include "tests/kit/map_store.h"
#include "wire/keys.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr NodeId self{3};
constexpr ClusterId cluster{.high = 1, .low = 2};

struct Disk {
  Result<StartState> start(NodeId node, std::uint64_t seed) {
    Rng rng(seed);
    env::WriteBatch batch;
    auto state = load_identity(store, node, rng, batch);
    if (state) MUST(store.apply(batch));
    return state;
  }
  void stop_cleanly(std::uint64_t last_sequence) {
    env::WriteBatch batch;
    batch.put(env::Table::meta, wire::node_meta_key("clean_stop"), wire::encode_u64(last_sequence));
    MUST(store.apply(batch));
  }
  void join() {
    NodeIdentity identity = MUST(start(self, 99)).identity;
    identity.cluster = cluster;
    env::WriteBatch batch;
    put_identity(identity, batch);
    MUST(store.apply(batch));
  }
  void spoil(std::string_view name) { store.poke(env::Table::meta, wire::node_meta_key(name), Bytes("no record")); }

  kit::MapStore store;
};

TEST(Identity, OfANewDiskIsDrawnOnce) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  EXPECT_EQ(first.identity.node, self);
  EXPECT_TRUE(first.identity.cluster.is_zero());
  EXPECT_FALSE(first.identity.disk.is_zero());
  EXPECT_EQ(first.identity.incarnation >> 32, 1u);
  EXPECT_FALSE(first.unclean) << "a new disk owes nothing to anybody";
  EXPECT_EQ(first.hlc_ceiling, 0u);
  EXPECT_EQ(MUST(disk.start(self, 2)).identity.disk, first.identity.disk);
  Disk other;
  EXPECT_NE(MUST(other.start(self, 2)).identity.disk, first.identity.disk);
}

// A store that has lost durable batches: whatever was born in it must not be believed, and the node is another life, far from those forgotten.
TEST(Identity, AStoreThatHasForgottenMarksItsReplicasOnce) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  disk.join();
  disk.stop_cleanly(9);
  for (const std::uint32_t id : {1U, 7U})
    disk.store.poke(env::Table::meta, wire::partition_meta_key(PartitionId(id), "create"), wire::encode_u64(1));
  disk.store.poke(env::Table::meta, wire::partition_meta_key(PartitionId(8), "tombstone"), wire::encode_u64(1));
  disk.store.poke(env::Table::meta, amnesia_key(), Bytes("1"));
  const StartState second = MUST(disk.start(self, 2));
  EXPECT_TRUE(second.unclean);
  EXPECT_GT(second.identity.incarnation >> 32, (first.identity.incarnation >> 32) + 1000);
  ASSERT_EQ(second.starts.size(), 1u) << "of those before nothing is known";
  EXPECT_GT(second.starts[0] >> 32, (first.starts[0] >> 32) + 1000);
  const auto mark = [&](std::uint32_t id) {
    return MUST(disk.store.get(env::Table::meta, wire::partition_meta_key(PartitionId(id), "repair"))).has_value();
  };
  EXPECT_TRUE(mark(1));
  EXPECT_TRUE(mark(7));
  EXPECT_FALSE(mark(8));
  EXPECT_FALSE(MUST(disk.store.get(env::Table::meta, amnesia_key())).has_value());
  disk.stop_cleanly(9);
  const StartState third = MUST(disk.start(self, 3));
  EXPECT_FALSE(third.unclean);
  EXPECT_EQ(third.identity.incarnation, second.identity.incarnation);
}

TEST(Identity, RefusesTheDiskOfAnotherNodeAndWritesNothing) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  disk.stop_cleanly(9);
  const auto foreign = disk.start(NodeId(4), 2);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::invalid);
  const StartState again = MUST(disk.start(self, 3));
  EXPECT_EQ(again.identity, first.identity);
  EXPECT_FALSE(again.unclean);
}

TEST(Identity, KeepsTheClusterItHasJoined) {
  Disk disk;
  disk.join();
  EXPECT_EQ(MUST(disk.start(self, 5)).identity.cluster, cluster);
}

TEST(Identity, AnUncleanStopTakesANewIncarnation) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  const StartState second = MUST(disk.start(self, 2));
  EXPECT_TRUE(second.unclean);
  EXPECT_EQ(second.identity.incarnation >> 32, 2u);
  EXPECT_NE(second.identity.incarnation & 0xffffffff, first.identity.incarnation & 0xffffffff)
      << "a copied disk draws another one";
  EXPECT_EQ(second.dot_sequence, 0u);
}

TEST(Identity, ACleanStopKeepsTheIncarnationAndCountsOn) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  disk.stop_cleanly(41);
  const StartState second = MUST(disk.start(self, 2));
  EXPECT_FALSE(second.unclean);
  EXPECT_EQ(second.identity, first.identity);
  EXPECT_EQ(second.dot_sequence, 41u);
  // The mark is used up: what follows without another one is unclean.
  const StartState third = MUST(disk.start(self, 3));
  EXPECT_TRUE(third.unclean);
  EXPECT_EQ(third.identity.incarnation >> 32, 2u);
  EXPECT_EQ(third.dot_sequence, 0u);
}

// By that the peers know a copy of the disk, also one that was made while the node was stopped cleanly.
TEST(Identity, CountsEveryStart) {
  Disk disk;
  const StartState first = MUST(disk.start(self, 1));
  ASSERT_EQ(first.starts.size(), 1u);
  EXPECT_EQ(first.starts[0] >> 32, 1u);
  disk.stop_cleanly(41);
  Disk restored;
  for (const auto& pair : MUST(disk.store.scan(env::Table::meta, env::Range{}, 100, 1 << 20)))
    restored.store.poke(env::Table::meta, pair.key, pair.value);
  const StartState second = MUST(disk.start(self, 2));
  EXPECT_EQ(second.starts[0] >> 32, 2u);
  EXPECT_EQ(second.starts[1], first.starts[0]);
  const StartState twin = MUST(restored.start(self, 3));
  EXPECT_EQ(twin.starts[0] >> 32, 2u);
  EXPECT_NE(twin.starts[0], second.starts[0]);
  for (std::uint64_t seed = 4; seed < 100; ++seed) MUST(disk.start(self, seed));
  const StartState last = MUST(disk.start(self, 100));
  EXPECT_EQ(last.starts.size(), wire::hello_starts_max);
  EXPECT_EQ(last.starts[0] >> 32, 99u);
  EXPECT_TRUE(wire::is_list_of_starts(last.starts));
}

TEST(Identity, AMarkWithoutAnIncarnationIsNoCleanStop) {
  Disk disk;
  disk.stop_cleanly(41);
  const StartState first = MUST(disk.start(self, 1));
  EXPECT_EQ(first.dot_sequence, 0u);
  EXPECT_EQ(first.identity.incarnation >> 32, 1u);
}

TEST(Identity, ReadsTheCeilingOfItsStamps) {
  Disk disk;
  MUST(disk.start(self, 1));
  disk.store.poke(env::Table::meta, wire::node_meta_key("hlc_ceiling"), wire::encode_u64(77));
  EXPECT_EQ(MUST(disk.start(self, 2)).hlc_ceiling, 77u);
}

TEST(Identity, RefusesRecordsThatCannotBeRead) {
  for (const std::string_view name : {"identity", "incarnation", "hlc_ceiling", "clean_stop", "starts"}) {
    Disk disk;
    MUST(disk.start(self, 1));
    disk.spoil(name);
    const auto start = disk.start(self, 2);
    ASSERT_FALSE(start) << name;
    EXPECT_EQ(start.error().code, Code::corruption) << name;
  }
}

}  // namespace
}  // namespace rift::node
