// Which maps from outside are refused.
#include "topology/verify.h"

#include <gtest/gtest.h>

namespace rift::topology {
namespace {

Catalog sound() {
  std::vector<Member> members;
  for (std::uint32_t n = 1; n <= 3; ++n)
    members.push_back({.node = NodeId(n), .client_address = "c", .peer_address = "p", .disk = {.high = 7, .low = n}});
  const Catalog catalog = MUST(found(ClusterId{.high = 1, .low = 2}, members));
  return MUST(create_keyspace(catalog, {.name = "bank", .mode = Mode::cp, .copies = 3, .partitions = 2}));
}

template <class Change>
std::string told(Change change) {
  Catalog catalog = sound();
  change(catalog);
  const auto result = verify(catalog);
  return result ? "sound" : result.error().detail;
}

Keyspace& bank(Catalog& catalog) { return catalog.keyspaces.at("bank"); }
Partition& first(Catalog& catalog) { return bank(catalog).partitions[0]; }
Keyspace& system_of(Catalog& catalog) { return catalog.keyspaces.at("_system"); }

TEST(Verify, TakesWhatIsSound) {
  EXPECT_EQ(told([](Catalog&) {}), "sound");
  EXPECT_EQ(told([](Catalog& map) { map.epoch = MapEpoch(1'000'000'000); }), "sound");
  // Founders and the evicted may be members no longer.
  EXPECT_EQ(told([](Catalog& map) { first(map).founders.emplace_back(9); }), "sound");
  EXPECT_EQ(told([](Catalog& map) { first(map).evicted.emplace_back(9); }), "sound");
}

TEST(Verify, RefusesAnAtomicKeyspaceThatIsNone) {
  const auto atomic = [](Catalog& map) {
    bank(map).mode = Mode::ap;
    bank(map).atomic = true;
  };
  EXPECT_EQ(told(atomic), "sound");
  for (const auto& change :
       {+[](Keyspace& k) { k.mode = Mode::cp; }, +[](Keyspace& k) { k.durability = Durability::wal; },
        +[](Keyspace& k) { k.read = Level::one; }, +[](Keyspace& k) { k.write = Level::one; }}) {
    EXPECT_NE(told([&](Catalog& map) {
                atomic(map);
                change(bank(map));
              }),
              "sound");
  }
}

TEST(Verify, RefusesAnEpochThatEndsAllChange) {
  EXPECT_EQ(told([](Catalog& map) { map.epoch = MapEpoch(~std::uint64_t{0}); }), "an epoch that nobody has counted to");
  EXPECT_EQ(told([](Catalog& map) { map.epoch = MapEpoch(); }), "an epoch that nobody has counted to");
}

TEST(Verify, RefusesAMapWithoutSystemOrWithAnotherOne) {
  EXPECT_EQ(told([](Catalog& map) { map.keyspaces.erase("_system"); }), "it has no _system");
  const std::string other = "its _system is not the one partition 1";
  EXPECT_EQ(told([](Catalog& map) { system_of(map).partitions[0].id = PartitionId(3); }), other);
  EXPECT_EQ(told([](Catalog& map) { system_of(map).partitions.clear(); }), other);
  EXPECT_EQ(told([](Catalog& map) { system_of(map).mode = Mode::ap; }), other);
  EXPECT_EQ(told([](Catalog& map) { system_of(map).id = KeyspaceId(1); }), other);
}

TEST(Verify, RefusesPartitionsThatNobodyCanServe) {
  EXPECT_EQ(told([](Catalog& map) { first(map).owners.clear(); }), "a partition without owners");
  EXPECT_EQ(told([](Catalog& map) { first(map).owners.emplace_back(9); }), "an owner that is no member");
  EXPECT_EQ(told([](Catalog& map) { first(map).owners.emplace_back(1); }), "an owner named twice");
  EXPECT_EQ(told([](Catalog& map) { first(map).founders.emplace_back(1); }), "a founder named twice");
  EXPECT_EQ(told([](Catalog& map) { first(map).founders.emplace_back(0); }), "founder 0");
  EXPECT_EQ(told([](Catalog& map) { first(map).evicted = {NodeId(1), NodeId(1)}; }), "a node evicted twice");
  EXPECT_EQ(told([](Catalog& map) { first(map).evicted = {NodeId()}; }), "node 0 evicted");
  EXPECT_EQ(told([](Catalog& map) { bank(map).partitions.clear(); }), "a keyspace without partitions");
  EXPECT_EQ(told([](Catalog& map) { bank(map).copies = 0; }), "a keyspace without copies");
}

TEST(Verify, RefusesIdsThatCannotBe) {
  const std::string never = "a partition id that was never given out";
  EXPECT_EQ(told([](Catalog& map) { first(map).id = map.next_partition; }), never);
  EXPECT_EQ(told([](Catalog& map) { first(map).id = PartitionId(); }), never);
  EXPECT_EQ(told([](Catalog& map) { first(map).id = PartitionId(3); }), "two partitions with one id");
  EXPECT_EQ(told([](Catalog& map) { bank(map).id = map.next_keyspace; }), "a keyspace id that was never given out");
  EXPECT_EQ(told([](Catalog& map) { bank(map).name = "x"; }), "a keyspace under another name");
  EXPECT_EQ(told([](Catalog& map) { map.members.at(NodeId(1)).node = NodeId(2); }), "a member that is nobody");
  EXPECT_EQ(told([](Catalog& map) { map.members.clear(); }), "no members, or too many");
}

}  // namespace
}  // namespace rift::topology
