// What administrators ask of a Node: changes of the map by compare-and-set, a node's own copy page by page, its status.
#include <gmock/gmock.h>

#include <set>

#include "base/limits.h"
#include "tests/unit/node/node_world.h"

namespace rift::node {
namespace {

const NodeId n1{1};

using Told = std::shared_ptr<std::optional<Result<topology::Catalog>>>;

struct Cluster : NodeWorld {
  explicit Cluster(std::uint32_t nodes) : NodeWorld(nodes) { found(first_catalog(nodes)); }

  Told create(const std::string& name, std::uint32_t n = 1, Mode mode = Mode::cp) {
    auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
    node(n).create_keyspace({.name = name, .mode = mode, .partitions = 1},
                            [told](Result<topology::Catalog> result) { *told = std::move(result); });
    return told;
  }
  Told drop(const std::string& name, std::uint32_t n = 1) {
    auto told = std::make_shared<std::optional<Result<topology::Catalog>>>();
    node(n).drop_keyspace(name, [told](Result<topology::Catalog> result) { *told = std::move(result); });
    return told;
  }
  std::string outcome(const Told& told) {
    pass_until([&] { return told->has_value(); });
    if (!told->has_value()) return "no answer";
    return std::string((*told)->has_value() ? "ok" : to_string((*told)->error().code));
  }
  topology::Catalog map(std::uint32_t n = 1) {
    topology::Catalog catalog;
    node(n).catalog([&catalog](Result<topology::Catalog> told) { catalog = MUST(std::move(told)); });
    return catalog;
  }
};

// --- the map -------------------------------------------------------------------------------------------------------------------------

TEST(CatalogChange, IsSeenByEveryNode) {
  Cluster world(3);
  EXPECT_EQ(world.outcome(world.create("bank", 2)), "ok");
  ASSERT_TRUE(world.pass_until([&] {
    return world.map(1).find("bank") != nullptr && world.map(2).find("bank") != nullptr &&
           world.map(3).find("bank") != nullptr;
  }));
  EXPECT_EQ(world.map(1).epoch, MapEpoch(2));
  EXPECT_EQ(world.map(1), world.map(3));
  EXPECT_EQ(world.outcome(world.drop("bank", 3)), "ok");
  ASSERT_TRUE(world.pass_until([&] { return world.map(1).find("bank") == nullptr; }));
  EXPECT_EQ(world.map(1).epoch, MapEpoch(3));
  EXPECT_EQ(world.call(in("bank", kit::get("a"))).code, Code::unknown_keyspace);
}

// Both are conditional on the revision that their node knew: the second finds another one and looks again.
TEST(CatalogChange, OfTheSameNameByTwoNodesIsWonByOne) {
  for (const std::uint32_t other : {1u, 2u, 3u}) {
    Cluster world(3);
    const Told first = world.create("bank", 1, Mode::cp);
    const Told second = world.create("bank", other, Mode::ap);
    const std::set<std::string> outcomes = {world.outcome(first), world.outcome(second)};
    EXPECT_EQ(outcomes, (std::set<std::string>{"already_exists", "ok"}));
    const bool first_won = first->value().has_value();
    ASSERT_TRUE(world.pass_until([&] { return world.map(1).find("bank") != nullptr; }));
    EXPECT_EQ(world.map(1).find("bank")->mode, first_won ? Mode::cp : Mode::ap) << "the winner's wish, not the loser's";
    EXPECT_EQ(world.map(1).epoch, MapEpoch(2)) << "one change";
  }
}

TEST(CatalogChange, OfDifferentNamesAtOnceLosesNone) {
  Cluster world(3);
  std::vector<Told> answers;
  for (int i = 0; i < 6; ++i)
    answers.push_back(world.create("k" + std::to_string(i), 1 + static_cast<std::uint32_t>(i) % 3));
  for (const Told& told : answers) EXPECT_EQ(world.outcome(told), "ok");
  ASSERT_TRUE(world.pass_until([&] { return world.map(1).epoch == MapEpoch(7); }));
  std::set<PartitionId> partitions;
  for (const auto& [name, keyspace] : world.map(1).keyspaces) partitions.insert(keyspace.partitions.front().id);
  EXPECT_EQ(partitions.size(), 7u) << "no partition id twice";
}

TEST(CatalogChange, TellsTheResultThatItMade) {
  Cluster world(3);
  const Told first = world.create("a", 1);
  const Told second = world.create("b", 2);
  ASSERT_EQ(world.outcome(first), "ok");
  ASSERT_EQ(world.outcome(second), "ok");
  EXPECT_NE((*first)->value().epoch, (*second)->value().epoch);
  EXPECT_NE((*first)->value().find("a"), nullptr);
  EXPECT_NE((*second)->value().find("b"), nullptr);
}

// What another node has just done is known before anything is refused for the lack of it.
TEST(CatalogChange, IsNotRefusedByAMapThatLags) {
  Cluster world(3);
  for (std::uint32_t n = 1; n <= 3; ++n) {
    const std::string name = "k" + std::to_string(n);
    ASSERT_EQ(world.outcome(world.create(name, n)), "ok");
    EXPECT_EQ(world.outcome(world.drop(name, n % 3 + 1)), "ok");
  }
}

TEST(CatalogChange, IsRefusedWhereTheMapForbidsIt) {
  Cluster world(1);
  EXPECT_EQ(world.outcome(world.create("bank")), "ok");
  ASSERT_TRUE(world.pass_until([&] { return world.map().find("bank") != nullptr; }));
  EXPECT_EQ(world.outcome(world.create("bank")), "already_exists");
  EXPECT_EQ(world.outcome(world.drop("nobody")), "unknown_keyspace");
  EXPECT_EQ(world.outcome(world.drop("_system")), "invalid");
}

TEST(CatalogChange, NeedsAFoundedNode) {
  NodeWorld world;
  std::optional<Code> code;
  world.node().create_keyspace({.name = "bank"}, [&code](const Result<topology::Catalog>& result) {
    code = result ? Code::ok : result.error().code;
  });
  EXPECT_EQ(code, Code::not_ready);
  code.reset();
  world.node().catalog(
      [&code](const Result<topology::Catalog>& result) { code = result ? Code::ok : result.error().code; });
  EXPECT_EQ(code, Code::not_ready);
}

TEST(CatalogChange, WithoutAMajorityEndsInTimeAndChangesNothing) {
  Cluster world(3);
  world.kill(2);
  world.kill(3);
  world.pass(std::chrono::seconds(3));
  const Time start = world.seat().executor.now().steady;
  const Told told = world.create("bank");
  EXPECT_EQ(world.outcome(told), "no_leader");
  EXPECT_LE(world.seat().executor.now().steady - start, std::chrono::seconds(6));
  EXPECT_EQ(world.map().find("bank"), nullptr);
  MUST(world.start(2));
  MUST(world.start(3));
  world.await_leaders();
  world.pass(std::chrono::seconds(2));
  EXPECT_EQ(world.map().epoch, MapEpoch(1)) << "it was told that nothing happened";
}

TEST(CatalogChange, ADroppedKeyspaceEndsItsRequestsAndComesBackEmpty) {
  Cluster world(1);
  ASSERT_EQ(world.outcome(world.create("bank")), "ok");
  ASSERT_TRUE(world.pass_until([&] { return world.call(in("bank", kit::put("a", "1"))).code == Code::ok; }));
  ASSERT_EQ(world.outcome(world.drop("bank")), "ok");
  ASSERT_TRUE(world.pass_until([&] { return world.call(in("bank", kit::get("a"))).code == Code::unknown_keyspace; }));
  ASSERT_EQ(world.outcome(world.create("bank")), "ok");
  Response read;
  ASSERT_TRUE(world.pass_until([&] { return (read = world.call(in("bank", kit::get("a")))).code == Code::ok; }));
  EXPECT_FALSE(read.found);
}

// --- inspect ---------------------------------------------------------------------------------------------------------------------------

struct Shelves : NodeWorld {
  Shelves() {
    topology::Catalog catalog = first_catalog(1);
    add(catalog, "bank", Mode::cp, {{n1}, {n1}, {n1}});
    add(catalog, "carts", Mode::ap, {{n1}, {n1}, {n1}});
    add(catalog, "empty", Mode::ap, {{n1}, {n1}});
    found(catalog);
  }
  void fill(const std::string& keyspace, int keys, const std::string& value = "v") {
    std::vector<RequestId> ids;
    for (int i = 0; i < keys; ++i) ids.push_back(submit(in(keyspace, kit::put(key(i), value))));
    for (const RequestId id : ids) {
      std::optional<Response> response;
      ASSERT_TRUE(pass_until([&] { return (response = take_reply(id)).has_value(); }));
      ASSERT_EQ(response->code, Code::ok) << describe(*response);
    }
  }
  static std::string key(int i) { return "key" + std::to_string(10'000 + i); }
  Result<InspectPage> page(const std::string& keyspace, const std::string& cursor, std::uint32_t keys_max) {
    std::optional<Result<InspectPage>> told;
    node().inspect(keyspace, cursor, keys_max, [&told](Result<InspectPage> result) { told = std::move(result); });
    return *told;
  }
  std::vector<InspectPage> pages(const std::string& keyspace, std::uint32_t keys_max) {
    std::vector<InspectPage> list;
    std::string cursor;
    do {
      list.push_back(MUST(page(keyspace, cursor, keys_max)));
      cursor = list.back().next;
    } while (!cursor.empty() && list.size() < 10'000);
    return list;
  }
};

TEST(Inspect, EveryKeyIsOnOnePageWhateverItsSize) {
  Shelves world;
  for (const std::string keyspace : {"bank", "carts"}) {
    world.fill(keyspace, 40);
    for (const std::uint32_t size : {1u, 7u, 40u, 1000u}) {
      std::multiset<std::string> seen;
      std::set<PartitionId> partitions;
      for (const InspectPage& page : world.pages(keyspace, size)) {
        EXPECT_LE(page.keys.size(), size);
        for (const InspectedKey& key : page.keys) {
          seen.insert(key.key);
          partitions.insert(key.partition);
          EXPECT_FALSE(key.deleted);
          EXPECT_NE(key.value_hash, 0u);
        }
      }
      std::multiset<std::string> expected;
      for (int i = 0; i < 40; ++i) expected.insert(Shelves::key(i));
      EXPECT_EQ(seen, expected) << keyspace << " by " << size;
      EXPECT_EQ(partitions.size(), 3u);
    }
  }
}

TEST(Inspect, ShowsVersionsAndDeletions) {
  Shelves world;
  world.call(in("bank", kit::put("a", "1")));
  world.call(in("bank", kit::put("a", "2")));
  world.call(in("carts", kit::put("a", "1")));
  world.call(in("carts", kit::del("a")));
  const auto cp = MUST(world.page("bank", "", 10)).keys;
  ASSERT_EQ(cp.size(), 1u);
  EXPECT_EQ(cp[0].version.version, 2u);
  EXPECT_LT(cp[0].version.create_revision, cp[0].version.modify_revision);
  const auto ap = MUST(world.page("carts", "", 10)).keys;
  ASSERT_EQ(ap.size(), 1u);
  EXPECT_TRUE(ap[0].deleted);
  EXPECT_EQ(ap[0].version.dot_node, n1);
  EXPECT_EQ(ap[0].version.dot_sequence, 2u);
}

TEST(Inspect, APageHasAtLeastOneKeyAndAtMostTheLimit) {
  Shelves world;
  world.fill("carts", static_cast<int>(limits::scan_page_keys_max) + 100);
  EXPECT_EQ(MUST(world.page("carts", "", 0)).keys.size(), 1u);
  const auto full = MUST(world.page("carts", "", 1'000'000));
  EXPECT_EQ(full.keys.size(), limits::scan_page_keys_max);
  EXPECT_FALSE(full.next.empty());
  EXPECT_EQ(MUST(world.page("carts", full.next, 1'000'000)).keys.size(), 100u);
}

TEST(Inspect, APageIsBoundedInBytes) {
  Shelves world;
  const std::size_t value_bytes = 300 * limits::kibi;
  world.fill("carts", 12, std::string(value_bytes, 'v'));
  const auto pages = world.pages("carts", 1000);
  EXPECT_GE(pages.size(), 3u);
  std::size_t keys = 0;
  for (const InspectPage& page : pages) {
    EXPECT_LE(page.keys.size() * value_bytes, limits::scan_page_bytes_max + value_bytes + 1000);
    keys += page.keys.size();
  }
  EXPECT_EQ(keys, 12u);
}

TEST(Inspect, TakesAnyCursor) {
  Shelves world;
  world.fill("carts", 5);
  EXPECT_TRUE(MUST(world.page("carts", std::string(40, '\xff'), 10)).keys.empty());
  EXPECT_EQ(MUST(world.page("carts", std::string(1, '\0'), 10)).keys.size(), 5u);
  EXPECT_TRUE(MUST(world.page("empty", "", 10)).keys.empty());
  EXPECT_TRUE(MUST(world.page("empty", "", 10)).next.empty());
}

TEST(Inspect, RefusesWhatIsNotThere) {
  Shelves world;
  EXPECT_EQ(world.page("nobody", "", 10).error().code, Code::unknown_keyspace);
  NodeWorld unfounded;
  std::optional<Result<InspectPage>> told;
  unfounded.node().inspect("bank", "", 10, [&told](Result<InspectPage> result) { told = std::move(result); });
  ASSERT_TRUE(told && !told->has_value());
  EXPECT_EQ(told->error().code, Code::not_ready);
}

// --- status ----------------------------------------------------------------------------------------------------------------------------

TEST(Status, CountsWhatIsOpenAndWhatWasDropped) {
  Shelves world;
  const NodeStatus status = world.status();
  EXPECT_TRUE(status.ready);
  EXPECT_EQ(status.epoch, MapEpoch(4));
  EXPECT_EQ(status.reachable, std::vector<NodeId>{n1});
  EXPECT_EQ(status.replicas.size(), 1u + 3 + 3 + 2);
  std::set<std::string> names;
  for (const ReplicaStatus& replica : status.replicas) names.insert(replica.name);
  EXPECT_EQ(names, (std::set<std::string>{"_system/0", "bank/0", "bank/1", "bank/2", "carts/0", "carts/1", "carts/2",
                                          "empty/0", "empty/1"}));
  for (const char* name :
       {"rounds", "syncs", "batches", "store_keys", "requests", "messages", "messages_dropped", "open_requests",
        "slow_rounds", "stopped_replicas", "cache_hits", "cache_misses", "frames_sent", "frames_refused", "timers"}) {
    EXPECT_TRUE(status.counters.contains(name)) << name;
  }
  world.seat().hold_disk = true;
  world.submit(in("carts", kit::put("a", "1")));
  world.pass(std::chrono::milliseconds(10));
  EXPECT_EQ(world.counter("open_requests"), 1u);
}

}  // namespace
}  // namespace rift::node
