#include "caller/caller.h"

#include "world.h"

namespace rift::caller {
namespace {

TEST(Caller, TheFirstWriteTravelsAloneAndThenTheyPipeline) {
  World w;
  w.put(1, "bank");
  w.put(2, "bank");
  w.put(3, "bank");
  const Send first = w.sent();
  ASSERT_TRUE(first.request.op.has_value());
  EXPECT_TRUE(first.request.op->first);
  EXPECT_EQ(first.request.op->sequence, 1U);
  EXPECT_FALSE(first.request.op->retry);

  w.answer(first, Code::ok, NodeId(2));
  EXPECT_EQ(w.ended().id, RequestId(1));
  const auto rest = w.caller.take_sends();
  ASSERT_EQ(rest.size(), 2U);
  for (const Send& send : rest) {
    EXPECT_FALSE(send.request.op->first);
    EXPECT_EQ(send.node, NodeId(2));
    EXPECT_EQ(send.request.op->client, first.request.op->client);
  }
  EXPECT_EQ(rest[0].request.op->sequence, 2U);
  EXPECT_EQ(rest[1].request.op->sequence, 3U);
}

TEST(Caller, AFirstWriteThatFailsLeavesItsPlaceToTheNext) {
  World w;
  w.put(1, "bank");
  w.put(2, "bank");
  w.answer(w.sent(), Code::invalid);
  EXPECT_EQ(w.ended().response.outcome, Outcome::not_done);
  const Send second = w.sent();
  EXPECT_TRUE(second.request.op->first);
  EXPECT_EQ(second.request.op->sequence, 2U);
}

TEST(Caller, ARetryAfterUnknownCarriesTheSameOpId) {
  World w;
  w.open_window();
  w.put(1, "bank");
  const Send first = w.sent();
  w.answer(first, Code::leadership_lost);
  EXPECT_TRUE(w.nothing_ended());
  w.wait();
  const Send second = w.sent();
  EXPECT_EQ(second.request.op->client, first.request.op->client);
  EXPECT_EQ(second.request.op->sequence, first.request.op->sequence);
  EXPECT_FALSE(first.request.op->retry);
  EXPECT_TRUE(second.request.op->retry);
  w.answer(second, Code::ok);
  const Completion end = w.ended();
  EXPECT_EQ(end.response.outcome, Outcome::done);
  EXPECT_EQ(end.attempts, 2U);
}

TEST(Caller, ANodeThatStopsOrStartsIsAvoided) {
  for (const char* keyspace : {"bank", "carts"}) {
    World w;
    w.open_window();  // n1 leads
    w.put(1, keyspace);
    const Send first = w.sent();
    w.answer(first, Code::not_ready);
    EXPECT_TRUE(w.nothing_ended());
    w.wait();
    const Send second = w.sent();
    EXPECT_NE(second.node, first.node);
    w.answer(second, Code::ok);
    EXPECT_EQ(w.ended().response.outcome, Outcome::done);
  }
}

TEST(Caller, WhoeverForwardedToANodeThatStopsIsNotAvoidedForIt) {
  World w;
  w.open_window();  // n1 leads
  w.put(1, "bank");
  Response refusal = refuse(w.sent().request.id, Code::not_ready, "n3 is stopping");
  refusal.receipt.served_by = NodeId(3);
  w.caller.receive(std::move(refusal), w.now);
  w.wait();
  EXPECT_EQ(w.sent().node, NodeId(1));
}

TEST(Caller, ARefusalAfterALostCopyIsNoProof) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.answer(w.sent(), Code::disconnected);
  w.wait();
  w.answer(w.sent(), Code::invalid);
  const Completion end = w.ended();
  EXPECT_EQ(end.response.code, Code::disconnected) << "the code of a refusal would say that nothing happened";
  EXPECT_NE(end.response.why.find("invalid"), std::string::npos) << end.response.why;
  EXPECT_EQ(end.response.outcome, Outcome::unknown);
  EXPECT_TRUE(end.op.has_value());
}

TEST(Caller, ACommittedRefusalAfterALostCopyIsProof) {
  for (const Code code : {Code::condition_failed, Code::refused}) {
    World w;
    w.open_window();
    w.caller.submit(RequestId(1),
                    {.keyspace = "bank",
                     .verb = Verb::cas,
                     .key = "k",
                     .value = "v",
                     .condition = {.kind = Condition::Kind::absent, .value = {}}},
                    w.now);
    w.answer(w.sent(), Code::disconnected);
    w.wait();
    w.answer(w.sent(), code);
    EXPECT_EQ(w.ended().response.outcome, Outcome::not_done) << to_string(code);
  }
}

TEST(Caller, AnApWriteIsNeverSentAgainOnceANodeMayHaveIt) {
  for (const Code code : {Code::disconnected, Code::level_missed, Code::timeout, Code::io}) {
    World w;
    w.put(1, "carts");
    const Send only = w.sent();
    EXPECT_FALSE(only.request.op.has_value());
    w.answer(only, code);
    EXPECT_EQ(w.ended().response.outcome, Outcome::unknown) << to_string(code);
    EXPECT_TRUE(w.silent());
  }
}

TEST(Caller, AnApWriteWithoutAnAnswerWaitsForItsDeadlineAndEndsUnknown) {
  World w;
  w.put(1, "carts", milliseconds(3000));
  EXPECT_EQ(w.caller.take_sends().size(), 1U);
  w.pass(milliseconds(2999));
  EXPECT_TRUE(w.silent());
  EXPECT_TRUE(w.nothing_ended());
  w.pass(milliseconds(1));
  const Completion end = w.ended();
  EXPECT_EQ(end.response.code, Code::timeout);
  EXPECT_EQ(end.response.outcome, Outcome::unknown);
  EXPECT_TRUE(w.silent());
}

TEST(Caller, AnApWriteThatNeverLeftGoesToAnotherOwner) {
  World w;
  w.put(1, "carts");
  const Send first = w.sent();
  w.answer(first, Code::unreachable);
  w.wait();
  const Send second = w.sent();
  EXPECT_NE(second.node, first.node);
  w.answer(second, Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
}

TEST(Caller, AnUnreachableLevelIsTriedOnceAtEachOwner) {
  World w;
  w.put(1, "carts");
  std::vector<NodeId> asked;
  for (int i = 0; i < 3; ++i) {
    const Send send = w.sent();
    asked.push_back(send.node);
    w.answer(send, Code::level_unreachable);
  }
  EXPECT_NE(asked[0], asked[1]);
  EXPECT_NE(asked[1], asked[2]);
  EXPECT_NE(asked[0], asked[2]);
  const Completion end = w.ended();
  EXPECT_EQ(end.response.code, Code::level_unreachable);
  EXPECT_EQ(end.response.outcome, Outcome::not_done);
}

// Nothing happened there, so another owner may be asked, a write too; each of them once.
TEST(Caller, AnOwnerWithASkewedClockOrWithoutWhatWasSeenIsLeftForAnother) {
  for (const Code code : {Code::clock_skewed, Code::token_not_met}) {
    for (const bool is_write : {true, false}) {
      World w;
      is_write ? w.put(1, "carts") : w.get(1, "carts");
      const Send first = w.sent();
      w.answer(first, code);
      const Send second = w.sent();
      EXPECT_NE(second.node, first.node);
      w.answer(second, Code::ok);
      EXPECT_EQ(w.ended().response.outcome, Outcome::done);
    }
    World w;
    w.put(1, "carts");
    for (int i = 0; i < 3; ++i) w.answer(w.sent(), code);
    const Completion end = w.ended();
    EXPECT_EQ(end.response.code, code);
    EXPECT_EQ(end.response.outcome, Outcome::not_done);
    EXPECT_EQ(end.attempts, 3U);
  }
}

TEST(Caller, WhatTheClientHasSeenTravelsWithEveryCopy) {
  World w;
  const Version seen{.hlc = 1, .dot_node = NodeId(2), .dot_incarnation = 3, .dot_sequence = 4};
  Operation operation{.keyspace = "carts", .verb = Verb::get, .key = "k"};
  operation.seen = seen;
  w.caller.submit(RequestId(1), operation, w.now);
  const Send first = w.sent();
  EXPECT_EQ(first.request.seen, seen);
  w.answer(first, Code::token_not_met);
  EXPECT_EQ(w.sent().request.seen, seen);
}

TEST(Caller, TheFloorFollowsTheLowestUnfinishedWrite) {
  World w;
  w.open_window();  // sequence 1
  w.put(2, "bank");
  const Send two = w.sent();
  w.put(3, "bank");
  const Send three = w.sent();
  EXPECT_EQ(two.request.op->floor, 2U);
  EXPECT_EQ(three.request.op->floor, 2U);
  w.answer(three, Code::ok);
  w.put(4, "bank");
  EXPECT_EQ(w.sent().request.op->floor, 2U);
  w.answer(two, Code::ok);
  w.put(5, "bank");
  EXPECT_EQ(w.sent().request.op->floor, 4U);
}

TEST(Caller, AnUnknownWriteHoldsTheFloorUntilItIsResolved) {
  World w;
  w.open_window();
  w.put(2, "bank", milliseconds(100));
  ASSERT_EQ(w.caller.take_sends().size(), 1U);
  w.pass(milliseconds(100));
  const Completion end = w.ended();
  ASSERT_EQ(end.response.outcome, Outcome::unknown);
  ASSERT_TRUE(end.op.has_value());
  w.put(3, "bank");
  EXPECT_EQ(w.sent().request.op->floor, 2U);

  w.caller.submit(RequestId(4), {.keyspace = "bank", .verb = Verb::resolve, .key = "k", .about = end.op}, w.now);
  const Send resolve = w.sent();
  EXPECT_EQ(resolve.request.verb, Verb::resolve);
  EXPECT_EQ(resolve.request.op->sequence, 2U);
  w.answer(resolve, Code::refused);
  EXPECT_EQ(w.ended().response.outcome, Outcome::not_done);
  w.put(5, "bank");
  EXPECT_EQ(w.sent().request.op->floor, 3U);
}

// What became of a range's end has nothing to do with where its first key falls.
TEST(Caller, AResolveOfARangeGoesToThePartitionOfTheOperation) {
  World w;
  auto catalog = *three_nodes();
  catalog = MUST(topology::create_keyspace(catalog, {.name = "two", .mode = Mode::cp, .partitions = 2}));
  w.caller.observe(std::make_shared<const topology::Catalog>(catalog), w.now);
  for (const topology::Partition& partition : catalog.find("two")->partitions) {
    caller::Operation range{.keyspace = "two", .verb = Verb::del_range, .partition = partition.id};
    range.operands.ensure().range_end = "z";
    w.caller.submit(RequestId(1), range, w.now);
    w.answer(w.sent(), Code::ok);
    w.ended();
    range.deadline = milliseconds(100);
    w.caller.submit(RequestId(2), range, w.now);
    w.sent();
    w.pass(milliseconds(100));
    const Completion end = w.ended();
    ASSERT_EQ(end.response.outcome, Outcome::unknown);
    ASSERT_TRUE(end.op.has_value());
    w.caller.submit(RequestId(3), {.keyspace = "two", .verb = Verb::resolve, .about = end.op}, w.now);
    const Send resolve = w.sent();
    EXPECT_EQ(resolve.request.partition, partition.id);
    w.answer(resolve, Code::refused);
    EXPECT_EQ(w.ended().response.outcome, Outcome::not_done);
  }
}

TEST(Caller, AResolveByKeySaysWhichPartitionItMeans) {
  World w;
  w.caller.submit(
      RequestId(1),
      {.keyspace = "bank", .verb = Verb::resolve, .key = "k", .about = OpId{.client = {1, 1}, .sequence = 1}}, w.now);
  EXPECT_EQ(w.sent().request.partition, three_nodes()->find("bank")->partitions.front().id);
}

TEST(Caller, AResolveThatGetsNoAnswerLeavesTheOperationUnknown) {
  World w;
  w.caller.submit(RequestId(1),
                  {.keyspace = "bank",
                   .verb = Verb::resolve,
                   .key = "k",
                   .about = OpId{.client = {1, 1}, .sequence = 1},
                   .deadline = milliseconds(200)},
                  w.now);
  for (int i = 0; i < 50 && w.caller.open_count() > 0; ++i) {
    for (const Send& send : w.caller.take_sends()) w.answer(send, Code::no_leader);
    w.wait();
  }
  const Completion end = w.ended();
  EXPECT_EQ(end.response.code, Code::no_leader);
  EXPECT_EQ(end.response.outcome, Outcome::unknown);
}

TEST(Caller, ALeaderHintIsFollowedAtOnceAndRemembered) {
  World w;
  w.get(1, "bank");
  const Send first = w.sent();
  const NodeId other = first.node == NodeId(3) ? NodeId(2) : NodeId(3);
  w.answer(first, Code::not_leader, other);
  const Send second = w.sent();
  EXPECT_EQ(second.node, other);
  w.answer(second, Code::ok, other);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
  w.get(2, "bank");
  EXPECT_EQ(w.sent().node, other);
}

TEST(Caller, HintsThatGoInCirclesAreFollowedThreeTimes) {
  World w;
  w.get(1, "bank");
  int hops = 0;
  for (auto sends = w.caller.take_sends(); !sends.empty(); sends = w.caller.take_sends()) {
    ASSERT_LT(hops, 10);
    ++hops;
    w.answer(sends.front(), Code::not_leader, sends.front().node == NodeId(1) ? NodeId(2) : NodeId(1));
  }
  EXPECT_EQ(hops, 4);
  EXPECT_TRUE(w.nothing_ended());
}

TEST(Caller, TheBudgetShrinksWithEachCopy) {
  World w;
  w.put(1, "bank", milliseconds(1000));
  const Send first = w.sent();
  w.pass(milliseconds(300));
  w.answer(first, Code::no_leader);
  w.wait();
  const Send second = w.sent();
  EXPECT_LE(first.request.budget, milliseconds(1000));
  EXPECT_GT(first.request.budget, milliseconds(950));
  EXPECT_LT(second.request.budget, milliseconds(700));
  EXPECT_GT(second.request.budget, milliseconds(500));
}

TEST(Caller, RefusalsUntilTheDeadlineEndAsTheLastRefusal) {
  World w;
  w.put(1, "bank", milliseconds(1000));
  int copies = 0;
  while (w.caller.open_count() > 0) {
    for (const Send& send : w.caller.take_sends()) {
      ++copies;
      w.answer(send, Code::no_leader);
    }
    w.wait();
  }
  const Completion end = w.ended();
  EXPECT_EQ(end.response.code, Code::no_leader);
  EXPECT_EQ(end.response.outcome, Outcome::not_done);
  EXPECT_GE(copies, 10);
  EXPECT_LE(copies, 30);
}

TEST(Caller, ASilentNodeIsLeftForAnotherAndItsLateAnswerStillCounts) {
  World w;
  w.open_window();
  w.put(1, "bank");
  const Send first = w.sent();
  w.pass(milliseconds(1000));
  const Send second = w.sent();
  EXPECT_NE(second.node, first.node);
  EXPECT_TRUE(second.request.op->retry);
  w.answer(first, Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
  w.answer(second, Code::no_leader);
  EXPECT_TRUE(w.nothing_ended());
}

TEST(Caller, AReadNeverEndsUnknown) {
  World w;
  w.get(1, "bank", milliseconds(500));
  while (w.caller.open_count() > 0) {
    for (const Send& send : w.caller.take_sends()) w.answer(send, Code::disconnected);
    w.wait();
  }
  EXPECT_EQ(w.ended().response.outcome, Outcome::not_done);
}

TEST(Caller, WithoutOpIdsACpWriteIsNotSentTwice) {
  World w({.deduplicate = false});
  w.put(1, "bank");
  const Send only = w.sent();
  EXPECT_FALSE(only.request.op.has_value());
  w.answer(only, Code::leadership_lost);
  const Completion end = w.ended();
  EXPECT_EQ(end.response.outcome, Outcome::unknown);
  EXPECT_FALSE(end.op.has_value());
}

TEST(Caller, WithoutRetriesTheFirstAnswerEnds) {
  World w({.retry = false});
  w.put(1, "bank");
  w.answer(w.sent(), Code::no_leader);
  EXPECT_EQ(w.ended().response.code, Code::no_leader);
  EXPECT_TRUE(w.silent());
}

TEST(Caller, APinnedCallerNeverLeavesItsEndpoint) {
  World w({.pinned = true});
  w.put(1, "bank");
  const Send first = w.sent();
  EXPECT_EQ(first.node, NodeId(0));
  w.answer(first, Code::not_leader, NodeId(3));
  w.wait();
  const Send second = w.sent();
  EXPECT_EQ(second.node, NodeId(0));
  w.answer(second, Code::ok, NodeId(3));
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
}

TEST(Caller, OperationsWaitForTheMap) {
  World w({}, false);
  w.put(1, "bank");
  EXPECT_TRUE(w.silent());
  EXPECT_TRUE(w.caller.take_map_wish());
  w.wait();
  EXPECT_TRUE(w.caller.take_map_wish());
  w.caller.observe(three_nodes(), w.now);
  EXPECT_EQ(w.sent().request.keyspace, "bank");
}

TEST(Caller, WithoutAMapTheDeadlineIsNotDone) {
  World w({}, false);
  w.put(1, "bank", milliseconds(250));
  while (w.caller.open_count() > 0) w.wait();
  EXPECT_EQ(w.ended().response.outcome, Outcome::not_done);
}

TEST(Caller, AKeyspaceThatIsMissingAfterALookIsRefused) {
  World w;
  w.put(1, "nowhere");
  EXPECT_TRUE(w.caller.take_map_wish());
  EXPECT_TRUE(w.nothing_ended());
  w.caller.observe(three_nodes(), w.now);
  EXPECT_EQ(w.ended().response.code, Code::unknown_keyspace);
}

TEST(Caller, ANodeThatLagsBehindTheMapIsAskedAgain) {
  World w;
  w.get(1, "bank");
  w.answer(w.sent(), Code::unknown_keyspace);
  EXPECT_TRUE(w.caller.take_map_wish());
  w.wait();
  w.answer(w.sent(), Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
}

TEST(Caller, BadOperationsAreRefusedWithoutTheNetwork) {
  World w;
  w.caller.submit(RequestId(1), {.keyspace = "bank", .verb = Verb::get, .key = ""}, w.now);
  EXPECT_EQ(w.ended().response.code, Code::invalid);
  w.caller.submit(RequestId(2),
                  {.keyspace = "bank",
                   .verb = Verb::put,
                   .key = "k",
                   .value = Bytes(std::string(limits::value_bytes_max + 1, 'x'))},
                  w.now);
  EXPECT_EQ(w.ended().response.code, Code::too_large);
  EXPECT_TRUE(w.silent());
}

TEST(Caller, TooManyOpenOperationsAreRefused) {
  World w({.open_max = 2});
  w.get(1, "bank");
  w.get(2, "bank");
  w.get(3, "bank");
  const Completion end = w.ended();
  EXPECT_EQ(end.id, RequestId(3));
  EXPECT_EQ(end.response.code, Code::overloaded);
}

TEST(Caller, StoppingEndsEachOperationHonestly) {
  World w;
  w.put(1, "bank");
  w.put(2, "bank");
  w.get(3, "bank");
  EXPECT_EQ(w.caller.take_sends().size(), 2U);
  w.caller.stop(w.now);
  const auto ends = w.caller.take_completions();
  ASSERT_EQ(ends.size(), 3U);
  for (const Completion& end : ends) {
    EXPECT_EQ(end.response.outcome, end.id == RequestId(1) ? Outcome::unknown : Outcome::not_done);
  }
  EXPECT_TRUE(w.silent());
  EXPECT_FALSE(w.caller.wake_at().has_value());
}

// Who pins an operation to one node wants to hear what that node says, not to wait for another one to lead.
TEST(Caller, RefusalsAloneEndAPatienceBeforeTheDeadline) {
  World w({.refusal_patience = milliseconds(1500), .pinned = true});
  const Time begun = w.now;
  w.put(1, "bank");
  int copies = 0;
  std::vector<Completion> ended;
  for (; ended.empty() && w.now < begun + milliseconds(5000); ended = w.caller.take_completions()) {
    for (const Send& send : w.caller.take_sends()) {
      ++copies;
      w.answer(send, Code::no_leader);
    }
    if (w.caller.open_count() > 0) w.wait();
  }
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].response.code, Code::no_leader);
  EXPECT_EQ(ended[0].response.outcome, Outcome::not_done);
  EXPECT_GE(w.now, begun + milliseconds(1500)) << "an election may be under way";
  EXPECT_LE(w.now, begun + milliseconds(1600));
  EXPECT_GT(copies, 5);
  EXPECT_TRUE(w.silent());
}

TEST(Caller, PatienceDoesNotEndWhatAGoodAnswerEnds) {
  World w({.refusal_patience = milliseconds(1500), .pinned = true});
  w.put(1, "bank");
  w.answer(w.sent(), Code::no_leader);
  w.wait();
  w.answer(w.sent(), Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
}

// A copy that may have taken effect: its answer is worth the whole deadline.
TEST(Caller, PatienceIsForRefusalsOnly) {
  World w({.refusal_patience = milliseconds(1500), .pinned = true});
  w.open_window();
  const Time begun = w.now;
  w.put(1, "bank");
  w.answer(w.sent(), Code::disconnected);
  while (w.now < begun + milliseconds(4900)) {
    for (const Send& send : w.caller.take_sends()) w.answer(send, Code::no_leader);
    ASSERT_TRUE(w.nothing_ended());
    w.wait();
  }
  while (w.caller.open_count() > 0) w.wait();
  const Completion end = w.ended();
  EXPECT_EQ(end.response.outcome, Outcome::unknown);
  EXPECT_GE(w.now, begun + milliseconds(5000));
}

}  // namespace
}  // namespace rift::caller
