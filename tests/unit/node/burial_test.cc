// What outlives its keyspace is buried: whenever the map comes, and whoever was down when it did (DESIGN 7). And two refusals to be stuck: a founding
// record that cannot be, a stop beside a disk that hangs.
#include "tests/unit/node/node_world.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

const NodeId n1{1}, n2{2}, n3{3};

bool has_partition_meta(Seat& seat, PartitionId partition, std::string_view name) {
  return MUST(seat.store.get(env::Table::meta, wire::partition_meta_key(partition, name))).has_value();
}

std::size_t records(Seat& seat, env::Table table, const env::Range& range) {
  return MUST(seat.store.scan(table, range, 1000, limits::mebi)).size();
}

std::string drop(NodeWorld& world, const std::string& name, std::uint32_t n = 1) {
  const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
  world.node(n).drop_keyspace(name, [told](Result<topology::Catalog> result) { *told = std::move(result); });
  if (!world.pass_until([&] { return told->has_value(); })) return "no answer";
  return (*told)->has_value() ? "ok" : std::string(to_string((*told)->error().code));
}

// The state of a disk whose node died after it had applied the map without them, and before it buried them.
TEST(Burial, IsMadeUpForAtTheStart) {
  const PartitionId ap(77), cp(78);
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  catalog.next_partition = PartitionId(79);
  world.found(catalog);
  kit::MapStore& store = world.seat().store;
  for (const PartitionId partition : {ap, cp}) {
    store.poke(env::Table::meta, wire::partition_meta_key(partition, "create"), wire::encode_u64(5));
  }
  store.poke(env::Table::state_ap, wire::ap_data_key(ap, Generation(1), "k"), Bytes("v"));
  store.poke(env::Table::hint, wire::hint_key(n1, ap, "k"), Bytes("h"));
  store.poke(env::Table::hint, wire::hint_dirty_key(n1, ap), Bytes("h"));
  store.poke(env::Table::meta, wire::partition_meta_key(cp, "hard_state"), Bytes("h"));
  store.poke(env::Table::meta, wire::partition_meta_key(cp, "floor"), Bytes("f"));
  store.poke(env::Table::log, wire::log_key(cp, Generation(1), LogIndex(1)), Bytes("e"));
  store.poke(env::Table::state_cp, wire::cp_data_key(cp, Generation(1), "k"), Bytes("v"));
  world.kill();
  MUST(world.start());
  world.pass(std::chrono::seconds(1));
  for (const PartitionId partition : {ap, cp}) {
    EXPECT_TRUE(has_partition_meta(world.seat(), partition, "tombstone"));
    EXPECT_FALSE(has_partition_meta(world.seat(), partition, "create"));
    for (const env::Table table : {env::Table::log, env::Table::state_cp, env::Table::state_ap}) {
      EXPECT_EQ(records(world.seat(), table, wire::partition_range(partition)), 0U);
    }
  }
  EXPECT_FALSE(has_partition_meta(world.seat(), cp, "floor"));
  EXPECT_TRUE(has_partition_meta(world.seat(), cp, "hard_state")) << "what was promised holds";
  EXPECT_EQ(store.size(env::Table::hint), 0U);
  EXPECT_TRUE(has_partition_meta(world.seat(), topology::system_partition, "create"));
  EXPECT_EQ(world.call(in("_system", kit::get("catalog"))).code, Code::ok);
}

TEST(Burial, ReachesANodeThatWasDownAndLeavesNoHints) {
  NodeWorld world(3);
  topology::Catalog catalog = world.first_catalog(3);
  NodeWorld::add(catalog, "carts", Mode::ap, {{n1, n2, n3}});
  const PartitionId carts = NodeWorld::partition_of(catalog, "carts");
  world.found(catalog);
  world.kill(3);
  ASSERT_TRUE(world.pass_until([&] { return world.status(1).reachable.size() == 2; }));
  EXPECT_EQ(world.call(in("carts", kit::put("a", "1")), 1).code, Code::ok);
  EXPECT_GT(world.seat(1).store.size(env::Table::hint), 0U);
  ASSERT_EQ(drop(world, "carts"), "ok");
  ASSERT_TRUE(world.pass_until([&] { return has_partition_meta(world.seat(1), carts, "tombstone"); }));
  EXPECT_EQ(world.seat(1).store.size(env::Table::hint), 0U);
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return has_partition_meta(world.seat(3), carts, "tombstone"); }));
  EXPECT_FALSE(has_partition_meta(world.seat(3), carts, "create"));
  EXPECT_EQ(records(world.seat(3), env::Table::state_ap, wire::partition_range(carts)), 0U);
}

TEST(Founding, OfARecordThatFitsNoEntryIsRefusedAndChangesNothing) {
  NodeWorld world;
  topology::Catalog huge = world.first_catalog(1);
  huge.members.at(n1).client_address = std::string(2 * limits::mebi, 'a');
  const auto refused = world.found_one(huge);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_TRUE(world.status().identity.cluster.is_zero());
  world.found(world.first_catalog(1));
  EXPECT_EQ(world.call(in("_system", kit::get("catalog"))).code, Code::ok);
}

TEST(Stop, BesideAHangingDiskEnds) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.seat().hold_disk = true;
  EXPECT_TRUE(world.stop());
}

}  // namespace
}  // namespace rift::node
