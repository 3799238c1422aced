// An atomic keyspace: each key is a linearizable register. Its writes ask a majority first what they must stand above, its reads bring what they
// return to a majority first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ap/write_queries.h"
#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

class ApAtomic : public testing::Test {
 protected:
  explicit ApAtomic(std::uint32_t nodes = 3)
      : c(nodes, 1, [this](NodeId node, Options& options) {
          options.forgetful = forgets.contains(node);
          options.bounds.pending_writes_max = writes_max;
        }) {
    topology::Catalog next = c.catalog();
    next.epoch = MapEpoch(next.epoch.value() + 1);
    topology::Keyspace& keyspace = next.keyspaces.at("k");
    keyspace.atomic = true;
    keyspace.read = keyspace.write = Level::majority;
    c.change_catalog(std::move(next));
  }
  Response write(std::uint32_t n, std::string_view value, Duration budget = milliseconds(900)) {
    return *c.call(NodeId(n), kit::with_budget(put("k", value), budget));
  }
  std::string read(std::uint32_t n) {
    const auto reply = c.call(NodeId(n), kit::with_budget(get("k"), milliseconds(900)));
    return reply->outcome == Outcome::done ? reply->value.to_string() : std::string(to_string(reply->code));
  }
  bool is_nowhere() {
    for (const NodeId node : c.nodes()) {
      if (!c.contents(node).empty()) return false;
    }
    return true;
  }

  std::set<NodeId> forgets;
  std::size_t writes_max = 100;
  ApCluster c;
};

class ApAtomicFive : public ApAtomic {
 protected:
  ApAtomicFive() : ApAtomic(5) {}
};

// n2 has not heard of the first write, and its clock is behind: by its own record and clock the second would stand below.
TEST_F(ApAtomic, AWriterWithASlowClockStandsAboveWhatWasAcknowledgedElsewhere) {
  c.set_wall_offset(NodeId(2), milliseconds(-200));
  c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(2) && is<wire::Store>(message); });
  const Response first = write(1, "first");
  ASSERT_EQ(first.outcome, Outcome::done);
  ASSERT_FALSE(c.contents(2).contains("k"));
  const Response second = write(2, "second");
  ASSERT_EQ(second.outcome, Outcome::done);
  EXPECT_GT(second.version.hlc, first.version.hlc);
  EXPECT_FALSE(second.receipt.superseded);
  for (const std::uint32_t n : {1U, 2U, 3U}) EXPECT_EQ(read(n), "second") << n;
}

TEST_F(ApAtomic, WritersAtTwoNodesTakeTurns) {
  c.set_wall_offset(NodeId(2), milliseconds(-200));
  c.set_wall_offset(NodeId(1), milliseconds(200));
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(write(i % 2 + 1, value).outcome, Outcome::done);
    ASSERT_EQ(read(3 - i % 3), value);
  }
}

// Both ask before either is stamped. One of them comes later, for everybody.
TEST_F(ApAtomic, TwoWritersAtOnceAreOrderedAlikeForEverybody) {
  const RequestId a = c.submit(NodeId(1), put("k", "a"));
  const RequestId b = c.submit(NodeId(2), put("k", "b"));
  std::optional<Response> first, second;
  ASSERT_TRUE(c.run_until([&] {
    if (!first) first = c.take_reply(NodeId(1), a);
    if (!second) second = c.take_reply(NodeId(2), b);
    return first && second;
  }));
  ASSERT_EQ(first->outcome, Outcome::done);
  ASSERT_EQ(second->outcome, Outcome::done);
  const std::string later = read(3);
  for (const std::uint32_t n : {1U, 2U}) EXPECT_EQ(read(n), later) << n;
  ASSERT_TRUE(c.rest_within(seconds(5)));
  EXPECT_EQ(c.counter(1, "concurrent_losses") + c.counter(2, "concurrent_losses") + c.counter(3, "concurrent_losses"),
            0U)
      << "they have one order: nothing is lost";
}

// n1 asks 2 and 3 and stores at 4 and 5; n2 asks 3 and 4 and stores at 1 and 3.
TEST_F(ApAtomicFive, WhoIsAskedAndWhoStoresMayBeOthers) {
  c.set_wall_offset(NodeId(2), milliseconds(-200));
  std::map<NodeId, std::pair<std::set<NodeId>, std::set<NodeId>>> ways = {
      {NodeId(1), {{NodeId(2), NodeId(3)}, {NodeId(4), NodeId(5)}}},
      {NodeId(2), {{NodeId(3), NodeId(4)}, {NodeId(1), NodeId(3)}}}};
  c.set_filter([&](NodeId from, const Outgoing& message) {
    if (!ways.contains(from)) return false;
    if (is<wire::Versions>(message)) return !ways.at(from).first.contains(message.to);
    return is<wire::Store>(message) && !ways.at(from).second.contains(message.to);
  });
  ASSERT_EQ(write(1, "first").outcome, Outcome::done);
  const Response second = write(2, "second");
  ASSERT_EQ(second.outcome, Outcome::done);
  EXPECT_FALSE(second.receipt.superseded);
  c.set_filter({});
  for (const std::uint32_t n : {3U, 4U, 5U}) EXPECT_EQ(read(n), "second") << n;
}

// Asleep with the answers in its inbox. Awake in time it goes on, above what came meanwhile or before it; too late it writes nothing.
TEST_F(ApAtomic, T46ACoordinatorPausedBetweenQueryAndStoreEndsHonestly) {
  for (const Duration pause : {Duration(milliseconds(300)), Duration(seconds(30))}) {
    const std::string late = "late" + std::to_string(pause.count()), meanwhile = "meanwhile" + late;
    const RequestId id = c.submit(NodeId(1), kit::with_budget(put("k", late), milliseconds(900)));
    c.pause(NodeId(1));
    ASSERT_EQ(write(2, meanwhile).outcome, Outcome::done);
    c.run_for(pause);
    c.resume(NodeId(1));
    c.run_for(milliseconds(50));
    const auto reply = c.take_reply(NodeId(1), id);
    ASSERT_TRUE(reply);
    const bool in_time = pause < seconds(1);
    EXPECT_EQ(reply->outcome, in_time ? Outcome::done : Outcome::not_done);
    // Both were under way at once: either order is right, if all see the same.
    const std::string seen = read(3);
    EXPECT_TRUE(seen == meanwhile || (in_time && seen == late)) << seen;
    for (const std::uint32_t n : {1U, 2U}) EXPECT_EQ(read(n), seen);
  }
}

TEST_F(ApAtomic, APowerLossBeforeTheStampLeavesNothing) {
  const RequestId id = c.submit(NodeId(1), put("k", "v"));
  c.crash(NodeId(1));
  c.run_for(milliseconds(50));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(3));
  EXPECT_TRUE(is_nowhere());
  EXPECT_EQ(write(1, "again").outcome, Outcome::done);
}

TEST_F(ApAtomic, WithoutAMajorityNothingIsWritten) {
  c.split(nodes_of({1}), nodes_of({2, 3}));
  const Time before = c.now();
  const Response refused = write(1, "v");
  EXPECT_EQ(refused.code, Code::level_unreachable);
  EXPECT_EQ(c.now(), before) << "at once";
  // Nobody answers, and it does not know yet that they are gone.
  c.observe(NodeId(1), c.nodes());
  const Response unheard = write(1, "v", milliseconds(300));
  EXPECT_EQ(unheard.code, Code::level_unreachable);
  EXPECT_EQ(unheard.outcome, Outcome::not_done);
  EXPECT_THAT(unheard.why, testing::HasSubstr("nothing was written"));
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  EXPECT_TRUE(is_nowhere());
}

// The question went through, the copies do not: from here on it may take effect.
TEST_F(ApAtomic, OnceStampedItsMissedLevelIsUnknown) {
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::Store>(message); });
  const Response missed = write(1, "v", milliseconds(300));
  EXPECT_EQ(missed.code, Code::level_missed);
  EXPECT_EQ(missed.outcome, Outcome::unknown);
}

TEST_F(ApAtomic, LostQuestionsAreAskedAgain) {
  int lost = 4;
  c.set_filter([&](NodeId, const Outgoing& message) {
    return (is<wire::Versions>(message) || is<wire::VersionsReply>(message)) && lost-- > 0;
  });
  EXPECT_EQ(write(1, "v").outcome, Outcome::done);
  EXPECT_LE(lost, 0);
}

// Levels are floors.
TEST_F(ApAtomic, LessThanAMajorityIsRaisedAndTheReceiptSaysSo) {
  const auto written = c.call(NodeId(1), at_level(put("k", "v"), Level::one));
  EXPECT_EQ(written->receipt.asked, Level::one);
  EXPECT_GE(written->receipt.reached, Level::majority);
  c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(3) && is<wire::Store>(message); });
  ASSERT_EQ(write(2, "newer").outcome, Outcome::done);
  const auto there = c.call(NodeId(3), at_level(get("k"), Level::one));
  EXPECT_EQ(there->value, Bytes("newer"));
  EXPECT_EQ(there->receipt.asked, Level::one);
  EXPECT_EQ(there->receipt.reached, Level::majority);
  c.split(nodes_of({3}), nodes_of({1, 2}));
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::one))->code, Code::level_unreachable);
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "x"), Level::all))->code, Code::level_unreachable);
  c.set_filter({});
  c.heal_and_see();
  EXPECT_EQ(c.call(NodeId(1), at_level(put("k", "x"), Level::all))->receipt.reached, Level::all);
}

// A read that must not write back would let a later one see an older value.
TEST_F(ApAtomic, T15AReadIsWrittenBackWhateverItAsks) {
  ASSERT_EQ(write(1, "old").outcome, Outcome::done);
  ASSERT_TRUE(c.rest_within(seconds(2)));
  c.set_filter([](NodeId from, const Outgoing& message) { return from == NodeId(1) && is<wire::Store>(message); });
  (void)write(1, "new", milliseconds(100));
  c.set_filter({});
  Request once = get("k");
  once.write_back = false;
  ASSERT_EQ(c.call(NodeId(1), once)->value, Bytes("new"));
  c.crash(NodeId(1));
  c.observe_all(nodes_of({2, 3}));
  EXPECT_EQ(read(2), "new");
}

TEST_F(ApAtomic, DeletesAreOrderedLikeWrites) {
  c.set_wall_offset(NodeId(2), milliseconds(-200));
  c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(2) && is<wire::Store>(message); });
  ASSERT_EQ(write(1, "v").outcome, Outcome::done);
  ASSERT_EQ(c.call(NodeId(2), del("k"))->outcome, Outcome::done);
  EXPECT_EQ(read(3), "");
}

// n1 has n3's acknowledgement of the first write; n3 loses its disk, and n2 never had it.
TEST_F(ApAtomic, T39AForgetfulOwnerIsNotCountedInTheQuery) {
  c.set_wall_offset(NodeId(2), milliseconds(-200));
  c.split(nodes_of({1, 3}), nodes_of({2}));
  ASSERT_EQ(write(1, "first").outcome, Outcome::done);
  c.crash(NodeId(3));
  env::WriteBatch lost;
  for (const env::Table table : {env::Table::meta, env::Table::state_ap, env::Table::hint})
    lost.erase_range(table, std::string_view("\0", 1), "\xff");
  MUST(c.at(3).store().apply(lost));
  forgets = {NodeId(3)};
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::HintOffer>(message); });
  ASSERT_TRUE(c.restart(NodeId(3)));
  c.heal_and_see();
  c.split(nodes_of({1}), nodes_of({2, 3}));
  for (const std::uint32_t n : {2U, 3U}) {
    const Response refused = write(n, "second");
    EXPECT_EQ(refused.code, Code::level_unreachable);
    EXPECT_EQ(refused.outcome, Outcome::not_done);
    EXPECT_THAT(refused.why, testing::HasSubstr("n3 of the owners of k/0"));
  }
  c.set_filter({});
  c.heal_and_see();
  ASSERT_TRUE(c.rest_within(seconds(10)));
  c.run_for(seconds(5));
  ASSERT_EQ(write(2, "second").outcome, Outcome::done);
  EXPECT_EQ(read(3), "second");
}

TEST_F(ApAtomic, ATimeToLiveIsRefusedByName) {
  Request write = put("k", "v");
  write.operands = Operands{.ttl = seconds(1)};
  const auto refused = c.call(NodeId(1), write);
  EXPECT_EQ(refused->code, Code::unsupported);
  EXPECT_THAT(refused->why, testing::HasSubstr("atomic"));
}

TEST_F(ApAtomic, QueriesUnderWayAreBounded) {
  writes_max = 2;
  c.crash(NodeId(1));
  ASSERT_TRUE(c.restart(NodeId(1)));
  c.run_for(seconds(1));
  std::vector<RequestId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(c.submit(NodeId(1), put("k" + std::to_string(i), "v")));
  const auto refused = c.take_reply(NodeId(1), ids.back());
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, Code::overloaded);
  c.run_for(milliseconds(50));
  EXPECT_EQ(c.take_reply(NodeId(1), ids.front())->outcome, Outcome::done);
  EXPECT_EQ(c.call(NodeId(1), put("k2", "v"))->outcome, Outcome::done) << "room again";
}

TEST_F(ApAtomic, AnOwnerThatIsNoneAnyMoreEndsWhatItAsks) {
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::VersionsReply>(message); });
  const RequestId id = c.submit(NodeId(1), put("k", "v"));
  c.run_for(milliseconds(10));
  topology::Catalog next = c.catalog();
  next.epoch = MapEpoch(next.epoch.value() + 1);
  std::erase(next.keyspaces.at("k").partitions.front().owners, NodeId(1));
  c.change_catalog(std::move(next));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::wrong_node);
  EXPECT_TRUE(is_nowhere());
}

TEST_F(ApAtomic, WhatIsCancelledWhileItAsksIsNotWritten) {
  const RequestId id = c.submit(NodeId(1), put("k", "v"));
  c.at(1).cancel({id});
  c.run_for(seconds(1));
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  EXPECT_TRUE(is_nowhere());
}

}  // namespace
}  // namespace rift::ap
