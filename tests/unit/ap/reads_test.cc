#include "ap/reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

TEST(ApReads, OneAnswersFromTheLocalCopyAtOnce) {
  ApCluster c;
  c.call(NodeId(1), put("k", "v"));
  c.run_for(milliseconds(10));
  c.isolate(NodeId(2));
  const auto id = c.submit(NodeId(2), get("k"));
  const auto reply = c.take_reply(NodeId(2), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->value, Bytes("v"));
  EXPECT_EQ(reply->receipt.read_path, ReadPath::local);
  EXPECT_EQ(reply->receipt.acknowledged_by, nodes_of({2}));
  EXPECT_FALSE(reply->receipt.staleness_bound) << "unbounded: nothing proves how old it is";
}

TEST(ApReads, T18AbsentAtOneSaysThatOneOwnerWasAsked) {
  ApCluster c;
  write_alone(c, 1, put("k", "v"));
  const auto reply = c.call(NodeId(2), get("k"));
  EXPECT_FALSE(reply->found);
  EXPECT_EQ(reply->receipt.reached, Level::one);
  EXPECT_EQ(reply->receipt.read_path, ReadPath::local);
  EXPECT_EQ(reply->version, Version());
  EXPECT_TRUE(c.call(NodeId(2), at_level(get("k"), Level::all))->found);
}

TEST(ApReads, AbsentAfterADeleteCarriesTheDeletesVersion) {
  ApCluster c;
  c.call(NodeId(1), put("k", "v"));
  const auto deleted = c.call(NodeId(1), at_level(del("k"), Level::all));
  for (const Level level : {Level::one, Level::majority, Level::all}) {
    const auto reply = c.call(NodeId(2), at_level(get("k"), level));
    EXPECT_FALSE(reply->found);
    EXPECT_EQ(reply->version, deleted->version);
  }
}

TEST(ApReads, MajorityTakesTheNewestAndFetchesItFromWhoHasIt) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  const auto newest = write_alone(c, 2, put("k", "new"));
  c.split(nodes_of({1, 2}), nodes_of({3}));
  const auto reply = c.call(NodeId(1), at_level(get("k"), Level::majority));
  EXPECT_EQ(reply->value, Bytes("new"));
  EXPECT_EQ(reply->version, newest.version);
  EXPECT_EQ(reply->receipt.read_path, ReadPath::quorum_repaired);
  EXPECT_EQ(reply->receipt.reached, Level::majority);
}

TEST(ApReads, AgreeingOwnersNeedNoRepair) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  const auto reply = c.call(NodeId(3), at_level(get("k"), Level::majority));
  EXPECT_EQ(reply->receipt.read_path, ReadPath::quorum);
  EXPECT_EQ(c.counter(3, "repairs_sent"), 0U);
}

TEST(ApReads, T15NoOlderValueIsReadAfterANewerOne) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  write_alone(c, 1, put("k", "new"));
  ASSERT_EQ(c.call(NodeId(1), at_level(get("k"), Level::majority))->value, Bytes("new"));
  c.crash(NodeId(1));
  c.observe_all(nodes_of({2, 3}));
  EXPECT_EQ(c.call(NodeId(2), at_level(get("k"), Level::majority))->value, Bytes("new"));
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::majority))->value, Bytes("new"));
}

TEST(ApReads, T15TheInversionIsThereWhenWriteBackIsTurnedOff) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  write_alone(c, 1, put("k", "new"));
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::Store>(message); });
  Request read = at_level(get("k"), Level::majority);
  read.write_back = false;
  EXPECT_EQ(c.call(NodeId(1), read)->value, Bytes("new"));
  c.crash(NodeId(1));
  c.observe_all(nodes_of({2, 3}));
  EXPECT_EQ(c.call(NodeId(2), read)->value, Bytes("old")) << "regular, not monotonic: this is what write-back is for";
}

TEST(ApReads, T20TheCoordinatorsOwnStaleCopyIsRepaired) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(3); });
  c.call(NodeId(1), at_level(put("k", "new"), Level::majority));
  c.run_for(milliseconds(5));
  c.set_filter({});
  ASSERT_EQ(c.contents(3).at("k").payload, Bytes("old"));
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::majority))->value, Bytes("new"));
  EXPECT_EQ(c.contents(3).at("k").payload, Bytes("new"));
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::majority))->receipt.read_path, ReadPath::quorum)
      << "once is enough";
}

// The network repeats a message, and an owner that is slow is asked again.
TEST(ApReads, T22AnOwnerThatAnswersTwiceIsOneOwner) {
  ApCluster c(5);
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::Store>(message) && message.to <= NodeId(2); });
  ASSERT_TRUE(c.call(NodeId(3), at_level(put("k", "new"), Level::majority))->outcome == Outcome::done);
  std::optional<Outgoing> answer;
  c.set_filter([&](NodeId from, const Outgoing& message) {
    if (from == NodeId(2) && is<wire::VersionsReply>(message)) answer = message;
    return is<wire::Store>(message) || is<wire::VersionsReply>(message);
  });
  const auto id = c.submit(NodeId(1), at_level(get("k"), Level::majority));
  ASSERT_TRUE(c.run_until([&] { return answer.has_value(); }, milliseconds(10)));
  c.at(1).receive(NodeId(2), env::Lane::data, answer->message);
  c.at(1).receive(NodeId(2), env::Lane::data, answer->message);
  c.run_for(milliseconds(5));
  EXPECT_FALSE(c.take_reply(NodeId(1), id)) << "1 and 2, who lack the write, are no majority of five";
  c.set_filter({});
  c.run_for(milliseconds(500));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply) << "who did not answer is asked again";
  EXPECT_EQ(reply->value, Bytes("new"));
}

TEST(ApReads, T21ARepairThatCannotBeMadeLeavesTheAnswerAndSaysWhatHoldsIt) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  write_alone(c, 1, put("k", "new"));
  c.set_filter([](NodeId from, const Outgoing& message) { return from == NodeId(1) && is<wire::Store>(message); });
  const Time begun = c.now();
  const auto degraded = c.call(NodeId(1), kit::with_budget(at_level(get("k"), Level::majority), milliseconds(500)));
  EXPECT_EQ(degraded->outcome, Outcome::done);
  EXPECT_EQ(degraded->value, Bytes("new"));
  EXPECT_TRUE(degraded->receipt.degraded);
  EXPECT_EQ(degraded->receipt.asked, Level::majority);
  EXPECT_EQ(degraded->receipt.reached, Level::one);
  EXPECT_EQ(degraded->receipt.acknowledged_by, std::vector<NodeId>{NodeId(1)});
  EXPECT_GE(c.now() - begun, milliseconds(500)) << "not before it has tried for as long as the client waits";
  EXPECT_EQ(c.counter(1, "reads_degraded"), 1U);
  Request read = at_level(get("k"), Level::majority);
  read.write_back = false;
  const auto plain = c.call(NodeId(1), read);
  EXPECT_EQ(plain->value, Bytes("new"));
  EXPECT_FALSE(plain->receipt.degraded);
}

// n1 has slept through a write of n2 and n3, so that it must fetch the value; the one whom it asks first does not give it.
class ApHedge : public testing::Test {
 protected:
  ApHedge() {
    c.call(NodeId(1), at_level(put("k", "old"), Level::all));
    for (int i = 0; i < 20; ++i) c.call(NodeId(1), at_level(get("k"), Level::majority));
    miss_a_write("new");
    c.set_filter([this](NodeId from, const Outgoing& message) {
      if (is<wire::Fetch>(message)) asked.push_back(message.to);
      return is<wire::FetchReply>(message) && first_is_silent && from == asked.front();
    });
  }
  void miss_a_write(std::string_view value) {
    c.set_filter([](NodeId, const Outgoing& message) { return message.to == NodeId(1) && is<wire::Store>(message); });
    c.call(NodeId(2), at_level(put("k", value), Level::majority));
    c.run_for(milliseconds(20));
    c.set_filter({});
  }
  bool first_is_silent = true;
  std::vector<NodeId> asked;
  ApCluster c;
};

TEST_F(ApHedge, T22AValueThatDawdlesIsAskedOfASecondOwner) {
  const Time begun = c.now();
  const auto reply = c.call(NodeId(1), at_level(get("k"), Level::all));
  EXPECT_EQ(reply->value, Bytes("new"));
  EXPECT_THAT(asked, testing::UnorderedElementsAre(NodeId(2), NodeId(3)));
  EXPECT_LT(c.now() - begun, milliseconds(50)) << "long before whoever is silent is asked again";
  EXPECT_EQ(c.counter(1, "reads_hedged"), 1U);
}

TEST_F(ApHedge, WhoHasAnsweredIsNotHedged) {
  first_is_silent = false;
  EXPECT_EQ(c.call(NodeId(1), at_level(get("k"), Level::all))->value, Bytes("new"));
  c.run_for(milliseconds(100));
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_EQ(c.counter(1, "reads_hedged"), 0U);
}

TEST(Hedging, NoMoreThanOneReadInTwentyIsHedged) {
  Hedging hedging;
  EXPECT_FALSE(hedging.take());
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    hedging.note_read();
    taken += hedging.take() ? 1 : 0;
  }
  EXPECT_EQ(taken, 50U);
  for (int i = 0; i < 100'000; ++i) hedging.note_read();
  for (taken = 0; hedging.take();) ++taken;
  EXPECT_EQ(taken, Hedging::hedges_in_a_row_max) << "what was saved in quiet times is bounded";
}

TEST(Hedging, WaitsForTheNinetyFifthPercentileAndAtLeastAMillisecond) {
  Hedging hedging;
  EXPECT_EQ(hedging.delay(), milliseconds(1));
  for (int i = 0; i < 64; ++i) hedging.note_fetch(std::chrono::microseconds(100));
  EXPECT_EQ(hedging.delay(), milliseconds(1));
  for (int i = 1; i <= 64; ++i) hedging.note_fetch(milliseconds(i));
  EXPECT_EQ(hedging.delay(), milliseconds(61));
}

TEST(ApReads, T21WithoutAMajorityOfAnswersThereIsNothingToDegradeTo) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  c.split(kit::nodes_of({1}), kit::nodes_of({2, 3}), false);
  const auto missed = c.call(NodeId(1), kit::with_budget(at_level(get("k"), Level::majority), milliseconds(500)));
  EXPECT_EQ(missed->code, Code::timeout);
  EXPECT_EQ(missed->outcome, Outcome::not_done) << "a read has no effect";
}

// Owners are compared by the stamps of their copies: no sum over values stands in between.
TEST(ApReads, T19OneStampIsOneWriteAndAnotherStampIsFetched) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "same"), Level::all));
  const auto again = write_alone(c, 2, put("k", "same"));
  std::size_t fetches = 0;
  c.set_filter([&](NodeId, const Outgoing& message) {
    fetches += is<wire::Fetch>(message);
    return false;
  });
  const auto equal_values = c.call(NodeId(1), at_level(get("k"), Level::all));
  EXPECT_EQ(equal_values->version, again.version);
  EXPECT_EQ(fetches, 1U) << "an equal value of another write is another version";
  EXPECT_EQ(c.contents(3).at("k").stamp, c.contents(2).at("k").stamp);
  EXPECT_EQ(c.call(NodeId(3), at_level(get("k"), Level::all))->receipt.read_path, ReadPath::quorum);
  EXPECT_EQ(fetches, 1U);
  const auto deleted = write_alone(c, 2, del("k"));
  const auto gone = c.call(NodeId(1), at_level(get("k"), Level::all));
  EXPECT_FALSE(gone->found);
  EXPECT_EQ(gone->version, deleted.version);
  EXPECT_EQ(c.contents(3).at("k").kind, causal::Kind::tombstone);
}

TEST(ApReads, T47AReadTokenIsRefusedByName) {
  ApCluster c;
  Request request = get("k");
  request.token = 7;
  const auto reply = c.call(NodeId(1), request);
  EXPECT_EQ(reply->code, Code::unsupported);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
  EXPECT_NE(reply->why.find("token"), std::string::npos) << reply->why;
}

TEST(ApReads, AnUnreachableLevelIsRefusedAtOnce) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}));
  const auto id = c.submit(NodeId(1), at_level(get("k"), Level::majority));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::level_unreachable);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
}

TEST(ApReads, SilenceOfTheOthersIsATimeoutWithoutEffect) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  const auto reply = c.call(NodeId(1), kit::with_budget(at_level(get("k"), Level::majority), milliseconds(300)));
  EXPECT_EQ(reply->code, Code::timeout);
  EXPECT_EQ(reply->outcome, Outcome::not_done);
}

TEST(ApReads, LostQuestionsFetchesAndRepairsAreSentAgain) {
  ApCluster c(3, 11);
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  write_alone(c, 2, put("k", "new"));
  c.set_drop_probability(0.4);
  for (int i = 0; i < 20; ++i) {
    const auto reply = c.call(NodeId(1 + static_cast<std::uint32_t>(i % 3)), at_level(get("k"), Level::all));
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->outcome, Outcome::done) << reply->why;
    ASSERT_EQ(reply->value, Bytes("new"));
  }
}

TEST(ApReads, ACopyThatIsNotOnDiskDoesNotCountTowardMajority) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  c.hold_disk(NodeId(1));
  c.submit(NodeId(1), put("k", "new"));
  c.hold_disk(NodeId(2));
  c.hold_disk(NodeId(3));
  const auto id = c.submit(NodeId(1), kit::with_budget(at_level(get("k"), Level::majority), seconds(10)));
  c.run_for(milliseconds(100));
  EXPECT_FALSE(c.take_reply(NodeId(1), id)) << "no owner has it on disk: a power loss could undo what was read";
  c.release_disk(NodeId(1));
  c.release_disk(NodeId(2));
  c.run_for(milliseconds(500));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->value, Bytes("new"));
}

// Without write-back nothing else keeps what was read: a power loss of the coordinator would undo it.
TEST(ApReads, TheReadersOwnUnsyncedCopyIsNotReturnedWithoutWriteBack) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  c.run_for(milliseconds(10));
  c.hold_disk(NodeId(1));
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::Store>(message); });
  c.submit(NodeId(1), put("k", "new"));
  Request read = at_level(get("k"), Level::majority);
  read.write_back = false;
  const auto id = c.submit(NodeId(1), read);
  c.run_for(milliseconds(500));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(10));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->value, Bytes("new"));
}

TEST(ApReads, TheReadersOwnRepairedCopyCountsOnceItIsOnDisk) {
  ApCluster c;
  write_alone(c, 2, put("k", "new"));
  c.split(nodes_of({1, 2}), nodes_of({3}));
  c.hold_disk(NodeId(1));
  const auto id = c.submit(NodeId(1), at_level(get("k"), Level::majority));
  c.run_for(milliseconds(100));
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("new"));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(10));
  EXPECT_TRUE(c.take_reply(NodeId(1), id));
}

TEST(ApReads, AnAnswerWaitsForTheDiskOnlyIfItsKeyWasWritten) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("cold", "v"), Level::all));
  c.run_for(milliseconds(10));
  c.hold_disk(NodeId(2));
  c.call(NodeId(1), put("hot", "v"));
  c.run_for(milliseconds(5));
  c.crash(NodeId(3));
  const auto cold = c.submit(NodeId(1), at_level(get("cold"), Level::majority));
  const auto hot = c.submit(NodeId(1), at_level(get("hot"), Level::majority));
  c.run_for(milliseconds(10));
  EXPECT_TRUE(c.take_reply(NodeId(1), cold));
  EXPECT_FALSE(c.take_reply(NodeId(1), hot));
  c.release_disk(NodeId(2));
  c.run_for(milliseconds(10));
  EXPECT_TRUE(c.take_reply(NodeId(1), hot));
}

TEST(ApReads, ACancelledReadIsForgotten) {
  ApCluster c;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  const auto id = c.submit(NodeId(1), at_level(get("k"), Level::majority));
  c.at(1).cancel({id});
  EXPECT_EQ(c.ap(1).status().pending, 0U);
  c.run_for(seconds(6));
  EXPECT_EQ(c.at(1).replies_last(id), 0U);
}

}  // namespace
}  // namespace rift::ap
