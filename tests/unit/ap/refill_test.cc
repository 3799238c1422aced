// A coordinator whose own disk had not taken what the others acknowledged: after its unclean stop it gets its writes back.
#include "ap/refill.h"

#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::nodes_of;
using kit::put;

// Node 1 answers done on the disks of the others, and its own has nothing.
void write_elsewhere(ApCluster& c, Level level = Level::majority) {
  c.call(NodeId(1), at_level(put("warm", "v"), Level::all));  // the stamper's ceiling is on disk: copies leave at once
  c.run_for(milliseconds(20));
  c.hold_disk(NodeId(1));
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), level), milliseconds(100));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->outcome, Outcome::done);
}

void lose_power(ApCluster& c) {
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  c.release_disk(NodeId(1));
  ASSERT_FALSE(c.contents(1).contains("k"));
}

std::size_t records_of_wish(ApCluster& c) {
  const auto key = wire::partition_meta_key(c.partition(), "refill");
  return MUST(c.at(1).store().get(env::Table::meta, key)).has_value() ? 1 : 0;
}

TEST(ApRefill, ACoordinatorGetsBackWhatItsOwnDiskLost) {
  for (const Level level : {Level::majority, Level::one}) {
    ApCluster c;
    write_elsewhere(c, level);
    lose_power(c);
    ASSERT_TRUE(c.restart(NodeId(1)));
    ASSERT_TRUE(c.rest_within(seconds(5)));
    EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
    EXPECT_EQ(records_of_wish(c), 0U);
  }
}

TEST(ApRefill, AsksUntilTheDebtIsWrittenDown) {
  ApCluster c;
  write_elsewhere(c);
  lose_power(c);
  int lost = 6;
  c.set_filter([&](NodeId, const Outgoing& message) {
    return (is<wire::Refill>(message) || is<wire::RefillAck>(message)) && lost-- > 0;
  });
  c.hold_disk(NodeId(2));
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(10));
  EXPECT_LE(lost, 0);
  EXPECT_EQ(records_of_wish(c), 1U) << "the debt of node 2 is not on its disk";
  c.release_disk(NodeId(2));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  c.run_for(seconds(5));
  EXPECT_EQ(records_of_wish(c), 0U);
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
}

// The wish is older than the low-water stamps and the clean stops that come after it.
TEST(ApRefill, TheWishOutlivesFurtherStops) {
  bool clean = false;
  ApCluster c(3, 1, [&](NodeId, ap::Options& options) { options.unclean_start = options.unclean_start && !clean; });
  write_elsewhere(c);
  lose_power(c);
  c.split(nodes_of({1}), nodes_of({2, 3}));
  ASSERT_TRUE(c.restart(NodeId(1)));
  ASSERT_EQ(c.call(NodeId(1), put("later", "v"))->outcome, Outcome::done);
  c.run_for(seconds(3));
  c.at(1).round([](Replica& replica, Turn& turn) { static_cast<ApReplica&>(replica).drain(turn); });
  c.at(1).settle();
  clean = true;
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
}

// With the write it lost the memory of who had not acknowledged it.
TEST(ApRefill, WhatComesBackIsOwedToTheOthers) {
  ApCluster c(5);
  c.call(NodeId(1), at_level(put("warm", "v"), Level::all));
  c.run_for(milliseconds(20));
  c.hold_disk(NodeId(1));
  c.cut_both(NodeId(1), NodeId(5));
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), Level::majority), milliseconds(100));
  ASSERT_TRUE(reply);
  lose_power(c);
  c.heal();
  int early = 0;
  c.set_filter(
      [&](NodeId from, const Outgoing& message) {  // what node 1 owes to 5 is settled before it has the write again
        const bool held = from != NodeId(1) && is<wire::RefillAck>(message) && early < 8;
        early += held ? 1 : 0;
        return held || (from != NodeId(1) && is<wire::HintOffer>(message) && c.now() < Time(seconds(1003)));
      });
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(5));
  c.set_filter({});
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
  EXPECT_EQ(c.contents(5).at("k").payload, Bytes("v"));
}

TEST(ApRefill, T28AnOwnerThatLeftIsAskedNoMore) {
  ApCluster c;
  write_elsewhere(c);
  lose_power(c);
  c.split(nodes_of({1, 2}), nodes_of({3}));
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(5));
  ASSERT_EQ(records_of_wish(c), 1U) << "n3 has not written it down";
  c.take_ownership(NodeId(3));
  c.run_for(milliseconds(100));
  EXPECT_EQ(records_of_wish(c), 0U);
}

TEST(ApRefill, ARepeatedQuestionMakesNoNewDebt) {
  ApCluster c;
  const Bytes question = wire::encode_message(wire::Refill{.token = 7, .since = {}});
  c.at(2).receive(NodeId(1), env::Lane::data, question);
  EXPECT_EQ(c.hints(2), 1U);
  c.observe_all(c.nodes());  // the cluster sees what the round left behind
  ASSERT_TRUE(c.rest_within(seconds(2)));
  c.at(2).receive(NodeId(1), env::Lane::data, question);
  EXPECT_EQ(c.hints(2), 0U);
}

}  // namespace
}  // namespace rift::ap
