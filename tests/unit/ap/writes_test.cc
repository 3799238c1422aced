#include "ap/writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

TEST(ApWrites, OneIsAcknowledgedWhenItsOwnDiskHasItAndNotBefore) {
  ApCluster c;
  c.hold_disk(NodeId(1));
  const auto id = c.submit(NodeId(1), put("k", "v"));
  c.run_for(milliseconds(900));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(5));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->outcome, Outcome::done);
  EXPECT_EQ(reply->receipt.asked, Level::one);
  EXPECT_EQ(reply->receipt.reached, Level::one);
  EXPECT_EQ(reply->receipt.acknowledged_by, nodes_of({1}));
  EXPECT_EQ(reply->version.dot_node, NodeId(1));
  EXPECT_GT(reply->version.hlc, 0U);
}

TEST(ApWrites, OneBesideAHangingDiskEndsUnknownWithinItsBudget) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.hold_disk(NodeId(1));
  const auto id = c.submit(NodeId(1), kit::with_budget(put("k", "v"), milliseconds(500)));
  c.run_for(milliseconds(600));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::level_missed);
  EXPECT_EQ(reply->outcome, Outcome::unknown);
}

TEST(ApWrites, CopiesReachEveryOwner) {
  ApCluster c(5);
  ASSERT_TRUE(c.call(NodeId(2), put("k", "v")));
  ASSERT_TRUE(c.rest_within(milliseconds(100)));
  EXPECT_EQ(c.contents(5).at("k").payload, Bytes("v"));
  EXPECT_EQ(c.counter(2, "hints_made"), 0U);
}

TEST(ApWrites, OnePutWritesOneKeyOfTheStore) {
  ApCluster c(1);
  c.call(NodeId(1), put("a", "v"));
  auto& turns = c.at(1);
  const auto before = turns.store().size(env::Table::state_ap) + turns.store().size(env::Table::hint) +
                      turns.store().size(env::Table::meta);
  c.call(NodeId(1), put("b", "v"));
  EXPECT_EQ(turns.store().size(env::Table::state_ap) + turns.store().size(env::Table::hint) +
                turns.store().size(env::Table::meta),
            before + 1);
}

TEST(ApWrites, MajorityCountsDurableOwnersItsOwnDiskAmongThem) {
  ApCluster c;
  c.call(NodeId(1), put("warm", "v"));
  c.run_for(milliseconds(10));
  c.hold_disk(NodeId(1));
  const auto id = c.submit(NodeId(1), at_level(put("k", "v"), Level::majority));
  c.run_for(milliseconds(50));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply) << "two other owners are a majority of three";
  EXPECT_EQ(sorted(reply->receipt.acknowledged_by), nodes_of({2, 3}));
  EXPECT_EQ(reply->receipt.reached, Level::majority);
}

TEST(ApWrites, MajorityIsNotReachedByCopiesThatAreNotOnDisk) {
  ApCluster c;
  c.hold_disk(NodeId(2));
  c.hold_disk(NodeId(3));
  const auto id = c.submit(NodeId(1), at_level(put("k", "v"), Level::majority));
  c.run_for(milliseconds(500));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  c.release_disk(NodeId(3));
  c.run_for(milliseconds(10));
  EXPECT_TRUE(c.take_reply(NodeId(1), id));
}

TEST(ApWrites, AllNeedsEveryOwner) {
  ApCluster c;
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->receipt.reached, Level::all);
  EXPECT_EQ(sorted(reply->receipt.acknowledged_by), nodes_of({1, 2, 3}));
}

TEST(ApWrites, ALevelThatCannotBeMetIsRefusedBeforeAnythingIsTouched) {
  ApCluster c(5);
  c.split(nodes_of({1, 2}), nodes_of({3, 4, 5}));
  const auto reply = c.call(NodeId(1), at_level(put("k", "v"), Level::majority));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::level_unreachable);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  EXPECT_NE(reply->why.find("reaches 2 of 5 owners of k/0"), std::string::npos) << reply->why;
  EXPECT_TRUE(c.contents(1).empty());
  EXPECT_EQ(c.hints(1), 0U);
  EXPECT_EQ(c.call(NodeId(3), at_level(put("k", "v"), Level::majority))->outcome, Outcome::done);
}

TEST(ApWrites, T16AMissedLevelIsUnknownAndTheWriteMayBeSeenLater) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  const auto reply = c.call(NodeId(1), kit::with_budget(at_level(put("k", "v"), Level::majority), milliseconds(300)));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::level_missed);
  EXPECT_EQ(reply->outcome, Outcome::unknown);
  EXPECT_EQ(reply->receipt.reached, Level::one);
  EXPECT_EQ(reply->receipt.hints_left, 2U);
  c.heal();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  const auto read = c.call(NodeId(3), at_level(get("k"), Level::majority));
  EXPECT_EQ(read->value, Bytes("v"));
  EXPECT_EQ(c.call(NodeId(2), at_level(get("k"), Level::majority))->version, read->version);
}

TEST(ApWrites, EachRequestGetsExactlyOneLastReply) {
  ApCluster c;
  const auto one = c.submit(NodeId(1), put("a", "1"));
  const auto two = c.submit(NodeId(1), kit::with_budget(at_level(put("b", "1"), Level::all), milliseconds(20)));
  c.run_for(seconds(3));
  EXPECT_EQ(c.at(1).replies_last(one), 1U);
  EXPECT_EQ(c.at(1).replies_last(two), 1U);
}

TEST(ApWrites, ASecondWriteOfOneRoundStandsAboveTheFirst) {
  ApCluster c;
  c.submit(NodeId(1), std::vector<Request>{put("k", "1"), put("k", "2"), del("k"), put("k", "3")});
  ASSERT_TRUE(c.rest_within(seconds(1)));
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("3"));
}

Request of(Verb verb, std::string_view key) {
  Request request = get(key);
  request.verb = verb;
  return request;
}

TEST(ApWrites, T47WhatNeedsOneOrderIsRefusedByName) {
  ApCluster c;
  const std::vector<std::pair<Request, std::string>> refused = {{kit::cas_absent("k", "v"), "compare-and-set"},
                                                                {of(Verb::txn, "k"), "transaction"},
                                                                {of(Verb::increment, "k"), "increment"},
                                                                {of(Verb::lock, "k"), "lock"},
                                                                {of(Verb::unlock, "k"), "lock"},
                                                                {kit::resolve("k", kit::op_of(1, 1)), "op id"}};
  for (const auto& [request, name] : refused) {
    const auto reply = c.call(NodeId(1), request);
    EXPECT_EQ(reply->code, Code::unsupported) << name;
    EXPECT_EQ(reply->outcome, Outcome::not_done) << name;
    EXPECT_NE(reply->why.find(name), std::string::npos) << reply->why;
    EXPECT_NE(reply->hint.find("cp keyspace"), std::string::npos) << name;
  }
  EXPECT_TRUE(c.contents(1).empty());
}

// The quorum is of the map's owners: a smaller view in the midst of a write makes it no smaller.
TEST(ApWrites, T23AViewThatShrinksDoesNotShrinkTheLevel) {
  ApCluster c(5);
  c.set_filter([](NodeId from, const Outgoing& message) {
    return from == NodeId(1) && message.to != NodeId(1) && message.to != NodeId(2);
  });
  const auto write = c.submit(NodeId(1), kit::with_budget(at_level(put("k", "v"), Level::majority), seconds(2)));
  const auto read = c.submit(NodeId(1), kit::with_budget(at_level(get("k"), Level::majority), seconds(2)));
  c.observe(NodeId(1), nodes_of({1, 2}));
  c.run_for(milliseconds(1500));
  EXPECT_FALSE(c.take_reply(NodeId(1), write)) << "two of the two that are left are not three of five";
  EXPECT_FALSE(c.take_reply(NodeId(1), read));
  c.run_for(milliseconds(600));
  const auto written = c.take_reply(NodeId(1), write);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcome, Outcome::unknown);
  EXPECT_EQ(sorted(written->receipt.acknowledged_by), nodes_of({1, 2}));
  EXPECT_EQ(written->receipt.reached, Level::one);
  EXPECT_EQ(c.take_reply(NodeId(1), read)->code, Code::timeout);
}

class ApPause : public testing::TestWithParam<bool> {};

// What the others answered meanwhile is there when it goes on, or was lost with the connections.
TEST_P(ApPause, T46WhatWasUnderWayEndsOnceAndHonestly) {
  const bool answers_are_lost = GetParam();
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "before"), Level::all));
  const auto write = c.submit(NodeId(1), kit::with_budget(at_level(put("k", "paused"), Level::majority), seconds(5)));
  const auto read = c.submit(NodeId(1), kit::with_budget(at_level(get("k"), Level::all), seconds(5)));
  const auto quick = c.submit(NodeId(1), kit::with_budget(put("other", "v"), seconds(5)));
  c.pause(NodeId(1));
  c.set_filter([&](NodeId from, const Outgoing& message) {
    return answers_are_lost && from != NodeId(1) && message.to == NodeId(1);
  });
  c.observe(NodeId(2), nodes_of({2, 3}));
  c.observe(NodeId(3), nodes_of({2, 3}));
  c.run_for(seconds(15));
  const auto newer = c.call(NodeId(2), at_level(put("k", "newer"), Level::majority));
  ASSERT_EQ(newer->outcome, Outcome::done);
  c.run_for(seconds(15));
  c.set_filter({});
  c.resume(NodeId(1));
  const auto after = c.submit(NodeId(1), at_level(get("k"), Level::majority));
  c.run_for(milliseconds(20));
  const auto written = c.take_reply(NodeId(1), write), seen_late = c.take_reply(NodeId(1), read),
             own = c.take_reply(NodeId(1), quick), seen = c.take_reply(NodeId(1), after);
  ASSERT_TRUE(written && seen_late && own && seen);
  EXPECT_EQ(written->outcome, answers_are_lost ? Outcome::unknown : Outcome::done) << written->why;
  EXPECT_EQ(seen_late->code, Code::timeout) << "the copies that it wanted to repair are out of its time";
  EXPECT_EQ(own->outcome, Outcome::done) << "its own disk had it";
  EXPECT_EQ(seen->version, newer->version) << "its own copy is the old one";
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("newer"));
  c.run_for(seconds(10));
  for (const auto id : {write, read, quick}) EXPECT_EQ(c.at(1).replies_last(id), 1U);
}

INSTANTIATE_TEST_SUITE_P(Answers, ApPause, testing::Bool());

TEST(ApWrites, ANewerVersionThatCameHereBeforeTheAnswerIsReported) {
  ApCluster c;
  c.set_filter([](NodeId from, const Outgoing& message) { return from == NodeId(1) && is<wire::Store>(message); });
  c.hold_disk(NodeId(1));
  const auto id = c.submit(NodeId(1), put("k", "older"));
  const auto other = c.submit(NodeId(1), put("other", "v"));
  c.run_for(milliseconds(5));
  c.call(NodeId(2), put("k", "newer"));
  c.run_for(milliseconds(5));
  ASSERT_EQ(c.contents(1).at("k").payload, Bytes("newer"));
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(5));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->outcome, Outcome::done);
  EXPECT_TRUE(reply->receipt.superseded);
  EXPECT_EQ(reply->receipt.superseded_by, version_of(c.contents(1).at("k").stamp));
  const auto calm = c.take_reply(NodeId(1), other)->receipt;
  EXPECT_FALSE(calm.superseded);
  EXPECT_EQ(calm.superseded_by, Version{});
}

TEST(ApWrites, PressureRefusesPutsAndLetsDeletesThrough) {
  ApCluster c;
  c.call(NodeId(1), put("k", "v"));
  c.at(1).store().set_pressure(env::Pressure::disk_full);
  EXPECT_EQ(c.call(NodeId(1), put("k", "w"))->code, Code::disk_full);
  EXPECT_EQ(c.call(NodeId(1), del("k"))->outcome, Outcome::done);
  c.at(1).store().set_pressure(env::Pressure::stalled);
  EXPECT_EQ(c.call(NodeId(1), put("k", "w"))->code, Code::overloaded);
  EXPECT_EQ(c.call(NodeId(1), get("k"))->outcome, Outcome::done);
}

TEST(ApWrites, AnOwnerWithoutSpaceRefusesTheCopyAndGetsItLater) {
  ApCluster c;
  c.at(3).store().set_pressure(env::Pressure::disk_full);
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "v"), Level::all))->code, Code::level_missed);
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "v"), Level::majority))->outcome, Outcome::done);
  c.run_for(seconds(5));
  EXPECT_EQ(c.hints(1), 1U) << "a refused copy is still owed";
  c.at(3).store().set_pressure(env::Pressure::none);
  EXPECT_TRUE(c.rest_within(seconds(5)));
}

TEST(ApWrites, ACancelledWriteGoesOnWithoutAReply) {
  ApCluster c;
  c.hold_disk(NodeId(2));
  c.hold_disk(NodeId(3));
  const auto id = c.submit(NodeId(1), at_level(put("k", "v"), Level::all));
  c.at(1).cancel({id});
  c.release_disk(NodeId(2));
  c.release_disk(NodeId(3));
  ASSERT_TRUE(c.rest_within(seconds(2)));
  EXPECT_EQ(c.at(1).replies_last(id), 0U);
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("v"));
}

topology::ClockSkew skew_of(milliseconds ahead) { return {.ahead = ahead, .of = nodes_of({2, 3})}; }

TEST(ApWrites, T02ASkewedNodeStampsNoWrites) {
  for (const milliseconds ahead : {milliseconds(5'000), milliseconds(-5'000)}) {
    ApCluster c;
    ASSERT_EQ(c.call(NodeId(2), at_level(put("k", "right"), Level::all))->outcome, Outcome::done);
    c.set_wall_offset(NodeId(1), ahead);
    c.observe_skew(NodeId(1), skew_of(ahead));
    for (const Level level : {Level::one, Level::majority, Level::all}) {
      for (const Request& request : {put("k", "wrong"), del("k")}) {
        const auto refused = c.call(NodeId(1), at_level(request, level));
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->code, Code::clock_skewed);
        EXPECT_EQ(refused->outcome, Outcome::not_done);
        EXPECT_NE(refused->why.find(ahead.count() > 0 ? "5.000 s ahead of n2, n3" : "5.000 s behind n2, n3"),
                  std::string::npos)
            << refused->why;
        EXPECT_NE(refused->hint.find("another node"), std::string::npos) << refused->hint;
      }
    }
    ASSERT_TRUE(c.rest_within(seconds(2)));
    for (std::uint32_t n = 1; n <= 3; ++n) EXPECT_EQ(c.contents(n).at("k").payload, Bytes("right")) << n;
  }
}

// It is no worse a copy for that: what others write reaches it, it counts for them, and it answers reads.
TEST(ApWrites, T02ASkewedNodeServesReadsAndTakesCopies) {
  ApCluster c;
  c.set_wall_offset(NodeId(1), seconds(5));
  c.observe_skew(NodeId(1), skew_of(seconds(5)));
  EXPECT_EQ(c.call(NodeId(2), at_level(put("k", "v"), Level::all))->outcome, Outcome::done);
  for (const Level level : {Level::one, Level::majority, Level::all})
    EXPECT_EQ(c.call(NodeId(1), at_level(get("k"), level))->value, Bytes("v")) << to_string(level);
}

// A slow one refuses the others' copies as from the far future, and has them by their hints.
TEST(ApWrites, T02ASlowNodeGetsItsCopiesByHints) {
  ApCluster c;
  c.set_wall_offset(NodeId(1), -seconds(5));
  c.observe_skew(NodeId(1), skew_of(-seconds(5)));
  EXPECT_EQ(c.call(NodeId(2), at_level(put("k", "v"), Level::majority))->outcome, Outcome::done);
  EXPECT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
}

TEST(ApWrites, T02ANodeWhoseClockIsSetRightStampsAgain) {
  ApCluster c;
  c.observe_skew(NodeId(1), skew_of(seconds(5)));
  EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->code, Code::clock_skewed);
  c.observe_skew(NodeId(1), std::nullopt);
  EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->outcome, Outcome::done);
}

// Nobody has told it yet. At more than ONE its write fails, so that it is known; at ONE it stands, and beats what the others write until their
// clocks have come so far: that is why a node that knows stops.
TEST(ApWrites, T02WhatASkewedNodeStampedBeforeItKnewDragsNoClockAlong) {
  ApCluster c;
  c.set_wall_offset(NodeId(1), seconds(5));
  const auto majority = c.call(NodeId(1), at_level(put("k", "fast"), Level::majority));
  EXPECT_EQ(majority->code, Code::level_missed);
  EXPECT_EQ(majority->outcome, Outcome::unknown);
  EXPECT_EQ(c.counter(2, "clock_skew_refused"), 1U);
  EXPECT_LT(c.stamper(NodeId(2)).latest().wall(), c.at(2).now().wall + seconds(1)) << "nobody's clock is dragged along";
  EXPECT_EQ(c.call(NodeId(1), put("k", "fast again"))->outcome, Outcome::done);
  // Hints always bring it through: refusing them would keep the owners different for ever.
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("fast again"));
}

// Its clock ran ahead and was set right: what it stamped then stands ahead of the others' clocks still.
TEST(ApWrites, T02ANodeWhoseClockWasSetBackStampsNothingAheadOfTheOthers) {
  ApCluster c;
  c.set_wall_offset(NodeId(1), seconds(60));
  ASSERT_EQ(c.call(NodeId(1), put("k", "fast"))->outcome, Outcome::done);
  c.set_wall_offset(NodeId(1), seconds(0));
  const auto refused = c.call(NodeId(1), put("other", "v"));
  EXPECT_EQ(refused->code, Code::clock_skewed);
  EXPECT_EQ(refused->outcome, Outcome::not_done);
  EXPECT_THAT(refused->why, testing::HasSubstr("set back"));
  EXPECT_EQ(c.call(NodeId(1), get("k"))->value, Bytes("fast"));
  c.run_for(seconds(60));
  EXPECT_EQ(c.call(NodeId(1), put("other", "v"))->outcome, Outcome::done);
}

// An owner alone has nobody whose writes its stamps could beat.
TEST(ApWrites, T02ALoneOwnerWhoseClockWasSetBackGoesOn) {
  ApCluster c(1);
  c.set_wall_offset(NodeId(1), seconds(60));
  ASSERT_EQ(c.call(NodeId(1), put("k", "fast"))->outcome, Outcome::done);
  c.set_wall_offset(NodeId(1), seconds(0));
  EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->outcome, Outcome::done);
}

TEST(ApWrites, T02ASlowClocksWriteIsReportedSuperseded) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  c.set_wall_offset(NodeId(1), -seconds(5));
  c.call(NodeId(2), put("k", "newer stamp"));
  c.run_for(milliseconds(20));
  c.heal();
  const auto late = c.call(NodeId(1), at_level(put("k", "older stamp"), Level::majority));
  EXPECT_EQ(late->outcome, Outcome::done);
  EXPECT_TRUE(late->receipt.superseded);
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("newer stamp"));
}

TEST(ApWrites, T03AKeyWithAFarFutureVersionStaysWritableAndDeletable) {
  ApCluster c;
  causal::Envelope poison{.kind = causal::Kind::value, .stamp = {}, .payload = "poison"};
  poison.stamp.hlc = causal::Hlc::from_wall(c.at(1).now().wall + std::chrono::hours(24));
  poison.stamp.dot = {.node = NodeId(3), .incarnation = 1, .sequence = 1};
  for (std::uint32_t n = 1; n <= 3; ++n) {
    c.at(n).store().poke(env::Table::state_ap, wire::ap_data_key(c.partition(), Generation(1), "k"),
                         wire::encode(poison));
  }
  const auto reply = c.call(NodeId(1), at_level(put("k", "cured"), Level::all));
  EXPECT_EQ(reply->outcome, Outcome::done) << reply->why;
  EXPECT_GT(reply->version.hlc, poison.stamp.hlc.bits());
  EXPECT_EQ(c.call(NodeId(2), at_level(del("k"), Level::all))->outcome, Outcome::done);
  EXPECT_FALSE(c.call(NodeId(3), at_level(get("k"), Level::all))->found);
  EXPECT_LT(c.stamper(NodeId(1)).latest().wall(), c.at(1).now().wall + seconds(1));
}

// The last stamp that owners take from each other: one above it would be stored here and dropped by all others.
TEST(ApWrites, T03AKeyWithoutRoomAboveItsVersionIsNotWritten) {
  ApCluster c;
  causal::Envelope last{.kind = causal::Kind::value, .stamp = {}, .payload = "last"};
  last.stamp.hlc = causal::Hlc::from_wall(WallTime(milliseconds(16'725'225'600'000)));
  last.stamp.dot = {.node = NodeId(3), .incarnation = 1, .sequence = 1};
  c.at(2).receive(
      NodeId(3), env::Lane::data,
      wire::encode_message(wire::Store{.token = 1, .reason = wire::StoreReason::repair, .key = "k", .envelope = last}));
  ASSERT_EQ(c.contents(2).size(), 1U) << "taken from a peer";
  const auto reply = c.call(NodeId(2), put("k", "above"));
  EXPECT_EQ(reply->code, Code::invalid);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  EXPECT_EQ(c.contents(2).at("k").payload, Bytes("last"));
  EXPECT_EQ(c.call(NodeId(2), put("other", "v"))->outcome, Outcome::done);
}

TEST(ApWrites, T06NoStampLeavesBeforeTheCeilingAboveItIsOnDisk) {
  ApCluster c;
  c.hold_disk(NodeId(1));
  c.submit(NodeId(1), put("k", "v"));
  c.run_for(milliseconds(100));
  EXPECT_TRUE(c.contents(2).empty()) << "the first stamp of this life is above any durable ceiling";
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(10));
  EXPECT_EQ(c.contents(2).size(), 1U);
  c.hold_disk(NodeId(1));
  c.submit(NodeId(1), put("l", "v"));
  c.run_for(milliseconds(10));
  EXPECT_EQ(c.contents(2).size(), 2U) << "from then on copies overtake the disk";
}

TEST(ApWrites, T06StampsRiseOverARestartWithAClockSetBack) {
  ApCluster c(1);
  const auto before = c.call(NodeId(1), put("k", "1"))->version.hlc;
  c.crash(NodeId(1));
  c.set_wall_offset(NodeId(1), -std::chrono::hours(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_GT(c.call(NodeId(1), put("other", "2"))->version.hlc, before);
}

TEST(ApWrites, T09ARestartedNodeNamesItsWritesAnew) {
  ApCluster c(1);
  const auto first = c.call(NodeId(1), put("k", "1"))->version;
  c.crash(NodeId(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  const auto second = c.call(NodeId(1), put("k", "2"))->version;
  EXPECT_EQ(second.dot_sequence, first.dot_sequence);
  EXPECT_GT(second.dot_incarnation, first.dot_incarnation);
}

TEST(ApWrites, AnAcknowledgementThatDoesNotProveTheVersionIsNotBelieved) {
  ApCluster c;
  std::optional<wire::Store> copy;
  c.set_filter([&](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (decoded && std::holds_alternative<wire::Store>(*decoded)) copy = std::get<wire::Store>(*decoded);
    return true;
  });
  const auto id = c.submit(NodeId(1), at_level(put("k", "v"), Level::majority));
  ASSERT_TRUE(c.run_until([&] { return copy.has_value(); }, milliseconds(50)));
  wire::StoreAck ack{.token = copy->token, .result = wire::StoreResult::stored, .winner = copy->envelope.stamp};
  ack.winner.hlc = causal::Hlc(ack.winner.hlc.bits() - 1);
  c.at(1).receive(NodeId(2), env::Lane::data, wire::encode_message(ack));
  c.run_for(milliseconds(50));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  ack.winner = copy->envelope.stamp;
  c.at(1).receive(NodeId(2), env::Lane::data, wire::encode_message(ack));
  EXPECT_TRUE(c.take_reply(NodeId(1), id));
}

TEST(ApWrites, TokensOfTwoLivesDoNotMeet) {
  ApCluster c;
  std::vector<std::uint64_t> tokens;
  c.set_filter([&](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (decoded && std::holds_alternative<wire::Store>(*decoded))
      tokens.push_back(std::get<wire::Store>(*decoded).token);
    return true;
  });
  for (int life = 0; life < 3; ++life) {
    c.call(NodeId(1), put("k", "v"));
    c.run_for(milliseconds(500));
    c.crash(NodeId(1));
    ASSERT_TRUE(c.restart(NodeId(1)));
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  EXPECT_EQ(tokens.size(), 3U);
}

TEST(ApWrites, AcknowledgedOnOneSurvivesPowerLossOfItsCoordinator) {
  ApCluster c(3);
  c.split(nodes_of({1}), nodes_of({2, 3}));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(c.call(NodeId(1), put("k" + std::to_string(i), "v"))->outcome, Outcome::done);
  }
  c.crash(NodeId(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(c.contents(1).size(), 20U);
}

}  // namespace
}  // namespace rift::ap
