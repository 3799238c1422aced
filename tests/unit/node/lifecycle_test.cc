// Founding, clean and unclean stops, and what a start makes of them (DESIGN 6, 7), through whole Nodes.
#include <gmock/gmock.h>

#include "tests/unit/node/node_world.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

bool has_meta(Seat& seat, std::string_view name) {
  return MUST(seat.store.get(env::Table::meta, wire::node_meta_key(name))).has_value();
}

std::uint64_t incarnation_of(NodeWorld& world, std::uint32_t n = 1) { return world.status(n).identity.incarnation; }

std::string told(const std::vector<Result<void>>& answers) {
  std::string text;
  for (const auto& answer : answers)
    text += (text.empty() ? "" : " ") + std::string(answer ? "ok" : to_string(answer.error().code));
  return text;
}

topology::Catalog other_than(topology::Catalog catalog) {
  catalog.cluster.low += 1;
  return catalog;
}

// --- founding ------------------------------------------------------------------------------------------------------------------

TEST(Founding, MakesTheNodeServe) {
  NodeWorld world;
  EXPECT_FALSE(world.status().ready);
  EXPECT_THAT(world.status().not_ready_because, testing::HasSubstr("not founded"));
  world.found(world.first_catalog(1));
  EXPECT_EQ(world.status().identity.cluster, world.first_catalog(1).cluster);
  EXPECT_EQ(world.call(in("_system", kit::get("catalog"))).code, Code::ok);
}

// Its disk was lost, and the others dial it still: to found a cluster on it would make a second one.
TEST(Founding, IsNotAdvisedWhereAClusterCountsOnTheNode) {
  NodeWorld world;
  MUST(world.start());
  world.pass(std::chrono::milliseconds(50));
  EXPECT_NE(world.status().not_ready_because.find("rift cluster init"), std::string::npos);
  const wire::Hello hello{.cluster = {.high = 1, .low = 2},
                          .node = NodeId(2),
                          .disk = {.high = 3, .low = 4},
                          .protocol_min = wire::protocol_version,
                          .protocol_max = wire::protocol_version,
                          .epoch = MapEpoch(),
                          .starts = {std::uint64_t{1} << 32}};
  EXPECT_FALSE(world.say_hello(NodeId(2), hello, env::ConnectionId(70)));
  EXPECT_NE(world.status().not_ready_because.find("rift members replace n1"), std::string::npos);
  world.pass(std::chrono::seconds(11));
  EXPECT_NE(world.status().not_ready_because.find("rift cluster init"), std::string::npos);
}

TEST(Founding, IsToldOnlyWhenItIsDurable) {
  NodeWorld world;
  std::vector<Result<void>> answers;
  world.seat().hold_disk = true;
  world.node().found(world.first_catalog(1), [&](Result<void> result) { answers.push_back(std::move(result)); });
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(told(answers), "");
  EXPECT_FALSE(world.status().ready);
  world.lose_power();
  MUST(world.start());
  world.seat().hold_disk = false;
  world.pass(std::chrono::milliseconds(100));
  EXPECT_TRUE(world.status().identity.cluster.is_zero()) << "nobody was told that it had happened";
  world.found(world.first_catalog(1));
}

// The second call may come before the first one's record is stored, or before it is durable.
TEST(Founding, MayBeRepeatedAtAnyTime) {
  NodeWorld world;
  std::vector<Result<void>> answers;
  const auto tell = [&](Result<void> result) { answers.push_back(std::move(result)); };
  world.seat().hold_disk = true;
  const topology::Catalog first = world.first_catalog(1);
  world.node().found(first, tell);
  world.node().found(first, tell);
  world.settle();
  world.node().found(first, tell);
  world.settle();
  EXPECT_EQ(told(answers), "") << "a repetition knows no more than the first";
  world.seat().hold_disk = false;
  world.settle();
  EXPECT_EQ(told(answers), "ok ok ok");
  world.node().found(first, tell);
  world.settle();
  EXPECT_EQ(told(answers), "ok ok ok ok");
}

TEST(Founding, RefusesAnotherClusterAtAnyTime) {
  NodeWorld world;
  std::vector<Result<void>> answers;
  const auto tell = [&](Result<void> result) { answers.push_back(std::move(result)); };
  const topology::Catalog first = world.first_catalog(1);
  world.seat().hold_disk = true;
  world.node().found(first, tell);
  world.node().found(other_than(first), tell);
  world.settle();
  EXPECT_EQ(told(answers), "already_exists");
  world.node().found(other_than(first), tell);
  world.seat().hold_disk = false;
  world.settle();
  EXPECT_EQ(told(answers), "already_exists already_exists ok");
  world.node().found(other_than(first), tell);
  world.settle();
  EXPECT_EQ(told(answers), "already_exists already_exists ok already_exists");
  EXPECT_EQ(world.status().identity.cluster, first.cluster);
}

TEST(Founding, RefusesARecordThatIsNotAboutThisNode) {
  NodeWorld world;
  const topology::Catalog right = world.first_catalog(2);
  topology::Catalog without_me = right;
  without_me.members.erase(NodeId(1));
  topology::Catalog other_disk = right;
  other_disk.members.at(NodeId(1)).disk.low += 1;
  topology::Catalog without_system = right;
  without_system.keyspaces.clear();
  for (const auto& wrong : {without_me, other_disk, without_system}) {
    const auto result = world.found_one(wrong);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid);
  }
  EXPECT_TRUE(world.found_one(right));
}

TEST(Founding, IsRefusedWhileTheNodeStarts) {
  NodeWorld world;
  world.kill();
  world.seat().hold_disk = true;  // what was found at start is not yet durable
  MUST(world.start());
  topology::Catalog first;
  first = world.first_catalog(1);
  const auto result = world.found_one(first);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::not_ready);
  world.seat().hold_disk = false;
  world.settle();
  EXPECT_TRUE(world.found_one(first));
}

TEST(Founding, SurvivesAPowerLossWithTheKeyspacesOfItsRecord) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  NodeWorld::add(catalog, "bank", Mode::cp, {{NodeId(1)}});
  world.found(catalog);
  EXPECT_EQ(world.call(in("bank", kit::put("a", "1"))).code, Code::ok);
  world.lose_power();
  MUST(world.start());
  world.await_leaders();
  EXPECT_EQ(world.call(in("bank", kit::get("a"))).value, Bytes("1"));
}

// --- stopping ------------------------------------------------------------------------------------------------------------------

TEST(Stop, ThatIsCleanKeepsTheIncarnation) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  const std::uint64_t incarnation = incarnation_of(world);
  ASSERT_TRUE(world.stop());
  EXPECT_TRUE(has_meta(world.seat(), "clean_stop"));
  world.lose_power();  // it was told that all is durable
  MUST(world.start());
  EXPECT_EQ(incarnation_of(world), incarnation);
  EXPECT_FALSE(has_meta(world.seat(), "clean_stop")) << "used up: the next stop has to be clean again";
}

TEST(Stop, ThatIsNoneDrawsANewIncarnation) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  const std::uint64_t first = incarnation_of(world);
  world.kill();
  MUST(world.start());
  const std::uint64_t second = incarnation_of(world);
  EXPECT_EQ(second >> 32, (first >> 32) + 1);
  ASSERT_TRUE(world.stop());
  world.kill();
  MUST(world.start());
  EXPECT_EQ(incarnation_of(world), second);
  world.kill();  // after a start that followed a clean stop
  MUST(world.start());
  EXPECT_EQ(incarnation_of(world) >> 32, (first >> 32) + 2);
}

TEST(Stop, RefusesNewWorkAsNotDone) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.node().stop([] {});
  const Response response = world.call(in("_system", kit::get("catalog")));
  EXPECT_EQ(response.code, Code::not_ready);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_THAT(world.status().not_ready_because, testing::HasSubstr("stopping"));
}

TEST(Stop, SaysWhoStopsToThoseThatForwardToIt) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.node().stop([] {});
  EXPECT_EQ(world.call(in("_system", kit::get("catalog"))).receipt.served_by, NodeId(1));
}

TEST(Stop, OfAnUnfoundedNodeIsClean) {
  NodeWorld world;
  const std::uint64_t incarnation = incarnation_of(world);
  ASSERT_TRUE(world.stop());
  world.kill();
  MUST(world.start());
  EXPECT_EQ(incarnation_of(world), incarnation);
}

// A world with an ap keyspace on this node and on a peer that says nothing.
struct WithAnAbsentOwner : NodeWorld {
  explicit WithAnAbsentOwner(NodeId owner = NodeId(2)) {
    topology::Catalog catalog = first_catalog(2);
    add(catalog, "carts", Mode::ap, {{NodeId(1), owner}});
    MUST(found_one(catalog));
    pass(std::chrono::milliseconds(100));
  }
  std::size_t hints() { return seat().store.size(env::Table::hint); }
};

// Requests that wait in the inbox when the process was paused: its timers and they are due together, and the mark must not overtake them.
TEST(Stop, DoesNotLeaveItsMarkBeforeWhatWaitsInTheInbox) {
  WithAnAbsentOwner world;
  world.play(NodeId(2));  // it answers pings, and acknowledges no write: no hint is made at once
  world.pass(std::chrono::seconds(1));
  ASSERT_EQ(world.status().reachable.size(), 2u);
  const std::size_t before = world.hints();
  world.submit(in("carts", kit::put("a", "1")));
  bool stopped = false;
  world.node().stop([&] { stopped = true; });
  world.seat().executor.pause(std::chrono::milliseconds(30));
  bool marked_too_early = false;
  ASSERT_TRUE(world.pass_until(
      [&] {
        if (has_meta(world.seat(), "clean_stop") && world.hints() == before) marked_too_early = true;
        return stopped;
      },
      std::chrono::seconds(5)));
  EXPECT_FALSE(marked_too_early) << "a clean start would owe n2 the write for ever";
  EXPECT_TRUE(has_meta(world.seat(), "clean_stop"));
  EXPECT_GT(world.hints(), before);
}

TEST(Stop, TurnsWhatIsInFlightIntoHints) {
  WithAnAbsentOwner world;
  world.play(NodeId(2));
  world.pass(std::chrono::seconds(1));
  const std::size_t before = world.hints();
  EXPECT_EQ(world.call(in("carts", kit::put("a", "1"))).code, Code::ok);  // ONE: here
  ASSERT_TRUE(world.stop());
  EXPECT_GT(world.hints(), before);
  EXPECT_TRUE(has_meta(world.seat(), "clean_stop"));
}

// A world with an ap keyspace that only the peer owns.
struct WithAnOwnerElsewhere : NodeWorld {
  WithAnOwnerElsewhere() {
    topology::Catalog catalog = first_catalog(2);
    add(catalog, "carts", Mode::ap, {{NodeId(2)}});
    MUST(found_one(catalog));
    play(NodeId(2));
    pass(std::chrono::seconds(1));
  }
};

TEST(Stop, WaitsForTheAnswersToWhatItForwarded) {
  WithAnOwnerElsewhere world;
  const RequestId id = world.submit(in("carts", kit::put("a", "1")));
  world.settle();
  ASSERT_EQ(world.forwards_to(NodeId(2)).size(), 1U);
  bool stopped = false;
  world.node().stop([&] { stopped = true; });
  world.pass(std::chrono::milliseconds(500));
  EXPECT_FALSE(stopped);
  Response done;
  done.id = world.forwards_to(NodeId(2)).back().id;
  world.say(NodeId(2), PartitionId(), wire::ForwardReply{.response = std::move(done)});
  ASSERT_TRUE(world.pass_until([&] { return stopped; }, std::chrono::seconds(1)));
  const auto reply = world.take_reply(id);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->outcome, Outcome::done);
}

TEST(Stop, IsCleanAlthoughAForwardIsNeverAnswered) {
  WithAnOwnerElsewhere world;
  world.submit(in("carts", kit::put("a", "1")));
  ASSERT_TRUE(world.stop());
  EXPECT_TRUE(has_meta(world.seat(), "clean_stop"));
}

// The disk stands still: nothing is durable yet, and it may not be said.
TEST(Stop, IsToldWhenTheMarkIsDurable) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.pass(std::chrono::seconds(1));
  world.seat().hold_disk = true;
  bool stopped = false;
  world.node().stop([&stopped] { stopped = true; });
  world.pass(std::chrono::seconds(1));
  EXPECT_FALSE(stopped);
  world.seat().hold_disk = false;
  world.settle();
  EXPECT_TRUE(stopped);
  world.lose_power();
  EXPECT_TRUE(has_meta(world.seat(), "clean_stop"));
}

// A disk that is late, not dead: the stop has ended without it, and then its answer comes.
TEST(Stop, EndsOnceAlthoughTheDiskAnswersAfterAll) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.pass(std::chrono::seconds(1));
  world.seat().hold_disk = true;
  int stopped = 0;
  world.node().stop([&stopped] { ++stopped; });
  ASSERT_TRUE(world.pass_until([&] { return stopped > 0; }, std::chrono::seconds(5)));
  world.seat().hold_disk = false;
  world.settle();
  EXPECT_EQ(stopped, 1);
}

TEST(Stop, GivesUpOnWritesThatDoNotEnd) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  NodeWorld::add(catalog, "bank", Mode::cp, {{NodeId(1)}});
  world.found(catalog);
  EXPECT_EQ(world.call(in("bank", kit::put("a", "1"))).code, Code::ok);
  const std::uint64_t incarnation = incarnation_of(world);
  world.seat().hold_disk = true;  // a leader's entry counts only when it is on its own disk
  world.submit(in("bank", kit::put("b", "2")));
  world.pass(std::chrono::milliseconds(10));
  const Time start = world.seat().executor.now().steady;
  bool stopped = false;
  world.node().stop([&] { stopped = true; });
  ASSERT_TRUE(world.pass_until([&] { return stopped; }, std::chrono::seconds(5)));
  EXPECT_GE(world.seat().executor.now().steady - start, std::chrono::seconds(2));
  EXPECT_FALSE(has_meta(world.seat(), "clean_stop"));
  world.kill();
  world.seat().hold_disk = false;
  MUST(world.start());
  EXPECT_NE(incarnation_of(world), incarnation);
}

// --- replicas that do not run ------------------------------------------------------------------------------------------------------

struct WithTwoPartitions : NodeWorld {
  WithTwoPartitions() {
    topology::Catalog catalog = first_catalog(1);
    add(catalog, "good", Mode::ap, {{NodeId(1)}});
    add(catalog, "bad", Mode::cp, {{NodeId(1)}});
    bad = partition_of(catalog, "bad");
    found_catalog = catalog;
  }
  void spoil() {
    seat().store.poke(env::Table::state_cp, wire::cp_applied_key(bad, Generation(1)), Bytes("no record"));
  }

  topology::Catalog found_catalog;
  PartitionId bad;
};

TEST(Start, GoesOnWithoutAReplicaThatCannotOpen) {
  WithTwoPartitions world;
  world.found(world.found_catalog);
  world.kill();
  world.spoil();
  MUST(world.start());
  world.pass(std::chrono::seconds(2));
  EXPECT_EQ(world.counter("replicas_not_started"), 1u);
  EXPECT_EQ(world.call(in("good", kit::put("a", "1"))).code, Code::ok);
  EXPECT_FALSE(world.call(in("bad", kit::put("a", "1"))).outcome == Outcome::done);
}

// Its birth and its failure are one: half a birth would be taken for a whole one at the next start.
TEST(Start, DropsWhatAReplicaWroteThatCouldNotOpen) {
  WithTwoPartitions world;
  world.seat().store.poke(env::Table::meta, wire::partition_meta_key(world.bad, "floor"),
                          Bytes("no number"));  // birth does not write it
  MUST(world.found_one(world.found_catalog));
  world.pass(std::chrono::milliseconds(100));
  EXPECT_EQ(world.counter("replicas_not_started"), 1u);
  EXPECT_FALSE(MUST(world.seat().store.get(env::Table::meta, wire::partition_meta_key(world.bad, "create"))));
  EXPECT_EQ(world.call(in("good", kit::put("a", "1"))).code, Code::ok);
}

TEST(Stop, IsUncleanWhileAReplicaHasNotStarted) {
  WithTwoPartitions world;
  world.found(world.found_catalog);
  ASSERT_TRUE(world.stop());
  world.kill();
  world.spoil();
  MUST(world.start());
  world.pass(std::chrono::milliseconds(100));
  const std::uint64_t incarnation = incarnation_of(world);
  ASSERT_TRUE(world.stop());
  EXPECT_FALSE(has_meta(world.seat(), "clean_stop")) << "what the replica owes is not known";
  world.kill();
  MUST(world.start());
  EXPECT_NE(incarnation_of(world), incarnation);
}

TEST(Stop, IsUncleanAfterAReplicaHasStopped) {
  WithTwoPartitions world;
  world.found(world.found_catalog);
  EXPECT_EQ(world.call(in("good", kit::put("a", "1"))).code, Code::ok);
  // Bit rot under a live replica: the next write of the key reads it.
  const PartitionId good = NodeWorld::partition_of(world.found_catalog, "good");
  world.kill();
  MUST(world.start());
  world.pass(std::chrono::seconds(2));
  world.seat().store.poke(env::Table::state_ap, wire::ap_data_key(good, Generation(1), "a"), Bytes("rotten"));
  EXPECT_EQ(world.call(in("good", kit::put("a", "2"))).code, Code::corruption);
  EXPECT_EQ(world.counter("stopped_replicas"), 1u);
  ASSERT_TRUE(world.stop());
  EXPECT_FALSE(has_meta(world.seat(), "clean_stop"));
}

// --- disks -----------------------------------------------------------------------------------------------------------------------

TEST(Start, RefusesTheDirectoryOfAnotherNode) {
  NodeWorld world;
  Seat& seat = world.seat();
  world.kill();
  const auto made = Node::create({.self = NodeId(2), .dial = {}}, Env{.clock = seat.executor,
                                                                      .executor = seat.executor,
                                                                      .storage = seat.store,
                                                                      .network = seat.network,
                                                                      .log = *seat.log,
                                                                      .seed = 7,
                                                                      .recorder = nullptr,
                                                                      .fatal = [](const Error&) {}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::invalid);
  EXPECT_THAT(made.error().detail, testing::HasSubstr("belongs to n1"));
  EXPECT_TRUE(world.start()) << "and it was left as it was";
}

TEST(Start, RefusesADiskWhoseFoundingIsMissing) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.kill();
  world.seat().store.poke(env::Table::meta, wire::node_meta_key("founding"), std::nullopt);
  world.seat().store.poke(env::Table::state_cp,
                          wire::cp_data_key(topology::system_partition, Generation(1), topology::catalog_key),
                          std::nullopt);
  const auto started = world.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::corruption);
}

TEST(Start, RefusesAMapThatCannotBeRead) {
  NodeWorld world;
  world.found(world.first_catalog(1));
  world.pass(std::chrono::seconds(2));
  world.kill();
  world.seat().store.poke(env::Table::state_cp,
                          wire::cp_data_key(topology::system_partition, Generation(1), topology::catalog_key),
                          Bytes("no map"));
  const auto started = world.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::corruption);
}

}  // namespace
}  // namespace rift::node
