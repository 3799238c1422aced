#include "ap/hint_delivery.h"

#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

std::string key(int i) { return "key" + std::to_string(i); }

TEST(ApHints, AnOwnerKnownToBeDownIsOwedOneRowPerKey) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 10; ++i) {
    const auto reply = c.call(NodeId(1), put(key(i % 2), std::to_string(i)));
    EXPECT_EQ(reply->receipt.hints_left, 1U);
  }
  EXPECT_EQ(c.hints(1), 2U);
  c.run_for(milliseconds(10));
  EXPECT_EQ(c.ap(1).status().pending, 0U);
}

TEST(ApHints, Review5AnOwnerThatIsSilentButNotYetKnownToBeDownGetsAHint) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  ASSERT_EQ(c.call(NodeId(1), put("k", "v"))->outcome, Outcome::done);
  EXPECT_EQ(c.hints(1), 0U);
  c.run_for(milliseconds(1100));
  EXPECT_EQ(c.hints(1), 2U);
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("v"));
}

TEST(ApHints, AShortBudgetHintsAtItsEnd) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  c.call(NodeId(1), kit::with_budget(put("k", "v"), milliseconds(100)));
  c.run_for(milliseconds(150));
  EXPECT_EQ(c.hints(1), 2U);
}

TEST(ApHints, DeliveryStartsSoonAfterTheOwnerIsSeenAgainAndConverges) {
  ApCluster c(5);
  c.split(nodes_of({1, 2}), nodes_of({3, 4, 5}));
  for (int i = 0; i < 300; ++i)
    c.call(NodeId(1 + static_cast<std::uint32_t>(i) % 5), put(key(i % 100), std::to_string(i)));
  EXPECT_FALSE(c.converged());
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(milliseconds(400)));
}

TEST(ApHints, NothingIsSentIntoADeadLinkAndTheHeapRests) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "v"));
  c.run_for(seconds(3));
  const auto rounds = c.at(1).rounds();
  c.run_for(seconds(60));
  EXPECT_EQ(c.at(1).rounds(), rounds) << "an idle replica is not woken";
}

TEST(ApHints, T26HintsDoNotExpire) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "v"));
  c.run_for(std::chrono::hours(24 * 30));
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(1)));
}

TEST(ApHints, T26AFlappingOwnerStillGetsThere) {
  ApCluster c(3, 5);
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 2000; ++i) c.submit(NodeId(1), put(key(i), "v"));
  c.run_for(milliseconds(50));
  ASSERT_EQ(c.hints(1), 2000U);
  bool rested = false;
  for (int flap = 0; flap < 200 && !rested; ++flap) {
    c.heal_and_see();
    c.run_for(milliseconds(120));
    rested = c.rested();
    c.split(nodes_of({1, 2}), nodes_of({3}));
    c.run_for(milliseconds(50));
  }
  EXPECT_TRUE(rested);
}

TEST(ApHints, T27DeliveryBringsTheCurrentStateAndNeverAnOlderOne) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "hinted"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("k", "newer"));
  c.run_for(milliseconds(10));
  std::vector<Bytes> copies;
  c.set_filter([&](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (decoded && std::holds_alternative<wire::Store>(*decoded))
      copies.push_back(std::get<wire::Store>(*decoded).envelope.payload);
    return false;
  });
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(2)));
  EXPECT_FALSE(copies.empty());
  for (const Bytes& copy : copies) EXPECT_EQ(copy, Bytes("newer"));
}

TEST(ApHints, T27AHintForADeletedKeyBringsTheDelete) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "w"));
  c.call(NodeId(1), del("k"));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(2)));
  EXPECT_EQ(c.contents(3).at("k").kind, causal::Kind::tombstone);
}

TEST(ApHints, WhatTheOwnerHasAlreadyIsNotSentAgain) {
  ApCluster c;
  c.set_filter([](NodeId from, const Outgoing& message) { return from == NodeId(3) && is<wire::StoreAck>(message); });
  c.call(NodeId(1), put("k", std::string(10'000, 'v')));
  c.run_for(milliseconds(1050));
  ASSERT_EQ(c.hints(1), 1U) << "the copy arrived, its acknowledgement did not";
  std::size_t copies = 0;
  c.set_filter([&](NodeId, const Outgoing& message) {
    copies += is<wire::Store>(message);
    return false;
  });
  ASSERT_TRUE(c.rest_within(seconds(2)));
  EXPECT_EQ(copies, 0U);
}

TEST(ApHints, T29DeliveryIsBoundedInMessagesAndBytes) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 600; ++i) c.call(NodeId(1), put(key(i), std::string(20'000, 'v')));
  std::size_t offered_most = 0;
  std::int64_t in_flight = 0, in_flight_most = 0;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (!decoded) return false;
    if (const auto* offer = std::get_if<wire::HintOffer>(&*decoded))
      offered_most = std::max(offered_most, offer->items.size());
    if (from == NodeId(1) && std::holds_alternative<wire::Store>(*decoded))
      in_flight_most = std::max(in_flight_most, ++in_flight);
    if (from == NodeId(3) && std::holds_alternative<wire::StoreAck>(*decoded)) --in_flight;
    return false;
  });
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(10)));
  EXPECT_EQ(offered_most, HintDelivery::batch_keys_max);
  EXPECT_LE(in_flight_most, 54) << "one mebibyte of 20 kB copies";
}

TEST(ApHints, T29AllTargetsShareTheBudgetOfTheNode) {
  HandoffBudget budget(100 * limits::kibi);
  ApCluster c(3, 1, [&](NodeId node, ap::Options& options) {
    if (node == NodeId(1)) options.handoff = &budget;
  });
  c.split(nodes_of({1}), nodes_of({2, 3}));
  for (int i = 0; i < 600; ++i) c.call(NodeId(1), put(key(i), std::string(1000, 'v')));
  c.heal_and_see();
  c.run_for(seconds(5));
  const auto arrived = [&](std::uint32_t node) { return c.at(node).store().size(env::Table::state_ap); };
  EXPECT_GT(arrived(2), 0U);
  EXPECT_GT(arrived(3), 0U) << "neither waits for the end of the other";
  EXPECT_LE(arrived(2) + arrived(3), 512U + 2 * HintDelivery::batch_keys_max) << "5 s, and a page for each begun";
  EXPECT_TRUE(c.rest_within(seconds(15)));
  EXPECT_GE(c.at(1).recorder().marks().count("ap.handoff_throttled"), 1U);
}

TEST(HandoffBudget, T29NoRateIsSoSmallThatNothingEverGoes) {
  HandoffBudget budget(1);
  const Time now = Time(seconds(10));
  EXPECT_EQ(budget.pay(now, 30), now + seconds(30) - limits::handoff_burst);
  EXPECT_EQ(budget.pay(now, 1), now + seconds(31) - limits::handoff_burst) << "in the order of asking";
}

TEST(HandoffBudget, ARestEarnsABurstAndNoMore) {
  HandoffBudget budget(1000);
  EXPECT_LE(budget.pay(Time(seconds(100)), 50), Time(seconds(100)));
  EXPECT_EQ(budget.pay(Time(seconds(100)), 50), Time(seconds(100) + milliseconds(50)));
}

TEST(ApHints, T30ARowRenewedDuringItsDeliveryIsKept) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "first"));
  // The delivery's acknowledgement is on its way when a newer write of the key finds the owner gone again.
  std::optional<Outgoing> late;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    if (from != NodeId(3) || message.to != NodeId(1) || !is<wire::StoreAck>(message)) return false;
    late = message;
    return true;
  });
  c.heal_and_see();
  ASSERT_TRUE(c.run_until([&] { return late.has_value(); }, seconds(1)));
  c.isolate(NodeId(3));
  c.call(NodeId(1), kit::with_budget(put("k", "second"), milliseconds(10)));
  c.run_for(milliseconds(30));
  c.at(1).receive(NodeId(3), env::Lane::data, late->message);
  EXPECT_EQ(c.hints(1), 1U);
  EXPECT_EQ(c.at(1).recorder().marks().count("ap.hint_renewed_while_delivered"), 1U);
  c.set_filter({});
  c.heal();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("second"));
}

TEST(ApHints, LostMessagesOfADeliveryAreRepeated) {
  ApCluster c(3, 3);
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 500; ++i) c.submit(NodeId(1), put(key(i), "v"));
  c.run_for(milliseconds(20));
  c.heal_and_see();
  c.set_drop_probability(0.02);
  ASSERT_TRUE(c.run_until([&] { return c.at(3).store().size(env::Table::state_ap) == 500; }, seconds(60)));
  c.set_drop_probability(0);
  EXPECT_TRUE(c.rest_within(seconds(10)));
  EXPECT_GT(c.at(1).recorder().marks().count("ap.delivery_stalled"), 0U);
}

TEST(ApHints, ASlowLinkDeliversToo) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 20; ++i) c.call(NodeId(1), put(key(i), "v"));
  for (const NodeId n : nodes_of({1, 2})) {
    c.set_delay(n, NodeId(3), milliseconds(400));
    c.set_delay(NodeId(3), n, milliseconds(400));
  }
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(5))) << "an answer that takes longer than the stall timer is an answer";
}

// Rows that keep coming must not keep what the mark stands for waiting.
TEST(ApHints, RowsAndTheDirtyMarkAreServedInTurn) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 1000; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 1300; ++i) c.submit(NodeId(1), put(key(i), "v"));
  c.run_for(milliseconds(50));
  ASSERT_EQ(c.hints(1), 1001U);
  std::vector<wire::StoreReason> sent;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    const auto* store = decoded ? std::get_if<wire::Store>(&*decoded) : nullptr;
    if (from == NodeId(1) && store != nullptr) sent.push_back(store->reason);
    return false;
  });
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  const auto first_of_mark = std::find(sent.begin(), sent.end(), wire::StoreReason::sync);
  EXPECT_GT(std::count(first_of_mark, sent.end(), wire::StoreReason::hint), 400);
}

TEST(ApHints, PastTheirBoundTheyBecomeADirtyMarkAndNothingIsLost) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 10; });
  c.call(NodeId(1), at_level(put("old", "v"), Level::all));
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(c.call(NodeId(1), put(key(i), "v"))->outcome, Outcome::done) << "never refused because of hints";
  EXPECT_EQ(c.hints(1), 11U);
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).size(), 1001U);
}

TEST(ApHints, T26PastTheirBytesTheyBecomeADirtyMarkAndNothingIsLost) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hint_bytes_max = 10 * limits::kibi; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 30; ++i) c.call(NodeId(1), put(key(i) + std::string(1000, 'k'), "v"));
  const auto debts = c.ap(1).status().debts;
  ASSERT_EQ(debts.size(), 1U);
  EXPECT_EQ(debts[0].target, NodeId(3));
  EXPECT_EQ(debts[0].keys, 9U);
  EXPECT_LE(debts[0].bytes, 10 * limits::kibi);
  EXPECT_GT(debts[0].dirty_since, WallTime());
  EXPECT_EQ(c.hint_rows(1), 10U);
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_TRUE(c.ap(1).status().debts.empty());
}

TEST(ApHints, T26PastTheirAgeTheyBecomeADirtyMarkAndNothingIsLost) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hint_age_max = std::chrono::hours(1); });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 10; ++i) c.call(NodeId(1), put(key(i), "v"));
  c.run_for(std::chrono::minutes(59));
  c.call(NodeId(1), put(key(10), "v"));
  EXPECT_EQ(c.hint_rows(1), 11U);
  c.run_for(std::chrono::minutes(2));
  c.call(NodeId(1), put(key(11), "v"));
  EXPECT_EQ(c.hint_rows(1), 2U) << "the mark, and the row of the newest write";
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).size(), 12U);
}

TEST(ApHints, WhatIsOwedIsToldByOwner) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.run_for(seconds(7));
  c.call(NodeId(1), put("k", "v"));
  const WallTime written = WallTime(c.contents(1).at("k").stamp.hlc.wall());
  c.run_for(seconds(7));
  c.call(NodeId(1), put("k", "w"));
  const auto debts = c.ap(1).status().debts;
  ASSERT_EQ(debts.size(), 2U);
  for (const HintDebt& debt : debts) {
    EXPECT_EQ(debt.keys, 1U);
    EXPECT_GT(debt.bytes, 0U);
    EXPECT_EQ(debt.oldest, written);
    EXPECT_EQ(debt.dirty_since, WallTime());
  }
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  const auto reread = c.ap(1).status().debts;
  ASSERT_EQ(reread.size(), 2U);
  EXPECT_EQ(reread[0].oldest, debts[0].oldest);
  EXPECT_EQ(reread[0].bytes, debts[0].bytes);
}

// A load that goes on past the bound marks again and again: each pass brings only what the one before could not know.
TEST(ApHints, APassAfterARenewedMarkBringsOnlyWhatIsNew) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 0; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 1000; ++i) c.submit(NodeId(1), put(key(i), "v"));
  c.run_for(milliseconds(20));
  std::size_t offered = 0;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    const auto* offer = decoded ? std::get_if<wire::HintOffer>(&*decoded) : nullptr;
    if (from == NodeId(1) && offer != nullptr) offered += offer->items.size();
    const auto* store = decoded ? std::get_if<wire::Store>(&*decoded) : nullptr;
    return from == NodeId(1) && store != nullptr && store->reason == wire::StoreReason::write;
  });
  c.heal_and_see();
  ASSERT_TRUE(c.run_until([&] { return offered > 300; }, seconds(1)));
  c.submit(NodeId(1), kit::with_budget(put(key(1000), "newer"), Duration(1)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_GE(c.counter(1, "dirty_marks"), 1U);
  EXPECT_LT(offered, 1100U) << "1,000 keys once, and the new one";
}

TEST(ApHints, AMarkMadeDuringADirtyPassAsksForAnotherPass) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 0; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 1000; ++i) c.submit(NodeId(1), put(key(i), "v"));
  c.run_for(milliseconds(20));
  c.heal_and_see();
  const auto arrived = [&] { return c.at(3).store().size(env::Table::state_ap); };
  ASSERT_TRUE(c.run_until([&] { return arrived() > 300; }, seconds(1)));
  ASSERT_LT(arrived(), 900U);
  const std::string behind = c.contents(3).begin()->first;
  c.set_filter([](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    const auto* store = decoded ? std::get_if<wire::Store>(&*decoded) : nullptr;
    return from == NodeId(1) && store != nullptr && store->reason == wire::StoreReason::write;
  });
  c.submit(NodeId(1), kit::with_budget(put(behind, "newer"), Duration(1)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).at(behind).payload, Bytes("newer"));
}

TEST(ApHints, ADirtyMarkSurvivesARestart) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 2; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 50; ++i) c.call(NodeId(1), put(key(i), "v"));
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_GE(c.hints(1), 3U);
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(5)));
}

TEST(ApHints, AFullPendingTableTurnsIntoHintsAndNotIntoRefusals) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.pending_writes_max = 4; });
  c.split(nodes_of({1, 2}), nodes_of({3}), false);
  std::vector<Request> many;
  for (int i = 0; i < 20; ++i) many.push_back(put(key(i), "v"));
  c.submit(NodeId(1), std::move(many));
  EXPECT_GE(c.hints(1), 16U);
  c.run_for(milliseconds(10));  // those that are only waited for by their client end with the sync
  EXPECT_LE(c.ap(1).status().pending, 4U);
  EXPECT_EQ(c.at(1).recorder().marks().count("ap.pending_overflow"), 1U);
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(5)));
}

TEST(ApHints, T25ACoordinatorThatDiesBetweenAcknowledgementAndHintSendsAgainAfterwards) {
  for (const auto kind : {kit::TurnHarness::Crash::kill, kit::TurnHarness::Crash::power_loss}) {
    ApCluster c;
    c.call(NodeId(1), at_level(put("seen by all", "v"), Level::all));
    c.run_for(seconds(3));
    c.split(nodes_of({1}), nodes_of({2, 3}), false);
    ASSERT_EQ(c.call(NodeId(1), put("k", "v"))->outcome, Outcome::done);
    ASSERT_EQ(c.hints(1), 0U);
    c.crash(NodeId(1), kind);
    c.heal();
    std::size_t offered = 0;
    c.set_filter([&](NodeId from, const Outgoing& message) {
      const auto decoded = wire::decode_message(message.message);
      if (from == NodeId(1) && decoded && std::holds_alternative<wire::HintOffer>(*decoded))
        offered += std::get<wire::HintOffer>(*decoded).items.size();
      return false;
    });
    ASSERT_TRUE(c.restart(NodeId(1)));
    ASSERT_TRUE(c.rest_within(seconds(5)));
    EXPECT_EQ(c.contents(3).at("k").payload, Bytes("v"));
    EXPECT_EQ(offered, 2U) << "only what is newer than the low-water stamp, to each of two owners";
  }
}

TEST(ApHints, T25TheLowWaterStampNeverPassesAWriteThatSomebodyLacks) {
  ApCluster c(3, 9);
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  for (int i = 0; i < 5; ++i) {
    c.call(NodeId(1), put(key(i), "v"));
    c.run_for(milliseconds(300));
  }
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  c.heal();
  ASSERT_TRUE(c.restart(NodeId(1)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).size(), 5U);
}

// n1 takes its low-water stamp from the writes of others, above the ceiling of its own clock; then its clock falls back.
TEST(ApHints, T25StampsAfterARestartStandAboveTheLowWaterStamp) {
  ApCluster c;
  c.call(NodeId(1), put("first", "v"));
  for (int i = 0; i < 15; ++i) {
    c.call(NodeId(2), put(key(i), "v"));
    c.run_for(milliseconds(100));
  }
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  c.set_wall_offset(NodeId(1), -milliseconds(700));
  c.set_filter([](NodeId, const Outgoing&) { return true; });  // it hears nobody, and nobody hears it
  ASSERT_TRUE(c.restart(NodeId(1)));
  const auto kept = MUST(c.at(1).store().get(env::Table::meta, wire::partition_meta_key(c.partition(), "all_acked")));
  ASSERT_TRUE(kept);
  const causal::Hlc low_water(MUST(wire::decode_u64(*kept)));
  ASSERT_LT(c.at(1).now().wall, WallTime(low_water.wall())) << "else any stamp would do";
  const auto reply = c.call(NodeId(1), put("k", "v"));
  ASSERT_EQ(reply->outcome, Outcome::done) << reply->why;
  EXPECT_GT(causal::Hlc(reply->version.hlc), low_water);
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  c.set_filter(nullptr);
  ASSERT_TRUE(c.restart(NodeId(1)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_TRUE(c.contents(3).contains("k"));
}

// How many items `from` offers to the others until all are at rest.
std::size_t offered_until_rest(ApCluster& c, NodeId from) {
  std::size_t offered = 0;
  c.set_filter([&](NodeId sender, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (sender == from && decoded && std::holds_alternative<wire::HintOffer>(*decoded))
      offered += std::get<wire::HintOffer>(*decoded).items.size();
    return false;
  });
  EXPECT_TRUE(c.rest_within(seconds(5)));
  c.set_filter({});
  return offered;
}

TEST(ApHints, T25AnOwnerThatOnlyReceivesCopiesMovesItsLowWaterStamp) {
  ApCluster c;
  for (int i = 0; i < 50; ++i) {
    c.call(NodeId(2), put(key(i), "v"));
    c.run_for(milliseconds(100));
  }
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_LE(offered_until_rest(c, NodeId(1)), 2U * 12) << "those of the last second, to each of two owners";
}

TEST(ApHints, T25ASecondUncleanStopOwesNothingAgain) {
  ApCluster c;
  for (int i = 0; i < 20; ++i) c.call(NodeId(1), put(key(i), "v"));
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(offered_until_rest(c, NodeId(1)), 2U * 20) << "it died before it could write down what all hold";
  c.run_for(seconds(3));
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(offered_until_rest(c, NodeId(1)), 0U);
}

TEST(ApHints, AfterADrainACleanStartOwesNothingTwice) {
  bool clean = false;
  ApCluster c(3, 1, [&](NodeId, ap::Options& options) { options.unclean_start = options.unclean_start && !clean; });
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  c.call(NodeId(1), put("k", "v"));
  c.at(1).round([](Replica& replica, Turn& turn) { static_cast<ApReplica&>(replica).drain(turn); });
  c.at(1).settle();
  EXPECT_EQ(c.hints(1), 2U);
  clean = true;
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(c.hints(1), 2U) << "hints, and no dirty marks";
  c.heal_and_see();
  EXPECT_TRUE(c.rest_within(seconds(5)));
}

TEST(ApHints, AnAcknowledgementOnWhichAHintIsRemovedWaitsForTheDisk) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "v"));
  c.hold_disk(NodeId(3));
  c.heal_and_see();
  c.run_for(seconds(10));
  EXPECT_EQ(c.contents(3).size(), 1U);
  EXPECT_EQ(c.hints(1), 1U);
  c.crash(NodeId(3), kit::TurnHarness::Crash::power_loss);
  c.release_disk(NodeId(3));
  EXPECT_TRUE(c.contents(3).empty());
  ASSERT_TRUE(c.restart(NodeId(3)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).size(), 1U);
}

// It has the copy from a read's repair, not yet on its disk: that it needs none would end what is owed.
TEST(ApHints, T30AnOwnerThatNeedsNoCopyHasItOnItsDisk) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.call(NodeId(1), put("k", "v"));
  c.hold_disk(NodeId(3));
  c.heal();
  c.cut_both(NodeId(1), NodeId(3));
  c.observe(NodeId(2), c.nodes());
  c.submit(NodeId(2), at_level(get("k"), Level::all));
  c.run_for(milliseconds(10));
  ASSERT_EQ(c.contents(3).size(), 1U);
  c.heal_and_see();
  c.run_for(seconds(10));
  EXPECT_EQ(c.hints(1), 1U);
  c.crash(NodeId(3), kit::TurnHarness::Crash::power_loss);
  c.release_disk(NodeId(3));
  ASSERT_TRUE(c.contents(3).empty());
  ASSERT_TRUE(c.restart(NodeId(3)));
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.contents(3).size(), 1U);
}

TEST(ApHints, T28WhatIsOwedToNoOwnerIsForgotten) {
  ApCluster c(3, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 5; });
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 10; ++i) c.call(NodeId(1), put(key(i), "v"));
  ASSERT_EQ(c.hints(1), 6U) << "five rows and a mark";
  c.take_ownership(NodeId(3));
  EXPECT_EQ(c.hints(1), 0U);
  EXPECT_EQ(c.hint_rows(1), 0U);
  EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->receipt.hints_left, 0U);
}

// The map was changed while it was down.
TEST(ApHints, T28WhatIsOwedToNoOwnerIsForgottenAtTheStart) {
  ApCluster c(5, 1, [](NodeId, ap::Options& options) { options.bounds.hints_max = 5; });
  c.split(nodes_of({1, 2}), nodes_of({3, 4, 5}));
  for (int i = 0; i < 10; ++i) c.call(NodeId(1), put(key(i), "v"));
  ASSERT_EQ(c.hint_rows(1), 3U * 6);
  c.crash(NodeId(1), kit::TurnHarness::Crash::kill);
  c.take_ownership(NodeId(3));
  c.take_ownership(NodeId(5));
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(c.hint_rows(1), 6U + 1U) << "those of n4, and the mark of n2 after an unclean stop";
  EXPECT_EQ(c.hints(1), 7U);
}

TEST(ApHints, T28AWriteUnderWayOwesNothingToAnOwnerThatLeft) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}), false);
  ASSERT_EQ(c.call(NodeId(1), put("k", "v"))->outcome, Outcome::done);
  c.take_ownership(NodeId(3));
  c.run_for(seconds(2));
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  EXPECT_EQ(c.hint_rows(1), 0U);
}

TEST(ApHints, T28ADeliveryUnderWayToAnOwnerThatLeftEnds) {
  ApCluster c;
  c.split(nodes_of({1, 2}), nodes_of({3}));
  for (int i = 0; i < 10; ++i) c.call(NodeId(1), put(key(i), "v"));
  c.set_filter([](NodeId from, const Outgoing&) { return from == NodeId(3); });
  c.heal_and_see();
  c.run_for(milliseconds(300));
  c.take_ownership(NodeId(3));
  std::size_t sent = 0;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    sent += from == NodeId(1) && message.to == NodeId(3);
    return false;
  });
  c.run_for(seconds(5));
  EXPECT_EQ(sent, 0U);
  EXPECT_EQ(c.hints(1), 0U);
}

}  // namespace
}  // namespace rift::ap
