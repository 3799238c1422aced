// SnapshotSender alone: whose wants stand in its queue, and which state satisfies them.
#include "cp/snapshot_sender.h"

#include "group.h"

namespace rift::cp {
namespace {

using kit::put;

constexpr NodeId peer{7};

class Sender : public ::testing::Test {
 protected:
  void SetUp() override {
    leader = group.elect();
    for (int i = 0; i < 10; ++i) group.write(put("k", "v"));
    group.expect_convergence();
    stored = group.replica(leader).applied().index;
  }
  bool start(const SnapshotSender::Want& want) {
    std::shared_ptr<env::Snapshot> view = group.at(leader).store().pin();
    return MUST(sender.start(want, group.partition(), std::move(view), ++id, now));
  }

  Group group;
  NodeId leader;
  LogIndex stored;
  SnapshotSender sender{SnapshotLimits{}};
  std::uint64_t id = 0;
  Time now{std::chrono::seconds(1000)};
};

// It was let go and came back meanwhile: what it wanted in its former life would bring back configurations in which it had a vote.
TEST_F(Sender, AWaitingPeerNeedsWhatItNeededLast) {
  sender.want({.peer = peer});
  sender.want({.peer = peer, .at_least = next(stored)});
  sender.want({.peer = peer});
  ASSERT_EQ(sender.waiting().size(), 1U);
  EXPECT_FALSE(start(sender.waiting().front()));
  sender.keep_only({NodeId(1), NodeId(2)});
  EXPECT_TRUE(sender.waiting().empty());
}

TEST_F(Sender, AStateOnItsWayIsTooOldForWhoCameBackSince) {
  sender.want({.peer = peer});
  ASSERT_TRUE(start(sender.waiting().front()));
  sender.want({.peer = peer, .at_least = stored});
  EXPECT_FALSE(sender.is_too_old());
  sender.want({.peer = NodeId(8), .at_least = next(stored)});
  EXPECT_FALSE(sender.is_too_old());
  sender.want({.peer = peer, .at_least = next(stored)});
  EXPECT_TRUE(sender.is_too_old());
}

// The offer goes on its way again and again until somebody pulls: the next one to answer to this name must not get it.
TEST(SenderStory, WhatIsOnItsWayToWhoLeavesIsLetGo) {
  CpReplica::Options options;
  options.compaction.entries_max = 16;
  options.compaction.patience = 1;
  options.spread_after = std::chrono::hours(1);
  Group group({}, options);
  const NodeId away = group.follower_of(group.elect());
  group.crash(away, kit::TurnHarness::Crash::kill);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(group.write(put("k", "v")).outcome, Outcome::done);
  std::size_t offers = 0;
  group.set_filter([&](NodeId from, const Outgoing& out) {
    const auto message = wire::decode_message(out.message);
    offers += std::holds_alternative<wire::SnapshotOffer>(*message) ? 1 : 0;
    return from == away && std::holds_alternative<wire::SnapshotPull>(*message);
  });
  MUST(group.restart(away));
  ASSERT_TRUE(group.run_until([&] { return offers > 1; }));
  const NodeId leader = *group.with_role("leader");
  topology::Catalog catalog = group.catalog();
  catalog.epoch = MapEpoch(catalog.epoch.value() + 1);
  catalog.keyspaces.at("k").partitions.front().evicted = {away};
  group.at(leader).observe(kit::view_of(catalog, leader, group.all()));
  const auto is_out = [&] { return !group.replica(leader).departed(group.at(leader).now().steady).empty(); };
  ASSERT_TRUE(group.run_until(is_out, 5s));
  offers = 0;
  group.run_for(3s);
  EXPECT_EQ(offers, 0U);
}

}  // namespace
}  // namespace rift::cp
