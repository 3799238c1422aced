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

// A map that leaves `node` out of the partition, in favour of somebody who is not there yet.
void leave_out(Group& group, NodeId node) {
  topology::Catalog catalog = group.catalog();
  catalog.epoch = MapEpoch(catalog.epoch.value() + 1);
  for (NodeId& owner : catalog.keyspaces.at("k").partitions.front().owners) {
    if (owner == node) owner = NodeId(9);
  }
  group.at(node).observe(kit::view_of(catalog, node, group.all()));
}

// A map in which the disk of `node` has been replaced: what answers under its name is empty, and the group is to let the old one go.
void replace_disk(Group& group, NodeId node, NodeId at) {
  topology::Catalog catalog = group.catalog();
  catalog.epoch = MapEpoch(catalog.epoch.value() + 1);
  catalog.keyspaces.at("k").partitions.front().evicted = {node};
  group.at(at).observe(kit::view_of(catalog, at, group.all()));
}

// Whoever is written into the map as let go is born again there, with no memory of its votes: while it still counts, that would be a second vote. A
// leader on its way out changes no members, and so says nothing of them either.
TEST(CpLeaving, OnlyWhoTheGroupHasLetGoIsSaidToHaveLeft) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId replaced = group.follower_of(leader);
  group.write(put("k", "v"));
  group.expect_convergence();
  leave(group, leader);
  replace_disk(group, replaced, leader);
  CpReplica& replica = group.replica(leader);
  ASSERT_TRUE(replica.is_leader());
  EXPECT_TRUE(replica.departed(group.at(leader).now().steady).empty());

  const auto next_leader = [&] { return group.with_role("leader").value_or(leader) != leader; };
  group.isolate(replaced);
  ASSERT_TRUE(group.run_until(next_leader, 5s));
  const NodeId successor = *group.with_role("leader");
  replace_disk(group, replaced, successor);
  const auto departed = [&] { return group.replica(successor).departed(group.at(successor).now().steady); };
  ASSERT_TRUE(group.run_until([&] { return departed() == std::vector{replaced}; }, 5s));
  EXPECT_EQ(group.replica(successor).status().voters.size(), 2U);
}

// It leads on until a substitute has caught up, perhaps for minutes: a wake-up in the past would be one after the other until then.
TEST(CpLeaving, ALeaderThatTheMapLeavesOutRests) {
  Group group;
  const NodeId leader = group.elect();
  leave_out(group, leader);
  for (int i = 0; i < 3; ++i) group.at(leader).tick();
  ASSERT_TRUE(group.at(leader).next_wake().has_value());
  EXPECT_GT(*group.at(leader).next_wake(), group.at(leader).now().steady);
}

// Whatever it holds is worth nothing: it is silent, and still asks whether it may go, and hears that it may.
TEST(CpLeaving, AForgetfulReplicaThatNobodyWantsIsLetGo) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId gone = group.follower_of(leader);
  group.at(gone).crash(kit::TurnHarness::Crash::kill);
  env::WriteBatch mark;
  put_forgetful(group.partition(), mark);
  for (std::size_t i = 0; i < mark.size(); ++i)
    group.at(gone).store().poke(mark.at(i).table, mark.at(i).key, mark.value_at(i));
  MUST(group.restart(gone));
  leave_out(group, gone);
  group.at(gone).take_sent();
  group.at(gone).advance(2s);
  EXPECT_LT(group.at(gone).rounds(), 100U);
  bool asked = false;
  for (const Outgoing& out : group.at(gone).take_sent())
    asked = asked || std::holds_alternative<wire::LeaveQuestion>(MUST(wire::decode_message(out.message)));
  EXPECT_TRUE(asked);
  ASSERT_FALSE(group.replica(gone).was_let_go());
  const wire::LeaveAnswer answer{.epoch = MapEpoch(group.catalog().epoch.value() + 1), .config_index = LogIndex(99)};
  group.at(gone).receive(leader, env::Lane::control, wire::encode_message(answer));
  EXPECT_TRUE(group.replica(gone).was_let_go());
}

// It may go, as of a configuration that it has not heard of; before it does, an append brings a later one that takes it in again.
TEST(CpLeaving, ALeaveIsWithdrawnByALaterConfiguration) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  group.expect_convergence();
  const NodeId gone = group.follower_of(leader);
  const auto status = group.replica(gone).status();
  leave_out(group, gone);
  const LogIndex then = next(status.last);
  const wire::LeaveAnswer answer{.epoch = MapEpoch(group.catalog().epoch.value() + 1), .config_index = then};
  group.at(gone).receive(leader, env::Lane::control, wire::encode_message(answer));
  ASSERT_TRUE(group.replica(gone).was_let_go());
  const Term term = group.replica(leader).status().term;
  raft::Append append{
      .term = term, .prev_index = status.last, .prev_term = term, .commit = status.commit, .entries = {}};
  const raft::Config same{.voters = group.all(), .outgoing = {}, .learners = {}};
  for (const LogIndex index : {then, next(then)}) {
    append.entries.push_back({.term = term,
                              .index = index,
                              .kind = index == then ? raft::EntryKind::noop : raft::EntryKind::config,
                              .log_time = {},
                              .payload = index == then ? Bytes() : raft::encode(same)});
  }
  group.at(gone).receive(leader, env::Lane::data, wire::encode_message(std::move(append)));
  ASSERT_EQ(group.replica(gone).status().last, next(then));
  EXPECT_FALSE(group.replica(gone).was_let_go());
}

}  // namespace
}  // namespace rift::cp
