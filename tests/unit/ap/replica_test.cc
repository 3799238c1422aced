#include "ap/replica.h"

#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

std::string data_key(ApCluster& c, std::string_view key) {
  return wire::ap_data_key(c.partition(), Generation(1), key);
}

wire::Store copy_of(ApCluster& c, std::string key, Bytes value, Duration ahead = {}) {
  wire::Store store{.token = 1, .reason = wire::StoreReason::write, .key = Bytes(std::move(key)), .envelope = {}};
  store.envelope.payload = std::move(value);
  store.envelope.stamp.hlc =
      causal::Hlc::from_wall(c.at(1).now().wall + std::chrono::duration_cast<milliseconds>(ahead));
  store.envelope.stamp.dot = {.node = NodeId(2), .incarnation = 1, .sequence = 1};
  return store;
}

void receive(ApCluster& c, NodeId from, const wire::Message& message) {
  c.at(1).receive(from, env::Lane::data, wire::encode_message(message));
}

TEST(ApReplica, EveryFlippedBitOfARecordStopsTheReplicaCleanly) {
  ApCluster written;
  written.call(NodeId(1), put("k", "value"));
  const auto stored = MUST(written.at(1).store().get(env::Table::state_ap, data_key(written, "k")))->to_string();
  for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
    std::string flipped = stored;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << (bit % 8)));
    for (const bool reads : {true, false}) {
      ApCluster c(1);
      c.at(1).store().poke(env::Table::state_ap, data_key(c, "k"), Bytes(flipped));
      const auto id = c.submit(NodeId(1), reads ? get("k") : put("k", "new"));
      EXPECT_TRUE(c.at(1).failure()) << "bit " << bit;
      EXPECT_FALSE(c.take_reply(NodeId(1), id)) << "nothing is answered from it";
      EXPECT_EQ(*MUST(c.at(1).store().get(env::Table::state_ap, data_key(c, "k"))), Bytes(flipped))
          << "nor written over";
    }
  }
}

TEST(ApReplica, ATruncatedRecordStopsTheReplicaCleanly) {
  ApCluster c(1);
  c.call(NodeId(1), put("k", "value"));
  const auto stored = MUST(c.at(1).store().get(env::Table::state_ap, data_key(c, "k")))->to_string();
  for (std::size_t size = 0; size < stored.size(); ++size) {
    ApCluster short_one(1);
    short_one.at(1).store().poke(env::Table::state_ap, data_key(short_one, "k"), Bytes(stored.substr(0, size)));
    short_one.submit(NodeId(1), get("k"));
    EXPECT_TRUE(short_one.at(1).failure()) << size;
  }
}

TEST(ApReplica, T37ACorruptCopyIsNeverRepairedOverNorSpread) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "good"), Level::all));
  c.at(1).store().poke(env::Table::state_ap, data_key(c, "k"), Bytes("rot"));
  c.submit(NodeId(2), at_level(get("k"), Level::all));
  c.run_for(milliseconds(20));
  EXPECT_TRUE(c.at(1).failure());
  EXPECT_EQ(c.call(NodeId(2), at_level(get("k"), Level::majority))->value, Bytes("good"));
}

TEST(ApReplica, ACorruptHintOrLowWaterMarkStopsTheReplicaAtItsStart) {
  for (const bool hint : {true, false}) {
    ApCluster c;
    c.crash(NodeId(1));
    if (hint) {
      c.at(1).store().poke(env::Table::hint, wire::hint_dirty_key(NodeId(2), c.partition()), Bytes("rot"));
    } else {
      c.at(1).store().poke(env::Table::meta, wire::partition_meta_key(c.partition(), "all_acked"), Bytes("rot"));
    }
    const auto started = c.restart(NodeId(1));
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::corruption);
  }
}

TEST(ApReplica, GarbageFromAPeerIsDroppedAndCounted) {
  ApCluster c;
  Rng random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random.below(64), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    c.at(1).receive(NodeId(2), env::Lane::data, Bytes(bytes));
  }
  EXPECT_TRUE(c.at(1).running());
  EXPECT_GT(c.counter(1, "messages_dropped"), 1000U);
  EXPECT_TRUE(c.contents(1).empty());
}

TEST(ApReplica, AFlippedMessageNeverCrashesIt) {
  ApCluster c;
  const std::string good = wire::encode_message(copy_of(c, "k", "v")).to_string();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << (bit % 8)));
    c.at(1).receive(NodeId(2), env::Lane::data, Bytes(flipped));
    ASSERT_TRUE(c.at(1).running()) << bit;
  }
}

TEST(ApReplica, ImplausibleCopiesAreDropped) {
  ApCluster c;
  const auto good = copy_of(c, "k", "v");
  auto no_node = good, no_sequence = good, no_room = good, no_key = good, long_key = good, large = good;
  no_node.envelope.stamp.dot.node = NodeId();
  no_sequence.envelope.stamp.dot.sequence = 0;
  no_room.envelope.stamp.hlc = causal::Hlc(~std::uint64_t{0});
  no_key.key = Bytes();
  long_key.key = Bytes(std::string(limits::key_bytes_max + 1, 'k'));
  large.envelope.payload = Bytes(std::string(limits::value_bytes_max + 1, 'v'));
  for (const auto& store : {no_node, no_sequence, no_room, no_key, long_key, large}) {
    for (const auto reason : {wire::StoreReason::write, wire::StoreReason::repair, wire::StoreReason::hint}) {
      auto message = store;
      message.reason = reason;
      receive(c, NodeId(2), message);
    }
  }
  receive(c, NodeId(2), wire::Versions{.token = 1, .key = Bytes()});
  receive(c, NodeId(2), wire::Fetch{.token = 1, .key = Bytes()});
  wire::HintOffer offer{.token = 1, .items = {}};
  offer.items.push_back({.key = "k", .stamp = no_room.envelope.stamp});
  receive(c, NodeId(2), offer);
  EXPECT_EQ(c.counter(1, "messages_dropped"), 21U);
  EXPECT_TRUE(c.contents(1).empty());
  receive(c, NodeId(2), good);
  EXPECT_EQ(c.contents(1).size(), 1U);
}

// It would leave no room above it: the next write of the key, and of a clock that followed it, could not be stamped.
TEST(ApReplica, AStampFromTheEndOfTimeIsDropped) {
  ApCluster c;
  auto last = copy_of(c, "k", "v");
  last.reason = wire::StoreReason::repair;
  last.envelope.stamp.hlc = causal::Hlc(~std::uint64_t{0} >> 1);
  receive(c, NodeId(2), last);
  EXPECT_TRUE(c.contents(1).empty());
  EXPECT_EQ(c.counter(1, "messages_dropped"), 1U);
  last.envelope.stamp.hlc =
      causal::Hlc::from_wall(WallTime(std::chrono::hours(24 * 365 * 500)));  // before the year 2500
  receive(c, NodeId(2), last);
  EXPECT_EQ(c.contents(1).size(), 1U);
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "w"), Level::all))->outcome, Outcome::done);
}

TEST(ApReplica, WhatIsNoOwnersIsDropped) {
  ApCluster c;
  receive(c, NodeId(9), copy_of(c, "k", "v"));
  EXPECT_TRUE(c.contents(1).empty());
  EXPECT_EQ(c.counter(1, "messages_dropped"), 1U);
}

TEST(ApReplica, T03AForegroundCopyFromTheFarFutureIsRefusedAndARepairIsTaken) {
  ApCluster c;
  receive(c, NodeId(2), copy_of(c, "k", "v", seconds(60)));
  EXPECT_TRUE(c.contents(1).empty());
  EXPECT_EQ(c.counter(1, "clock_skew_refused"), 1U);
  auto repair = copy_of(c, "k", "v", seconds(60));
  repair.reason = wire::StoreReason::repair;
  receive(c, NodeId(2), repair);
  EXPECT_EQ(c.contents(1).size(), 1U);
  EXPECT_LT(c.stamper(NodeId(1)).latest(), repair.envelope.stamp.hlc) << "and drags no clock along";
}

TEST(ApReplica, T12CopiesInAnyOrderWithRepeatsEndTheSame) {
  ApCluster c;
  std::vector<wire::Store> copies;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    copies.push_back(copy_of(c, "k", Bytes(std::to_string(i)), -milliseconds(static_cast<int>(i) % 3)));
    copies.back().envelope.stamp.dot.sequence = i;
  }
  Rng random(1);
  for (int i = 0; i < 40; ++i) receive(c, NodeId(2), copies[random.below(copies.size())]);
  for (const auto& copy : copies) receive(c, NodeId(2), copy);
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("6"));
}

TEST(ApReplica, IsNotMadeOnANodeThatOwnsNothing) {
  ApCluster c;
  auto catalog = c.catalog();
  causal::Stamper stamper({.node = NodeId(9), .incarnation = 1, .ceiling = {}});
  HandoffBudget handoff;
  Ledger ledger(NodeId(9));
  Hedging hedging;
  kit::TurnHarness::Options own;
  own.self = NodeId(9);
  own.partition = c.partition();
  kit::TurnHarness turns(own, [&](kit::MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
    auto replica = TRY(ApReplica::create({.partition = c.partition(),
                                          .name = "k/0",
                                          .stamper = &stamper,
                                          .handoff = &handoff,
                                          .ledger = &ledger,
                                          .hedging = &hedging,
                                          .bounds = {},
                                          .timers = {}},
                                         kit::view_of(catalog, NodeId(9), {NodeId(9)}), turn));
    return std::unique_ptr<Replica>(std::move(replica));
  });
  const auto started = turns.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::wrong_node);
}

TEST(ApReplica, FollowsLivenessWhileTheCatalogStays) {
  ApCluster c;
  c.observe_same_catalog(NodeId(1), c.nodes());
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "v"), Level::all))->outcome, Outcome::done);
  c.observe_same_catalog(NodeId(1), nodes_of({1, 2}));
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "w"), Level::all))->code, Code::level_unreachable);
  EXPECT_EQ(c.call(NodeId(1), put("k", "w"))->receipt.hints_left, 1U);
  c.observe_same_catalog(NodeId(1), c.nodes());
  EXPECT_TRUE(c.rest_within(seconds(1)));
}

TEST(ApReplica, RefusesWhatItOwnsNoMore) {
  ApCluster c;
  auto catalog = MUST(topology::drop_keyspace(c.catalog(), "k"));
  c.at(1).observe(kit::view_of(catalog, NodeId(1), c.nodes()));
  EXPECT_EQ(c.call(NodeId(1), put("k", "v"))->code, Code::wrong_node);
  receive(c, NodeId(2), copy_of(c, "k", "v"));
  EXPECT_TRUE(c.contents(1).empty());
}

// Nobody listens to it any more: what it began ends here, the write as unknown, the read without effect.
TEST(ApReplica, WhatItBeganEndsWhenItOwnsNoMore) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  const auto write = c.submit(NodeId(1), at_level(put("k", "v"), Level::majority));
  const auto read = c.submit(NodeId(1), at_level(get("l"), Level::majority));
  const auto quiet = c.submit(NodeId(1), put("m", "v"));
  c.run_for(milliseconds(50));
  ASSERT_EQ(c.take_reply(NodeId(1), quiet)->outcome, Outcome::done);
  ASSERT_EQ(c.ap(1).status().pending, 3U);
  c.take_ownership(NodeId(1));
  const auto written = c.take_reply(NodeId(1), write), seen = c.take_reply(NodeId(1), read);
  ASSERT_TRUE(written && seen);
  EXPECT_EQ(written->outcome, Outcome::unknown) << written->why;
  EXPECT_EQ(written->code, Code::level_missed);
  EXPECT_EQ(seen->outcome, Outcome::not_done) << seen->why;
  EXPECT_EQ(seen->code, Code::wrong_node);
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  EXPECT_EQ(c.hints(1), 4U) << "what it has acknowledged stays owed, should it be an owner again";
  c.run_for(seconds(10));
  EXPECT_EQ(c.at(1).replies_last(write), 1U);
  EXPECT_EQ(c.at(1).replies_last(read), 1U);
}

TEST(ApReplica, WalDurabilityAnswersBeforeTheDiskAndSaysSo) {
  ApCluster c;
  auto catalog = c.catalog();
  catalog.keyspaces.at("k").durability = topology::Durability::wal;
  for (const NodeId node : c.nodes()) c.at(node).observe(kit::view_of(catalog, node, c.nodes()));
  c.call(NodeId(1), put("warm", "v"));
  c.run_for(milliseconds(10));
  c.hold_disk(NodeId(1));
  const auto reply = c.call(NodeId(1), put("k", "v"), milliseconds(10));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->receipt.wal_durability);
  EXPECT_EQ(reply->receipt.reached, Level::one);
}

TEST(ApReplica, ACopyKeepsItsContextAndExpiryWhereverItGoes) {
  ApCluster c;
  wire::Store store = copy_of(c, "k", "v");
  store.envelope.context = {{.node = NodeId(3), .incarnation = 7, .sequence = 9}};
  store.envelope.expiry = WallTime(std::chrono::milliseconds(4'000'000'000'000));
  receive(c, NodeId(2), store);
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::all))->value, Bytes("v"));  // fetches, and repairs the others
  for (const NodeId node : c.nodes()) {
    const auto bytes = MUST(c.at(node).store().get(env::Table::state_ap, data_key(c, "k")));
    ASSERT_TRUE(bytes) << to_string(node);
    EXPECT_EQ(MUST(wire::decode_envelope(*bytes)), store.envelope) << to_string(node);
  }
}

TEST(ApReplica, TheLargestLegalWriteReachesEveryOwner) {
  ApCluster c;
  const std::string key(limits::key_bytes_max, 'k'), value(limits::value_bytes_max, 'v');
  EXPECT_EQ(c.call(NodeId(1), at_level(put(key, value), Level::all))->outcome, Outcome::done);
  EXPECT_EQ(c.call(NodeId(2), at_level(get(key), Level::all))->value.size(), value.size());
}

TEST(ApReplica, StatusTellsWhatItIsAndWhatItOwes) {
  ApCluster c;
  EXPECT_EQ(c.ap(1).status().name, "k/0");
  EXPECT_EQ(c.ap(1).status().role, "owner");
  EXPECT_EQ(c.ap(1).status().mode, Mode::ap);
  c.split(nodes_of({1}), nodes_of({2, 3}));
  c.call(NodeId(1), put("k", "v"));
  EXPECT_EQ(c.ap(1).status().hints, 2U);
  EXPECT_EQ(c.counter(1, "hints_made"), 2U);
}

}  // namespace
}  // namespace rift::ap
