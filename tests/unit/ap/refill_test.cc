// A coordinator whose own disk had not taken what the others acknowledged: after its unclean stop it gets its writes back. And an owner whose disk
// is another one, or has lost its tail: it counts for nothing until it has been brought what the others hold.
#include "ap/refill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::get;
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
  bool held = true;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    if (from == NodeId(2) && is<wire::HintOffer>(message)) return held;
    return (is<wire::Refill>(message) || is<wire::RefillAck>(message)) && lost-- > 0;
  });
  c.hold_disk(NodeId(2));
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(10));
  EXPECT_LE(lost, 0);
  EXPECT_EQ(records_of_wish(c), 1U) << "the debt of node 2 is not on its disk";
  c.release_disk(NodeId(2));
  c.run_for(seconds(5));
  EXPECT_EQ(records_of_wish(c), 0U);
  held = false;
  ASSERT_TRUE(c.rest_within(seconds(5)));
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

// Owners that lose their disks. Nothing is offered to them while `hold` stands.
struct Forgetful : testing::Test {
  Forgetful() : c(3, 1, [this](NodeId node, Options& options) { options.forgetful = forgets.contains(node); }) {}

  // An acknowledged majority write that n1 and n2 hold.
  void write_without_n3() {
    c.call(NodeId(1), at_level(put("old", "v"), Level::all));
    c.split(nodes_of({1, 2}), nodes_of({3}));
    ASSERT_EQ(c.call(NodeId(1), at_level(put("k", "v"), Level::majority))->outcome, Outcome::done);
    c.run_for(seconds(2));
    ASSERT_FALSE(c.contents(3).contains("k"));
  }
  void lose_disk(std::uint32_t n, bool another_disk = true) {
    c.crash(NodeId(n));
    env::WriteBatch lost;
    for (const env::Table table : {env::Table::meta, env::Table::state_ap, env::Table::hint})
      lost.erase_range(table, std::string_view("\0", 1), "\xff");
    MUST(c.at(n).store().apply(lost));
    if (another_disk) forgets.insert(NodeId(n));
    ASSERT_TRUE(c.restart(NodeId(n)));
    forgets.clear();
  }
  void hold(std::vector<NodeId> from) {
    c.set_filter([from](NodeId sender, const Outgoing& message) {
      return is<wire::HintOffer>(message) && std::find(from.begin(), from.end(), sender) != from.end();
    });
  }
  std::string role(std::uint32_t n) { return c.ap(n).status().role; }
  std::optional<Response> read(std::uint32_t n, Level level) {
    return c.call(NodeId(n), kit::with_budget(at_level(get("k"), level), milliseconds(900)));
  }

  std::set<NodeId> forgets;
  ApCluster c;
};
using ApCatchingUp = Forgetful;

// n1 and n3 are a majority without the write, and n2 cannot be asked.
TEST_F(ApCatchingUp, T39AnEmptyOwnerProvesNoAbsence) {
  write_without_n3();
  hold(nodes_of({2, 3}));
  lose_disk(1);
  c.heal_and_see();
  c.cut_both(NodeId(2), NodeId(1));
  c.cut_both(NodeId(2), NodeId(3));
  for (const std::uint32_t n : {1U, 3U}) {
    const auto reply = read(n, Level::majority);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->outcome, Outcome::not_done) << "an acknowledged write would be unseen, at n" << n;
  }
  c.set_filter({});
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(10)));
  c.run_for(seconds(5));
  EXPECT_EQ(role(1), "owner");
  c.cut_both(NodeId(2), NodeId(1));
  c.cut_both(NodeId(2), NodeId(3));
  EXPECT_EQ(read(3, Level::majority)->value, Bytes("v")) << "it counts again, and holds the write";
}

TEST_F(ApCatchingUp, T39ItIsOverWhenEveryOtherOwnerIsThrough) {
  write_without_n3();
  hold(nodes_of({3}));
  lose_disk(1);
  c.heal_and_see();
  c.run_for(seconds(10));
  ASSERT_TRUE(c.contents(1).contains("k")) << "n2 has brought it";
  EXPECT_EQ(role(1), "catching up") << "n3 may hold more";
  EXPECT_THAT(c.ap(1).status().last_change, testing::HasSubstr("n3"));
  EXPECT_THAT(c.ap(1).status().last_change, testing::Not(testing::HasSubstr("n2")));
  c.set_filter({});
  c.run_for(seconds(5));
  EXPECT_EQ(role(1), "owner");
  EXPECT_EQ(c.ap(1).status().last_change, "");
}

TEST_F(ApCatchingUp, T39ALevelThatCannotBeMetWithoutItIsRefusedAtOnceAndByName) {
  write_without_n3();
  hold(nodes_of({2, 3}));
  lose_disk(1);
  c.heal_and_see();
  const Time before = c.now();
  for (const std::uint32_t n : {1U, 2U, 3U}) {
    const auto reply = read(n, Level::all);
    EXPECT_EQ(reply->code, Code::level_unreachable) << n;
    EXPECT_THAT(reply->why, testing::HasSubstr("n1 of the owners of k/0"));
    EXPECT_EQ(read(n, Level::majority)->value, Bytes("v")) << "n2 and n3 are a majority";
  }
  EXPECT_LT(c.now() - before, milliseconds(100));
}

TEST_F(ApCatchingUp, T39WhatItTakesIsDurableAndCountsForWrites) {
  hold(nodes_of({2, 3}));
  lose_disk(1);
  c.split(nodes_of({1, 2}), nodes_of({3}));
  ASSERT_EQ(role(1), "catching up");
  EXPECT_EQ(c.call(NodeId(2), at_level(put("k", "v"), Level::majority))->outcome, Outcome::done);
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "w"), Level::majority))->outcome, Outcome::done);
  c.heal_and_see();
  EXPECT_EQ(read(3, Level::majority)->value, Bytes("w")) << "a version of its own is heard";
}

// It hears of a newer version from nobody else than n1, which counts for nothing: n2 and n3 agree on less.
TEST_F(ApCatchingUp, T39WhatItHoldsIsHeard) {
  hold(nodes_of({1, 2, 3}));
  lose_disk(1);
  c.split(nodes_of({1}), nodes_of({2, 3}));
  ASSERT_EQ(c.call(NodeId(1), put("k", "alone"))->outcome, Outcome::done);
  c.heal_and_see();
  c.set_delay(NodeId(2), NodeId(3), milliseconds(20));
  const auto reply = read(3, Level::majority);
  EXPECT_EQ(reply->value, Bytes("alone"));
  EXPECT_EQ(reply->receipt.read_path, ReadPath::quorum_repaired);
}

TEST_F(ApCatchingUp, T18AtOneItAsksTheOthers) {
  write_without_n3();
  hold(nodes_of({2, 3}));
  lose_disk(1);
  c.heal_and_see();
  c.set_delay(NodeId(3), NodeId(1), milliseconds(5));
  const auto reply = read(1, Level::one);
  EXPECT_EQ(reply->value, Bytes("v"));
  EXPECT_FALSE(reply->receipt.degraded);
  EXPECT_EQ(reply->receipt.acknowledged_by, nodes_of({2}));
  EXPECT_EQ(reply->receipt.read_path, ReadPath::quorum);
}

TEST_F(ApCatchingUp, T18AtOneAndAloneItAnswersWhatItHasAndSaysSo) {
  write_without_n3();
  hold(nodes_of({2, 3}));
  lose_disk(1);
  ASSERT_EQ(c.call(NodeId(1), put("mine", "v"))->outcome, Outcome::done);
  c.split(nodes_of({1}), nodes_of({2, 3}));
  const Time before = c.now();
  const auto absent = read(1, Level::one);
  EXPECT_LT(c.now() - before, milliseconds(50)) << "there is nobody to wait for";
  EXPECT_EQ(absent->outcome, Outcome::done);
  EXPECT_FALSE(absent->found);
  EXPECT_TRUE(absent->receipt.degraded);
  EXPECT_EQ(absent->receipt.acknowledged_by, nodes_of({1}));
  EXPECT_EQ(c.call(NodeId(1), get("mine"))->value, Bytes("v"));
  c.observe(NodeId(1), c.nodes());  // the others seem to be there, and say nothing
  const auto waited = c.call(NodeId(1), get("mine"));
  EXPECT_EQ(waited->value, Bytes("v"));
  EXPECT_TRUE(waited->receipt.degraded);
  EXPECT_LT(c.now() - before, seconds(1)) << "it does not wait for long";
}

// Two of three: what one has lost the other or the third may hold. Neither waits for the other to count.
TEST_F(ApCatchingUp, T39TwoThatHaveLostTheirDisksCatchUpFromEachOtherAndTheThird) {
  write_without_n3();
  hold(nodes_of({1, 2, 3}));
  lose_disk(1);
  c.heal_and_see();
  lose_disk(3);
  EXPECT_EQ(read(2, Level::majority)->code, Code::level_unreachable);
  const auto newest = read(3, Level::one);
  EXPECT_EQ(newest->value, Bytes("v"));
  EXPECT_EQ(newest->receipt.acknowledged_by, nodes_of({2}));
  c.set_filter({});
  ASSERT_TRUE(c.rest_within(seconds(10)));
  c.run_for(seconds(5));
  for (const std::uint32_t n : {1U, 2U, 3U}) {
    EXPECT_EQ(role(n), "owner");
    EXPECT_EQ(read(n, Level::all)->value, Bytes("v"));
  }
}

TEST_F(ApCatchingUp, T39StopsOfBothSidesDoNotEndIt) {
  write_without_n3();
  hold(nodes_of({2, 3}));
  lose_disk(1);
  c.heal_and_see();
  c.run_for(seconds(1));
  hold(nodes_of({3}));
  c.run_for(seconds(5));  // n2 is through, and n3 has the debt on its disk
  for (const std::uint32_t n : {1U, 3U}) {
    c.crash(NodeId(n));
    ASSERT_TRUE(c.restart(NodeId(n)));
    c.run_for(seconds(3));
    ASSERT_EQ(role(1), "catching up") << n;
    EXPECT_THAT(c.ap(1).status().last_change, testing::Not(testing::HasSubstr("n2"))) << "that is not asked for twice";
  }
  c.set_filter({});
  c.run_for(seconds(5));
  EXPECT_EQ(role(1), "owner");
  c.crash(NodeId(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(role(1), "owner") << "that is kept as well";
}

TEST_F(ApCatchingUp, T39ALostWordOfTheEndIsSaidAgain) {
  int lost = 8;
  c.set_filter([&](NodeId, const Outgoing& message) { return is<wire::RefillDone>(message) && lost-- > 0; });
  lose_disk(1);
  c.run_for(seconds(4));
  EXPECT_EQ(role(1), "catching up");
  c.run_for(seconds(10));
  EXPECT_LE(lost, 0);
  EXPECT_EQ(role(1), "owner");
}

// The end of a debt that an earlier life asked for says nothing of what has been lost since.
TEST_F(ApCatchingUp, T39TheEndOfAnEarlierDebtIsNone) {
  std::optional<wire::RefillDone> late;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    if (from == NodeId(3) && is<wire::RefillDone>(message)) {
      late = std::get<wire::RefillDone>(MUST(wire::decode_message(message.message)));
      return true;
    }
    return false;
  });
  lose_disk(1);
  c.run_for(seconds(4));
  ASSERT_TRUE(late);
  hold(nodes_of({2, 3}));
  lose_disk(1);
  for (const std::uint32_t from : {2U, 3U}) c.at(1).receive(NodeId(from), env::Lane::data, wire::encode_message(*late));
  EXPECT_EQ(role(1), "catching up");
}

TEST_F(ApCatchingUp, T28AnOwnerThatLeftIsAwaitedNoMore) {
  c.call(NodeId(3), at_level(put("k", "v"), Level::all));
  hold(nodes_of({3}));
  lose_disk(1);
  c.run_for(seconds(5));
  ASSERT_EQ(role(1), "catching up");
  c.take_ownership(NodeId(3));
  EXPECT_EQ(role(1), "owner");
}

// An unclean stop loses nothing that was acknowledged: it is no reason not to count.
TEST_F(ApCatchingUp, AnUncleanStopOnASoundDiskIsNone) {
  hold(nodes_of({2, 3}));
  c.crash(NodeId(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(role(1), "owner");
  EXPECT_EQ(read(1, Level::all)->outcome, Outcome::done);
}

TEST(ApRefill, AnOnlyCopyAwaitsNobody) {
  ApCluster c(1, 1, [](NodeId, Options& options) { options.forgetful = true; });
  EXPECT_EQ(c.ap(1).status().role, "owner");
  EXPECT_EQ(records_of_wish(c), 0U);
}

}  // namespace
}  // namespace rift::ap
