#include "topology/changes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "topology/owners.h"

namespace rift::topology {
namespace {

Member member(std::uint32_t n, std::uint64_t disk = 0) {
  return {.node = NodeId(n),
          .client_address = "c" + std::to_string(n),
          .peer_address = "p" + std::to_string(n),
          .disk = {.high = 7, .low = disk != 0 ? disk : n}};
}

std::vector<NodeId> nodes(std::initializer_list<std::uint32_t> numbers) {
  std::vector<NodeId> result;
  for (const std::uint32_t n : numbers) result.emplace_back(n);
  return result;
}

Catalog cluster(std::uint32_t count) {
  std::vector<Member> members;
  for (std::uint32_t n = 1; n <= count; ++n) members.push_back(member(n));
  return MUST(found(ClusterId{.high = 1, .low = 2}, members));
}

Catalog with(Catalog catalog, const std::string& name, Mode mode = Mode::cp, std::uint32_t copies = 3,
             std::uint32_t partitions = 1) {
  return MUST(create_keyspace(catalog, {.name = name, .mode = mode, .copies = copies, .partitions = partitions}));
}

const Partition& first(const Catalog& catalog, std::string_view keyspace) {
  return catalog.find(keyspace)->partitions.front();
}

GroupWish system_wish(const Catalog& catalog) {
  const Keyspace& system = *catalog.find(system_keyspace_name);
  return group_wish(system, system.partitions.front());
}

void expect_refused(const Result<Catalog>& result, Code code, const std::string& because) {
  ASSERT_FALSE(result.has_value()) << because;
  EXPECT_EQ(result.error().code, code) << result.error().detail;
  EXPECT_NE(result.error().detail.find(because), std::string::npos) << result.error().detail;
}

TEST(FoundSystem, HasFiveVotersAtMostAndLearnersBehindThem) {
  EXPECT_EQ(system_wish(cluster(3)), (GroupWish{.voters = nodes({1, 2, 3}), .learners = {}}));
  EXPECT_EQ(system_wish(cluster(7)), (GroupWish{.voters = nodes({1, 2, 3, 4, 5}), .learners = nodes({6, 7})}));
  EXPECT_EQ(first(cluster(7), "_system").founders, nodes({1, 2, 3, 4, 5}));
}

TEST(Founders, AreTheFirstOwnersForEver) {
  Catalog catalog = with(cluster(5), "bank");
  const auto founders = first(catalog, "bank").founders;
  EXPECT_EQ(founders, first(catalog, "bank").owners);
  catalog = MUST(alter_keyspace(catalog, {.name = "bank", .read = {}, .write = {}, .copies = 5}));
  EXPECT_EQ(first(catalog, "bank").founders, founders);
  EXPECT_EQ(first(catalog, "bank").owners.size(), 5U);
  for (std::uint32_t n = 1; n <= 5; ++n) {
    const bool was_owner = std::find(founders.begin(), founders.end(), NodeId(n)) != founders.end();
    EXPECT_EQ(is_founder(catalog, first(catalog, "bank"), NodeId(n)), was_owner) << n;
  }
}

TEST(Spread, LeadersAndCopiesGoToThoseWithTheFewest) {
  Catalog catalog = cluster(5);
  for (int i = 0; i < 10; ++i) catalog = with(catalog, "k" + std::to_string(i), Mode::cp, 3, 1);
  std::map<NodeId, int> leads;
  std::map<NodeId, int> owns;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    if (name == system_keyspace_name) continue;
    ++leads[keyspace.partitions[0].owners[0]];
    for (const NodeId owner : keyspace.partitions[0].owners) ++owns[owner];
  }
  for (std::uint32_t n = 1; n <= 5; ++n) {
    EXPECT_EQ(leads[NodeId(n)], 2) << n;
    EXPECT_EQ(owns[NodeId(n)], 6) << n;
  }
}

TEST(AlterKeyspace, ChangesLevelsAndCopies) {
  Catalog catalog = with(cluster(5), "bank");
  const Catalog before = catalog;
  catalog = MUST(alter_keyspace(catalog, {.name = "bank", .read = Level::one, .write = Level::all, .copies = 0}));
  EXPECT_EQ(catalog.epoch, MapEpoch(before.epoch.value() + 1));
  EXPECT_EQ(catalog.find("bank")->read, Level::one);
  EXPECT_EQ(catalog.find("bank")->write, Level::all);
  EXPECT_EQ(first(catalog, "bank"), first(before, "bank"));
  catalog = MUST(alter_keyspace(catalog, {.name = "bank", .read = {}, .write = {}, .copies = 5}));
  EXPECT_EQ(catalog.find("bank")->copies, 5U);
  const auto& owners = first(catalog, "bank").owners;
  EXPECT_EQ(std::set<NodeId>(owners.begin(), owners.end()).size(), 5U);
  EXPECT_TRUE(std::equal(owners.begin(), owners.begin() + 3, first(before, "bank").owners.begin()));
  catalog = MUST(alter_keyspace(catalog, {.name = "bank", .read = {}, .write = {}, .copies = 3}));
  EXPECT_EQ(first(catalog, "bank"), first(before, "bank"));
  EXPECT_EQ(catalog.find("bank")->read, Level::one);
  EXPECT_EQ(MUST(alter_keyspace(catalog, {.name = "bank", .read = Level::one, .write = {}, .copies = 3})), catalog)
      << "nothing changes: no new epoch";
}

TEST(AlterKeyspace, AnAtomicKeyspaceStaysAtMajority) {
  const Catalog catalog = MUST(create_keyspace(cluster(3), {.name = "seats", .mode = Mode::ap, .atomic = true}));
  expect_refused(alter_keyspace(catalog, {.name = "seats", .read = Level::one, .write = {}}), Code::invalid,
                 "by majority");
  expect_refused(alter_keyspace(catalog, {.name = "seats", .read = {}, .write = Level::all}), Code::invalid,
                 "by majority");
  EXPECT_EQ(MUST(alter_keyspace(catalog, {.name = "seats", .read = Level::majority, .write = {}})), catalog);
}

TEST(AlterKeyspace, RefusesWhatCannotBe) {
  const Catalog catalog = with(with(cluster(3), "bank"), "cart", Mode::ap);
  expect_refused(alter_keyspace(catalog, {.name = "x", .read = {}, .write = {}, .copies = 2}), Code::unknown_keyspace,
                 "x");
  expect_refused(alter_keyspace(catalog, {.name = "bank", .read = {}, .write = {}, .copies = 4}), Code::invalid,
                 "4 nodes");
  expect_refused(alter_keyspace(catalog, {.name = "cart", .read = {}, .write = {}, .copies = 2}), Code::invalid,
                 "do not move");
  expect_refused(alter_keyspace(catalog, {.name = "_system", .read = {}, .write = {}, .copies = 2}), Code::invalid,
                 "promote");
  expect_refused(alter_keyspace(catalog, {.name = "_system", .read = {}, .write = Level::all}), Code::invalid,
                 "majority");
  expect_refused(alter_keyspace(catalog, {.name = "_system", .read = Level::one, .write = {}}), Code::invalid,
                 "majority");
}

TEST(AddMember, VotesInSystemWhileThereAreFewerThanFive) {
  Catalog catalog = cluster(3);
  for (std::uint32_t n = 4; n <= 7; ++n) catalog = MUST(add_member(catalog, member(n)));
  EXPECT_EQ(system_wish(catalog), (GroupWish{.voters = nodes({1, 2, 3, 4, 5}), .learners = nodes({6, 7})}));
  EXPECT_EQ(first(catalog, "_system").founders, nodes({1, 2, 3})) << "a newcomer is never born a voter";
  EXPECT_FALSE(is_founder(catalog, first(catalog, "_system"), NodeId(4)));
}

TEST(AddMember, IsNoFounderOfWhatWasBornBefore) {
  Catalog catalog = with(cluster(3), "bank");
  catalog = MUST(add_member(catalog, member(4)));
  // The catalog never says so; even if it did.
  catalog.keyspaces.at("bank").partitions[0].founders.push_back(NodeId(4));
  EXPECT_FALSE(is_founder(catalog, first(catalog, "bank"), NodeId(4)));
  catalog = with(catalog, "later", Mode::cp, 4);
  EXPECT_TRUE(is_founder(catalog, first(catalog, "later"), NodeId(4)));
}

TEST(AddMember, RefusesAKnownNodeACopiedDiskAndATakenAddress) {
  const Catalog catalog = cluster(3);
  expect_refused(add_member(catalog, member(2)), Code::already_exists, "already");
  expect_refused(add_member(catalog, member(2, 99)), Code::invalid, "rift members replace");
  expect_refused(add_member(catalog, member(4, 2)), Code::invalid, "copied");
  Member same_address = member(4);
  same_address.peer_address = "p1";
  expect_refused(add_member(catalog, same_address), Code::invalid, "n1 has the address p1");
  Member no_disk = member(4);
  no_disk.disk = {};
  expect_refused(add_member(catalog, no_disk), Code::invalid, "disk");
  expect_refused(add_member(catalog, Member{}), Code::invalid, "node id 0");
}

TEST(RemoveMember, GivesItsPlaceToTheMemberWithTheLeast) {
  Catalog catalog = with(cluster(5), "bank");
  const auto owners = first(catalog, "bank").owners;
  const NodeId gone = owners[1];
  catalog = MUST(remove_member(catalog, gone));
  const auto& now = first(catalog, "bank").owners;
  EXPECT_EQ(now.size(), 3U);
  EXPECT_EQ(now[0], owners[0]);
  EXPECT_EQ(now[2], owners[2]);
  EXPECT_EQ(std::count(owners.begin(), owners.end(), now[1]), 0) << "somebody who had no copy";
  EXPECT_EQ(catalog.member(gone)->state, MemberState::leaving);
  const GroupWish system = system_wish(catalog);
  EXPECT_EQ(system.voters.size(), 4U);
  EXPECT_EQ(std::count(system.voters.begin(), system.voters.end(), gone), 0);
  EXPECT_EQ(MUST(remove_member(catalog, gone)), catalog) << "asked again, nothing changes";
  // No keyspace comes to a leaving member any more.
  catalog = with(catalog, "later", Mode::cp, 4);
  EXPECT_EQ(std::count(first(catalog, "later").owners.begin(), first(catalog, "later").owners.end(), gone), 0);
  expect_refused(add_member(catalog, member(gone.value())), Code::invalid, "leaving");
  catalog = MUST(forget_member(catalog, gone));
  EXPECT_EQ(catalog.member(gone), nullptr);
  EXPECT_TRUE(add_member(catalog, member(gone.value(), 77)).has_value());
}

TEST(RemoveMember, ALearnerOfSystemMovesUpWhenAVoterLeaves) {
  const Catalog catalog = MUST(remove_member(cluster(6), NodeId(2)));
  EXPECT_EQ(system_wish(catalog), (GroupWish{.voters = nodes({1, 3, 4, 5, 6}), .learners = {}}));
}

TEST(RemoveMember, RefusesWhatWouldLeaveTooFew) {
  expect_refused(remove_member(with(cluster(3), "bank"), NodeId(1)), Code::invalid,
                 "rift keyspace alter bank --copies 2");
  expect_refused(remove_member(with(cluster(5), "cart", Mode::ap, 5), NodeId(1)), Code::invalid, "ap keyspace cart");
  expect_refused(remove_member(with(with(cluster(3), "bank"), "cart", Mode::ap, 3), NodeId(1)), Code::invalid,
                 "ap keyspace cart");  // nobody lowers the copies of bank in vain
  expect_refused(remove_member(cluster(1), NodeId(1)), Code::invalid, "last member");
  expect_refused(remove_member(cluster(3), NodeId(9)), Code::invalid, "not a member");
  expect_refused(forget_member(cluster(3), NodeId(1)), Code::invalid, "not leaving");
  // A change that is refused half way has changed nothing.
  const Catalog catalog = with(with(cluster(4), "a"), "b", Mode::ap, 4);
  const Catalog before = catalog;
  EXPECT_FALSE(remove_member(catalog, NodeId(1)).has_value());
  EXPECT_EQ(catalog, before);
}

TEST(PromoteMember, TakesAVotersPlaceOrAFreeOne) {
  Catalog catalog = cluster(7);
  expect_refused(promote_member(catalog, NodeId(6), {}), Code::invalid, "--instead-of");
  expect_refused(promote_member(catalog, NodeId(2), {}), Code::already_exists, "voter");
  expect_refused(promote_member(catalog, NodeId(6), NodeId(7)), Code::invalid, "no voter");
  expect_refused(promote_member(catalog, NodeId(9), {}), Code::invalid, "not a member");
  catalog = MUST(promote_member(catalog, NodeId(6), NodeId(2)));
  EXPECT_EQ(system_wish(catalog), (GroupWish{.voters = nodes({1, 6, 3, 4, 5}), .learners = nodes({2, 7})}));
  for (const std::uint32_t n : {1U, 3U, 2U}) catalog = MUST(remove_member(catalog, NodeId(n)));
  EXPECT_EQ(system_wish(catalog), (GroupWish{.voters = nodes({6, 4, 5, 7}), .learners = {}}));
}

TEST(ReplaceMember, ItsOldReplicaLeavesEveryGroupFirst) {
  Catalog catalog = with(with(cluster(3), "bank"), "cart", Mode::ap);
  EXPECT_TRUE(is_founder(catalog, first(catalog, "bank"), NodeId(2)));
  catalog = MUST(replace_member(catalog, member(2, 99)));
  EXPECT_EQ(catalog.member(NodeId(2))->disk, member(2, 99).disk);
  for (const std::string_view name : {"_system", "bank"}) {
    EXPECT_EQ(first(catalog, name).evicted, nodes({2})) << name;
    const GroupWish wish = group_wish(*catalog.find(name), first(catalog, name));
    EXPECT_EQ(std::count(wish.voters.begin(), wish.voters.end(), NodeId(2)), 0) << name;
    EXPECT_EQ(wish.voters.size(), 2U) << name;
    EXPECT_FALSE(is_founder(catalog, first(catalog, name), NodeId(2))) << name << ": it would vote a second time";
    EXPECT_TRUE(is_founder(catalog, first(catalog, name), NodeId(1))) << name;
  }
  EXPECT_TRUE(first(catalog, "cart").evicted.empty()) << "an ap owner votes for nothing";
  // Each group on its own.
  const std::vector<Departure> bank = {{first(catalog, "bank").id, NodeId(2), member(2, 99).disk}};
  catalog = MUST(readmit(catalog, bank));
  EXPECT_EQ(group_wish(*catalog.find("bank"), first(catalog, "bank")).voters.size(), 3U);
  EXPECT_EQ(first(catalog, "_system").evicted, nodes({2}));
  EXPECT_FALSE(is_founder(catalog, first(catalog, "bank"), NodeId(2)));
  EXPECT_EQ(MUST(readmit(catalog, bank)), catalog);
  // What is created now is born on the new disk.
  catalog = with(catalog, "later");
  EXPECT_TRUE(is_founder(catalog, first(catalog, "later"), NodeId(2)));
}

Catalog with_copies(const Catalog& catalog, std::uint32_t copies) {
  return MUST(alter_keyspace(catalog, {.name = "bank", .read = {}, .write = {}, .copies = copies}));
}

// The group may have no leader all this while: its log still names the old disk as a voter.
TEST(Evicted, OnlyTheGroupsOwnWordErasesTheMark) {
  Catalog catalog = with(cluster(3), "bank");
  const NodeId gone = first(catalog, "bank").owners.back();
  const std::vector<NodeId> only = {gone};
  const Member renewed = member(gone.value(), 99);
  catalog = with_copies(MUST(replace_member(catalog, renewed)), 2);
  EXPECT_EQ(std::count(first(catalog, "bank").owners.begin(), first(catalog, "bank").owners.end(), gone), 0);
  EXPECT_EQ(first(catalog, "bank").evicted, only);
  catalog = with_copies(catalog, 3);
  EXPECT_EQ(first(catalog, "bank").owners.back(), gone);
  EXPECT_EQ(first(catalog, "bank").evicted, only);
  catalog = MUST(add_member(catalog, member(4)));
  catalog = MUST(remove_member(catalog, gone));
  EXPECT_EQ(first(catalog, "bank").evicted, only) << "another owner in its place";
  EXPECT_EQ(first(catalog, "_system").evicted, only) << "it has left the order";
  catalog = MUST(readmit(catalog, {{first(catalog, "bank").id, gone, renewed.disk}}));
  EXPECT_TRUE(first(catalog, "bank").evicted.empty());
}

// Who owned a copy before may still be named by the group.
TEST(Evicted, EveryGroupIsAskedWhoeverOwnsIt) {
  Catalog catalog = with(cluster(3), "bank");
  const NodeId gone = first(catalog, "bank").owners.back();
  const std::vector<NodeId> only = {gone};
  catalog = with_copies(catalog, 2);
  catalog = MUST(replace_member(catalog, member(gone.value(), 99)));
  EXPECT_EQ(first(catalog, "bank").evicted, only);
  EXPECT_EQ(group_wish(*catalog.find("bank"), first(catalog, "bank")).gone, only);
  catalog = with(catalog, "later");
  EXPECT_TRUE(first(catalog, "later").evicted.empty()) << "born on the new disk";
}

// The API lets a node be forgotten while groups name it; only `rift members remove` waits.
TEST(Evicted, WhoComesUnderAForgottenIdEntersWhenItsGroupsAllowIt) {
  Catalog catalog = MUST(remove_member(with(cluster(4), "bank"), NodeId(3)));
  catalog = MUST(forget_member(catalog, NodeId(3)));
  for (const std::string_view name : {"_system", "bank"}) EXPECT_EQ(first(catalog, name).evicted, nodes({3})) << name;
  catalog = MUST(add_member(catalog, member(3, 99)));
  for (const std::string_view name : {"_system", "bank"}) EXPECT_EQ(first(catalog, name).evicted, nodes({3})) << name;
  EXPECT_EQ(system_wish(catalog).voters, nodes({1, 2, 4}));
  // The word of a group that knew of no such member is not about this disk.
  const PartitionId bank = first(catalog, "bank").id;
  EXPECT_EQ(MUST(readmit(catalog, {{bank, NodeId(3), {}}})), catalog);
  EXPECT_EQ(MUST(readmit(catalog, {{bank, NodeId(3), member(3).disk}})), catalog);
  catalog = MUST(readmit(catalog, {{bank, NodeId(3), member(3, 99).disk}, {system_partition, NodeId(3), {}}}));
  EXPECT_TRUE(first(catalog, "bank").evicted.empty());
  EXPECT_EQ(first(catalog, "_system").evicted, nodes({3}));
}

TEST(Evicted, TheMarksOfAForgottenNodeGoWithItsGroupsWord) {
  Catalog catalog = MUST(remove_member(with(cluster(4), "bank"), NodeId(3)));
  catalog = MUST(forget_member(catalog, NodeId(3)));
  std::vector<Departure> all;
  for (const std::string_view name : {"_system", "bank"}) all.push_back({first(catalog, name).id, NodeId(3), {}});
  const MapEpoch before = catalog.epoch;
  catalog = MUST(readmit(catalog, all));
  EXPECT_EQ(catalog.epoch, MapEpoch(before.value() + 1)) << "one change for all";
  for (const std::string_view name : {"_system", "bank"}) EXPECT_TRUE(first(catalog, name).evicted.empty()) << name;
}

TEST(ReplaceMember, RefusesWhatCannotBe) {
  const Catalog catalog = with(cluster(3), "single", Mode::cp, 1);
  const NodeId only = first(catalog, "single").owners[0];
  expect_refused(replace_member(catalog, member(only.value(), 99)), Code::invalid, "the only copy of single/0");
  expect_refused(replace_member(cluster(3), member(2)), Code::already_exists, "this disk");
  expect_refused(replace_member(cluster(3), member(9)), Code::invalid, "not a member");
  expect_refused(replace_member(cluster(3), member(2, 3)), Code::invalid, "copied");
}

}  // namespace
}  // namespace rift::topology
