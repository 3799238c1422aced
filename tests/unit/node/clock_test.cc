// A node whose wall clock is off: what it finds out by its pings, whom it tells, and what it still does (trap T02).
#include <gmock/gmock.h>

#include "tests/unit/node/node_world.h"

namespace rift::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const NodeId n1{1}, n2{2}, n3{3};

// n1 owns a keyspace of each mode alone; n2 and n3, which the test plays, are members whose clocks are right.
struct Clocks : NodeWorld {
  Clocks() {
    topology::Catalog catalog = first_catalog(3);
    add(catalog, "bank", Mode::cp, {{n1}});
    add(catalog, "carts", Mode::ap, {{n1}});
    play(n2);
    play(n3);
    found(catalog);
    pass(seconds(1));
  }
  Response write(const std::string& keyspace = "carts") { return call(in(keyspace, kit::put("k", "v"))); }
  void set_clock(milliseconds offset) { seat().executor.set_wall_offset(offset); }
};

TEST(NodeClock, T02AJumpStopsTheVeryNextWriteAndSettingItRightLetsItOn) {
  Clocks world;
  ASSERT_EQ(world.write().outcome, Outcome::done);
  EXPECT_EQ(world.status().clock_skew, std::nullopt);
  for (const milliseconds offset : {milliseconds(60'000), milliseconds(-60'000)}) {
    world.set_clock(offset);
    for (const Request& request : {kit::put("k", "v"), kit::del("k")}) {
      const Response refused = world.call(in("carts", request));
      EXPECT_EQ(refused.code, Code::clock_skewed) << describe(refused);
      EXPECT_EQ(refused.outcome, Outcome::not_done);
      EXPECT_THAT(refused.why, HasSubstr(offset.count() > 0 ? "s ahead of n2, n3" : "s behind n2, n3"));
    }
    ASSERT_TRUE(world.status().clock_skew.has_value());
    EXPECT_NEAR(static_cast<double>(world.status().clock_skew->ahead.count()), static_cast<double>(offset.count()), 10);
    EXPECT_EQ(world.status().clock_skew->of, (std::vector{n2, n3}));
    world.set_clock(milliseconds(0));
    EXPECT_EQ(world.write().outcome, Outcome::done);
    EXPECT_EQ(world.status().clock_skew, std::nullopt);
  }
}

TEST(NodeClock, T02AClockThatDriftsAwayIsFoundByPings) {
  Clocks world;
  for (milliseconds offset{0}; offset < milliseconds(600); offset += milliseconds(10)) {
    world.set_clock(offset);
    world.pass(milliseconds(300));
  }
  EXPECT_EQ(world.write().code, Code::clock_skewed);
  world.set_clock(milliseconds(400));
  world.pass(milliseconds(300));
  EXPECT_EQ(world.write().outcome, Outcome::done) << "within the bound";
}

TEST(NodeClock, ASkewedNodeServesReadsAndItsCpKeyspaces) {
  Clocks world;
  ASSERT_EQ(world.write().outcome, Outcome::done);
  world.set_clock(seconds(60));
  ASSERT_EQ(world.write().code, Code::clock_skewed);
  EXPECT_EQ(world.call(in("carts", kit::get("k"))).value, Bytes("v"));
  EXPECT_EQ(world.write("bank").outcome, Outcome::done) << "no clock decides there";
  EXPECT_EQ(world.call(in("bank", kit::get("k"))).value, Bytes("v"));
}

// What was measured is forgotten with the process. Alone it cannot know, and goes on; a majority that answers tells it.
TEST(NodeClock, T02AfterARestartThereIsNoVerdictUntilAMajorityHasAnswered) {
  Clocks world;
  world.set_clock(seconds(60));
  ASSERT_EQ(world.write().code, Code::clock_skewed);
  world.kill();
  world.silence(n2);
  world.silence(n3);
  MUST(world.start());
  world.await_leaders();
  EXPECT_EQ(world.write().outcome, Outcome::done);
  world.play(n2);
  world.pass(seconds(1));
  EXPECT_EQ(world.write().outcome, Outcome::done) << "of two nobody can say who is wrong";
  world.play(n3);
  world.pass(seconds(1));
  EXPECT_EQ(world.write().code, Code::clock_skewed);
}

// Cut off from everybody it still knows how far it is from them.
TEST(NodeClock, T02WhatWasMeasuredCountsWhileNobodyCanBeReached) {
  Clocks world;
  world.silence(n2);
  world.silence(n3);
  world.pass(seconds(20));
  ASSERT_EQ(world.status().reachable, std::vector{n1});
  EXPECT_EQ(world.write().outcome, Outcome::done);
  world.set_clock(seconds(60));
  EXPECT_EQ(world.write().code, Code::clock_skewed);
  world.set_clock(milliseconds(0));
  EXPECT_EQ(world.write().outcome, Outcome::done);
}

}  // namespace
}  // namespace rift::node
