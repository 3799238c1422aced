// Which map a node goes by, and what an old, a wrong or a hostile one must not do: delete a replica, overwrite an identity, mix two keyspaces of
// one name, lock the map (DESIGN 7).
#include <gmock/gmock.h>

#include "node/replica_factory.h"
#include "tests/unit/node/members_world.h"

namespace rift::node {
namespace {

class Maps : public Members {
 protected:
  explicit Maps(std::uint32_t seats = 4, std::uint32_t founders = 3) : Members(seats, founders) {}

  Result<void> found(std::uint32_t n, const topology::Catalog& first) {
    const auto told = std::make_shared<std::optional<Result<void>>>();
    world.node(n).found(first, [told](Result<void> result) { *told = std::move(result); });
    if (!world.pass_until([&] { return told->has_value(); })) return fail(Code::timeout, "no answer");
    return **told;
  }
  Result<topology::Catalog> add(std::uint32_t n) {
    auto map = change({.kind = MemberChange::Kind::add, .member = self(n)});
    if (map) MUST(join(n, *map));
    return map;
  }
  void create_late() {
    const auto map = create_keyspace({.name = "late", .mode = Mode::cp, .copies = 3, .partitions = 1});
    ASSERT_TRUE(map.has_value()) << map.error().detail;
    late = NodeWorld::partition_of(*map, "late");
    ASSERT_TRUE(world.pass_until([&] { return leader(late) != NodeId(); }));
  }
  // What this seat has answered to the peers that forwarded.
  std::vector<Response> replies_of(std::uint32_t n) {
    std::vector<Response> replies;
    for (const Letter& letter : world.seat(n).network.letters) {
      const auto* reply = std::get_if<wire::ForwardReply>(&letter.message);
      if (reply != nullptr) replies.push_back(reply->response);
    }
    return replies;
  }

  PartitionId late;
};

// `_system` lets n3 go, "late" does not: its substitute is down. What n3 stored of the map went with `_system`.
TEST_F(Maps, WhoSystemLetGoRemembersItsLastMap) {
  create_late();
  ASSERT_TRUE(add(4).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3, n4}; }));
  world.kill(4);
  const auto map = change({.kind = MemberChange::Kind::remove, .node = n3});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return has_meta(3, system, "tombstone"); }));
  ASSERT_TRUE(replica(late, 3).has_value()) << "its group has not let it go";
  world.kill(3);
  world.cut(3, 1);  // nobody tells it again
  world.cut(3, 2);
  MUST(world.start(3));
  world.pass(seconds(2));
  EXPECT_GE(catalog(3).epoch, map->epoch);
  EXPECT_FALSE(has_meta(3, late, "tombstone"));
  EXPECT_TRUE(replica(late, 3).has_value());
  EXPECT_TRUE(replica(bank, 3).has_value());
}

// A disk with the older map only, as an earlier version or a lost record may leave it.
TEST_F(Maps, AnOlderMapBuriesNothingThatWasBornAfterIt) {
  create_late();
  world.kill(3);
  world.kill(1);
  world.kill(2);
  kit::MapStore& store = world.seat(3).store;
  const std::string key = MUST(catalog_store_key(store));
  ASSERT_TRUE(MUST(store.get(env::Table::state_cp, key)).has_value());
  env::WriteBatch batch;
  batch.erase(env::Table::state_cp, key);  // the founding record is what is left
  MUST(store.apply(batch));
  MUST(world.start(3));
  world.pass(seconds(2));
  EXPECT_EQ(catalog(3).partition(late), nullptr);
  EXPECT_FALSE(has_meta(3, late, "tombstone"));
  EXPECT_TRUE(has_meta(3, late, "create"));
}

// Its `_system` begins anew, with another generation than the one before: changes are still seen as they are applied.
TEST_F(Maps, WhoComesBackToSystemFollowsItAgain) {
  ASSERT_TRUE(add(4).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system).size() == 4; }));
  ASSERT_TRUE(change({.kind = MemberChange::Kind::remove, .node = n3}).has_value());
  ASSERT_TRUE(world.pass_until([&] { return has_meta(3, bank, "tombstone") && has_meta(3, system, "tombstone"); }));
  ASSERT_TRUE(change({.kind = MemberChange::Kind::forget, .node = n3}).has_value());
  ASSERT_TRUE(add(3).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3, n4}; }));
  const auto pulled = world.counter("map_pulls", 3);
  create_late();
  ASSERT_TRUE(world.pass_until([&] { return catalog(3).partition(late) != nullptr; }));
  EXPECT_EQ(world.counter("map_pulls", 3), pulled) << "by its own log, not by asking a peer";
}

TEST_F(Maps, AMemberIsNotFoundedIntoAnotherCluster) {
  ASSERT_TRUE(add(4).has_value());
  const ClusterId cluster = catalog(4).cluster;
  topology::Catalog other =
      MUST(topology::found(ClusterId{.high = 0xbad, .low = 1}, std::vector<topology::Member>{self(4)}));
  EXPECT_EQ(found(4, other).error().code, Code::already_exists);
  other.cluster = cluster;
  EXPECT_EQ(found(4, other).error().code, Code::already_exists) << "nor into its own, a second time";
  EXPECT_EQ(world.status(4).identity.cluster, cluster);
  world.kill(4);
  MUST(world.start(4));
  world.settle();
  EXPECT_EQ(catalog(4).cluster, cluster);
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3, n4}; }));
}

// One copy down must not keep the map from being changed, whatever it says of itself.
TEST_F(Maps, AreChangedByMajority) {
  EXPECT_EQ(alter_keyspace({.name = "_system", .read = {}, .write = Level::all}).error().code, Code::invalid);
  world.kill(3);
  EXPECT_TRUE(create_keyspace({.name = "late", .mode = Mode::cp, .copies = 2, .partitions = 1}).has_value());
}

class LockedMap : public testing::Test {};

TEST_F(LockedMap, IsChangedAllTheSame) {
  NodeWorld world(3);
  topology::Catalog first = world.first_catalog(3);
  first.keyspaces.at("_system").write = Level::all;
  world.found(first);
  world.kill(3);
  world.pass(seconds(3));
  const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
  world.node(1).create_keyspace({.name = "late", .mode = Mode::cp, .copies = 2, .partitions = 1},
                                [told](Result<topology::Catalog> result) { *told = std::move(result); });
  ASSERT_TRUE(world.pass_until([&] { return told->has_value(); }));
  EXPECT_TRUE((*told)->has_value()) << (*told)->error().detail;
}

// n3 is cut off with the map of the first "cart"; the others have dropped it and made another one of the same name.
TEST_F(Maps, AForwardedRequestFindsThePartitionThatItWasMeantFor) {
  const auto one = create_keyspace({.name = "cart", .mode = Mode::cp, .copies = 3, .partitions = 1});
  ASSERT_TRUE(one.has_value());
  const PartitionId old = NodeWorld::partition_of(*one, "cart");
  ASSERT_TRUE(world.pass_until([&] { return replica(old, 3).has_value() && leader(old) != NodeId(); }));
  world.cut(3, 1);
  world.cut(3, 2);
  ASSERT_TRUE(world.pass_until([&] { return leader(system) != n3 && leader(system) != NodeId(); }));
  ASSERT_TRUE(drop_keyspace("cart").has_value());
  const auto two = create_keyspace({.name = "cart", .mode = Mode::cp, .copies = 2, .partitions = 1});
  ASSERT_TRUE(two.has_value());
  const PartitionId fresh = NodeWorld::partition_of(*two, "cart");
  const std::size_t before = replies_of(3).size();
  for (const Verb verb : {Verb::get, Verb::scan}) {
    Request request = in("cart", verb == Verb::get ? kit::get("a") : kit::put("a", "b"));
    request.verb = verb;
    if (verb == Verb::scan) request.value = {};
    request.id = RequestId(verb == Verb::get ? 77 : 78);
    request.forwarded = true;
    request.partition = fresh;
    request.level = Level::one;
    request.budget = seconds(1);
    world.say(n1, PartitionId(), wire::Forward{.request = std::move(request)}, 3);
    world.settle();
  }
  const auto replies = replies_of(3);
  ASSERT_EQ(replies.size(), before + 2);
  for (std::size_t i = before; i < replies.size(); ++i) {
    EXPECT_EQ(replies[i].code, Code::wrong_node) << describe(replies[i]);
    EXPECT_EQ(replies[i].outcome, Outcome::not_done);
    EXPECT_EQ(replies[i].receipt.served_by, n3);
  }
}

// --- maps that nobody checked ----------------------------------------------------------------------------------------------------------

TEST_F(Maps, HostileOnesAreNotJoined) {
  const auto refused = [&](const std::function<void(topology::Catalog&)>& spoil) {
    topology::Catalog map = catalog();
    map.members.emplace(n4, self(4));
    spoil(map);
    const auto result = join(4, map);
    return !result && result.error().code == Code::invalid && world.status(4).identity.cluster.is_zero();
  };
  EXPECT_TRUE(refused([](topology::Catalog& map) { map.epoch = MapEpoch(~std::uint64_t{0}); }));
  EXPECT_TRUE(refused([](topology::Catalog& map) { map.keyspaces.at("bank").partitions[0].owners.clear(); }));
  EXPECT_TRUE(refused([](topology::Catalog& map) { map.keyspaces.erase("_system"); }));
  EXPECT_TRUE(refused([](topology::Catalog& map) { map.keyspaces.at("_system").partitions[0].id = PartitionId(9); }));
  EXPECT_TRUE(refused([](topology::Catalog& map) { map.cluster = {}; }));
}

TEST_F(Maps, AMemberTakesNoMapFromWhoCallsJoin) {
  topology::Catalog map = catalog();
  const MapEpoch before = map.epoch;
  map.epoch = MapEpoch(before.value() + 1'000'000);
  map.keyspaces.erase("bank");
  EXPECT_EQ(join(3, map).error().code, Code::timeout) << "no peer has applied such a map";
  world.pass(seconds(1));
  EXPECT_EQ(catalog(3).epoch, before);
  EXPECT_TRUE(replica(bank, 3).has_value());
  EXPECT_FALSE(has_meta(3, bank, "tombstone"));
}

TEST_F(Maps, HostileOnesAreNotTakenFromAPeer) {
  const NodeId from = leader(bank);  // its followers hear it
  const std::uint32_t to = from == n3 ? 2 : 3;
  const topology::Catalog good = catalog(to);
  const auto push = [&](const std::function<void(topology::Catalog&)>& spoil) {
    topology::Catalog map = good;
    map.epoch = MapEpoch(good.epoch.value() + 1);
    spoil(map);
    world.say(from, PartitionId(), wire::MapPush{.revision = 1, .catalog = wire::encode(map)}, to);
    world.pass(std::chrono::milliseconds(50));
    return catalog(to) == good;
  };
  EXPECT_TRUE(push([](topology::Catalog& map) { map.epoch = MapEpoch(~std::uint64_t{0}); }));
  EXPECT_TRUE(push([](topology::Catalog& map) { map.keyspaces.at("bank").partitions[0].owners.clear(); }));
  EXPECT_TRUE(push([](topology::Catalog& map) { map.keyspaces.erase("_system"); }));
  EXPECT_TRUE(push([](topology::Catalog& map) { map.cluster.low += 1; }));
  EXPECT_EQ(world.counter("messages_malformed", to), 3U);
  EXPECT_FALSE(push([](topology::Catalog&) {})) << "a sound and newer one is taken";
}

// "Nothing to change" is as much an answer about `_system` as a change is.
TEST_F(Maps, NothingToChangeIsNotSaidFromAnOldOne) {
  world.cut(3, 1);
  world.cut(3, 2);
  ASSERT_TRUE(
      world.pass_until([&] { return leader(bank) != n3 && leader(system) != n3 && leader(system) != NodeId(); }));
  ASSERT_TRUE(alter_keyspace({.name = "bank", .read = Level::one, .write = {}}).has_value());
  const auto told = alter_keyspace({.name = "bank", .read = Level::majority, .write = {}}, 3);
  ASSERT_FALSE(told.has_value()) << "its map says majority, the cluster's does not";
  EXPECT_TRUE(took_no_effect(told.error().code)) << told.error().detail;
  world.heal();
  const auto now = alter_keyspace({.name = "bank", .read = Level::majority, .write = {}}, 3);
  ASSERT_TRUE(now.has_value()) << now.error().detail;
  EXPECT_EQ(now->find("bank")->read, Level::majority);
}

TEST_F(Maps, NothingToChangeIsSaidOnceItIsConfirmed) {
  const auto map = alter_keyspace({.name = "bank", .read = Level::majority, .write = {}});
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->epoch, catalog().epoch);
}

// --- a disk that is gone ---------------------------------------------------------------------------------------------------------------

// The group of "bank" is without a majority: nothing can make its log say that the old n3 votes no more. `_system` goes on.
class FiveMembers : public Maps {
 protected:
  FiveMembers() : Maps(5, 5) {
    EXPECT_TRUE(put("before"));
    world.kill(1);
    wipe(3);
    EXPECT_TRUE(world.pass_until([&] { return leader(system) != NodeId() && leader(bank) == NodeId(); }));
  }
  topology::Catalog make(const MemberChange& wish) { return must(change(wish, 2)); }
  topology::Catalog copies(std::uint32_t count) {
    return must(alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = count}, 2));
  }
  void expect_outside_until_n1_is_back() {
    ASSERT_TRUE(world.pass_until([&] { return catalog(3).epoch == catalog(2).epoch; }));
    world.pass(seconds(5));
    EXPECT_EQ(catalog(2).partition(bank)->evicted, std::vector<NodeId>{n3});
    EXPECT_FALSE(replica(bank, 3).has_value()) << "the log still names its old disk as a voter";
    MUST(world.start(1));
    ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2, n3, n4, n5}; }));
    EXPECT_TRUE(has_meta(3, bank, "learner"));
    ASSERT_TRUE(world.pass_until([&] { return catalog(2).partition(bank)->evicted.empty(); }));
    EXPECT_TRUE(catalog(2).partition(system)->evicted.empty());
    const Response read = world.call(in("bank", kit::with_budget(kit::get("before"), seconds(10))), 3);
    EXPECT_EQ(read.value.to_string(), "value of before") << describe(read);
  }

 private:
  static topology::Catalog must(Result<topology::Catalog> result) {
    EXPECT_TRUE(result.has_value()) << result.error().detail;
    return result ? *result : topology::Catalog();
  }
};

TEST_F(FiveMembers, AWipedDiskEntersNoGroupThatStillNamesTheOldOne) {
  const auto map = make({.kind = MemberChange::Kind::replace, .member = self(3)});
  EXPECT_EQ(map.partition(bank)->evicted, std::vector<NodeId>{n3});
  ASSERT_TRUE(join(3, map).has_value());
  copies(2);
  copies(5);
  expect_outside_until_n1_is_back();
}

// The API forgets a node when it is told to, whatever the groups say.
TEST_F(FiveMembers, NorDoesOneThatComesUnderAForgottenId) {
  make({.kind = MemberChange::Kind::remove, .node = n3});
  make({.kind = MemberChange::Kind::forget, .node = n3});
  const auto map = make({.kind = MemberChange::Kind::add, .member = self(3)});
  ASSERT_TRUE(join(3, map).has_value());
  copies(5);
  expect_outside_until_n1_is_back();
}

}  // namespace
}  // namespace rift::node
