// Members that join, come back with an empty disk, and leave; what is born, what dies, and who is let in meanwhile (DESIGN 7; review 2; trap 37).
#include <gmock/gmock.h>

#include "base/node_list.h"
#include "tests/unit/node/members_world.h"

namespace rift::node {
namespace {

TEST_F(Members, ANewcomerIsToldLearnsAndVotes) {
  ASSERT_TRUE(put("before"));
  const auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(join(4, *map).has_value());
  EXPECT_TRUE(has_meta(4, system, "learner")) << "born as a learner, not as a founder";
  EXPECT_FALSE(has_meta(4, system, "create"));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3, n4}; }));
  ASSERT_TRUE(world.pass_until([&] { return catalog(4).epoch == catalog(1).epoch; }));
  EXPECT_FALSE(replica(bank, 4).has_value()) << "it owns no copy of what was there before";
  ASSERT_TRUE(world.pass_until([&] { return world.status(4).reachable.size() == 4; }));
  // It forwards; to whom, the first answer tells it.
  world.call(in("bank", kit::put("by the newcomer", "x")), 4);
  EXPECT_TRUE(put("by the newcomer", 4));
  // And again, like anybody, after a crash.
  world.kill(4);
  MUST(world.start(4));
  ASSERT_TRUE(world.pass_until([&] { return replica(system, 4).has_value(); }));
  EXPECT_EQ(world.status(4).identity.cluster, catalog(1).cluster);
}

TEST_F(Members, JoiningIsDurableAndForOneClusterOnly) {
  const auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(join(4, *map).has_value());
  world.lose_power(4);
  MUST(world.start(4));
  world.settle();
  EXPECT_EQ(world.status(4).identity.cluster, map->cluster) << "it was answered, so it is on disk";
  EXPECT_TRUE(join(4, *map).has_value()) << "told again: nothing to do";
  topology::Catalog other = *map;
  other.cluster.low += 1;
  EXPECT_EQ(join(4, other).error().code, Code::already_exists);
}

TEST_F(Members, JoiningIsRefusedWithAMapThatDoesNotNameThisDisk) {
  EXPECT_EQ(join(4, catalog()).error().code, Code::invalid);
  topology::Member wrong = self(4);
  wrong.disk.low += 1;
  const auto map = change({.kind = MemberChange::Kind::add, .member = wrong});
  ASSERT_TRUE(map.has_value());
  const auto refused = join(4, *map);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("members replace"));
  EXPECT_TRUE(world.status(4).identity.cluster.is_zero());
}

// Review 2b: an empty disk under a voter's name may neither vote nor acknowledge for the old one.
TEST_F(Members, AWipedDiskIsNobodyUntilItIsReplaced) {
  ASSERT_TRUE(put("before"));
  wipe(3);
  world.pass(seconds(3));
  EXPECT_TRUE(world.status(3).replicas.empty());
  EXPECT_EQ(world.status(1).reachable, (std::vector<NodeId>{n1, n2}));
  // Two of three go on; with one more gone nobody may decide, though three processes run.
  ASSERT_TRUE(put("with two"));
  world.kill(2);
  world.pass(seconds(5));
  EXPECT_NE(world.call(in("bank", kit::with_budget(kit::put("alone", "x"), seconds(2))), 1).code, Code::ok);
}

TEST_F(Members, AReplacedNodeLeavesEachGroupAndComesBackAsALearner) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("k" + std::to_string(i)));
  wipe(3);
  const auto map = change({.kind = MemberChange::Kind::replace, .member = self(3)});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  EXPECT_EQ(map->partition(bank)->evicted, std::vector<NodeId>{n3});
  ASSERT_TRUE(join(3, *map).has_value());
  EXPECT_FALSE(replica(bank, 3).has_value()) << "not before the group has let the old one go";
  ASSERT_TRUE(world.pass_until([&] {
    const topology::Catalog now = catalog(1);
    return now.epoch > map->epoch && now.partition(bank)->evicted.empty() && now.partition(system)->evicted.empty();
  }));
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2, n3}; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3}; }));
  EXPECT_TRUE(has_meta(3, bank, "learner"));
  EXPECT_FALSE(has_meta(3, bank, "create")) << "a founder by the map, and never again born as one";
  // It holds everything: the other two may lose one.
  ASSERT_TRUE(world.pass_until([&] { return world.status(1).reachable.size() == 3; }));
  world.kill(1);
  for (int i = 0; i < 20; ++i) {
    const Response read = world.call(in("bank", kit::with_budget(kit::get("k" + std::to_string(i)), seconds(10))), 3);
    EXPECT_EQ(read.value.to_string(), "value of k" + std::to_string(i)) << describe(read);
  }
}

// n1 and n3 have a write, n2 does not. Of n3 and n2 no majority may be made before n3 has been brought what n1 and n2 hold.
TEST_F(Members, T39AReplacedOwnerCountsForNothingUntilItIsRefilled) {
  ASSERT_TRUE(create_keyspace({.name = "carts", .mode = Mode::ap, .copies = 3, .partitions = 1}).has_value());
  const auto role = [&](std::uint32_t n, const char* keyspace = "carts") {
    const auto map = catalog(1);
    if (map.find(keyspace) == nullptr) return std::string("unknown");
    const auto status = replica(NodeWorld::partition_of(map, keyspace), n);
    return status ? status->role : "absent";
  };
  ASSERT_TRUE(world.pass_until([&] { return role(1) == "owner" && role(2) == "owner" && role(3) == "owner"; }));
  const auto call = [&](Request request, std::uint32_t n) {
    return world.call(in("carts", kit::with_budget(kit::with_level(std::move(request), Level::majority), seconds(1))),
                      n);
  };
  world.cut(1, 2);
  world.cut(3, 2);
  ASSERT_TRUE(world.pass_until([&] { return world.status(1).reachable == std::vector<NodeId>{n1, n3}; }));
  ASSERT_TRUE(world.pass_until([&] { return call(kit::put("k", "v"), 1).code == Code::ok; }));
  wipe(3);
  world.heal();
  const auto map = change({.kind = MemberChange::Kind::replace, .member = self(3)});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  world.cut(1, 2);
  world.cut(1, 3);
  ASSERT_TRUE(join(3, *map).has_value());
  ASSERT_TRUE(world.pass_until([&] { return role(3) == "catching up"; }));
  ASSERT_TRUE(world.pass_until([&] { return world.status(2).reachable == std::vector<NodeId>{n2, n3}; }));
  for (const std::uint32_t n : {2U, 3U}) {
    const Response read = call(kit::get("k"), n);
    EXPECT_EQ(read.code, Code::level_unreachable) << describe(read);
  }
  EXPECT_EQ(role(3), "catching up") << "n2 alone has brought what it has";
  world.heal();
  ASSERT_TRUE(world.pass_until([&] { return role(3) == "owner"; }));
  world.cut(1, 2);
  world.cut(1, 3);
  for (const std::uint32_t n : {2U, 3U}) EXPECT_EQ(call(kit::get("k"), n).value, Bytes("v"));
  // What is created now owes the old disk nothing.
  world.heal();
  ASSERT_TRUE(world.pass_until(
      [&] { return create_keyspace({.name = "late", .mode = Mode::ap, .copies = 3, .partitions = 1}).has_value(); }));
  ASSERT_TRUE(world.pass_until([&] { return role(3, "late") != "absent" && role(3, "late") != "unknown"; }));
  EXPECT_EQ(role(3, "late"), "owner");
}

TEST_F(Members, TheOldDiskOfAReplacedNodeIsRefused) {
  const wire::Hello old = world.hello_of(n3);
  wipe(3);
  ASSERT_TRUE(change({.kind = MemberChange::Kind::replace, .member = self(3)}).has_value());
  EXPECT_FALSE(world.say_hello(n3, old, env::ConnectionId(900), 1));
}

TEST_F(Members, ALeavingMemberGivesItsCopiesAwayAndIsForgotten) {
  auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(join(4, *map).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system).size() == 4; }));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("k" + std::to_string(i)));
  map = change({.kind = MemberChange::Kind::remove, .node = n3});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2, n4}; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n4}; }));
  // Let go by the groups, and the map agrees: its replicas die, with a tombstone.
  ASSERT_TRUE(world.pass_until([&] { return !replica(bank, 3).has_value(); }));
  EXPECT_TRUE(has_meta(3, bank, "tombstone"));
  EXPECT_FALSE(has_meta(3, bank, "create"));
  ASSERT_TRUE(change({.kind = MemberChange::Kind::forget, .node = n3}).has_value());
  ASSERT_TRUE(world.pass_until([&] { return world.status(1).reachable == std::vector<NodeId>({n1, n2, n4}); }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(world.call(in("bank", kit::get("k" + std::to_string(i))), 4).value.to_string(),
              "value of k" + std::to_string(i));
  }
  // It still runs, and so do its connections: let in again, it is heard again.
  map = change({.kind = MemberChange::Kind::add, .member = self(3)});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(join(3, *map).has_value());
  ASSERT_TRUE(world.pass_until([&] { return world.status(1).reachable.size() == 4; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2, n3, n4}; }));
  EXPECT_TRUE(catalog().partition(bank)->evicted.empty()) << "the groups have said that they do not name it";
}

// Review 2a: the map comes before the group's own change; who deletes its copy then, loses what it had acknowledged.
TEST_F(Members, NobodyDiesBeforeItsGroupHasLetItGo) {
  auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(put("before"));
  // n4 is in the map and has not been told: it cannot take the place of n3, so the group keeps n3.
  map = change({.kind = MemberChange::Kind::remove, .node = n3});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return catalog(3).epoch == map->epoch; }));
  world.pass(seconds(5));
  EXPECT_TRUE(replica(bank, 3).has_value());
  EXPECT_FALSE(has_meta(3, bank, "tombstone"));
  // Nor after a restart: its map leaves it out, its disk does not.
  world.kill(3);
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return replica(bank, 3).has_value(); }));
  ASSERT_TRUE(join(4, *map).has_value());
  ASSERT_TRUE(world.pass_until([&] { return has_meta(3, bank, "tombstone"); }));
  EXPECT_EQ(voters(bank), (std::vector<NodeId>{n1, n2, n4}));
}

TEST_F(Members, WhoWasLetGoMayComeBackAsALearner) {
  const auto alter = [&](std::uint32_t copies) {
    const auto map = alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = copies});
    EXPECT_TRUE(map.has_value()) << map.error().detail;
  };
  ASSERT_TRUE(put("before"));
  alter(2);
  ASSERT_TRUE(world.pass_until([&] { return has_meta(3, bank, "tombstone"); }));
  EXPECT_EQ(voters(bank), (std::vector<NodeId>{n1, n2}));
  alter(3);
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2, n3}; }));
  EXPECT_TRUE(has_meta(3, bank, "learner"));
  EXPECT_FALSE(has_meta(3, bank, "tombstone"));
}

// Its own log never tells it: it was down when its group let it go, and nobody sends it anything any more. So it asks (DESIGN 7).
TEST_F(Members, WhoWasDownWhenItWasLetGoAsksAndIsTold) {
  ASSERT_TRUE(put("before"));
  world.kill(3);
  const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
  world.node(1).alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = 2},
                               [told](Result<topology::Catalog> result) { *told = std::move(result); });
  ASSERT_TRUE(world.pass_until([&] { return told->has_value(); }));
  ASSERT_TRUE((*told)->has_value()) << (*told)->error().detail;
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2}; }));
  world.pass(seconds(10));  // whatever a leader still tells those that it has let go
  MUST(world.start(3));
  ASSERT_TRUE(world.pass_until([&] { return has_meta(3, bank, "tombstone"); }));
  EXPECT_FALSE(replica(bank, 3).has_value());
}

struct FiveSeats : Members {
  FiveSeats() : Members(5) {}
};

// Whoever it knows is gone, and those that are left are strangers to it: it refuses them, and so never hears that they are its cluster now.
TEST_F(FiveSeats, WhoWasAwayWhileAllItKnewWereReplacedIsBroughtTheMap) {
  ASSERT_TRUE(put("before"));
  world.kill(3);
  for (const std::uint32_t n : {4U, 5U}) {
    const auto map = change({.kind = MemberChange::Kind::add, .member = self(n)});
    ASSERT_TRUE(map.has_value()) << map.error().detail;
    ASSERT_TRUE(join(n, *map).has_value());
  }
  ASSERT_TRUE(world.pass_until([&] { return voters(system).size() == 5; }));
  for (const std::uint32_t n : {1U, 2U}) {
    ASSERT_TRUE(change({.kind = MemberChange::Kind::remove, .node = NodeId(n)}, 4).has_value());
    ASSERT_TRUE(world.pass_until([&] { return !replica(bank, n).has_value() && !replica(system, n).has_value(); }));
    ASSERT_TRUE(change({.kind = MemberChange::Kind::forget, .node = NodeId(n)}, 4).has_value());
    world.kill(n);
  }
  MUST(world.start(3));
  world.pass(seconds(5));
  EXPECT_LT(catalog(3).epoch, catalog(4).epoch) << "shut out";
  topology::Catalog other = catalog(4);
  other.members.at(n3).disk.low += 1;
  EXPECT_EQ(join(3, other).error().code, Code::invalid) << "another disk is meant";
  ASSERT_TRUE(join(3, catalog(4)).has_value());
  world.lose_power(3);
  MUST(world.start(3));
  world.settle();
  EXPECT_EQ(catalog(3).epoch, catalog(4).epoch) << "it was answered, so it is on disk";
  ASSERT_TRUE(put("after", 4));
  const auto follows = [&](PartitionId partition) {
    const auto mine = replica(partition, 3);
    const NodeId leads = leader(partition);
    return mine && leads != NodeId() && mine->role != "stopped" &&
           mine->applied == replica(partition, leads.value())->applied;
  };
  ASSERT_TRUE(world.pass_until([&] { return follows(bank) && follows(system); }));
  world.kill(5);
  EXPECT_TRUE(world.pass_until([&] {
    return world.call(in("bank", kit::with_budget(kit::get("after"), seconds(5))), 3).value.to_string() ==
           "value of after";
  })) << "its vote counts again";
}

struct FiveVoters : Members {
  FiveVoters() : Members(5, 5) {}
};

// The one founder that was up counts the other two: without them its group would lack a majority for ever, with every node up.
TEST_F(FiveVoters, AFounderThatSkipsTheMapOfItsBirthIsBornAllTheSame) {
  world.kill(2);
  world.kill(3);
  ASSERT_TRUE(world.pass_until([&] { return leader(system) != NodeId() && leader(system) != n2; }));
  auto map = create_keyspace({.name = "late", .mode = Mode::cp, .copies = 3, .partitions = 16});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  map = alter_keyspace({.name = "late", .read = {}, .write = {}, .copies = 1});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  std::vector<topology::Partition> stuck;  // on one node that is up, whose vote alone decides nothing
  for (const topology::Partition& partition : map->find("late")->partitions) {
    const auto counts = [&](NodeId node) { return holds(partition.founders, node) && !holds(partition.owners, node); };
    if (counts(n2) && counts(n3)) stuck.push_back(partition);
  }
  ASSERT_FALSE(stuck.empty());
  world.pass(seconds(5));
  for (const auto& partition : stuck) EXPECT_EQ(leader(partition.id), NodeId());
  MUST(world.start(2));
  MUST(world.start(3));
  for (const auto& partition : stuck) {
    EXPECT_TRUE(world.pass_until([&] { return voters(partition.id) == partition.owners; }));
    for (const std::uint32_t n : {2U, 3U}) {
      EXPECT_TRUE(world.pass_until([&] { return has_meta(n, partition.id, "tombstone"); }));
      EXPECT_FALSE(replica(partition.id, n).has_value());
      world.kill(n);
      MUST(world.start(n));
      world.pass(seconds(1));
      EXPECT_FALSE(replica(partition.id, n).has_value()) << "it is not born twice";
    }
  }
}

TEST_F(Members, TheLeadershipMovesToWhoIsAskedFor) {
  const NodeId from = leader(bank);
  const NodeId to = from == n2 ? n3 : n2;
  const auto told = std::make_shared<std::optional<Result<void>>>();
  const auto transfer = [&](NodeId at, NodeId target) {
    told->reset();
    world.node(at.value()).transfer(bank, target, [told](Result<void> result) { *told = std::move(result); });
    world.pass_until([&] { return told->has_value(); });
    return (*told)->has_value() ? Code::ok : (*told)->error().code;
  };
  EXPECT_EQ(transfer(to, to), Code::not_leader);
  EXPECT_EQ(transfer(from, n4), Code::invalid);
  EXPECT_EQ(transfer(from, to), Code::ok);
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == to; }, seconds(1)));
  const auto status = replica(bank, to.value());
  ASSERT_FALSE(status->history.empty());
  EXPECT_EQ(status->history.back().role, "leader");
  EXPECT_EQ(status->history.back().leader, to);
  EXPECT_THAT(status->history, testing::Contains(testing::Field(&RoleEvent::reason, "transfer")));
  EXPECT_THAT(replica(bank, from.value())->history, testing::Contains(testing::Field(&RoleEvent::reason, "asked")));
}

TEST_F(Members, LeadersGoToTheFirstOwnersAfterACalmTime) {
  const NodeId first = n1;
  if (leader(bank) == first) {
    const auto told = std::make_shared<bool>(false);
    world.node(1).transfer(bank, n2, [told](Result<void>) { *told = true; });
    ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n2; }));
  }
  world.pass(seconds(9));
  EXPECT_NE(leader(bank), first) << "not within ten seconds of an election";
  const std::uint32_t from = leader(bank).value();
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == first; }, seconds(10)));
  EXPECT_THAT(replica(bank, from)->history, testing::Contains(testing::Field(&RoleEvent::reason, "preferred")));
}

// A frame names a newer map than ours and the log does not bring it: it is pulled, and kept over a restart.
TEST_F(Members, ALaggingMapIsPulledFromAPeer) {
  wipe(3);
  const auto map = change({.kind = MemberChange::Kind::replace, .member = self(3)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(join(3, *map).has_value());  // `_system` has not let the old replica go: no log comes
  ASSERT_TRUE(world.pass_until([&] { return catalog(3).epoch > map->epoch; }));
  EXPECT_GT(world.counter("map_pulls", 3), 0U);
}

}  // namespace
}  // namespace rift::node
