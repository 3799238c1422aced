// Groups founded again after an accepted loss: what goes on, who is refused, and what a crash in the midst of it leaves (DESIGN 7: members recover).
#include <gmock/gmock.h>

#include "node/amnesia.h"
#include "tests/unit/node/members_world.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

class Loss : public Members {
 protected:
  explicit Loss(std::uint32_t seats = 4, std::uint32_t founders = 3) : Members(seats, founders) {}

  Result<topology::Catalog> recover(topology::AcceptedLoss loss, std::uint32_t n = 1) {
    loss.epoch = catalog(n).epoch;
    const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
    world.node(n).recover(loss, [told](Result<topology::Catalog> result) { *told = std::move(result); });
    if (!world.pass_until([&] { return told->has_value(); })) return fail(Code::timeout, "no answer");
    return **told;
  }
  // n1 goes on alone.
  topology::Catalog lose_two() {
    world.kill(2);
    world.kill(3);
    world.pass(seconds(3));
    auto map = recover({.epoch = {}, .lost = {n2, n3}, .survivors = {{bank, n1}, {system, n1}}});
    EXPECT_TRUE(map.has_value()) << map.error().detail;
    EXPECT_TRUE(world.pass_until([&] { return leader(bank) == n1 && voters(bank) == std::vector<NodeId>{n1}; }));
    return *map;
  }
  Response read(const std::string& key, std::uint32_t n = 1) {
    return world.call(in("bank", kit::with_budget(kit::get(key), seconds(5))), n);
  }
};

TEST_F(Loss, AGroupGoesOnFromItsSurvivorAndSaysSoEverAfter) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put("k" + std::to_string(i)));
  ASSERT_TRUE(
      world.pass_until([&] { return replica(bank, 1)->applied == replica(bank, leader(bank).value())->applied; }));
  const Revision before = read("k9").version.modify_revision;
  const auto too_early = recover({.epoch = {}, .lost = {n2, n3}, .survivors = {{bank, n1}, {system, n1}}});
  ASSERT_FALSE(too_early.has_value());
  EXPECT_THAT(too_early.error().detail, testing::HasSubstr("has a leader"));

  lose_two();
  for (int i = 0; i < 10; ++i) {
    const Response answer = read("k" + std::to_string(i));
    EXPECT_EQ(answer.value.to_string(), "value of k" + std::to_string(i)) << describe(answer);
    EXPECT_EQ(answer.receipt.refounded, 1U) << "the receipt says that writes may be missing";
  }
  EXPECT_EQ(read("k9").version.modify_revision, before) << "what is there keeps its version";
  ASSERT_TRUE(put("after"));
  EXPECT_GT(read("after").version.modify_revision.value(), before.value() + (std::uint64_t{1} << 32))
      << "nobody has had this revision before: neither a watcher nor a fencing number";
  // And after a crash: it is not founded again at each start.
  world.kill(1);
  MUST(world.start(1));
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n1; }));
  EXPECT_EQ(read("after").value.to_string(), "value of after");
  EXPECT_EQ(read("after").receipt.refounded, 1U);
}

// A newcomer that replayed the old log would take itself for a voter of the group that is no more.
TEST_F(Loss, NewcomersGetNothingOfTheOldConfigurations) {
  ASSERT_TRUE(put("before"));
  lose_two();
  const auto grown = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(grown.has_value()) << grown.error().detail;
  ASSERT_TRUE(join(4, *grown).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n4}; }));
  EXPECT_GT(world.status(4).replicas.front().counters.at("snapshots_installed"), 0U);
  EXPECT_EQ(MUST(world.seat(4).store.get(env::Table::log, wire::log_key(system, Generation(1), LogIndex(1)))),
            std::nullopt);
}

TEST_F(Loss, WhoWasLostIsRefusedWithItsOldDiskAndMayComeBackWithAnother) {
  ASSERT_TRUE(put("before"));
  lose_two();
  MUST(world.start(3));
  world.pass(seconds(3));
  EXPECT_EQ(world.status(1).reachable, std::vector<NodeId>{n1}) << "its hello is refused, and nobody dials it";
  EXPECT_GT(world.counter("hellos_refused", 1), 0U);
  ASSERT_TRUE(put("while it runs"));
  // Under the same name as another node, as soon as nobody counts the old disk.
  wipe(3);
  EXPECT_EQ(change({.kind = MemberChange::Kind::add, .member = self(3)}).error().code, Code::invalid);
  for (const NodeId lost : {n2, n3})
    ASSERT_TRUE(change({.kind = MemberChange::Kind::forget, .node = lost}).has_value());
  const auto grown = change({.kind = MemberChange::Kind::add, .member = self(3)});
  ASSERT_TRUE(grown.has_value()) << grown.error().detail;
  ASSERT_TRUE(join(3, *grown).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n3}; }));
}

// The two lost ones together are the old group's majority: they find each other, elect, and decide whatever they like. The survivor hears nothing
// of it, though they know its address, and neither does it disturb the new group.
TEST_F(Loss, TheOldGroupAndTheNewOneDoNotTouchEachOther) {
  ASSERT_TRUE(put("before"));
  lose_two();
  MUST(world.start(2));
  MUST(world.start(3));
  ASSERT_TRUE(
      world.pass_until([&] { return replica(bank, 2)->role == "leader" || replica(bank, 3)->role == "leader"; }));
  ASSERT_TRUE(put("new", 1));
  EXPECT_EQ(leader(bank), n1) << "of the higher term";
  EXPECT_EQ(voters(bank), std::vector<NodeId>{n1});
  EXPECT_EQ(read("new").value.to_string(), "value of new");
}

TEST_F(Loss, AnInterruptedRecoveryGoesOn) {
  ASSERT_TRUE(put("before"));
  world.kill(2);
  world.kill(3);
  world.pass(seconds(3));
  // `_system` is founded again, and the node dies before the map says so.
  topology::AcceptedLoss loss{.epoch = catalog(1).epoch, .lost = {n2, n3}, .survivors = {{bank, n1}, {system, n1}}};
  world.node(1).recover(loss, [](const Result<topology::Catalog>&) {});
  ASSERT_TRUE(world.pass_until([&] { return world.counter("refoundings") == 1; }, std::chrono::milliseconds(100)));
  world.kill(1);
  MUST(world.start(1));
  ASSERT_TRUE(world.pass_until([&] { return leader(system) == n1; }));
  EXPECT_EQ(catalog(1).epoch, loss.epoch);
  EXPECT_EQ(replica(system, 1)->counters.at("refounded"), 1U);
  const auto map = recover(loss);
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  EXPECT_EQ(map->partition(system)->refounded, 1U) << "once";
  EXPECT_EQ(replica(system, 1)->counters.at("refounded"), 1U) << "not founded once more";
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n1; }));
  EXPECT_EQ(read("before").value.to_string(), "value of before");
}

// The power goes in the moment in which the map says so: the groups are founded again at the next start, from the same logs.
TEST_F(Loss, APowerLossRightAfterTheMapLosesNothing) {
  ASSERT_TRUE(put("before"));
  world.pass(seconds(1));
  world.kill(2);
  world.kill(3);
  world.pass(seconds(3));
  const topology::AcceptedLoss loss{
      .epoch = catalog(1).epoch, .lost = {n2, n3}, .survivors = {{bank, n1}, {system, n1}}};
  world.node(1).recover(loss, [](const Result<topology::Catalog>&) {});
  ASSERT_TRUE(world.pass_until([&] { return catalog(1).epoch > loss.epoch; }));
  world.lose_power(1);
  MUST(world.start(1));
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n1 && voters(bank) == std::vector<NodeId>{n1}; }));
  EXPECT_EQ(read("before").value.to_string(), "value of before");
  EXPECT_EQ(read("before").receipt.refounded, 1U);
}

// It cannot tell whether it has done so already, and what it has promised since.
TEST_F(Loss, WhoHasForgottenIsNoSurvivor) {
  ASSERT_TRUE(put("before"));
  world.kill(2);
  world.kill(3);
  world.kill(1);
  env::WriteBatch mark;
  mark.put(env::Table::meta, amnesia_key(), wire::encode_u64(1));
  MUST(world.seat(1).store.apply(mark));
  MUST(world.start(1));
  world.pass(seconds(3));
  const auto refused = recover({.epoch = {}, .lost = {n2, n3}, .survivors = {{bank, n1}, {system, n1}}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("has lost durable writes"));
  EXPECT_EQ(world.counter("refoundings"), 0U);
}

// Four copies, two of them lost: two survivors hold the old log, and one is gone on from. The other begins anew.
TEST_F(Loss, AnotherSurvivorBeginsAnew) {
  auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(join(4, *map).has_value());
  const auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
  world.node(1).alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = 4},
                               [told](Result<topology::Catalog> result) { *told = std::move(result); });
  ASSERT_TRUE(world.pass_until([&] { return voters(bank).size() == 4 && voters(system).size() == 4; }));
  ASSERT_TRUE(put("before"));
  world.pass(seconds(1));
  world.kill(3);
  world.kill(4);
  world.pass(seconds(3));
  map = recover({.epoch = {}, .lost = {n3, n4}, .survivors = {{bank, n1}, {system, n1}}});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2}; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2}; }));
  EXPECT_TRUE(has_meta(2, bank, "learner"));
  EXPECT_FALSE(has_meta(2, bank, "create"));
  EXPECT_FALSE(has_meta(1, bank, "learner"));
  ASSERT_TRUE(put("after", 2));
  EXPECT_EQ(read("before", 2).value.to_string(), "value of before");
  EXPECT_EQ(read("before", 2).receipt.refounded, 1U);
  for (const std::uint32_t n : {1U, 2U}) {
    world.kill(n);
    MUST(world.start(n));
    ASSERT_TRUE(world.pass_until([&] { return leader(bank) != NodeId() && leader(system) != NodeId(); }));
    world.pass(seconds(2));  // each has heard of the other: what came to the wrong one is passed on
    EXPECT_TRUE(put("once more", n)) << "neither the one nor the other begins again at each start";
  }
  EXPECT_EQ(read("after", 1).value.to_string(), "value of after");
}

// Four copies, two lost. The survivor's own copy is damaged, so it founds nothing: the other one is all that there is, and must still be there.
TEST_F(Loss, AFailingSurvivorCostsNoOtherItsCopy) {
  const auto grown = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(grown.has_value());
  ASSERT_TRUE(join(4, *grown).has_value());
  ASSERT_TRUE(alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = 4}).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(bank).size() == 4 && voters(system).size() == 4; }));
  ASSERT_TRUE(put("before"));
  world.pass(seconds(1));
  world.kill(3);
  world.kill(4);
  world.pass(seconds(3));
  const std::string entry = wire::log_key(bank, Generation(1), replica(bank, 2)->last);
  ASSERT_TRUE(MUST(world.seat(2).store.get(env::Table::log, entry)).has_value());
  world.seat(2).store.poke(env::Table::log, entry, Bytes("damaged"));
  auto map = recover({.epoch = {}, .lost = {n3, n4}, .survivors = {{bank, n2}, {system, n1}}});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return world.counter("refoundings_failed", 2) > 0; }));
  world.pass(seconds(10));
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(has_meta(1, bank, "create"));
    EXPECT_FALSE(has_meta(1, bank, "tombstone"));
    ASSERT_TRUE(replica(bank, 1).has_value());
    EXPECT_EQ(replica(bank, 1)->role, "superseded");
    EXPECT_EQ(replica(bank, 1)->counters.at("superseded"), 1U);
    EXPECT_FALSE(replica(bank, 1)->voters.empty()) << "it can be counted";
    EXPECT_NE(read("before").code, Code::ok) << "and serves nothing";
    world.kill(1);
    MUST(world.start(1));
    ASSERT_TRUE(world.pass_until([&] { return leader(system) == n1 && replica(bank, 1).has_value(); }));
  }
  map = recover({.epoch = {}, .lost = {n3, n4}, .survivors = {{bank, n1}}});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2}; }));
  EXPECT_EQ(read("before").value.to_string(), "value of before");
  EXPECT_EQ(read("before").receipt.refounded, 2U);
  EXPECT_TRUE(has_meta(2, bank, "learner"));
}

// A survivor that was down comes back with a newer map than the one that was gone on from: it is the map of a group that is no more.
TEST_F(Loss, AMapThatTheSurvivorHadNotHeardOfDoesNotUndoTheRecovery) {
  ASSERT_TRUE(put("before"));
  world.pass(seconds(1));
  for (const std::uint32_t n : {2U, 3U}) world.cut(1, n);
  for (const std::string name : {"unheard", "of", "here"}) {
    ASSERT_TRUE(world.pass_until([&] {
      return create_keyspace({.name = name, .mode = Mode::cp, .copies = 2, .partitions = 1}, 2).has_value() ||
             catalog(2).find(name) != nullptr;
    }));
  }
  const topology::Catalog theirs = catalog(2);
  ASSERT_GT(theirs.epoch.value(), catalog(1).epoch.value() + 2);
  world.pass(seconds(1));
  world.kill(2);
  world.kill(3);
  world.heal();
  world.pass(seconds(3));
  auto map = recover({.epoch = {}, .lost = {n3}, .survivors = {{bank, n1}, {system, n1}}});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n1; }));
  ASSERT_TRUE(put("after"));
  MUST(world.start(2));
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2}; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2}; }));
  for (const std::uint32_t n : {1U, 2U}) {
    EXPECT_EQ(catalog(n).partition(bank)->refounded, 1U);
    EXPECT_EQ(catalog(n).member(n3)->state, topology::MemberState::lost);
    EXPECT_EQ(catalog(n).find("unheard"), nullptr);
  }
  // What it had created under the lost map is gone, and nothing new is taken for it.
  map = create_keyspace({.name = "new", .mode = Mode::cp, .copies = 2, .partitions = 1});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  EXPECT_GE(world.partition_of(*map, "new"), theirs.next_partition);
  EXPECT_TRUE(has_meta(2, world.partition_of(theirs, "unheard"), "tombstone"));
}

// A survivor that was down meanwhile comes back with the old map and the old log.
TEST_F(Loss, ASurvivorThatWasDownFollowsWhenItComesBack) {
  auto map = change({.kind = MemberChange::Kind::add, .member = self(4)});
  ASSERT_TRUE(map.has_value());
  ASSERT_TRUE(join(4, *map).has_value());
  ASSERT_TRUE(world.pass_until([&] { return voters(system).size() == 4; }));
  ASSERT_TRUE(put("before"));
  world.pass(seconds(1));
  for (const std::uint32_t n : {2U, 3U, 4U}) world.kill(n);
  world.pass(seconds(3));
  map = recover({.epoch = {}, .lost = {n3, n4}, .survivors = {{bank, n1}, {system, n1}}});
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return leader(bank) == n1; }));
  ASSERT_TRUE(put("after"));
  MUST(world.start(2));
  ASSERT_TRUE(world.pass_until([&] { return voters(bank) == std::vector<NodeId>{n1, n2}; }));
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n1, n2}; }));
  EXPECT_TRUE(has_meta(2, bank, "learner"));
  EXPECT_EQ(read("after", 2).value.to_string(), "value of after");
}

class SixSeats : public Loss {
 protected:
  SixSeats() : Loss(6, 5) {}
};

// `_system` votes with five at most: the sixth holds it as a learner, whom no candidate ever asks.
TEST_F(SixSeats, ALearnerThatIsLeftAloneIsASurvivor) {
  const NodeId n6{6};
  const auto grown = change({.kind = MemberChange::Kind::add, .member = self(6)});
  ASSERT_TRUE(grown.has_value()) << grown.error().detail;
  ASSERT_TRUE(join(6, *grown).has_value());
  ASSERT_TRUE(world.pass_until([&] {
    const auto held = replica(system, 6);
    return held && held->leader != NodeId() && held->applied == replica(system, leader(system).value())->applied &&
           catalog(6).epoch == catalog(1).epoch;
  }));
  world.pass(seconds(1));
  ASSERT_EQ(voters(system), (std::vector<NodeId>{n1, n2, n3, n4, n5})) << "n6 is a learner";
  for (std::uint32_t n = 1; n <= 5; ++n) world.kill(n);
  world.pass(seconds(3));
  EXPECT_EQ(replica(system, 6)->leader, NodeId()) << "it does not believe in a dead leader";
  const auto map = recover({.epoch = {}, .lost = {n1, n2, n3, n4, n5}, .survivors = {{system, n6}}}, 6);
  ASSERT_TRUE(map.has_value()) << map.error().detail;
  ASSERT_TRUE(world.pass_until([&] { return voters(system) == std::vector<NodeId>{n6}; }));
}

}  // namespace
}  // namespace rift::node
