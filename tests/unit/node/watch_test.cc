// A watch inside a node: many answers to one request, where it is served, how it ends.
#include <gtest/gtest.h>

#include "tests/unit/node/node_world.h"

namespace rift::node {
namespace {

const NodeId n1{1}, n2{2}, n3{3};

Request watch_from(const std::string& keyspace, std::uint64_t revision) {
  Request request = in(keyspace, kit::get(""));
  request.verb = Verb::watch;
  request.operands.ensure().revision = Revision(revision);
  return request;
}

struct Alone : NodeWorld {
  Alone() {
    topology::Catalog catalog = first_catalog(1);
    add(catalog, "bank", Mode::cp, {{n1}});
    add(catalog, "carts", Mode::ap, {{n1}});
    found(catalog);
  }
  std::uint64_t watches() {
    std::uint64_t open = 0;
    for (const ReplicaStatus& replica : status().replicas) {
      if (replica.mode == Mode::cp) open += replica.counters.at("watches");
    }
    return open;
  }
  // All that has been answered since: the events, and the last answer.
  std::size_t events(RequestId id) {
    std::size_t count = 0;
    while (auto reply = take_reply(id)) {
      if (reply->results) count += reply->results->events.size();
      last = *reply;
    }
    return count;
  }
  Response last;
};

TEST(NodeWatch, StaysOpenFromAnswerToAnswerPastAnyDeadline) {
  Alone world;
  const RequestId id = world.submit(watch_from("bank", 1));
  world.settle();
  EXPECT_EQ(world.events(id), 0U);
  EXPECT_TRUE(world.last.more);
  EXPECT_EQ(world.last.results->revision, Revision(0));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world.call(in("bank", kit::put("k", "v"))).outcome, Outcome::done);
    world.pass(std::chrono::seconds(4));  // longer than a request may take
    EXPECT_EQ(world.events(id), 1U);
    EXPECT_TRUE(world.last.more);
    EXPECT_EQ(world.last.receipt.served_by, n1);
  }
  world.pass(std::chrono::seconds(70));
  EXPECT_EQ(world.events(id), 0U);
  EXPECT_TRUE(world.last.more);  // says how far it has come
}

TEST(NodeWatch, ACancelledOneAndThoseOfASinkThatLeavesAreForgotten) {
  Alone world;
  const RequestId first = world.submit(watch_from("bank", 1));
  const RequestId second = world.submit(watch_from("bank", 1));
  world.settle();
  world.events(first);
  world.events(second);
  EXPECT_EQ(world.watches(), 2U);
  world.node().cancel(NodeWorld::sink, {first});
  world.settle();
  EXPECT_EQ(world.watches(), 1U);
  world.call(in("bank", kit::put("k", "v")));
  EXPECT_EQ(world.events(first), 0U);
  EXPECT_EQ(world.events(second), 1U);
  world.node().detach(NodeWorld::sink);
  world.settle();
  EXPECT_EQ(world.watches(), 0U);
}

// Both words wait in the inbox: the replica hears of neither.
TEST(NodeWatch, OneThatIsCancelledBeforeItsReplicaHasSeenItLeavesNothing) {
  Alone world;
  const RequestId first = world.submit(watch_from("bank", 1));
  world.node().cancel(NodeWorld::sink, {first});
  world.settle();
  EXPECT_EQ(world.watches(), 0U);
  world.submit(watch_from("bank", 1));
  const RequestId third = world.submit(watch_from("bank", 1));
  world.node().cancel(NodeWorld::sink, {third});
  world.settle();
  EXPECT_EQ(world.watches(), 1U) << "the one that was not named";
  world.submit(watch_from("bank", 1));
  world.node().detach(NodeWorld::sink);
  world.settle();
  EXPECT_EQ(world.watches(), 0U);
  EXPECT_EQ(world.seat().recorder.marks().at("node.cancelled_in_inbox"), 3U);
}

TEST(NodeWatch, ANodeThatStopsEndsThemAndIsNotKeptByThem) {
  Alone world;
  const RequestId id = world.submit(watch_from("bank", 1));
  world.settle();
  EXPECT_TRUE(world.stop());
  world.events(id);
  EXPECT_FALSE(world.last.more);
  EXPECT_EQ(world.last.code, Code::not_ready);
  EXPECT_EQ(world.last.outcome, Outcome::not_done);
}

TEST(NodeWatch, AnApKeyspaceHasNone) {
  Alone world;
  EXPECT_EQ(world.call(watch_from("carts", 1)).code, Code::unsupported);
}

TEST(NodeWatch, WhoHasNoCopyNamesThoseWhoHaveAndForwardsNothing) {
  NodeWorld world;
  topology::Catalog map = world.first_catalog(3);
  world.add(map, "bank", Mode::cp, {{n2, n3}});
  world.play(n2);
  world.play(n3);
  world.found(map);
  const Response refused = world.call(watch_from("bank", 1));
  EXPECT_EQ(refused.code, Code::wrong_node);
  EXPECT_NE(refused.hint.find("n2, n3"), std::string::npos) << refused.hint;
  EXPECT_TRUE(world.forwards_to(n2).empty());
  EXPECT_TRUE(world.forwards_to(n3).empty());
}

TEST(NodeWatch, ADroppedKeyspaceEndsIt) {
  Alone world;
  const RequestId id = world.submit(watch_from("bank", 1));
  world.settle();
  world.events(id);
  world.node().drop_keyspace("bank", [](const Result<topology::Catalog>&) {});
  ASSERT_TRUE(world.pass_until([&] {
    world.events(id);
    return !world.last.more;
  }));
  EXPECT_EQ(world.last.code, Code::unknown_keyspace);
}

}  // namespace
}  // namespace rift::node
