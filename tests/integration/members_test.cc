// A cluster of real processes that grows, gets a disk replaced and shrinks, under load: nothing that was acknowledged is missing.
#include <filesystem>

#include "cluster/members.h"
#include "tests/integration/load.h"
#include "tests/integration/program.h"

namespace rift {
namespace {

using cluster::Members;
using test::eventually;
using test::Nodes;
using test::Writer;

const NodeId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};

class Grown : public testing::Test {
 protected:
  std::vector<NodeId> voters(const std::string& name) {
    const auto survey = members.survey();
    if (!survey) return {};
    for (const cluster::Group& group : survey->groups) {
      if (group.name == name && group.settled) return group.voters;
    }
    return {};
  }
  std::optional<NodeStatus> status(NodeId node) {
    const auto told = AdminClient(nodes.node(node).listen).status();
    return told ? std::optional(told->status) : std::nullopt;
  }
  std::uint64_t refused_at(NodeId node) {
    const auto told = status(node);
    return told && told->counters.contains("hellos_refused") ? told->counters.at("hellos_refused") : 0;
  }
  bool is_reached(NodeId node, NodeId from) {
    const auto told = status(from);
    return told && std::count(told->reachable.begin(), told->reachable.end(), node) == 1;
  }
  std::string why(const std::string& keyspace) {
    const auto survey = members.survey();
    return survey ? cluster::what_can_fail(*survey, *survey->catalog.find(keyspace)) : survey.error().detail;
  }
  void expect_voters(const std::string& group, const std::vector<NodeId>& wanted) {
    EXPECT_TRUE(eventually([&] { return voters(group) == wanted; })) << group << ": " << why("_system");
  }

  Nodes nodes{5, 3};
  Members members{{nodes.node(n1).listen, nodes.node(n2).listen}, test::patience};
};

TEST_F(Grown, GetsADiskReplacedAndShrinksUnderLoad) {
  nodes.create({.name = "bank", .mode = Mode::cp});
  std::vector<std::unique_ptr<Writer>> writers;
  for (const std::string name : {"a", "b"})
    writers.push_back(std::make_unique<Writer>(nodes.client(), Writer::Options{.keyspace = "bank", .prefix = name}));
  const auto grows_by = [&](std::size_t count) {
    const std::size_t wanted = test::total(writers) + count;
    return eventually([&] { return test::total(writers) >= wanted; });
  };
  ASSERT_TRUE(grows_by(100));

  for (const NodeId id : {n4, n5}) {
    const auto added = members.add(nodes.node(id).listen);
    ASSERT_TRUE(added.has_value()) << added.error().detail;
  }
  expect_voters("_system/0", {n1, n2, n3, n4, n5});
  ASSERT_TRUE(grows_by(100));

  // An empty disk under an old name: refused, until somebody says that the old one is gone.
  ASSERT_TRUE(nodes.supervisor().kill(n3));
  std::filesystem::remove_all(nodes.data(n3));
  ASSERT_TRUE(nodes.supervisor().start(n3));
  EXPECT_EQ(members.add(nodes.node(n3).listen).error().code, Code::invalid);
  const auto replaced = members.replace(n3, "");
  ASSERT_TRUE(replaced.has_value()) << replaced.error().detail;
  expect_voters("bank/0", {n1, n2, n3});
  expect_voters("_system/0", {n1, n2, n3, n4, n5});
  ASSERT_TRUE(grows_by(100));

  // Its copy goes to one of the newcomers.
  const auto removed = members.remove(n2, [](const std::string&) {});
  ASSERT_TRUE(removed.has_value()) << removed.error().detail;
  EXPECT_EQ(removed->member(n2), nullptr);
  expect_voters("_system/0", {n1, n3, n4, n5});
  ASSERT_TRUE(nodes.supervisor().kill(n2));
  ASSERT_TRUE(grows_by(100));
  for (const auto& writer : writers) writer->stop();

  const auto writes = test::all_acknowledged(writers);
  EXPECT_THAT(test::missing(*nodes.client_of(n3), "bank", writes), testing::IsEmpty()) << "of " << writes.size();
  EXPECT_TRUE(eventually([&] { return why("bank") == "bank: 3 of 3 copies up; 2 more failures stop writes"; }))
      << why("bank");
}

// A backup that was made while the node was stopped is put back: it has forgotten votes and writes, and would go on as if it had not.
TEST_F(Grown, ACopyOfADiskIsRefusedHoweverOftenItStarts) {
  nodes.create({.name = "bank", .mode = Mode::cp});
  const auto put = [&](const std::string& key) { ASSERT_TRUE(nodes.client()->put("bank", key, "1").is_done()); };
  const std::string copy = nodes.folder().path() + "/copy";
  ASSERT_TRUE(nodes.supervisor().stop(n3));
  std::filesystem::copy(nodes.data(n3), copy, std::filesystem::copy_options::recursive);
  ASSERT_TRUE(nodes.supervisor().start(n3));
  ASSERT_TRUE(eventually([&] { return is_reached(n3, n1) && is_reached(n3, n2); }));
  put("after the copy");
  ASSERT_TRUE(nodes.supervisor().stop(n3));
  std::filesystem::remove_all(nodes.data(n3));
  std::filesystem::copy(copy, nodes.data(n3), std::filesystem::copy_options::recursive);
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = refused_at(n1);
    ASSERT_TRUE(nodes.supervisor().start(n3));
    EXPECT_TRUE(eventually([&] { return refused_at(n1) > before + 3; }));
    EXPECT_TRUE(eventually([&] { return !is_reached(n3, n1) && !is_reached(n3, n2); }));
    ASSERT_TRUE(nodes.supervisor().stop(n3));
  }
  put("without it");
}

TEST_F(Grown, LeadershipMovesAndSaysWhy) {
  nodes.create({.name = "bank", .mode = Mode::cp});
  const NodeId to = nodes.follower("bank");
  ASSERT_TRUE(members.transfer("bank", to).has_value());
  ASSERT_TRUE(eventually([&] { return nodes.leader("bank") == to; }));
  const auto survey = members.survey();
  ASSERT_TRUE(survey.has_value());
  for (const cluster::Group& group : survey->groups) {
    if (group.name != "bank/0") continue;
    EXPECT_EQ(group.leader, to);
    EXPECT_THAT(group.replicas.at(to).history, testing::Contains(testing::Field(&RoleEvent::reason, "transfer")));
  }
  EXPECT_EQ(members.transfer("bank", n4).error().code, Code::invalid) << "it does not vote";
  EXPECT_EQ(members.transfer("nothing", to).error().code, Code::unknown_keyspace);
}

// Two of three disks are gone for good: the third goes on with what it holds, and two new nodes make it three again.
TEST_F(Grown, GoesOnFromOneSurvivorAndIsThreeAgain) {
  nodes.create({.name = "bank", .mode = Mode::cp});
  nodes.create({.name = "carts", .mode = Mode::ap, .copies = 3, .partitions = 2});
  std::vector<test::Acknowledged> writes;
  {
    const auto client = nodes.client();
    for (int i = 0; i < 200; ++i) {
      const test::Acknowledged write{
          .key = "key" + std::to_string(i), .value = "value" + std::to_string(i), .version = {}};
      for (const std::string keyspace : {"bank", "carts"})
        ASSERT_TRUE(client->put(keyspace, write.key, write.value, {.level = Level::all}).is_done());
      writes.push_back(write);
    }
  }
  for (const NodeId lost : {n2, n3}) {
    ASSERT_TRUE(nodes.supervisor().kill(lost));
    std::filesystem::remove_all(nodes.data(lost));
  }
  const auto client = nodes.client_of(n1);
  EXPECT_FALSE(client->put("bank", "key", "x", {.deadline = std::chrono::seconds(2)}).is_done());

  const std::vector<std::string> command = {
      "members", "recover", "--lost", "n2,n3", "--endpoints", nodes.node(n1).listen, "-o", "json"};
  const test::Program rift(nodes.folder());
  const auto explained = rift.run(command);
  EXPECT_EQ(explained.exit, 2) << explained.err;
  EXPECT_THAT(explained.err, testing::HasSubstr("bank/0: 1 of 3 voters are left; it goes on from n1"));
  EXPECT_THAT(explained.out + explained.err, testing::HasSubstr("--accept-loss"));
  EXPECT_EQ(MUST(members.catalog()).members.size(), 3U) << "only explained";
  auto accepted = command;
  accepted.push_back("--accept-loss");
  const auto done = rift.run(accepted);
  EXPECT_EQ(done.exit, 0) << done.err;
  EXPECT_THAT(done.out, testing::HasSubstr("rift.members_recover/1"));
  EXPECT_EQ(test::misfit(done.out, "members"), "");

  EXPECT_EQ(MUST(members.catalog()).members.size(), 1U) << "the lost are forgotten";
  EXPECT_THAT(test::missing(*client, "bank", writes), testing::IsEmpty());
  EXPECT_THAT(test::missing(*client, "carts", writes, Level::all), testing::IsEmpty());
  const Answer written = client->put("bank", "key", "after");
  ASSERT_TRUE(written.is_done()) << test::describe(written);
  EXPECT_EQ(written.receipt.refounded, 1U);

  for (const NodeId id : {n4, n5}) {
    const auto added = members.add(nodes.node(id).listen);
    ASSERT_TRUE(added.has_value()) << added.error().detail;
  }
  expect_voters("_system/0", {n1, n4, n5});
  ASSERT_TRUE(AdminClient(nodes.node(n1).listen, test::patience)
                  .alter_keyspace({.name = "bank", .read = {}, .write = {}, .copies = 3})
                  .has_value());
  expect_voters("bank/0", {n1, n4, n5});
  EXPECT_TRUE(eventually([&] { return why("bank") == "bank: 3 of 3 copies up; 2 more failures stop writes"; }))
      << why("bank");
  // The survivor may go now.
  ASSERT_TRUE(nodes.supervisor().kill(n1));
  EXPECT_THAT(test::missing(*nodes.client_of(n4), "bank", writes), testing::IsEmpty());
}

}  // namespace
}  // namespace rift
