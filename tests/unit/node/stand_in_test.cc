// A node stands in for owners of an ap keyspace: it is asked only where no owner is in reach, says so in status while it keeps something, and forgets with
// the keyspace.
#include "tests/unit/node/members_world.h"
#include "topology/owners.h"

namespace rift::node {
namespace {

class StandIn : public Members {
 protected:
  StandIn() : Members(3) {
    const auto map = create_keyspace({.name = "carts", .mode = Mode::ap, .copies = 1, .partitions = 1});
    EXPECT_TRUE(map.has_value()) << map.error().detail;
    const auto known = [&](std::uint32_t n) { return catalog(n).find("carts") != nullptr; };
    EXPECT_TRUE(world.pass_until([&] { return known(1) && known(2) && known(3); }));
    world.pass(seconds(1));
    owner = catalog(1).find("carts")->partitions.front().owners.front().value();
    other = owner % 3 + 1;
    third = other % 3 + 1;
  }
  void leave_the_owner_alone() {
    world.cut(owner, other);
    world.cut(owner, third);
    world.pass(seconds(5));
  }
  Response ask(Request request, std::uint32_t n, Level level) {
    return world.call(in("carts", kit::with_level(std::move(request), level)), n);
  }
  std::vector<std::string> roles(std::uint32_t n) {
    std::vector<std::string> found;
    for (const ReplicaStatus& replica : world.status(n).replicas) {
      if (replica.name == "carts/0") found.push_back(replica.role);
    }
    return found;
  }

  std::uint32_t owner = 0, other = 0, third = 0;
};

TEST_F(StandIn, AWriteAtAnyIsTakenWhereNoOwnerIsInReachAndComesToItAfterTheHeal) {
  EXPECT_TRUE(roles(other).empty()) << "one that keeps nothing is not told of";
  EXPECT_EQ(ask(kit::put("k", "before"), other, Level::any).receipt.served_by, NodeId(owner));
  leave_the_owner_alone();
  EXPECT_EQ(ask(kit::put("k", "v"), other, Level::one).code, Code::level_unreachable);
  EXPECT_EQ(ask(kit::get("k"), other, Level::one).code, Code::level_unreachable) << "what stands in is not read";
  const Response written = ask(kit::put("k", "v"), other, Level::any);
  EXPECT_EQ(written.outcome, Outcome::done) << describe(written);
  EXPECT_EQ(written.receipt.reached, Level::any);
  EXPECT_EQ(written.receipt.stand_ins, std::vector<NodeId>{NodeId(other)});
  EXPECT_EQ(roles(other), std::vector<std::string>{std::string(stand_in_role)});
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return ask(kit::get("k"), owner, Level::one).value == Bytes("v"); }));
  ASSERT_TRUE(world.pass_until([&] { return roles(other).empty(); }));
}

TEST_F(StandIn, WhatItKeepsOutlivesItsPower) {
  leave_the_owner_alone();
  ASSERT_EQ(ask(kit::put("k", "v"), other, Level::any).outcome, Outcome::done);
  world.lose_power(other);
  MUST(world.start(other));
  world.heal();
  EXPECT_TRUE(world.pass_until([&] { return ask(kit::get("k"), owner, Level::one).value == Bytes("v"); }));
}

TEST_F(StandIn, T31WhatItKeepsForADroppedKeyspaceNeverComesBack) {
  leave_the_owner_alone();
  ASSERT_EQ(ask(kit::put("k", "old"), other, Level::any).outcome, Outcome::done);
  world.heal();
  world.cut(owner, other);
  world.pass(seconds(2));
  ASSERT_TRUE(drop_keyspace("carts", third).has_value());
  ASSERT_TRUE(world.pass_until([&] { return catalog(other).find("carts") == nullptr; }));
  ASSERT_TRUE(create_keyspace({.name = "carts", .mode = Mode::ap, .copies = 1, .partitions = 1}, third).has_value());
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return catalog(owner).find("carts") != nullptr; }));
  world.pass(seconds(5));
  for (const std::uint32_t n : {1U, 2U, 3U}) {
    const Response read = ask(kit::get("k"), n, Level::one);
    EXPECT_EQ(read.outcome, Outcome::done) << describe(read);
    EXPECT_FALSE(read.found);
  }
  EXPECT_EQ(world.seat(other).store.size(env::Table::state_ap), 0U) << "buried";
  EXPECT_EQ(world.seat(other).store.size(env::Table::hint), 0U);
}

// What it kept now would go with it, if it is forgotten before the owner is back.
TEST_F(StandIn, AMemberThatLeavesTakesNothingMore) {
  leave_the_owner_alone();
  ASSERT_EQ(ask(kit::put("k", "v"), other, Level::any).outcome, Outcome::done);
  ASSERT_TRUE(alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = 2}, third).has_value());
  const auto left = change({.kind = MemberChange::Kind::remove, .node = NodeId(other)}, third);
  ASSERT_TRUE(left.has_value()) << left.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return !topology::is_active(catalog(other), NodeId(other)); }));
  EXPECT_EQ(ask(kit::put("k", "w"), other, Level::any).code, Code::level_unreachable);
  EXPECT_EQ(ask(kit::put("k", "w"), third, Level::any).outcome, Outcome::done);
  EXPECT_EQ(roles(other), std::vector<std::string>{std::string(stand_in_role)}) << "what it has it keeps";
  world.heal();
  EXPECT_TRUE(world.pass_until([&] { return ask(kit::get("k"), owner, Level::one).value == Bytes("w"); }));
  EXPECT_TRUE(world.pass_until([&] { return roles(other).empty(); }));
}

TEST(TeachingKeyspace, IsNamedInEveryReceipt) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  catalog.allow_teaching = true;
  NodeWorld::add(catalog, "carts", Mode::ap, {{NodeId(1)}});
  NodeWorld::add(catalog, "toys", Mode::ap, {{NodeId(1)}});
  topology::Keyspace& toys = catalog.keyspaces.at("toys");
  toys.sloppy = toys.wall_clock = true;
  toys.durability = topology::Durability::none;
  world.found(catalog);
  const Teaching all{.sloppy = true, .wall_clock = true, .no_durability = true};
  EXPECT_EQ(world.call(in("toys", kit::put("k", "v"))).receipt.teaching, all);
  EXPECT_EQ(world.call(in("toys", kit::get("k"))).receipt.teaching, all);
  EXPECT_EQ(world.call(in("toys", kit::cas_value("k", "v", "w"))).receipt.teaching, all) << "a refusal too";
  EXPECT_EQ(world.call(in("carts", kit::put("k", "v"))).receipt.teaching, Teaching{});
}

}  // namespace
}  // namespace rift::node
