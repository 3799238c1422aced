#include "group.h"

namespace rift::cp {
namespace {

using kit::cas_absent;
using kit::cas_value;
using kit::del;
using kit::op_of;
using kit::put;
using kit::with_budget;
using kit::with_level;
using kit::with_op;

kit::ReplicaCluster::Options five() {
  kit::ReplicaCluster::Options options;
  options.nodes = 5;
  return options;
}

TEST(CpWrites, PutGetCasDelWithReceipts) {
  Group group;
  const NodeId leader = group.elect();
  const auto written = group.must_call(leader, put("k", "one"));
  EXPECT_EQ(written.code, Code::ok);
  EXPECT_EQ(written.outcome, Outcome::done);
  EXPECT_EQ(written.receipt.reached, Level::majority);
  EXPECT_EQ(written.receipt.leader, leader);
  EXPECT_EQ(written.receipt.served_by, leader);
  EXPECT_GE(written.receipt.acknowledged_by.size(), 2U);
  EXPECT_GT(written.receipt.index, LogIndex(1));
  EXPECT_EQ(written.version.modify_revision, Revision(1));
  EXPECT_EQ(group.must_call(leader, cas_value("k", "one", "two")).code, Code::ok);
  const auto failed = group.must_call(leader, cas_absent("k", "three"));
  EXPECT_EQ(failed.code, Code::condition_failed);
  EXPECT_EQ(failed.outcome, Outcome::not_done);
  EXPECT_EQ(failed.value, Bytes("two"));
  EXPECT_EQ(group.read(leader, "k"), "two");
  EXPECT_EQ(group.must_call(leader, del("k")).version.modify_revision, Revision(3));
  const auto absent = group.must_call(leader, kit::get("k"));
  EXPECT_FALSE(absent.found);
  EXPECT_EQ(absent.version.modify_revision, Revision(3));
  group.expect_convergence();
}

TEST(CpWrites, ARoundOfManyIsOneEntryAndOneAppliedRecord) {
  Group group;
  const NodeId leader = group.elect();
  const auto before = group.replica(leader).status();
  std::vector<Request> round;
  for (int i = 0; i < 64; ++i) round.push_back(put("k" + std::to_string(i), "v"));
  const auto ids = group.submit(leader, std::move(round));
  for (const RequestId id : ids) {
    std::optional<Response> reply;
    ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(leader, id)).has_value(); }));
    EXPECT_EQ(reply->outcome, Outcome::done);
  }
  EXPECT_EQ(group.replica(leader).status().last - before.last, 1U);
  EXPECT_EQ(group.replica(leader).applied().revision, Revision(64));
}

TEST(CpWrites, AFollowerNamesTheLeader) {
  Group group;
  const NodeId leader = group.elect();
  const auto refused = group.must_call(group.follower_of(leader), put("k", "v"));
  EXPECT_EQ(refused.code, Code::not_leader);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_EQ(refused.receipt.leader, leader);
}

TEST(CpWrites, NothingIsAcknowledgedBeforeAMajorityIsOnDisk) {
  Group group;
  const NodeId leader = group.elect();
  for (const NodeId n : group.others(leader)) group.hold_disk(n);
  const RequestId id = group.submit(leader, with_budget(put("k", "v"), 5s));
  group.run_for(200ms);
  EXPECT_FALSE(group.take_reply(leader, id).has_value());
  group.release_disk(group.follower_of(leader));
  std::optional<Response> reply;
  EXPECT_TRUE(group.run_until([&] { return (reply = group.take_reply(leader, id)).has_value(); }, 1s));
  EXPECT_EQ(reply->outcome, Outcome::done);
}

TEST(CpWrites, AWriteAtOneIsServedAsMajorityAndSaysSo) {
  Group group;
  const auto response = group.write(with_level(put("k", "v"), Level::one));
  EXPECT_EQ(response.receipt.asked, Level::one);
  EXPECT_EQ(response.receipt.reached, Level::majority);
}

TEST(CpWrites, AllWaitsForEveryVoter) {
  Group group;
  const NodeId leader = group.elect();
  const auto response = group.must_call(leader, with_level(put("k", "v"), Level::all));
  EXPECT_EQ(response.outcome, Outcome::done);
  EXPECT_EQ(response.receipt.reached, Level::all);
  EXPECT_EQ(response.receipt.acknowledged_by.size(), 3U);
}

TEST(CpWrites, AllIsRefusedBeforeProposingWhenAVoterIsKnownToBeDown) {
  Group group;
  const NodeId leader = group.elect();
  const LogIndex last = group.replica(leader).status().last;
  group.split({group.follower_of(leader)});
  const auto response = group.must_call(leader, with_level(put("k", "v"), Level::all));
  EXPECT_EQ(response.code, Code::level_unreachable);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_EQ(group.replica(leader).status().last, last);
}

TEST(CpWrites, AllThatIsLostOnTheWayIsDoneWithTheLevelNotReached) {
  Group group;
  const NodeId leader = group.elect();
  group.isolate(group.follower_of(leader));  // nobody has noticed yet
  const Time begin = group.now();
  const auto response = group.must_call(leader, with_budget(with_level(put("k", "v"), Level::all), 400ms));
  EXPECT_EQ(response.outcome, Outcome::done);
  EXPECT_EQ(response.code, Code::ok);
  EXPECT_EQ(response.receipt.reached, Level::majority);
  EXPECT_EQ(response.receipt.acknowledged_by.size(), 2U);
  EXPECT_FALSE(response.why.empty());
  EXPECT_LT(group.now() - begin, 450ms);
}

TEST(CpWrites, ADeposedLeadersWriteIsProvedNotDoneWhenAnotherEntryTakesItsPlace) {
  Group group(five());
  const NodeId old_leader = group.elect();
  group.split({old_leader});
  const RequestId id = group.submit(old_leader, with_budget(put("k", "lost"), 30s));
  EXPECT_EQ(group.write(put("k", "kept")).outcome, Outcome::done);
  EXPECT_FALSE(group.take_reply(old_leader, id).has_value());
  group.rejoin();
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(old_leader, id)).has_value(); }));
  EXPECT_EQ(reply->code, Code::superseded_entry);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  EXPECT_EQ(group.at(old_leader).replies_last(id), 1U);
  EXPECT_EQ(group.read(old_leader, "k"), "kept");
  group.expect_convergence();
}

TEST(CpWrites, AWriteWithoutAMajorityEndsUnknown) {
  Group group(five());
  const NodeId old_leader = group.elect();
  group.split({old_leader, group.follower_of(old_leader)});
  const auto response = group.must_call(old_leader, with_budget(put("k", "maybe"), 2s));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.code, Code::leadership_lost);
}

// An orphan whose entry reached the next leader is done, and its client is told so.
TEST(CpWrites, ADeposedLeadersWriteThatSurvivesIsDone) {
  Group group(five());
  const NodeId old_leader = group.elect();
  const auto others = group.others(old_leader);
  // The append goes out, and nothing comes back.
  for (const NodeId n : others) group.cut(n, old_leader);
  const RequestId id = group.submit(old_leader, with_budget(put("k", "survives"), 30s));
  group.run_for(20ms);
  group.split({old_leader});
  ASSERT_TRUE(group.run_until([&] {
    const auto leader = group.with_role("leader");
    return leader && *leader != old_leader;
  }));
  group.rejoin();
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(old_leader, id)).has_value(); }));
  EXPECT_EQ(reply->outcome, Outcome::done) << reply->why;
  EXPECT_EQ(group.read(old_leader, "k"), "survives");
}

TEST(CpWrites, TheMinorityRefusesFastAndExplains) {
  Group group(five());
  const NodeId leader = group.elect();
  group.split({leader, group.follower_of(leader)});
  group.run_for(3s);
  const Time begin = group.now();
  const auto response = group.must_call(leader, put("k", "v"));
  EXPECT_EQ(response.code, Code::no_leader);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_EQ(group.now() - begin, Duration::zero());
  EXPECT_NE(response.why.find(to_string(leader) + " reaches 2 of 5 voters of k/0, needs 3, for "), std::string::npos)
      << response.why;
}

TEST(CpWrites, ARetryAfterAFailoverIsAnsweredFromTheWindow) {
  Group group;
  const NodeId first = group.elect();
  EXPECT_EQ(group.must_call(first, with_op(put("k", "a"), op_of(1, 1))).outcome, Outcome::done);
  EXPECT_EQ(group.must_call(first, put("k", "b")).outcome, Outcome::done);
  group.crash(first);
  const NodeId second = group.elect();
  OpId again = op_of(1, 1);
  again.retry = true;
  const auto response = group.must_call(second, with_op(put("k", "a"), again));
  EXPECT_EQ(response.outcome, Outcome::done);
  EXPECT_TRUE(response.receipt.duplicate);
  EXPECT_EQ(response.version.modify_revision, Revision(1));
  EXPECT_EQ(group.read(second, "k"), "b");
}

// Review 3, with the jam in the network: the original is proposed at a leader that is cut off, resolved at the next one.
TEST(CpWrites, ResolveRefusesWhatAnOldLeaderStillHolds) {
  Group group;
  const NodeId old_leader = group.elect();
  EXPECT_EQ(group.must_call(old_leader, with_op(put("k", "v4"), op_of(1, 1))).outcome, Outcome::done);
  group.split({old_leader});
  const RequestId jammed = group.submit(old_leader, with_budget(with_op(put("k", "v5"), op_of(1, 5)), 30s));
  const auto never = group.write(kit::resolve("k", op_of(1, 5)));
  EXPECT_EQ(never.code, Code::refused);
  EXPECT_EQ(never.outcome, Outcome::not_done);
  EXPECT_EQ(group.write(with_op(put("k", "v6"), op_of(1, 6))).outcome, Outcome::done);
  group.rejoin();
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(old_leader, jammed)).has_value(); }));
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  EXPECT_EQ(group.write(with_op(put("k", "v5"), op_of(1, 5))).code, Code::refused);
  EXPECT_EQ(group.read(old_leader, "k"), "v6");
}

TEST(CpWrites, TheLargestValueTravels) {
  Group group;
  const NodeId leader = group.elect();
  const std::string key(limits::key_bytes_max, 'k');
  const std::string value(limits::value_bytes_max, 'v');
  std::vector<Request> round;
  for (int i = 0; i < 3; ++i) round.push_back(put(key, value));
  const auto ids = group.submit(leader, std::move(round));
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(leader, ids.back())).has_value(); }));
  EXPECT_EQ(reply->outcome, Outcome::done);
  EXPECT_EQ(group.read(group.follower_of(leader), key), value);
  group.expect_convergence();
}

TEST(CpWrites, AFullDiskTakesDeletesOnlyAndHandsOver) {
  Group group;
  const NodeId leader = group.elect();
  EXPECT_EQ(group.must_call(leader, put("k", "v")).outcome, Outcome::done);
  group.at(leader).store().set_pressure(env::Pressure::disk_full);
  const auto ids = group.submit(leader, {put("k", "more"), del("k")});
  std::optional<Response> deleted;
  ASSERT_TRUE(group.run_until([&] { return (deleted = group.take_reply(leader, ids[1])).has_value(); }));
  EXPECT_EQ(group.take_reply(leader, ids[0])->code, Code::disk_full);
  EXPECT_EQ(deleted->outcome, Outcome::done);
  EXPECT_TRUE(group.run_until([&] { return group.with_role("leader").value_or(leader) != leader; }, 1s));
}

// DESIGN 1: puts are refused, reads and deletes go on.
TEST(CpWrites, AStalledStoreRefusesPutsAndTakesDeletes) {
  Group group({.nodes = 1});  // nobody else could lead
  const NodeId leader = group.elect();
  EXPECT_EQ(group.must_call(leader, put("k", "v")).outcome, Outcome::done);
  group.at(leader).store().set_pressure(env::Pressure::stalled);
  const auto response = group.must_call(leader, put("k", "w"));
  EXPECT_EQ(response.code, Code::overloaded);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_EQ(group.read(leader, "k"), "v");
  EXPECT_EQ(group.must_call(leader, del("k")).outcome, Outcome::done);
  EXPECT_EQ(group.read(leader, "k"), "<absent>");
}

class Pressed : public ::testing::TestWithParam<env::Pressure> {
 protected:
  void press(NodeId node, env::Pressure pressure) { group.at(node).store().set_pressure(pressure); }
  bool leads_another_than(NodeId old) {
    const auto leader = group.with_role("leader");
    return leader && *leader != old;
  }
  // How often somebody else led than the moment before.
  int count_moves(Duration time) {
    int moves = 0;
    std::optional<NodeId> last = group.with_role("leader");
    for (Duration spent{}; spent < time; spent += 1ms) {
      group.run_for(1ms);
      const auto leader = group.with_role("leader");
      if (leader && last && *leader != *last) ++moves;
      if (leader) last = leader;
    }
    return moves;
  }
  // Without the preferred leader, which gets its chance again and again.
  static CpReplica::Options calm() {
    CpReplica::Options options;
    options.spread_after = 10min;
    return options;
  }
  Group group{{}, calm()};
};

// What it refuses is all that it is asked: it hands over nevertheless, and the one that refused hears the truth.
TEST_P(Pressed, ALeaderThatRefusesEveryWriteHandsOver) {
  const NodeId leader = group.elect();
  press(leader, GetParam());
  const auto refused = group.must_call(leader, put("k", "v"));
  EXPECT_EQ(refused.code, GetParam() == env::Pressure::stalled ? Code::overloaded : Code::disk_full);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_TRUE(group.replica(leader).status().pending > 0 || !group.replica(leader).is_leader())
      << "the write itself has made it hand over";
  ASSERT_TRUE(group.run_until([&] { return leads_another_than(leader); }, 400ms));
  EXPECT_EQ(group.write(put("k", "v")).outcome, Outcome::done);
  const auto history = group.replica(leader).status().history;
  EXPECT_TRUE(
      std::any_of(history.begin(), history.end(), [](const auto& it) { return it.reason == "store_pressure"; }));
}

// The group's clients have gone to sleep, or refuse to ask it again: when they come, another leads already.
TEST_P(Pressed, ALeaderThatIsAskedNothingHandsOver) {
  const NodeId leader = group.elect();
  press(leader, GetParam());
  ASSERT_TRUE(group.run_until([&] { return leads_another_than(leader); }, 400ms));
  EXPECT_EQ(group.write(put("k", "v")).outcome, Outcome::done);
}

TEST_P(Pressed, TheLeadershipFindsTheOneThatIsNot) {
  for (const NodeId well : group.all()) {
    for (const NodeId node : group.all()) press(node, node == well ? env::Pressure::none : GetParam());
    EXPECT_TRUE(group.run_until([&] { return group.with_role("leader") == well; }, 2s)) << to_string(well);
    EXPECT_LE(count_moves(30s), 0) << "it rests there";
    EXPECT_EQ(group.write(put("k", "v")).outcome, Outcome::done);
  }
}

// Once around in ten seconds, and not for ever: deletes are still taken meanwhile.
TEST_P(Pressed, WhereNobodyIsBetterTheLeadershipRests) {
  group.elect();
  for (const NodeId node : group.all()) press(node, GetParam());
  EXPECT_LE(count_moves(9s), 3);
  EXPECT_LE(count_moves(30s), 10);
  EXPECT_EQ(group.write(del("k")).outcome, Outcome::done);
}

INSTANTIATE_TEST_SUITE_P(CpWrites, Pressed, ::testing::Values(env::Pressure::stalled, env::Pressure::disk_full));

TEST(CpWrites, TooMuchUncommittedIsRefusedAsNotDone) {
  CpReplica::Options base;
  base.raft.uncommitted_bytes_max = 64 * limits::kibi;
  base.uncommitted_entries_max = 1000;
  Group group({}, base);
  const NodeId leader = group.elect();
  for (const NodeId n : group.others(leader)) group.hold_disk(n);
  for (int i = 0; i < 3; ++i) group.submit(leader, put("k", std::string(20'000, 'v')));
  const auto response = group.must_call(leader, put("k", std::string(20'000, 'v')));
  EXPECT_EQ(response.code, Code::overloaded);
  EXPECT_EQ(response.outcome, Outcome::not_done);
}

TEST(CpWrites, HandOverMovesTheLeadershipAtOnce) {
  Group group;
  const NodeId leader = group.elect();
  group.at(leader).round([](Replica& replica, Turn& turn) { static_cast<CpReplica&>(replica).hand_over(turn); });
  EXPECT_TRUE(group.run_until([&] { return group.with_role("leader").value_or(leader) != leader; }, 400ms));
}

TEST(CpWrites, HandOverPassesADeadPeerBy) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  group.expect_convergence();
  const NodeId dead = group.others(leader).front();  // as much of the log as the other one, and first in order
  group.crash(dead);
  group.run_for(700ms);
  ASSERT_TRUE(group.replica(leader).is_leader());
  group.at(leader).round([](Replica& replica, Turn& turn) { static_cast<CpReplica&>(replica).hand_over(turn); });
  const NodeId other = group.others(leader).back();
  EXPECT_TRUE(group.run_until([&] { return group.replica(other).is_leader(); }, 400ms));
}

// What was held was judged before the store came under pressure.
TEST(CpWrites, HeldWritesAreJudgedAgainBeforeTheyAreProposed) {
  CpReplica::Options base;
  base.uncommitted_entries_max = 1;
  Group group({}, base);
  const NodeId leader = group.elect();
  for (const NodeId n : group.others(leader)) group.hold_disk(n);
  const RequestId proposed = group.submit(leader, put("k", "a"));
  const RequestId held = group.submit(leader, put("k", "b"));
  group.at(leader).store().set_pressure(env::Pressure::stalled);
  for (const NodeId n : group.others(leader)) group.release_disk(n);
  std::optional<Response> refused;
  ASSERT_TRUE(group.run_until([&] { return (refused = group.take_reply(leader, held)).has_value(); }));
  EXPECT_EQ(refused->code, Code::overloaded);
  EXPECT_EQ(refused->outcome, Outcome::not_done);
  EXPECT_EQ(group.take_reply(leader, proposed)->outcome, Outcome::done);
}

// Trap 31: its heartbeats overtake the disk, so nobody would ever ask another one to lead.
TEST(CpWrites, ALeaderWhoseDiskHangsLetsAnotherOneLead) {
  Group group;
  const NodeId leader = group.elect();
  group.hold_disk(leader);
  group.submit(leader, put("k", "v"));
  const auto other_leads = [&] {
    const auto others = group.others(leader);
    return std::any_of(others.begin(), others.end(), [&](NodeId n) { return group.replica(n).is_leader(); });
  };
  EXPECT_TRUE(group.run_until(other_leads, 3s));
  EXPECT_FALSE(group.replica(leader).is_leader());
  const auto others = group.others(leader);
  const NodeId next = group.replica(others.front()).is_leader() ? others.front() : others.back();
  EXPECT_EQ(group.must_call(next, put("k", "w")).outcome, Outcome::done);
}

TEST(CpWrites, ALeaderWhoseDiskKeepsUpStaysThroughEverySlowSync) {
  Group group;
  const NodeId leader = group.elect();
  const Term term = group.replica(leader).status().term;
  for (int i = 0; i < 8; ++i) {
    group.hold_disk(leader);
    const RequestId id = group.submit(leader, put("k", std::to_string(i)));
    group.run_for(300ms);
    EXPECT_FALSE(group.take_reply(leader, id).has_value());  // committed, and not on this disk
    group.release_disk(leader);
    ASSERT_TRUE(group.run_until([&] { return group.take_reply(leader, id).has_value(); }));
  }
  EXPECT_TRUE(group.replica(leader).is_leader());
  EXPECT_EQ(group.replica(leader).status().term, term);
}

TEST(CpWrites, WhatALeaderHoldsBesideAHangingDiskIsBounded) {
  CpReplica::Options base;
  base.raft.uncommitted_bytes_max = 64 * limits::kibi;
  Group group({}, base);
  const NodeId leader = group.elect();
  group.hold_disk(leader);
  std::size_t refused = 0;
  for (int i = 0; i < 40; ++i) {
    const RequestId id = group.submit(leader, put("k", std::string(20'000, 'v')));
    group.run_for(5ms);  // committed by the other two
    const auto reply = group.take_reply(leader, id);
    if (!reply) continue;
    EXPECT_EQ(reply->code, Code::overloaded);
    EXPECT_EQ(reply->outcome, Outcome::not_done);
    ++refused;
  }
  EXPECT_GE(refused, 34U);
  const auto status = group.replica(leader).status();
  EXPECT_LT(status.last - status.applied, 8U);
  group.release_disk(leader);
  group.run_for(100ms);
  EXPECT_EQ(group.must_call(leader, put("k", "v")).outcome, Outcome::done);
}

// Trap 5: the wall clock of a node may be set at any time, in both directions.
TEST(CpWrites, LogTimeFollowsTheLeadersSteadyClockAndStandsStillWithoutOne) {
  Group group;
  const NodeId leader = group.elect();
  Request lives = put("lives", "v");
  lives.operands.emplace().ttl = 60s;
  EXPECT_EQ(group.must_call(leader, lives).outcome, Outcome::done);
  Duration second = group.replica(leader).applied().log_time;
  for (const auto step : {std::chrono::hours(5), std::chrono::hours(-5)}) {
    const Duration first = second;
    for (const NodeId n : group.nodes()) group.set_wall_offset(n, step);
    group.run_for(10s);
    group.must_call(leader, put("k", "b"));
    second = group.replica(leader).applied().log_time;
    EXPECT_GE(second - first, 10s);
    EXPECT_LT(second - first, 11s);
    EXPECT_EQ(group.read(leader, "lives"), "v");
  }
  for (const NodeId n : group.nodes()) group.crash(n);
  group.run_for(std::chrono::hours(1));
  for (const NodeId n : group.nodes()) MUST(group.restart(n));
  group.write(put("k", "c"));
  EXPECT_LT(group.replica(group.elect()).applied().log_time - second, 15s);
}

}  // namespace
}  // namespace rift::cp
