#include "topology/loss.h"

#include <gtest/gtest.h>

#include "topology/changes.h"
#include "topology/verify.h"

namespace rift::topology {
namespace {

std::vector<NodeId> nodes(std::initializer_list<std::uint32_t> numbers) {
  std::vector<NodeId> result;
  for (const std::uint32_t n : numbers) result.emplace_back(n);
  return result;
}

Catalog cluster(std::uint32_t count) {
  std::vector<Member> members;
  for (std::uint32_t n = 1; n <= count; ++n) {
    members.push_back({.node = NodeId(n),
                       .client_address = "c" + std::to_string(n),
                       .peer_address = "p" + std::to_string(n),
                       .disk = {.high = 7, .low = n}});
  }
  Catalog catalog = MUST(found(ClusterId{.high = 1, .low = 2}, std::move(members)));
  catalog = MUST(create_keyspace(catalog, {.name = "bank", .mode = Mode::cp, .copies = 3, .partitions = 1}));
  catalog = MUST(create_keyspace(catalog, {.name = "carts", .mode = Mode::ap, .copies = 3, .partitions = 1}));
  catalog.keyspaces.at("bank").partitions[0].owners = nodes({3, 4, 5});
  catalog.keyspaces.at("bank").partitions[0].founders = nodes({3, 4, 5});
  catalog.keyspaces.at("carts").partitions[0].owners = nodes({2, 3, 4});
  return catalog;
}

const Partition& bank(const Catalog& catalog) { return catalog.find("bank")->partitions.front(); }
const Partition& carts(const Catalog& catalog) { return catalog.find("carts")->partitions.front(); }
const Partition& system_of(const Catalog& catalog) { return catalog.find("_system")->partitions.front(); }

TEST(AcceptLoss, FoundsAgainWhatCannotDecideAndOnlyThat) {
  const Catalog before = cluster(5);
  const Catalog after = MUST(
      accept_loss(before, {.epoch = before.epoch, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(3)}}}));
  EXPECT_EQ(after.epoch, MapEpoch(before.epoch.value() + 1));
  EXPECT_EQ(bank(after).refounded, 1U);
  EXPECT_EQ(bank(after).survivor, NodeId(3));
  EXPECT_EQ(bank(after).owners.size(), 3U) << "there are three nodes for three copies";
  EXPECT_EQ(bank(after).owners.front(), NodeId(3));
  for (std::uint32_t n = 1; n <= 5; ++n)
    EXPECT_FALSE(is_founder(after, bank(after), NodeId(n))) << "of another group than this one now is";
  EXPECT_EQ(carts(after).owners, nodes({2, 3})) << "a level counts those that are left";
  EXPECT_EQ(carts(after).refounded, 0U);
  EXPECT_EQ(system_of(after).refounded, 0U) << "three of five voters are left: it decides by itself";
  EXPECT_EQ(system_of(after).owners, nodes({1, 2, 3}));
  EXPECT_EQ(after.find("_system")->copies, 3U);
}

TEST(AcceptLoss, TheLostStayAsLostUntilTheirGroupsHaveLetThemGo) {
  const Catalog before = cluster(5);
  const AcceptedLoss loss{.epoch = before.epoch, .lost = nodes({5}), .survivors = {}};
  const Catalog after = MUST(accept_loss(before, loss));
  EXPECT_EQ(after.member(NodeId(5))->state, MemberState::lost);
  // The group still counts the vote of the old disk: another under its name would vote again.
  Member newcomer = *before.member(NodeId(5));
  newcomer.disk.low = 50;
  EXPECT_EQ(add_member(after, newcomer).error().code, Code::invalid);
  EXPECT_EQ(replace_member(after, newcomer).error().code, Code::invalid);
  EXPECT_EQ(promote_member(after, NodeId(5), NodeId()).error().code, Code::invalid);
  EXPECT_EQ(MUST(remove_member(after, NodeId(5))), after) << "it owns nothing: only to be forgotten";
  const Catalog forgotten = MUST(forget_member(after, NodeId(5)));
  EXPECT_EQ(forgotten.member(NodeId(5)), nullptr);
  EXPECT_TRUE(add_member(forgotten, newcomer).has_value());
}

// The log of a group that goes on may still name the disk that came before the lost one: only its own word takes the mark away.
TEST(AcceptLoss, AMarkOfAReplacedDiskStandsInAGroupThatGoesOn) {
  Member renewed = *cluster(5).member(NodeId(5));
  renewed.disk.low = 50;
  const Catalog before = MUST(replace_member(cluster(5), renewed));
  ASSERT_EQ(bank(before).evicted, nodes({5}));
  const Catalog goes_on = MUST(accept_loss(before, {.epoch = before.epoch, .lost = nodes({5}), .survivors = {}}));
  EXPECT_EQ(bank(goes_on).evicted, nodes({5}));
  const Catalog anew = MUST(
      accept_loss(before, {.epoch = before.epoch, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(3)}}}));
  EXPECT_TRUE(bank(anew).evicted.empty()) << "another group, which nobody has been in";
}

TEST(AcceptLoss, LowersTheCopiesWhereThereAreTooFewNodes) {
  const Catalog before = cluster(5);
  const Catalog after =
      MUST(accept_loss(before, {.epoch = before.epoch,
                                .lost = nodes({1, 2, 4, 5}),
                                .survivors = {{bank(before).id, NodeId(3)}, {system_partition, NodeId(3)}}}));
  EXPECT_EQ(after.find("bank")->copies, 1U);
  EXPECT_EQ(bank(after).owners, nodes({3}));
  EXPECT_EQ(system_of(after).owners, nodes({3}));
  EXPECT_EQ(system_of(after).refounded, 1U);
}

// The lost voters may have gone on from a newer map, which a node that was away brings back: it must be the older one, and what it has created must not
// have the ids of anything that is created now.
TEST(AcceptLoss, NoMapOfTheLostIsNewerThanOneAfterIt) {
  const Catalog before = cluster(5);
  const AcceptedLoss loss{.epoch = before.epoch,
                          .lost = nodes({1, 2, 4}),
                          .survivors = {{bank(before).id, NodeId(3)}, {system_partition, NodeId(3)}}};
  const Catalog after = MUST(accept_loss(before, loss));
  Catalog theirs = before;
  for (int i = 0; i < 1000; ++i) {
    theirs = MUST(create_keyspace(theirs, {.name = "theirs", .mode = Mode::cp, .copies = 3, .partitions = 64}));
    theirs = MUST(drop_keyspace(theirs, "theirs"));
  }
  EXPECT_LT(theirs.epoch, after.epoch);
  EXPECT_LE(theirs.next_partition, after.next_partition);
  EXPECT_LE(theirs.next_keyspace, after.next_keyspace);
  EXPECT_TRUE(verify(after).has_value());
  // A group whose map goes on in its own log has nothing to be told from.
  const Catalog decided = MUST(
      accept_loss(before, {.epoch = before.epoch, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(3)}}}));
  EXPECT_EQ(decided.epoch, MapEpoch(before.epoch.value() + 1));
  EXPECT_EQ(decided.next_partition, before.next_partition);
  EXPECT_EQ(decided.next_keyspace, before.next_keyspace);
}

TEST(AcceptLoss, EndsBeforeEpochsAndIdsDo) {
  Catalog map = cluster(5);
  const auto recover = [&] {
    return accept_loss(map,
                       {.epoch = map.epoch, .lost = nodes({1, 2, 4}), .survivors = {{system_partition, NodeId(3)}}});
  };
  map.epoch = MapEpoch(epoch_max - lost_epochs_stride - 1);
  const auto last = recover();
  ASSERT_TRUE(last.has_value()) << last.error().detail;
  EXPECT_TRUE(verify(*last).has_value());
  map.epoch = MapEpoch(map.epoch.value() + 1);
  EXPECT_FALSE(recover().has_value());
  map.epoch = MapEpoch(9);
  map.next_partition = PartitionId(~std::uint32_t{0} - lost_ids_stride);
  EXPECT_FALSE(recover().has_value());
  map.next_partition = PartitionId(9);
  map.next_keyspace = KeyspaceId(~std::uint32_t{0} - lost_ids_stride);
  EXPECT_FALSE(recover().has_value());
  map.next_keyspace = KeyspaceId(9);
  EXPECT_TRUE(recover().has_value());
}

// It cannot be dropped before there is a map again, so it must not keep the map from coming back.
TEST(AcceptLoss, LeavesAPartitionAloneOfWhichNobodyIsLeft) {
  const Catalog before = cluster(5);
  const Catalog after = MUST(accept_loss(
      before, {.epoch = before.epoch, .lost = nodes({3, 4, 5}), .survivors = {{system_partition, NodeId(1)}}}));
  EXPECT_EQ(bank(after), bank(before));
  EXPECT_EQ(carts(after).owners, nodes({2}));
  EXPECT_EQ(forget_member(after, NodeId(3)).error().code, Code::invalid) << "it still owns it";
  const Catalog dropped = MUST(drop_keyspace(after, "bank"));
  EXPECT_TRUE(forget_member(dropped, NodeId(3)).has_value());
}

TEST(AcceptLoss, AgainChangesNothing) {
  const Catalog before = cluster(5);
  Catalog once = MUST(accept_loss(before, {.epoch = before.epoch, .lost = nodes({4}), .survivors = {}}));
  EXPECT_EQ(MUST(accept_loss(once, {.epoch = once.epoch, .lost = nodes({4}), .survivors = {}})), once);
}

TEST(AcceptLoss, RefusesWhatCannotBe) {
  const Catalog before = cluster(5);
  const auto code = [&](AcceptedLoss loss, bool same_epoch = true) {
    if (same_epoch) loss.epoch = before.epoch;
    const auto after = accept_loss(before, loss);
    return after ? Code::ok : after.error().code;
  };
  EXPECT_EQ(code({.epoch = {}, .lost = {}, .survivors = {}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({9}), .survivors = {}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(4)}}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(1)}}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({4, 5}), .survivors = {{PartitionId(99), NodeId(3)}}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({4}), .survivors = {{carts(before).id, NodeId(3)}}}), Code::invalid);
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({1, 2, 3, 4, 5}), .survivors = {}}), Code::invalid);
  EXPECT_EQ(code({.epoch = MapEpoch(99), .lost = nodes({5}), .survivors = {}}, false), Code::invalid)
      << "another map than the one that was looked at";
  EXPECT_EQ(code({.epoch = {}, .lost = nodes({5}), .survivors = {}}), Code::ok);
  // Its new disk holds nothing, whatever the map calls it.
  Catalog replaced = before;
  replaced.keyspaces.at("bank").partitions[0].evicted = nodes({3});
  EXPECT_FALSE(
      accept_loss(replaced, {.epoch = before.epoch, .lost = nodes({4, 5}), .survivors = {{bank(before).id, NodeId(3)}}})
          .has_value());
}

}  // namespace
}  // namespace rift::topology
