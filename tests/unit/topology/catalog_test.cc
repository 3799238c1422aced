#include "topology/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/hash.h"
#include "base/limits.h"
#include "topology/view.h"

namespace rift::topology {
namespace {

std::vector<Member> members(std::uint32_t count) {
  std::vector<Member> all;
  for (std::uint32_t n = 1; n <= count; ++n)
    all.push_back(Member{.node = NodeId(n), .client_address = "c", .peer_address = "p", .disk = {}});
  return all;
}

Catalog cluster(std::uint32_t nodes) { return MUST(found(ClusterId{.high = 1, .low = 2}, members(nodes))); }

KeyspaceWish wish(std::string name, Mode mode) {
  KeyspaceWish result;
  result.name = std::move(name);
  result.mode = mode;
  return result;
}

TEST(Found, PutsSystemOnAllMembers) {
  const Catalog catalog = cluster(3);
  EXPECT_EQ(catalog.epoch, MapEpoch(1));
  EXPECT_EQ(catalog.members.size(), 3U);
  const Keyspace* system = catalog.find(system_keyspace_name);
  ASSERT_NE(system, nullptr);
  EXPECT_EQ(system->id, system_keyspace);
  EXPECT_EQ(system->mode, Mode::cp);
  EXPECT_EQ(system->copies, 3U);
  ASSERT_EQ(system->partitions.size(), 1U);
  EXPECT_EQ(system->partitions[0].id, system_partition);
  EXPECT_EQ(system->partitions[0].owners, (std::vector<NodeId>{NodeId(1), NodeId(2), NodeId(3)}));
}

TEST(Found, IsTheSameWhateverTheOrderOfTheMembers) {
  auto reversed = members(5);
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(MUST(found(ClusterId{.high = 1, .low = 2}, reversed)), cluster(5));
}

TEST(Found, RefusesBadMembers) {
  EXPECT_EQ(found({}, {}).error().code, Code::invalid);
  auto twice = members(2);
  twice[1].node = NodeId(1);
  EXPECT_EQ(found({}, twice).error().code, Code::invalid);
  auto nobody = members(2);
  nobody[1].node = NodeId(0);
  EXPECT_EQ(found({}, nobody).error().code, Code::invalid);
  EXPECT_EQ(found({}, members(limits::members_max + 1)).error().code, Code::too_large);
  EXPECT_TRUE(found({}, members(limits::members_max)).has_value());
  // All of them travel in one log entry.
  for (std::string topology::Member::*address : {&topology::Member::client_address, &topology::Member::peer_address}) {
    auto wordy = members(2);
    wordy[1].*address = std::string(257, 'a');
    EXPECT_EQ(found({}, wordy).error().code, Code::too_large);
    wordy[1].*address = std::string(256, 'a');
    EXPECT_TRUE(found({}, wordy).has_value());
  }
}

TEST(CreateKeyspace, FillsInTheModesDefaults) {
  Catalog catalog = MUST(create_keyspace(cluster(5), wish("bank", Mode::cp)));
  catalog = MUST(create_keyspace(catalog, wish("cart", Mode::ap)));
  EXPECT_EQ(catalog.epoch, MapEpoch(3));
  const Keyspace& bank = *catalog.find("bank");
  EXPECT_EQ(bank.id, KeyspaceId(1));
  EXPECT_EQ(bank.copies, 3U);
  EXPECT_EQ(bank.partitions.size(), 1U);
  EXPECT_EQ(bank.read, Level::majority);
  EXPECT_EQ(bank.write, Level::majority);
  const Keyspace& cart = *catalog.find("cart");
  EXPECT_EQ(cart.id, KeyspaceId(2));
  EXPECT_EQ(cart.partitions.size(), 16U);
  EXPECT_EQ(cart.read, Level::one);
  EXPECT_EQ(cart.write, Level::one);
  EXPECT_EQ(cart.durability, Durability::fsync);
}

TEST(CreateKeyspace, AnAtomicOneIsReadAndWrittenByMajority) {
  KeyspaceWish asked = wish("seats", Mode::ap);
  asked.atomic = true;
  const Catalog catalog = MUST(create_keyspace(cluster(5), asked));
  EXPECT_TRUE(catalog.find("seats")->atomic);
  EXPECT_EQ(catalog.find("seats")->read, Level::majority);
  EXPECT_EQ(catalog.find("seats")->write, Level::majority);
  EXPECT_FALSE(MUST(create_keyspace(cluster(5), wish("carts", Mode::ap))).find("carts")->atomic);
}

TEST(CreateKeyspace, RefusesAnAtomicOneThatCouldNotBeByName) {
  KeyspaceWish sound = wish("seats", Mode::ap);
  sound.atomic = true;
  const auto told = [&](auto change) {
    KeyspaceWish asked = sound;
    change(asked);
    const auto made = create_keyspace(cluster(5), asked);
    return made ? "made" : std::string(to_string(made.error().code)) + ": " + made.error().detail;
  };
  EXPECT_EQ(told([](KeyspaceWish&) {}), "made");
  EXPECT_EQ(told([](KeyspaceWish& w) { w.mode = Mode::cp; }),
            "invalid: seats is cp, and linearizable without `atomic`: that is for ap keyspaces");
  EXPECT_EQ(told([](KeyspaceWish& w) { w.durability = Durability::wal; }),
            "invalid: seats is atomic, so its durability is fsync: what a majority has acknowledged must outlive a "
            "power loss");
  const std::string by_majority = "invalid: seats is atomic: it is read and written by majority, at no other level";
  EXPECT_EQ(told([](KeyspaceWish& w) { w.read = Level::one; }), by_majority);
  EXPECT_EQ(told([](KeyspaceWish& w) { w.write = Level::all; }), by_majority);
}

TEST(CreateKeyspace, RefusesTeachingVariantsWhereTheClusterDoesNotAllowThemAndWhereTheyMeanNothing) {
  const auto told = [](bool allowed, auto change) {
    Catalog catalog = cluster(5);
    catalog.allow_teaching = allowed;
    KeyspaceWish asked = wish("toys", Mode::ap);
    change(asked);
    const auto made = create_keyspace(catalog, asked);
    EXPECT_TRUE(made || made.error().code == Code::invalid);
    return made ? is_teaching(*made->find("toys")) ? "a teaching variant" : "plain" : made.error().detail;
  };
  const auto sloppy = [](KeyspaceWish& w) { w.sloppy = true; };
  const auto wall = [](KeyspaceWish& w) { w.wall_clock = true; };
  const auto none = [](KeyspaceWish& w) { w.durability = Durability::none; };
  EXPECT_EQ(told(true, [](KeyspaceWish&) {}), "plain");
  EXPECT_EQ(told(true, sloppy), "a teaching variant");
  EXPECT_EQ(told(true, wall), "a teaching variant");
  EXPECT_EQ(told(true, none), "a teaching variant");
  EXPECT_THAT(told(false, sloppy), testing::HasSubstr("sloppy quorums loses acknowledged writes"));
  EXPECT_THAT(told(false, wall), testing::HasSubstr("--allow-teaching"));
  EXPECT_THAT(told(false, none), testing::HasSubstr("durability none loses acknowledged writes"));
  for (const auto change : {+[](KeyspaceWish& w) { w.sloppy = true; }, +[](KeyspaceWish& w) { w.wall_clock = true; }}) {
    EXPECT_THAT(told(true,
                     [&](KeyspaceWish& w) {
                       change(w);
                       w.mode = Mode::cp;
                     }),
                testing::HasSubstr("a teaching variant of ap keyspaces"));
    EXPECT_THAT(told(true,
                     [&](KeyspaceWish& w) {
                       change(w);
                       w.atomic = true;
                     }),
                testing::HasSubstr("no clock orders it"));
  }
}

TEST(CreateKeyspace, RefusesLevelAnyAsADefault) {
  KeyspaceWish asked = wish("carts", Mode::ap);
  asked.write = Level::any;
  const auto made = create_keyspace(cluster(5), asked);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail, testing::HasSubstr("a single write"));
}

TEST(CreateKeyspace, HasNoMoreCopiesThanASmallClusterHasNodes) {
  EXPECT_EQ(MUST(create_keyspace(cluster(2), wish("k", Mode::cp))).find("k")->copies, 2U);
}

TEST(CreateKeyspace, GivesEachPartitionDistinctOwnersAndSpreadsThem) {
  const Catalog catalog = MUST(create_keyspace(cluster(5), wish("cart", Mode::ap)));
  std::map<NodeId, int> firsts;
  std::set<PartitionId> ids;
  for (const Partition& partition : catalog.find("cart")->partitions) {
    EXPECT_TRUE(ids.insert(partition.id).second);
    EXPECT_NE(partition.id, system_partition);
    EXPECT_EQ(std::set<NodeId>(partition.owners.begin(), partition.owners.end()).size(), 3U);
    ++firsts[partition.owners.front()];
  }
  EXPECT_EQ(firsts.size(), 5U);
  for (const auto& [node, count] : firsts) EXPECT_TRUE(count == 3 || count == 4) << to_string(node);
}

TEST(CreateKeyspace, RefusesWhatCannotBe) {
  const Catalog catalog = MUST(create_keyspace(cluster(3), wish("bank", Mode::cp)));
  const auto code = [&](KeyspaceWish asked) { return create_keyspace(catalog, asked).error().code; };
  for (const std::string name : {"", "_system", "_x", "a/b", "ä", "a b"})
    EXPECT_EQ(code(wish(name, Mode::cp)), Code::invalid) << name;
  EXPECT_EQ(code(wish(std::string(limits::keyspace_name_bytes_max + 1, 'a'), Mode::cp)), Code::invalid);
  EXPECT_TRUE(create_keyspace(catalog, wish(std::string(limits::keyspace_name_bytes_max, 'a'), Mode::cp)).has_value());
  EXPECT_EQ(code(wish("bank", Mode::ap)), Code::already_exists);
  KeyspaceWish asked = wish("k", Mode::cp);
  asked.copies = 4;
  EXPECT_EQ(code(asked), Code::invalid);
  asked = wish("k", Mode::cp);
  asked.partitions = limits::partitions_per_keyspace_max + 1;
  EXPECT_EQ(code(asked), Code::too_large);
}

TEST(DropKeyspace, NeverGivesItsIdsAway) {
  Catalog catalog = MUST(create_keyspace(cluster(3), wish("bank", Mode::cp)));
  const PartitionId before = catalog.find("bank")->partitions[0].id;
  catalog = MUST(drop_keyspace(catalog, "bank"));
  EXPECT_EQ(catalog.find("bank"), nullptr);
  EXPECT_EQ(catalog.epoch, MapEpoch(3));
  catalog = MUST(create_keyspace(catalog, wish("bank", Mode::cp)));
  EXPECT_GT(catalog.find("bank")->partitions[0].id, before);
  EXPECT_EQ(catalog.find("bank")->id, KeyspaceId(2));
}

TEST(DropKeyspace, RefusesSystemAndStrangers) {
  EXPECT_EQ(drop_keyspace(cluster(3), "_system").error().code, Code::invalid);
  EXPECT_EQ(drop_keyspace(cluster(3), "bank").error().code, Code::unknown_keyspace);
}

TEST(Place, HashesTheTagIfThereIsOne) {
  const Catalog catalog = MUST(create_keyspace(cluster(3), wish("cart", Mode::ap)));
  const Keyspace& cart = *catalog.find("cart");
  const auto expect_hash_of = [&](ByteView key, ByteView hashed) {
    EXPECT_EQ(&place(cart, key), &cart.partitions[xxh3_64(hashed) % 16]) << key;
  };
  EXPECT_EQ(&place(cart, "abc"), &cart.partitions[0x78af5f94892f3950ULL % 16]);
  expect_hash_of("user:{42}:name", "42");
  expect_hash_of("{a}{b}", "a");
  expect_hash_of("{{a}", "{a");
  expect_hash_of("{}x", "{}x");  // an empty tag is none
  expect_hash_of("x{y", "x{y");  // never closed
  expect_hash_of("}x{", "}x{");
  expect_hash_of("x}y{z}", "z");
}

TEST(Place, UsesEveryPartition) {
  const Catalog catalog = MUST(create_keyspace(cluster(3), wish("cart", Mode::ap)));
  std::map<PartitionId, int> hits;
  for (int i = 0; i < 16'000; ++i) ++hits[place(*catalog.find("cart"), "key" + std::to_string(i)).id];
  EXPECT_EQ(hits.size(), 16U);
  for (const auto& [partition, count] : hits) EXPECT_NEAR(count, 1000, 150) << partition.value();
}

TEST(Majority, IsMoreThanHalf) {
  static_assert(majority(1) == 1 && majority(2) == 2 && majority(3) == 2 && majority(4) == 3 && majority(5) == 3);
}

TEST(View, CountsWhoIsReachable) {
  const View view{.catalog = nullptr, .self = NodeId(1), .reachable = {NodeId(1), NodeId(3)}};
  EXPECT_TRUE(view.reaches(NodeId(3)));
  EXPECT_FALSE(view.reaches(NodeId(2)));
  EXPECT_EQ(view.count_reachable({NodeId(1), NodeId(2), NodeId(3)}), 2U);
}

}  // namespace
}  // namespace rift::topology
