// SIGKILL of nodes under load, and their return from their own disks: what was acknowledged is still there.
#include <random>

#include "tests/integration/load.h"

namespace rift {
namespace {

using test::Acknowledged;
using test::eventually;
using test::Nodes;
using test::Writer;

TEST(Kill, NoAcknowledgedCpWriteIsMissing) {
  Nodes nodes(3);
  nodes.create({.name = "bank", .mode = Mode::cp});
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);

  std::vector<std::unique_ptr<Writer>> writers;
  for (const std::string name : {"a", "b", "c", "d"}) {
    writers.push_back(std::make_unique<Writer>(nodes.client(), Writer::Options{.keyspace = "bank", .prefix = name}));
  }
  const auto grows_by = [&](std::size_t count) {
    const std::size_t wanted = test::total(writers) + count;
    return eventually([&] { return test::total(writers) >= wanted; });
  };
  for (const bool is_leader : {true, false, true}) {
    ASSERT_TRUE(grows_by(50 + random() % 200));
    ASSERT_TRUE(eventually([&] { return nodes.leader("bank").has_value(); }));
    const NodeId victim = is_leader ? *nodes.leader("bank") : nodes.follower("bank");
    ASSERT_TRUE(nodes.supervisor().kill(victim));
    ASSERT_TRUE(grows_by(50)) << "two of three nodes must go on without " << to_string(victim);
    const auto started = nodes.supervisor().start(victim);
    ASSERT_TRUE(started) << started.error().detail;
    ASSERT_TRUE(grows_by(50));
  }
  for (const auto& writer : writers) writer->stop();

  const std::vector<Acknowledged> writes = test::all_acknowledged(writers);
  for (const NodeId id : nodes.ids()) {
    EXPECT_THAT(test::missing(*nodes.client_of(id), "bank", writes), testing::IsEmpty())
        << to_string(id) << " of " << writes.size();
  }
}

TEST(Kill, AllNodesAtOnceLoseNoAcknowledgedCpWrite) {
  Nodes nodes(3);
  nodes.create({.name = "bank", .mode = Mode::cp});
  std::vector<std::unique_ptr<Writer>> writers;
  writers.push_back(std::make_unique<Writer>(nodes.client(), Writer::Options{.keyspace = "bank", .prefix = "k"}));
  ASSERT_TRUE(eventually([&] { return test::total(writers) >= 200; }));
  for (const NodeId id : nodes.ids()) ASSERT_TRUE(nodes.supervisor().kill(id));
  const std::size_t before = test::total(writers);
  ASSERT_TRUE(nodes.supervisor().start_all());
  ASSERT_TRUE(eventually([&] { return test::total(writers) >= before + 50; }));
  writers.front()->stop();
  EXPECT_THAT(test::missing(*nodes.client(), "bank", test::all_acknowledged(writers)), testing::IsEmpty());
}

// The others are stopped while it returns, so that nobody can give back what its own disk has lost.
void expect_on_own_disk(Nodes& nodes, NodeId victim, const std::vector<Acknowledged>& writes) {
  std::map<std::string, Version> copy;
  for (const InspectedKey& key : test::own_copy(nodes.node(victim).listen, "carts")) copy[key.key] = key.version;
  std::vector<std::string> lost;
  for (const Acknowledged& write : writes) {
    const auto found = copy.find(write.key);
    if (found == copy.end() || found->second.hlc < write.version.hlc) lost.push_back(write.key);
  }
  EXPECT_THAT(lost, testing::IsEmpty()) << "of " << writes.size();
  EXPECT_THAT(test::missing(*nodes.client_of(victim), "carts", writes, Level::one), testing::IsEmpty());
}

TEST(Kill, WhatAnApCoordinatorAcknowledgedAtOneIsOnItsOwnDisk) {
  Nodes nodes(3);
  nodes.create({.name = "carts", .mode = Mode::ap});
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);

  std::vector<std::unique_ptr<Writer>> writers;  // n1, n2, n3
  for (const NodeId id : nodes.ids()) {
    writers.push_back(std::make_unique<Writer>(
        nodes.client_of(id, test::patience, false),
        Writer::Options{.keyspace = "carts", .prefix = to_string(id) + "/", .until_first_failure = true}));
  }
  const std::size_t index = random() % writers.size();
  const NodeId victim = nodes.ids()[index];
  const std::size_t enough = 100 + random() % 300;
  ASSERT_TRUE(eventually([&] { return writers[index]->count() >= enough; }));
  ASSERT_TRUE(nodes.supervisor().kill(victim));
  ASSERT_TRUE(eventually([&] { return writers[index]->has_ended(); }));
  for (const auto& writer : writers) writer->stop();

  for (const NodeId id : nodes.ids()) {
    if (id != victim) {
      ASSERT_TRUE(nodes.supervisor().pause(id));
    }
  }
  const auto started = nodes.supervisor().start(victim);
  ASSERT_TRUE(started) << started.error().detail;
  expect_on_own_disk(nodes, victim, writers[index]->acknowledged());
  for (const NodeId id : nodes.ids()) {
    if (id != victim) {
      ASSERT_TRUE(nodes.supervisor().resume(id));
    }
  }
  ASSERT_TRUE(nodes.reach_each_other(3));
  // And nobody else has lost anything: all three together know every write.
  EXPECT_THAT(test::missing(*nodes.client(), "carts", test::all_acknowledged(writers), Level::all), testing::IsEmpty());
}

TEST(Kill, WhatAnApMajorityAcknowledgedIsThereWithoutAndWithTheKilledNode) {
  Nodes nodes(3);
  nodes.create({.name = "carts", .mode = Mode::ap});
  std::vector<std::unique_ptr<Writer>> writers;
  for (const std::string name : {"a", "b"}) {
    writers.push_back(std::make_unique<Writer>(
        nodes.client(), Writer::Options{.keyspace = "carts", .prefix = name, .level = Level::majority}));
  }
  const auto grows_by = [&](std::size_t count) {
    const std::size_t wanted = test::total(writers) + count;
    return eventually([&] { return test::total(writers) >= wanted; });
  };
  const NodeId victim = nodes.ids()[std::random_device{}() % 3];
  SCOPED_TRACE(to_string(victim));
  ASSERT_TRUE(grows_by(200));
  ASSERT_TRUE(nodes.supervisor().kill(victim));
  ASSERT_TRUE(grows_by(100));
  for (const NodeId id : nodes.ids()) {
    if (id == victim) continue;
    const std::vector<Acknowledged> writes = test::all_acknowledged(writers);
    EXPECT_THAT(test::missing(*nodes.client_of(id), "carts", writes, Level::majority), testing::IsEmpty())
        << to_string(id);
  }
  ASSERT_TRUE(nodes.supervisor().start(victim));
  ASSERT_TRUE(grows_by(100));
  for (const auto& writer : writers) writer->stop();
  ASSERT_TRUE(nodes.reach_each_other(3));
  const std::vector<Acknowledged> writes = test::all_acknowledged(writers);
  for (const NodeId id : nodes.ids()) {
    EXPECT_THAT(test::missing(*nodes.client_of(id), "carts", writes, Level::majority), testing::IsEmpty())
        << to_string(id);
  }
  // The hints are delivered: one day every owner holds everything.
  EXPECT_TRUE(eventually([&] {
    for (const NodeId id : nodes.ids()) {
      if (!test::missing(*nodes.client_of(id), "carts", writes, Level::one).empty()) return false;
    }
    return true;
  }));
}

}  // namespace
}  // namespace rift
