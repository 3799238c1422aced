// Teaching variants: what a keyspace loses on purpose, and that its receipts and ledgers still say so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::get;
using kit::nodes_of;
using kit::put;

void make(ApCluster& c, const std::function<void(topology::Keyspace&)>& change) {
  topology::Catalog next = c.catalog();
  next.epoch = MapEpoch(next.epoch.value() + 1);
  change(next.keyspaces.at("k"));
  c.change_catalog(std::move(next));
}

class ApWallClock : public testing::Test {
 protected:
  ApWallClock() {
    make(c, [](topology::Keyspace& keyspace) { keyspace.wall_clock = true; });
  }
  Response write(std::uint32_t n, std::string_view value) {
    return *c.call(NodeId(n), at_level(put("k", value), Level::all));
  }
  ApCluster c;
};

TEST_F(ApWallClock, ALaterWriteLosesToAClockThatIsAheadAndIsInTheLedger) {
  c.set_wall_offset(NodeId(2), seconds(60));
  ASSERT_EQ(write(2, "early").outcome, Outcome::done) << "no guard keeps such a clock from stamping";
  c.run_for(seconds(1));
  const Response late = write(1, "late");
  EXPECT_EQ(late.outcome, Outcome::done);
  EXPECT_TRUE(late.receipt.superseded);
  EXPECT_EQ(late.receipt.superseded_by.dot_node, NodeId(2));
  for (const NodeId node : c.nodes()) EXPECT_EQ(c.contents(node).at("k").payload, Bytes("early"));
  EXPECT_GE(c.counter(1, "concurrent_losses"), 1U);
}

TEST_F(ApWallClock, PromisesNoWriteThatStandsAboveWhatItsClientHasSeen) {
  const Version seen = write(2, "v").version;
  Request request = put("k", "w");
  request.seen = seen;
  const auto reply = c.call(NodeId(1), request);
  EXPECT_EQ(reply->code, Code::unsupported);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  request = get("k");
  request.seen = seen;
  EXPECT_EQ(c.call(NodeId(1), request)->value, Bytes("v"));
}

TEST_F(ApWallClock, ANodeThatIsKnownToBeSkewedGoesOnStamping) {
  c.set_wall_offset(NodeId(2), seconds(60));
  c.observe_skew(NodeId(2), topology::ClockSkew{.ahead = seconds(60), .of = nodes_of({1, 3})});
  EXPECT_EQ(write(2, "v").outcome, Outcome::done);
}

TEST_F(ApWallClock, ItsStampsDragNoOtherClockAlong) {
  c.set_wall_offset(NodeId(2), seconds(60));
  write(2, "v");
  ASSERT_EQ(c.contents(1).at("k").stamp.dot.node, NodeId(2));
  EXPECT_LT(c.stamper(NodeId(1)).latest(), c.contents(1).at("k").stamp.hlc);
}

// The low-water stamp goes by the node's clock, these stamps do not: after an unclean stop everything is owed.
TEST_F(ApWallClock, AWriteBelowTheLowWaterStampComesToTheOthersAfterACrash) {
  write(1, "first");
  c.run_for(seconds(3));
  c.set_wall_offset(NodeId(1), seconds(-10));
  c.set_filter([](NodeId from, const Outgoing& message) { return from == NodeId(1) && is<wire::Store>(message); });
  ASSERT_EQ(c.call(NodeId(1), at_level(put("other", "v"), Level::one))->outcome, Outcome::done);
  c.crash(NodeId(1));
  c.set_filter({});
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_TRUE(c.rest_within(seconds(10)));
  EXPECT_TRUE(c.contents(2).contains("other"));
}

TEST(ApWithoutDurability, AllIsAcknowledgedBeforeAnyDiskAndLostWithThePower) {
  ApCluster c;
  make(c, [](topology::Keyspace& keyspace) { keyspace.durability = topology::Durability::none; });
  c.call(NodeId(1), put("warm", "v"));
  c.run_for(milliseconds(50));
  for (const NodeId node : c.nodes()) c.hold_disk(node);
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), Level::all), milliseconds(100));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->outcome, Outcome::done);
  EXPECT_EQ(reply->receipt.reached, Level::all);
  for (const NodeId node : c.nodes()) c.crash(node);
  for (const NodeId node : c.nodes()) c.release_disk(node);
  for (const NodeId node : c.nodes()) ASSERT_TRUE(c.restart(node));
  c.heal_and_see();
  c.run_for(seconds(2));
  EXPECT_FALSE(c.call(NodeId(1), at_level(get("k"), Level::all))->found);
  EXPECT_TRUE(c.call(NodeId(1), at_level(get("warm"), Level::all))->found);
}

// The owner that loses it has noted, by a clock that is ahead, that all is acknowledged up to a stamp above this one's: no stamp tells what its
// disk lacks.
TEST(ApWithoutDurability, AnOwnerAsksForEverythingAfterItsPowerWasLost) {
  ApCluster c;
  make(c, [](topology::Keyspace& keyspace) { keyspace.durability = topology::Durability::none; });
  c.set_wall_offset(NodeId(2), seconds(5));
  c.set_filter([](NodeId from, const Outgoing& message) {  // nobody's clock follows it
    return from == NodeId(2) && (is<wire::Store>(message) || is<wire::HintOffer>(message));
  });
  c.call(NodeId(2), put("warm", "v"));
  c.run_for(seconds(3));
  const auto low_water =
      MUST(c.at(2).store().get(env::Table::meta, wire::partition_meta_key(c.partition(), "all_acked")));
  ASSERT_TRUE(low_water);
  c.hold_disk(NodeId(2));
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), Level::all), milliseconds(100));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->outcome, Outcome::done) << reply->why;
  ASSERT_LT(reply->version.hlc, MUST(wire::decode_u64(*low_water)));
  c.crash(NodeId(2));
  c.release_disk(NodeId(2));
  ASSERT_FALSE(c.contents(2).contains("k"));
  c.set_filter({});
  ASSERT_TRUE(c.restart(NodeId(2)));
  EXPECT_TRUE(c.rest_within(seconds(10)));
  EXPECT_TRUE(c.contents(2).contains("k"));
}

TEST(ApReceipts, SayWalOnlyWhereTheSystemWasGivenTheWrite) {
  for (const auto durability : {topology::Durability::fsync, topology::Durability::wal, topology::Durability::none}) {
    ApCluster c;
    make(c, [&](topology::Keyspace& keyspace) { keyspace.durability = durability; });
    const bool is_wal = durability == topology::Durability::wal;
    EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->receipt.wal_durability, is_wal);
    for (const Level level : {Level::one, Level::majority})
      EXPECT_EQ(c.call(NodeId(1), at_level(get("k"), level))->receipt.wal_durability, is_wal);
  }
}

// What a peer forgets on it is on disk in every mode (DESIGN 6).
TEST(ApWithoutDurability, AHintIsPaidOnlyByWhatIsOnDisk) {
  ApCluster c;
  make(c, [](topology::Keyspace& keyspace) { keyspace.durability = topology::Durability::none; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "v"));
  c.run_for(milliseconds(1500));
  ASSERT_EQ(c.hint_rows(1), 1U);
  c.hold_disk(NodeId(3));
  c.heal_and_see();
  c.run_for(seconds(1));
  EXPECT_EQ(c.hint_rows(1), 1U);
  c.release_disk(NodeId(3));
  EXPECT_TRUE(c.rest_within(seconds(10)));
}

}  // namespace
}  // namespace rift::ap
