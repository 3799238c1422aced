// A time to live in an ap keyspace: the moment of the end stands in the version, travels with it, and every owner reads by it.
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::get;
using kit::nodes_of;
using kit::put;

Request put_for(const std::string& key, const std::string& value, Duration ttl) {
  Request request = put(key, value);
  request.operands = Operands{.ttl = ttl};
  return request;
}

TEST(ApExpiry, AValueIsThereUntilItsTimeHasPassedAndAbsentFromThenOn) {
  ApCluster c;
  const auto written = c.call(NodeId(1), at_level(put_for("k", "v", seconds(10)), Level::all));
  ASSERT_EQ(written->outcome, Outcome::done);
  c.run_for(milliseconds(9900));
  for (const NodeId node : c.nodes()) {
    for (const Level level : {Level::one, Level::majority, Level::all}) {
      EXPECT_EQ(c.call(node, at_level(get("k"), level))->value, Bytes("v"));
    }
  }
  c.run_for(milliseconds(200));
  for (const NodeId node : c.nodes()) {
    for (const Level level : {Level::one, Level::majority, Level::all}) {
      const auto gone = c.call(node, at_level(get("k"), level));
      EXPECT_EQ(gone->outcome, Outcome::done);
      EXPECT_FALSE(gone->found);
      EXPECT_TRUE(gone->value.empty());
      EXPECT_EQ(gone->version, written->version) << "a write that comes later stands above it";
    }
  }
}

TEST(ApExpiry, ALaterWriteWithoutOneStays) {
  ApCluster c;
  c.call(NodeId(1), put_for("k", "v", seconds(10)));
  c.call(NodeId(1), put("k", "stays"));
  c.run_for(seconds(20));
  EXPECT_EQ(c.call(NodeId(1), get("k"))->value, Bytes("stays"));
}

TEST(ApExpiry, AnOwnerThatWasAwayGetsTheSameEnd) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put_for("long", "v", seconds(60)));
  c.call(NodeId(1), put_for("short", "v", seconds(2)));
  c.run_for(seconds(30));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.call(NodeId(3), get("long"))->value, Bytes("v"));
  EXPECT_FALSE(c.call(NodeId(3), get("short"))->found);
  c.run_for(seconds(31));
  EXPECT_FALSE(c.call(NodeId(3), get("long"))->found);
}

TEST(ApExpiry, AValueThatHasEndedStillLosesAndWinsByItsStamp) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(2), put("k", "older"));
  c.run_for(milliseconds(10));
  c.call(NodeId(1), put_for("k", "newer", seconds(1)));
  c.run_for(seconds(5));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_FALSE(c.call(NodeId(2), get("k"))->found) << "what it overwrote does not come back";
}

// A minute fast, and it knows: it does not take a value away a minute early.
TEST(ApExpiry, T02AClockThatIsKnownToBeOffEndsNothingEarly) {
  ApCluster c;
  c.call(NodeId(1), at_level(put_for("k", "v", seconds(30)), Level::all));
  c.set_wall_offset(NodeId(3), seconds(60));
  c.run_for(milliseconds(10));
  EXPECT_FALSE(c.call(NodeId(3), get("k"))->found);
  c.observe_skew(NodeId(3), topology::ClockSkew{.ahead = seconds(60), .of = {NodeId(1), NodeId(2)}});
  EXPECT_EQ(c.call(NodeId(3), get("k"))->value, Bytes("v"));
  c.run_for(seconds(31));
  EXPECT_FALSE(c.call(NodeId(3), get("k"))->found);
}

TEST(ApExpiry, AnEndBeforeTheBeginningOfTimeIsNoPeersCopy) {
  ApCluster c;
  c.call(NodeId(1), put("k", "v"));
  auto envelope = c.contents(1).at("k");
  EXPECT_TRUE(plausible(envelope));
  envelope.expiry = WallTime(milliseconds(-1));
  EXPECT_FALSE(plausible(envelope));
}

}  // namespace
}  // namespace rift::ap
