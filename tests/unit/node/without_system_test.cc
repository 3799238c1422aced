// The group of the cluster map has no quorum: keyspaces that need none go on, on every node, over a restart too, and only changes of the map are
// refused (DESIGN 7).
#include "tests/unit/node/members_world.h"

namespace rift::node {
namespace {

class WithoutSystem : public Members {
 protected:
  WithoutSystem() : Members(3) {
    const auto map = create_keyspace({.name = "carts", .mode = Mode::ap, .copies = 3, .partitions = 2});
    EXPECT_TRUE(map.has_value()) << map.error().detail;
    const auto known = [&](std::uint32_t n) { return catalog(n).find("carts") != nullptr; };
    EXPECT_TRUE(world.pass_until([&] { return known(1) && known(2) && known(3); }));
    world.pass(seconds(1));
  }
  // Each node alone, until none believes in a leader of the map any more.
  void shatter() {
    world.cut(1, 2);
    world.cut(1, 3);
    world.cut(2, 3);
    world.pass(seconds(5));
    ASSERT_EQ(leader(system), NodeId());
  }
  Response ask(Request request, std::uint32_t n) {
    return world.call(in("carts", kit::with_level(std::move(request), Level::one)), n);
  }
  void expect_serves(std::uint32_t n, const std::string& value) {
    for (const std::string key : {"a", "b", "c", "d"}) {  // of both partitions
      const Response written = ask(kit::put(key, value), n);
      EXPECT_EQ(written.outcome, Outcome::done) << describe(written);
      EXPECT_EQ(ask(kit::get(key), n).value, Bytes(value)) << "n" << n;
    }
  }
  void expect_no_change(std::uint32_t n) {
    const auto before = catalog(n);
    const auto refused = create_keyspace({.name = "more", .mode = Mode::ap, .copies = 3, .partitions = 1}, n);
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(took_no_effect(refused.error().code)) << to_string(refused.error().code);
    EXPECT_NE(refused.error().detail.find("the cluster map was not changed"), std::string::npos)
        << refused.error().detail;
    EXPECT_FALSE(drop_keyspace("carts", n).has_value());
    EXPECT_EQ(catalog(n), before);
  }
};

TEST_F(WithoutSystem, T44ApServesOnEveryNodeAndTheMapStands) {
  shatter();
  for (const std::uint32_t n : {1U, 2U, 3U}) {
    expect_serves(n, "alone on n" + std::to_string(n));
    expect_no_change(n);
  }
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return leader(system) != NodeId(); }));
  EXPECT_TRUE(create_keyspace({.name = "more", .mode = Mode::ap, .copies = 3, .partitions = 1}).has_value());
  ASSERT_TRUE(world.pass_until([&] { return ask(kit::get("a"), 1).version == ask(kit::get("a"), 3).version; }));
}

TEST_F(WithoutSystem, T44ARestartMeanwhileServesByTheMapOnItsDisk) {
  shatter();
  expect_serves(1, "before");
  world.lose_power(1);
  MUST(world.start(1));
  world.pass(seconds(2));
  EXPECT_EQ(ask(kit::get("a"), 1).value, Bytes("before"));
  expect_serves(1, "after");
  expect_no_change(1);
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return ask(kit::get("a"), 3).value == Bytes("after"); }));
}

TEST_F(WithoutSystem, TheAgeOfTheMapIsNotKnownUntilItsGroupIsHeardOfAgain) {
  shatter();
  EXPECT_GT(ask(kit::get("a"), 1).receipt.map_age, seconds(3));
  world.kill(1);
  MUST(world.start(1));
  world.pass(seconds(2));
  EXPECT_EQ(ask(kit::get("a"), 1).receipt.map_age, map_age_unknown) << "it may be days old";
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return leader(system) != NodeId(); }));
  world.pass(seconds(1));
  EXPECT_LT(ask(kit::get("a"), 1).receipt.map_age, seconds(1));
}

}  // namespace
}  // namespace rift::node
