#include "ap/ledger.h"

#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

std::string key(int i) { return "key" + std::to_string(i); }

std::vector<wire::LedgerRecord> losses(ApCluster& c, std::uint32_t node) {
  std::vector<wire::LedgerRecord> all;
  const auto range = wire::ledger_range(WallTime(), WallTime::max());
  for (const auto& [disk_key, value] :
       MUST(c.at(node).store().scan(env::Table::ledger, range, 1'000'000, 1'000'000'000)))
    all.push_back(MUST(wire::decode_ledger(value)));
  return all;
}

std::vector<wire::LedgerRecord> losses(ApCluster& c) {
  std::vector<wire::LedgerRecord> all;
  for (const NodeId node : c.nodes()) {
    for (auto& loss : losses(c, node.value())) all.push_back(std::move(loss));
  }
  return all;
}

TEST(ApLedger, T01BothVersionsOfAConcurrentLossAreKept) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  const auto first = c.call(NodeId(1), put("k", "lost"));
  c.run_for(milliseconds(10));
  const auto second = c.call(NodeId(2), put("k", "kept"));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  const auto all = losses(c);
  ASSERT_FALSE(all.empty());
  for (const wire::LedgerRecord& loss : all) {
    EXPECT_EQ(loss.key, Bytes("k"));
    EXPECT_EQ(loss.loser.payload, Bytes("lost"));
    EXPECT_EQ(version_of(loss.loser.stamp), first->version);
    EXPECT_EQ(loss.winner.payload, Bytes("kept"));
    EXPECT_EQ(version_of(loss.winner.stamp), second->version);
  }
  EXPECT_EQ(losses(c, 1).size(), 1U);
  EXPECT_EQ(losses(c, 1).front().seen_by, NodeId(1));
  EXPECT_EQ(c.counter(1, "concurrent_losses"), 1U);
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(losses(c, 1).size(), 1U) << "as durable as the copy that won";
}

TEST(ApLedger, WritersWhoSawEachOtherLoseNothing) {
  ApCluster c(5);
  for (std::uint32_t i = 0; i < 100; ++i) {
    c.call(NodeId(1 + i * 3 % 5), i % 7 == 6 ? del("k") : put("k", std::to_string(i)));
    ASSERT_TRUE(c.rest_within(seconds(2)));
  }
  EXPECT_TRUE(losses(c).empty());
}

// One side has written twice: what its second write replaced is no loss, the second is.
TEST(ApLedger, OfAChainOnlyItsEndIsLost) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), put("k", "1"));
  c.call(NodeId(1), put("k", "2"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("k", "3"));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  for (const wire::LedgerRecord& loss : losses(c)) EXPECT_EQ(loss.loser.payload, Bytes("2"));
  EXPECT_FALSE(losses(c).empty());
}

TEST(ApLedger, ADeleteThatLosesAndAValueThatADeleteBeatsAreKept) {
  ApCluster c;
  for (const char* k : {"a", "b"}) c.call(NodeId(1), at_level(put(k, "base"), Level::all));
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), del("a"));
  c.call(NodeId(1), put("b", "lost"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("a", "kept"));
  c.call(NodeId(2), del("b"));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  std::map<std::string, causal::Kind> lost;
  for (const wire::LedgerRecord& loss : losses(c)) lost[loss.key.to_string()] = loss.loser.kind;
  EXPECT_EQ(lost, (std::map<std::string, causal::Kind>{{"a", causal::Kind::tombstone}, {"b", causal::Kind::value}}));
}

TEST(ApLedger, AReadThatBringsTheWinnerKeepsTheLoser) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), put("k", "lost"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("k", "kept"));
  c.run_for(milliseconds(10));
  c.heal();
  c.set_filter([](NodeId, const Outgoing& message) {  // no owner brings anything by itself
    const auto decoded = wire::decode_message(message.message);
    return decoded && std::holds_alternative<wire::HintOffer>(*decoded);
  });
  c.observe_all(c.nodes());
  const auto read = c.call(NodeId(1), at_level(get("k"), Level::majority));
  EXPECT_EQ(read->value, Bytes("kept"));
  ASSERT_EQ(losses(c, 1).size(), 1U);
  EXPECT_EQ(losses(c, 1).front().loser.payload, Bytes("lost"));
}

TEST(ApLedger, ACopyThatComesAgainIsOneLoss) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), put("k", "lost"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("k", "kept"));
  const auto loser = c.contents(1).at("k");
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  const auto before = losses(c, 2).size();
  for (int i = 0; i < 3; ++i) {
    c.at(2).receive(NodeId(1), env::Lane::data,
                    wire::encode_message(wire::Store{
                        .token = 1, .reason = wire::StoreReason::repair, .key = Bytes("k"), .envelope = loser}));
    c.at(2).sync();
  }
  EXPECT_EQ(losses(c, 2).size(), std::max<std::size_t>(before, 1));
}

TEST(ApLedger, TheOldestGoWhenItIsFull) {
  Ledger ledger(NodeId(1), {.bytes_max = 16 * limits::kibi});
  ApCluster c(3, 1, [&](NodeId node, ap::Options& options) {
    if (node == NodeId(1)) options.ledger = &ledger;
  });
  c.split(nodes_of({1}), nodes_of({2, 3}));
  for (int i = 0; i < 60; ++i) c.call(NodeId(1), put(key(i), std::string(500, 'l')));
  c.run_for(milliseconds(10));
  for (int i = 0; i < 60; ++i) c.call(NodeId(2), put(key(i), std::string(500, 'w')));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.counter(1, "concurrent_losses"), 60U);
  const auto kept = losses(c, 1);
  EXPECT_GT(kept.size(), 10U);
  EXPECT_LT(kept.size(), 16U) << "1.1 kB each";
}

TEST(ApLedger, ADayLaterALossIsForgottenWithTheNextOne) {
  ApCluster c;
  const auto lose = [&](const std::string& k) {
    c.split(nodes_of({1}), nodes_of({2, 3}));
    c.call(NodeId(1), put(k, "lost"));
    c.run_for(milliseconds(10));
    c.call(NodeId(2), put(k, "kept"));
    c.heal_and_see();
    ASSERT_TRUE(c.rest_within(seconds(5)));
  };
  lose("old");
  c.run_for(std::chrono::hours(23));
  lose("young");
  EXPECT_EQ(losses(c, 1).size(), 2U);
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(std::chrono::hours(2));
  lose("new");
  const auto kept = losses(c, 1);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept.front().key, Bytes("young"));
}

TEST(ApLedger, ADroppedPartitionsLossesAreForgotten) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), put("k", "lost"));
  c.run_for(milliseconds(10));
  c.call(NodeId(2), put("k", "kept"));
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(5)));
  Ledger ledger(NodeId(1));
  c.at(1).round([&](Replica&, Turn& turn) { MUST(ledger.forget(turn, PartitionId(c.partition().value() + 1))); });
  EXPECT_EQ(losses(c, 1).size(), 1U);
  c.at(1).round([&](Replica&, Turn& turn) { MUST(ledger.forget(turn, c.partition())); });
  EXPECT_TRUE(losses(c, 1).empty());
}

}  // namespace
}  // namespace rift::ap
