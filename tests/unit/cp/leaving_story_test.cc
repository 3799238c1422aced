// A node stops in order: its groups are led by others before it goes.
#include "group.h"

namespace rift::cp {
namespace {

using kit::put;

void leave(Group& group, NodeId node) {
  group.at(node).round([](Replica& replica, Turn& turn) { static_cast<CpReplica&>(replica).hand_over(turn); });
}

// Nothing else is in flight: the node may not go before the call to take over has left, and been followed.
TEST(CpLeaving, AHandoverIsPendingUntilItIsOver) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  group.expect_convergence();
  ASSERT_EQ(group.replica(leader).status().pending, 0U);
  leave(group, leader);
  EXPECT_EQ(group.replica(leader).status().pending, 1U);
  ASSERT_TRUE(group.run_until([&] { return group.replica(leader).status().pending == 0; }, 400ms));
  EXPECT_FALSE(group.replica(leader).is_leader());
}

// The peer that was asked goes away before it could: the leader asks the other one. Its heartbeats go on, so nobody would lead by itself.
TEST(CpLeaving, AnotherPeerIsAskedWhenTheFirstDoesNotTakeOver) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  group.expect_convergence();
  leave(group, leader);
  const NodeId asked = group.others(leader).front();  // as much of the log as the other one, and first in order
  group.isolate(asked);
  const NodeId other = group.others(leader).back();
  EXPECT_TRUE(group.run_until([&] { return group.replica(other).is_leader(); }, 1s));
  EXPECT_EQ(group.replica(leader).status().pending, 0U);
}

// A group of one has nobody to ask: its node may go at once.
TEST(CpLeaving, AGroupOfOneDoesNotWait) {
  kit::ReplicaCluster::Options one;
  one.nodes = 1;
  Group group(one);
  const NodeId node = group.elect();
  leave(group, node);
  EXPECT_EQ(group.replica(node).status().pending, 0U);
  EXPECT_TRUE(group.replica(node).is_leader());
}

}  // namespace
}  // namespace rift::cp
