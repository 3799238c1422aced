// What the store has when somebody is told: of a write under `wal`, of a burial, of a change of the map.
#include "tests/unit/node/node_world.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

const NodeId n1{1};

bool has_partition_meta(Seat& seat, PartitionId partition, std::string_view name) {
  return MUST(seat.store.get(env::Table::meta, wire::partition_meta_key(partition, name))).has_value();
}

TEST(StoreOrder, WalIsAnsweredWhenTheSystemHasTheWrite) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  NodeWorld::add(catalog, "carts", Mode::ap, {{n1}});
  catalog.keyspaces.at("carts").durability = topology::Durability::wal;
  const PartitionId carts = NodeWorld::partition_of(catalog, "carts");
  world.found(catalog);
  EXPECT_EQ(world.call(in("carts", kit::put("warm", "1"))).code, Code::ok);
  bool stored = false;
  int told = 0;
  world.seat().at_delivery = [&] {
    ++told;
    stored =
        MUST(world.seat().store.get(env::Table::state_ap, wire::ap_data_key(carts, Generation(1), "k"))).has_value();
  };
  Request all = in("carts", kit::put("k", "2"));
  all.level = Level::all;
  const Response r = world.call(std::move(all));
  world.seat().at_delivery = nullptr;
  EXPECT_EQ(r.code, Code::ok);
  EXPECT_TRUE(r.receipt.wal_durability);
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(stored) << "a kill here loses an acknowledged write; reached " << static_cast<int>(r.receipt.reached);
}

TEST(StoreOrder, ABurialIsStoredInItsRound) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  NodeWorld::add(catalog, "bank", Mode::cp, {{n1}});
  const PartitionId bank = NodeWorld::partition_of(catalog, "bank");
  world.found(catalog);
  EXPECT_EQ(world.call(in("bank", kit::put("a", "1"))).code, Code::ok);
  world.pass(std::chrono::milliseconds(50));
  const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
  world.node().drop_keyspace("bank", [told](Result<topology::Catalog> result) { *told = std::move(result); });
  for (int i = 0; i < 20; ++i) world.settle();
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ(world.counter("replicas_buried"), 1U);
  EXPECT_TRUE(has_partition_meta(world.seat(), bank, "tombstone")) << "buried, nobody said store_later, and not stored";
}

TEST(StoreOrder, TheMapIsAdoptedWhenItsChangeIsTold) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  bool told = false;
  std::string code = "none";
  world.node().create_keyspace(
      {.name = "bank", .mode = Mode::cp, .partitions = 1}, [&](Result<topology::Catalog> result) {
        told = result.has_value();
        world.node().catalog(
            [&](Result<topology::Catalog> now) { code = MUST(now).find("bank") ? "there" : "absent"; });
      });
  world.pass_until([&] { return told; });
  EXPECT_EQ(code, "there");
}

}  // namespace
}  // namespace rift::node
