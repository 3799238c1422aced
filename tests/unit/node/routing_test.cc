// Where a request goes, and what comes of it, for every verb and both modes (DESIGN 4, 7).
#include <gmock/gmock.h>

#include "base/limits.h"
#include "tests/unit/node/node_world.h"

namespace rift::node {
namespace {

const NodeId n1{1}, n2{2}, n3{3};

// n1 alone: both modes are served here.
struct Alone : NodeWorld {
  Alone() {
    topology::Catalog catalog = first_catalog(1);
    add(catalog, "bank", Mode::cp, {{n1}});
    add(catalog, "carts", Mode::ap, {{n1}});
    found(catalog);
  }
};

// n1 with keyspaces that it does not own, whose owners n2 and n3 the test plays; "all" is a cp keyspace of the three.
struct WithOthers : NodeWorld {
  WithOthers() {
    map = first_catalog(3);
    add(map, "bank", Mode::cp, {{n2, n3}});
    add(map, "carts", Mode::ap, {{n2, n3}});
    add(map, "all", Mode::cp, {{n1, n2, n3}});
    play(n2);
    play(n3);
    found(map);
  }
  Request forwarded(NodeId to, Request request) {
    const std::size_t before = forwards_to(to).size();
    last = submit(std::move(request));
    settle();
    const auto forwards = forwards_to(to);
    EXPECT_EQ(forwards.size(), before + 1);
    return forwards.empty() ? Request() : forwards.back();
  }
  void answer(NodeId from, RequestId id, Code code = Code::ok, NodeId leader = NodeId()) {
    Response response = refuse(id, code, "as the test says");
    response.receipt.leader = leader;
    response.receipt.served_by = from;
    say(from, PartitionId(), wire::ForwardReply{.response = std::move(response)});
    settle();
  }
  // n1 hears from n2 that it leads.
  void hear_leader() {
    say(n2, partition_of(map, "all"), wire::Message(raft::Message(raft::Heartbeat{.term = Term(1000)})));
  }

  topology::Catalog map;
  RequestId last;
};

// --- served here -----------------------------------------------------------------------------------------------------------------

TEST(RoutingHere, CpAnswersEveryVerb) {
  Alone world;
  const OpId op = kit::op_of(1, 1);
  EXPECT_EQ(world.call(in("bank", kit::with_op(kit::put("a", "1"), op))).code, Code::ok);
  const Response read = world.call(in("bank", kit::get("a")));
  EXPECT_EQ(read.value, Bytes("1"));
  EXPECT_EQ(read.receipt.asked, Level::majority) << "the keyspace's default";
  EXPECT_EQ(read.receipt.served_by, n1);
  EXPECT_EQ(read.receipt.epoch, MapEpoch(3));
  world.pass(std::chrono::milliseconds(1005));  // pings confirm the map less often than the last of these
  const Duration age =
      world.call(in("bank", kit::get("a"))).receipt.map_age + world.call(in("bank", kit::get("a"))).receipt.map_age;
  EXPECT_GT(age, Duration::zero()) << "the replica has filled in the epoch, and knows no age";
  EXPECT_LT(age, std::chrono::seconds(2));
  EXPECT_EQ(world.call(in("bank", kit::cas_value("a", "1", "2"))).code, Code::ok);
  EXPECT_EQ(world.call(in("bank", kit::cas_value("a", "1", "3"))).code, Code::condition_failed);
  EXPECT_EQ(world.call(in("bank", kit::resolve("a", op))).outcome, Outcome::done);
  EXPECT_EQ(world.call(in("bank", kit::del("a"))).code, Code::ok);
  EXPECT_FALSE(world.call(in("bank", kit::get("a"))).found);
}

// Asked in another partition it would be answered "never", and written there as a refusal.
TEST(RoutingHere, AResolveGoesToThePartitionThatItNames) {
  NodeWorld world;
  topology::Catalog catalog = world.first_catalog(1);
  NodeWorld::add(catalog, "two", Mode::cp, {{n1}, {n1}});
  world.found(catalog);
  const auto& partitions = catalog.find("two")->partitions;
  for (std::uint64_t i = 0; i < 2; ++i) {
    Request range = in("two", kit::with_op(kit::del("a"), kit::op_of(i + 1, 1)));
    range.verb = Verb::del_range;
    range.operands.ensure().range_end = Bytes("b");
    range.partition = partitions[i].id;
    ASSERT_EQ(world.call(range).outcome, Outcome::done);
    for (const char* key : {"", "a"}) {
      Request resolve = in("two", kit::resolve(key, kit::op_of(i + 1, 1)));
      resolve.partition = partitions[i].id;
      const Response answer = world.call(resolve);
      EXPECT_EQ(answer.outcome, Outcome::done) << describe(answer);
      EXPECT_TRUE(answer.receipt.duplicate);
    }
  }
  EXPECT_EQ(world.call(in("two", kit::resolve("", kit::op_of(1, 1)))).code, Code::invalid) << "which partition?";
}

TEST(RoutingHere, ApAnswersEveryVerbOrRefusesItByName) {
  Alone world;
  EXPECT_EQ(world.call(in("carts", kit::put("a", "1"))).code, Code::ok);
  const Response read = world.call(in("carts", kit::get("a")));
  EXPECT_EQ(read.value, Bytes("1"));
  EXPECT_EQ(read.receipt.asked, Level::one);
  EXPECT_EQ(world.call(in("carts", kit::cas_absent("a", "2"))).code, Code::unsupported);
  EXPECT_EQ(world.call(in("carts", kit::resolve("a", kit::op_of(1, 1)))).code, Code::unsupported);
  EXPECT_EQ(world.call(in("carts", kit::del("a"))).code, Code::ok);
  EXPECT_FALSE(world.call(in("carts", kit::get("a"))).found);
}

TEST(RoutingHere, AnAtomicApKeyspaceServesSingleKeysAndNoCondition) {
  struct Seats : NodeWorld {
    Seats() {
      topology::Catalog catalog = first_catalog(1);
      add(catalog, "seats", Mode::ap, {{n1}});
      topology::Keyspace& seats = catalog.keyspaces.at("seats");
      seats.atomic = true;
      seats.read = seats.write = Level::majority;
      found(catalog);
    }
  } world;
  EXPECT_EQ(world.call(in("seats", kit::put("a", "1"))).code, Code::ok);
  EXPECT_EQ(world.call(in("seats", kit::get("a"))).value, Bytes("1"));
  EXPECT_EQ(world.call(in("seats", kit::cas_absent("b", "2"))).code, Code::unsupported);
  EXPECT_EQ(world.call(in("seats", kit::del("a"))).code, Code::ok);
  EXPECT_FALSE(world.call(in("seats", kit::get("a"))).found);
}

TEST(RoutingHere, AVersionSeenIsRefusedWhereTokensAreOfAnotherKind) {
  Alone world;
  const auto having_seen = [](Request request) {
    request.seen = Version{.hlc = 5, .dot_node = n2, .dot_incarnation = 1, .dot_sequence = 2};
    return request;
  };
  EXPECT_EQ(world.call(in("bank", having_seen(kit::get("a")))).code, Code::invalid);
  EXPECT_EQ(world.call(in("carts", having_seen(kit::get("a")))).code, Code::token_not_met);
  EXPECT_EQ(world.call(in("carts", having_seen(kit::put("a", "1")))).code, Code::ok);
  EXPECT_EQ(world.call(in("carts", having_seen(kit::get("a")))).value, Bytes("1"));
}

TEST(RoutingHere, ACursorIsOfApAndAnyToo) {
  Alone world;
  Request scan = kit::get("");
  scan.verb = Verb::scan;
  scan.operands.ensure().cursor = "k";
  EXPECT_EQ(world.call(in("carts", scan)).code, Code::ok);
  const Response refused = world.call(in("bank", scan));
  EXPECT_EQ(refused.code, Code::invalid);
  EXPECT_NE(refused.why.find("goes on from a key"), std::string::npos) << refused.why;
  EXPECT_EQ(world.call(in("carts", kit::with_level(kit::put("a", "1"), Level::any))).code, Code::ok);
  EXPECT_EQ(world.call(in("bank", kit::with_level(kit::put("a", "1"), Level::any))).code, Code::invalid);
}

TEST(RoutingHere, AScanOfApIsAtOneWhateverSingleReadsAreOf) {
  struct Careful : NodeWorld {
    Careful() {
      topology::Catalog catalog = first_catalog(1);
      add(catalog, "careful", Mode::ap, {{n1}});
      catalog.keyspaces.at("careful").read = Level::majority;
      found(catalog);
    }
  } world;
  Request scan = kit::get("");
  scan.verb = Verb::scan;
  EXPECT_EQ(world.call(in("careful", scan)).receipt.reached, Level::one);
  EXPECT_EQ(world.call(in("careful", kit::get("k"))).receipt.reached, Level::majority);
  EXPECT_EQ(world.call(in("careful", kit::with_level(scan, Level::majority))).code, Code::unsupported);
}

TEST(RoutingHere, AnswersOfOneRoundLeaveTogether) {
  Alone world;
  for (const char* key : {"a", "b", "c"}) world.submit(in("carts", kit::put(key, "1")));
  const std::size_t before = world.seat().deliveries.size();
  world.pass(std::chrono::milliseconds(20));
  EXPECT_EQ(std::vector<std::size_t>(world.seat().deliveries.begin() + static_cast<std::ptrdiff_t>(before),
                                     world.seat().deliveries.end()),
            std::vector<std::size_t>{3});
}

TEST(Routing, RefusesWhatIsMalformedBeforeAnythingElse) {
  NodeWorld world;  // not even founded
  EXPECT_EQ(world.call(in("bank", kit::put("", "v"))).code, Code::invalid);
  EXPECT_EQ(world.call(in("bank", kit::put(std::string(limits::key_bytes_max + 1, 'k'), "v"))).code, Code::too_large);
}

TEST(Routing, RefusesBeforeItIsFoundedAndSaysWhatToTry) {
  NodeWorld world;
  const Response response = world.call(in("bank", kit::put("a", "1")));
  EXPECT_EQ(response.code, Code::not_ready);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_THAT(response.hint, testing::HasSubstr("rift cluster init"));
}

TEST(Routing, RefusesWhileItStarts) {
  Alone world;
  world.kill();
  world.seat().hold_disk = true;
  MUST(world.start());
  EXPECT_EQ(world.call(in("bank", kit::get("a"))).code, Code::not_ready);
}

TEST(Routing, RefusesAnUnknownKeyspaceUnlessTheAskersMapIsNewer) {
  Alone world;
  Request request = in("nobody", kit::get("a"));
  EXPECT_EQ(world.call(request).code, Code::unknown_keyspace);
  request.epoch = MapEpoch(3);
  EXPECT_EQ(world.call(request).code, Code::unknown_keyspace);
  request.epoch = MapEpoch(4);
  EXPECT_EQ(world.call(request).code, Code::wrong_node) << "it may exist: this node has not heard";
}

TEST(Routing, LetsNoClientWriteTheMap) {
  Alone world;
  for (const Request& request : {kit::put("catalog", "mine"), kit::del("catalog"), kit::cas_absent("x", "1")}) {
    const Response response = world.call(in("_system", request));
    EXPECT_EQ(response.code, Code::invalid);
    EXPECT_EQ(response.outcome, Outcome::not_done);
  }
  EXPECT_TRUE(world.call(in("_system", kit::get("catalog"))).found) << "reading it is fine";
}

TEST(Routing, AnswersNobodyWhoHasLeftOrCancelled) {
  Alone world;
  world.submit(in("bank", kit::put("a", "1")));
  const RequestId cancelled = world.submit(in("bank", kit::put("b", "1")));
  world.node().cancel(NodeWorld::sink, {cancelled, RequestId(999)});
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.seat().replies.size(), 1u);
  EXPECT_EQ(world.counter("open_requests"), 0u);
  world.submit(in("bank", kit::put("c", "1")));
  world.node().detach(NodeWorld::sink);
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.seat().replies.size(), 1u);
  EXPECT_EQ(world.counter("open_requests"), 0u);
}

TEST(Routing, CancelsManyAtOnceAndNoOther) {
  Alone world;
  std::vector<RequestId> cancelled;
  for (int i = 0; i < 10; ++i) {
    const RequestId id = world.submit(in("bank", kit::get("a")));
    if (i % 2 == 0) cancelled.push_back(id);
  }
  std::reverse(cancelled.begin(), cancelled.end());
  world.node().cancel(NodeWorld::sink, cancelled);
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.seat().replies.size(), 5u);
  EXPECT_EQ(world.counter("open_requests"), 0u);
}

// --- forwards ----------------------------------------------------------------------------------------------------------------------

TEST(Forwarding, CarriesEveryVerbOnceToAnOwnerAndItsAnswerBack) {
  WithOthers world;
  for (const char* keyspace : {"bank", "carts"}) {
    for (const Request& request : {kit::get("a"), kit::put("a", "1"), kit::del("a"), kit::cas_absent("a", "1"),
                                   kit::resolve("a", kit::op_of(1, 1))}) {
      const Request sent = world.forwarded(n2, in(keyspace, request));
      EXPECT_EQ(sent.verb, request.verb);
      EXPECT_EQ(sent.keyspace, keyspace);
      EXPECT_EQ(sent.key, Bytes("a"));
      EXPECT_NE(sent.id, world.last) << "the node's own id";
      EXPECT_LE(sent.budget, limits::request_budget_default);
      EXPECT_GT(sent.budget, limits::request_budget_default / 2);
      world.answer(n2, sent.id);
      const auto response = world.take_reply(world.last);
      ASSERT_TRUE(response.has_value()) << keyspace;
      EXPECT_EQ(response->code, Code::ok);
      EXPECT_EQ(response->receipt.served_by, n2);
    }
  }
  EXPECT_EQ(world.counter("forwarded"), 10u);
  EXPECT_TRUE(world.forwards_to(n3).empty());
  EXPECT_EQ(world.counter("open_requests"), 0u);
}

TEST(Forwarding, TakesNoAnswerButThatOfTheNodeItAsked) {
  WithOthers world;
  const Request sent = world.forwarded(n2, in("carts", kit::put("a", "1")));
  world.answer(n3, sent.id);
  world.answer(n2, RequestId(sent.id.value() + 1));
  EXPECT_FALSE(world.take_reply(world.last));
  world.answer(n2, sent.id);
  EXPECT_TRUE(world.take_reply(world.last));
  world.answer(n2, sent.id);  // repeated by the network
  EXPECT_FALSE(world.take_reply(world.last));
}

TEST(Forwarding, GoesToAnOwnerThatAnswersPings) {
  WithOthers world;
  world.silence(n2);
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 2; }));
  world.forwarded(n3, in("carts", kit::get("a")));
  world.silence(n3);
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 1; }));
  for (const char* keyspace : {"bank", "carts"}) {
    const Response response = world.call(in(keyspace, kit::put("a", "1")));
    EXPECT_EQ(response.code, Code::level_unreachable) << describe(response);
    EXPECT_EQ(response.outcome, Outcome::not_done);
  }
}

TEST(Forwarding, RemembersWhoLeads) {
  WithOthers world;
  const Request first = world.forwarded(n2, in("bank", kit::put("a", "1")));
  world.answer(n2, first.id, Code::ok, n3);
  EXPECT_EQ(world.take_reply(world.last)->receipt.leader, n3);
  world.forwarded(n3, in("bank", kit::put("b", "1")));
  world.forwarded(n2, in("carts", kit::put("b", "1")));  // ap has no leader
  world.silence(n3);
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 2; }));
  world.forwarded(n2, in("bank", kit::put("c", "1")));
}

TEST(Forwarding, FailsAsNotDoneWhenNothingWasSent) {
  WithOthers world;
  world.seat().network.refused = {n2};
  const Response response = world.call(in("carts", kit::put("a", "1")));
  EXPECT_EQ(response.code, Code::wrong_node) << describe(response);
  EXPECT_EQ(response.outcome, Outcome::not_done);
}

// What was sent may have arrived: a write is unknown, a read has no effect to doubt.
TEST(Forwarding, ABrokenLinkLeavesWritesUnknownAndReadsNotDone) {
  WithOthers world;
  world.forwarded(n2, in("bank", kit::put("a", "1")));
  const RequestId write = world.last;
  world.forwarded(n2, in("bank", kit::get("a")));
  const RequestId read = world.last;
  world.seat().network.events->link_down(n2, env::Lane::control);
  world.seat().network.events->link_down(n3, env::Lane::data);
  world.settle();
  EXPECT_FALSE(world.take_reply(write)) << "the link that it went over stands";
  world.seat().network.events->link_down(n2, env::Lane::data);
  world.settle();
  const auto of_write = world.take_reply(write);
  ASSERT_TRUE(of_write);
  EXPECT_EQ(of_write->code, Code::disconnected);
  EXPECT_EQ(of_write->outcome, Outcome::unknown);
  EXPECT_EQ(world.take_reply(read)->outcome, Outcome::not_done);
}

TEST(Forwarding, ASilentOwnerEndsInATimeoutAndNotBefore) {
  WithOthers world;
  const Duration budget = std::chrono::milliseconds(400);
  world.forwarded(n2, in("carts", kit::with_budget(kit::put("a", "1"), budget)));
  const RequestId write = world.last;
  world.forwarded(n2, in("carts", kit::with_budget(kit::get("a"), budget)));
  const RequestId read = world.last;
  world.pass(budget - std::chrono::milliseconds(10));
  EXPECT_FALSE(world.take_reply(write));
  world.pass(std::chrono::milliseconds(20));
  const auto of_write = world.take_reply(write);
  ASSERT_TRUE(of_write);
  EXPECT_EQ(of_write->code, Code::timeout);
  EXPECT_EQ(of_write->outcome, Outcome::unknown);
  EXPECT_EQ(world.take_reply(read)->outcome, Outcome::not_done);
  EXPECT_EQ(world.counter("open_requests"), 0u);
}

// Deadlines that come nearer and nearer each set a timer; one that has fired is not set again for those that stand.
TEST(Forwarding, HoldsOneTimerPerDeadlineAtMost) {
  WithOthers world;
  constexpr int count = 100;
  const std::uint64_t before = world.counter("timers");
  for (int i = count; i > 0; --i) {
    world.submit(in("carts", kit::with_budget(kit::put("a", "1"), std::chrono::milliseconds(1000 + 10 * i))));
  }
  world.pass(std::chrono::milliseconds(1000 + 10 * count / 2));
  EXPECT_EQ(world.seat().replies.size(), count / 2);
  EXPECT_LE(world.counter("timers"), before + count / 2);
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.seat().replies.size(), count);
  EXPECT_LE(world.counter("timers"), before);
}

TEST(Forwarding, ACancelledForwardIsForgotten) {
  WithOthers world;
  const Request sent = world.forwarded(n2, in("carts", kit::put("a", "1")));
  world.node().cancel(NodeWorld::sink, {world.last});
  world.answer(n2, sent.id);
  world.pass(std::chrono::seconds(6));
  EXPECT_TRUE(world.seat().replies.empty());
}

TEST(Forwarding, RefusesPastTheBoundOfOpenRequests) {
  WithOthers world;
  world.seat().network.keeps_letters = false;
  for (std::size_t i = 0; i < open_requests_max; ++i) world.submit(in("carts", kit::get("a")));
  world.settle();
  ASSERT_EQ(world.counter("open_requests"), open_requests_max);
  EXPECT_TRUE(world.seat().replies.empty());
  const RequestId refused = world.submit(in("carts", kit::put("a", "1")));
  world.settle();
  const auto response = world.take_reply(refused);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->code, Code::overloaded);
  EXPECT_EQ(response->outcome, Outcome::not_done);
  EXPECT_EQ(world.counter("refused_overloaded"), 1u);
  EXPECT_EQ(world.counter("open_requests"), open_requests_max);
}

// --- one hop to the leader -----------------------------------------------------------------------------------------------------------

TEST(ForwardingToTheLeader, AFollowerPassesAWriteOnOnce) {
  WithOthers world;
  world.hear_leader();
  world.settle();
  const Request sent = world.forwarded(n2, in("all", kit::put("a", "1")));
  EXPECT_EQ(sent.value, Bytes("1"));
  world.answer(n2, sent.id, Code::not_leader, n3);  // it has just lost it: the client decides, not a third node
  const auto response = world.take_reply(world.last);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->code, Code::not_leader);
  EXPECT_TRUE(world.forwards_to(n3).empty());
}

TEST(ForwardingToTheLeader, NotWhenTheLeaderIsOutOfReach) {
  WithOthers world;
  world.silence(n2);
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 2; }));
  world.hear_leader();
  const Response response = world.call(in("all", kit::put("a", "1")));
  EXPECT_EQ(response.code, Code::not_leader) << describe(response);
  EXPECT_EQ(response.outcome, Outcome::not_done);
  EXPECT_EQ(response.receipt.leader, n2);
}

TEST(ForwardingToTheLeader, NotWhatHasMadeItsHop) {
  WithOthers world;
  world.hear_leader();
  world.settle();
  Request request = kit::with_id(in("all", kit::put("a", "1")), (std::uint64_t{9} << 32) | 1);
  world.say(n3, PartitionId(), wire::Forward{.request = request});
  world.pass(std::chrono::milliseconds(50));
  EXPECT_TRUE(world.forwards_to(n2).empty());
  ASSERT_FALSE(world.seat().network.letters.empty());
  const auto* reply = std::get_if<wire::ForwardReply>(&world.seat().network.letters.back().message);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->response.code, Code::not_leader);
  EXPECT_EQ(reply->response.id, request.id);
}

// --- forwards that arrive ----------------------------------------------------------------------------------------------------------

struct Owner : NodeWorld {
  Owner() {
    topology::Catalog catalog = first_catalog(2);
    add(catalog, "carts", Mode::ap, {{n1}});
    add(catalog, "theirs", Mode::ap, {{n2}});
    play(n2);
    found(catalog);
  }
  static Request forward(Request request, std::uint32_t life, std::uint32_t number) {
    return kit::with_id(std::move(request), (std::uint64_t{life} << 32) | number);
  }
  std::vector<Response> replies() {
    std::vector<Response> list;
    for (const Letter& letter : seat().network.letters) {
      if (const auto* reply = std::get_if<wire::ForwardReply>(&letter.message)) list.push_back(reply->response);
    }
    return list;
  }
  void arrive(const Request& request) {
    say(n2, PartitionId(), wire::Forward{.request = request});
    pass(std::chrono::milliseconds(20));
  }
};

TEST(AForward, IsAnsweredToThePeerThatSentIt) {
  Owner world;
  world.arrive(Owner::forward(in("carts", kit::put("a", "1")), 7, 1));
  ASSERT_EQ(world.replies().size(), 1u);
  EXPECT_EQ(world.replies()[0].code, Code::ok);
  EXPECT_EQ(world.replies()[0].id, RequestId((std::uint64_t{7} << 32) | 1));
  EXPECT_EQ(world.seat().network.letters.back().to, n2);
  EXPECT_TRUE(world.seat().replies.empty());
}

// The network may repeat a frame with its connection: an ap write that is executed twice would win over what came in between.
TEST(AForward, IsExecutedOnceThoughItComesTwice) {
  Owner world;
  const Request first = Owner::forward(in("carts", kit::put("a", "1")), 7, 1);
  world.arrive(first);
  world.arrive(Owner::forward(in("carts", kit::put("a", "2")), 7, 2));
  world.arrive(first);
  EXPECT_EQ(world.counter("forwards_repeated"), 1u);
  EXPECT_EQ(world.replies().size(), 2u);
  EXPECT_EQ(world.call(in("carts", kit::get("a"))).value, Bytes("2"));
}

TEST(AForward, OfAnEndedLifeComesTooLate) {
  Owner world;
  world.arrive(Owner::forward(in("carts", kit::put("a", "1")), 7, 1));
  world.arrive(Owner::forward(in("carts", kit::put("a", "2")), 8, 1));
  world.arrive(Owner::forward(in("carts", kit::put("a", "3")), 7, 2));
  EXPECT_EQ(world.call(in("carts", kit::get("a"))).value, Bytes("2"));
}

TEST(AForward, GoesNoFurther) {
  Owner world;
  world.arrive(Owner::forward(in("theirs", kit::put("a", "1")), 7, 1));
  ASSERT_EQ(world.replies().size(), 1u);
  EXPECT_EQ(world.replies()[0].code, Code::wrong_node);
  EXPECT_EQ(world.replies()[0].outcome, Outcome::not_done);
  EXPECT_TRUE(world.forwards_to(n2).empty());
}

TEST(AForward, IsValidatedLikeEverythingFromOutside) {
  Owner world;
  world.arrive(Owner::forward(in("carts", kit::put("", "1")), 7, 1));
  world.arrive(Owner::forward(in("nobody", kit::put("a", "1")), 7, 2));
  ASSERT_EQ(world.replies().size(), 2u);
  EXPECT_EQ(world.replies()[0].code, Code::invalid);
  EXPECT_EQ(world.replies()[1].code, Code::unknown_keyspace);
}

// --- real nodes ----------------------------------------------------------------------------------------------------------------------

TEST(Routing, EveryNodeOfAClusterServesEveryKeyspace) {
  NodeWorld world(3);
  topology::Catalog catalog = world.first_catalog(3);
  NodeWorld::add(catalog, "bank", Mode::cp, {{n1, n2, n3}});
  NodeWorld::add(catalog, "solo", Mode::cp, {{n2}});
  NodeWorld::add(catalog, "carts", Mode::ap, {{n3}});
  world.found(catalog);
  for (const std::string keyspace : {"bank", "solo", "carts"}) {
    for (std::uint32_t n = 1; n <= 3; ++n) {
      const std::string key = "k" + std::to_string(n);
      const Response written = world.call(in(keyspace, kit::put(key, "v")), n);
      EXPECT_EQ(written.code, Code::ok) << keyspace << " by n" << n << ": " << describe(written);
      for (std::uint32_t reader = 1; reader <= 3; ++reader) {
        EXPECT_EQ(world.call(in(keyspace, kit::get(key)), reader).value, Bytes("v"))
            << keyspace << " n" << n << " n" << reader;
      }
    }
  }
}

}  // namespace
}  // namespace rift::node
