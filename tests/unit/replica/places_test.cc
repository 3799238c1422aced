// What a node has few of: the pinned view and the place of an incoming transfer.
#include <gtest/gtest.h>

#include "base/log.h"
#include "replica/turn.h"
#include "tests/kit/map_store.h"

namespace rift {
namespace {

class Places : public ::testing::Test {
 protected:
  Turn turn() {
    return Turn(
        Turn::Inputs{.now = {}, .reader = store, .random = random, .log = *log, .recorder = nullptr, .places = &places},
        output);
  }

  kit::MapStore store;
  Rng random{1};
  std::unique_ptr<Log> log = make_null_log();
  TurnPlaces places{.store = &store};
  TurnOutput output;
};

TEST_F(Places, AViewShowsWhatEarlierRoundsStoredAndNothingLater) {
  store.poke(env::Table::meta, "k", Bytes("stored"));
  Turn round = turn();
  round.put(env::Table::meta, "k", Bytes("in the batch"));
  const auto view = round.pin();
  ASSERT_NE(view, nullptr);
  MUST(store.apply(output.batch));
  EXPECT_EQ(MUST(view->get(env::Table::meta, "k")), Bytes("stored"));
}

TEST_F(Places, ThereIsOneViewAndOneTransferAtATime) {
  Turn round = turn();
  auto view = round.pin();
  auto transfer = round.take_incoming_place();
  EXPECT_NE(view, nullptr);
  EXPECT_NE(transfer, nullptr);
  Turn later = turn();
  EXPECT_EQ(later.pin(), nullptr);
  EXPECT_EQ(later.take_incoming_place(), nullptr);
  view.reset();
  EXPECT_NE(later.pin(), nullptr);
  EXPECT_EQ(later.take_incoming_place(), nullptr);
  transfer.reset();
  EXPECT_NE(later.take_incoming_place(), nullptr);
}

TEST_F(Places, WhatIsAbandonedLeavesItsAnswersAndWhatFollowsStays) {
  Turn round = turn();
  round.put(env::Table::meta, "before", Bytes("another replica's"));
  round.begin(PartitionId(7));
  round.put(env::Table::meta, "half", Bytes("finished"));
  round.send(NodeId(2), env::Lane::data, Bytes("m"));
  round.reply(Response{});
  round.abandon();
  EXPECT_EQ(MUST(round.get(env::Table::meta, "half")), std::nullopt);
  round.put(env::Table::meta, "mark", Bytes("1"));
  EXPECT_TRUE(round.end());
  EXPECT_EQ(output.batch.size(), 2U);
  EXPECT_TRUE(output.send_now.empty());
  EXPECT_EQ(output.reply_now.size(), 1U);
  EXPECT_EQ(MUST(round.get(env::Table::meta, "before")), Bytes("another replica's"));
  EXPECT_EQ(MUST(round.get(env::Table::meta, "mark")), Bytes("1"));
}

}  // namespace
}  // namespace rift
