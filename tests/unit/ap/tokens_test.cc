// What a client has seen on other nodes (Request::seen): reads answer nothing older, writes stand above it, and a client's word moves no clock
// further than it should.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "replica/token.h"
#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

using kit::del;
using kit::get;
using kit::nodes_of;
using kit::put;

Request having_seen(Request request, const Version& seen) {
  request.seen = seen;
  return request;
}

Request minting(Request request) {
  request.mints_token = true;
  return request;
}

Version stamped(ApCluster& c, std::uint32_t maker, milliseconds ahead) {
  return version_of({.hlc = causal::Hlc::from_wall(c.at(1).now().wall + ahead),
                     .dot = {.node = NodeId(maker), .incarnation = 77, .sequence = 5}});
}

TEST(ApTokens, AReadOfOneAsksTheOthersForWhatItsClientHasSeen) {
  for (const Level level : {Level::one, Level::majority}) {
    ApCluster c;
    c.call(NodeId(1), at_level(put("k", "old"), Level::all));
    const Version seen = write_alone(c, 1, put("k", "new")).version;
    EXPECT_EQ(c.call(NodeId(2), get("k"))->value, Bytes("old")) << "without it ONE is what is here";
    c.cut_both(NodeId(3), NodeId(1));  // a majority without the one that has it
    const auto reply = c.call(NodeId(2), having_seen(at_level(get("k"), level), seen));
    EXPECT_EQ(reply->value, Bytes("new")) << to_string(level);
    EXPECT_EQ(reply->version, seen);
    EXPECT_EQ(reply->receipt.asked, level);
  }
}

TEST(ApTokens, AReadWhoseOwnCopyIsNewEnoughAsksNobody) {
  ApCluster c;
  const auto written = c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  c.run_for(milliseconds(10));
  const auto id = c.submit(NodeId(2), having_seen(get("k"), written->version));
  const auto reply = c.take_reply(NodeId(2), id);
  ASSERT_TRUE(reply) << "at once";
  EXPECT_EQ(reply->receipt.read_path, ReadPath::local);
}

// The holder answers too late, and what it had sent before comes here meanwhile.
TEST(ApTokens, WhatHasBeenSeenMayComeHereWhileItIsSought) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  const Version seen = write_alone(c, 1, put("k", "new")).version;
  const causal::Envelope envelope = c.contents(1).at("k");
  c.set_filter([](NodeId from, const Outgoing&) { return from == NodeId(1); });
  const auto id = c.submit(NodeId(2), having_seen(get("k"), seen));
  c.run_for(milliseconds(50));
  EXPECT_FALSE(c.take_reply(NodeId(2), id));
  c.at(2).receive(NodeId(1), env::Lane::data,
                  wire::encode_message(
                      wire::Store{.token = 1, .reason = wire::StoreReason::write, .key = "k", .envelope = envelope}));
  c.run_for(milliseconds(300));
  const auto reply = c.take_reply(NodeId(2), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->value, Bytes("new")) << reply->why;
}

TEST(ApTokens, WhatNobodyInReachHoldsIsRefusedSoonAndSaysWhatWasFound) {
  for (const Level level : {Level::one, Level::majority}) {
    ApCluster c;
    const auto old = c.call(NodeId(1), at_level(put("k", "old"), Level::all));
    const Version seen = write_alone(c, 1, put("k", "new")).version;
    c.split(nodes_of({1}), nodes_of({2, 3}));
    const auto id = c.submit(NodeId(2), kit::with_budget(having_seen(at_level(get("k"), level), seen), seconds(5)));
    c.run_for(milliseconds(20));
    const auto reply = c.take_reply(NodeId(2), id);
    ASSERT_TRUE(reply) << "nobody is left to wait for";
    EXPECT_EQ(reply->code, Code::token_not_met);
    EXPECT_EQ(reply->outcome, Outcome::not_done);
    EXPECT_FALSE(reply->found);
    EXPECT_EQ(reply->version, old->version);
    for (const Version& version : {seen, old->version})
      EXPECT_NE(reply->why.find(token_text(version)), std::string::npos) << reply->why;
    EXPECT_EQ(c.counter(2, "tokens_not_met"), 1U);
    EXPECT_EQ(c.ap(2).status().pending, 0U);
  }
}

// Nobody has noticed yet that the holder is cut off.
TEST(ApTokens, ASilentOwnerIsWaitedForUpToALimitFarBelowTheDeadline) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  const Version seen = write_alone(c, 1, put("k", "new")).version;
  c.split(nodes_of({1}), nodes_of({2, 3}), false);
  const auto id = c.submit(NodeId(2), kit::with_budget(having_seen(get("k"), seen), seconds(5)));
  c.run_for(milliseconds(250));
  EXPECT_FALSE(c.take_reply(NodeId(2), id)) << "one question may be lost";
  c.run_for(milliseconds(150));
  const auto reply = c.take_reply(NodeId(2), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, Code::token_not_met) << reply->why;
}

TEST(ApTokens, AReadOutOfTimeAnswersNothingOlderThanWhatWasSeen) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  const Version seen = write_alone(c, 1, put("k", "new")).version;
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::FetchReply>(message); });
  const auto known = c.call(NodeId(2), kit::with_budget(having_seen(get("k"), seen), milliseconds(150)));
  EXPECT_EQ(known->code, Code::timeout) << "the value did not come, but somebody holds it";
  EXPECT_EQ(known->outcome, Outcome::not_done);
  c.set_filter([](NodeId from, const Outgoing&) { return from == NodeId(1); });
  const auto unknown = c.call(NodeId(2), kit::with_budget(having_seen(get("k"), seen), milliseconds(150)));
  EXPECT_EQ(unknown->code, Code::token_not_met);
  EXPECT_EQ(unknown->outcome, Outcome::not_done);
}

// A delete is a version like any other: what was deleted does not come back to who deleted it.
TEST(ApTokens, ADeleteThatWasSeenStaysSeen) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  const Version seen = write_alone(c, 1, del("k")).version;
  ASSERT_TRUE(c.call(NodeId(2), get("k"))->found);
  const auto reply = c.call(NodeId(2), having_seen(get("k"), seen));
  EXPECT_EQ(reply->outcome, Outcome::done);
  EXPECT_FALSE(reply->found);
  EXPECT_EQ(reply->version, seen);
}

// A power loss of this one node would leave the client with a token that nobody can ever meet.
TEST(ApTokens, WhatAnAnswerGivesATokenForIsOnADisk) {
  ApCluster c;
  c.call(NodeId(1), at_level(put("k", "old"), Level::all));
  c.run_for(milliseconds(10));
  c.hold_disk(NodeId(1));
  c.set_filter([](NodeId, const Outgoing& message) { return is<wire::Store>(message); });
  c.submit(NodeId(1), put("k", "new"));
  const auto plain = c.submit(NodeId(1), get("k"));
  const auto id = c.submit(NodeId(1), minting(get("k")));
  c.run_for(milliseconds(50));
  const auto quick = c.take_reply(NodeId(1), plain);
  ASSERT_TRUE(quick) << "who keeps no token waits for no disk";
  EXPECT_EQ(quick->value, Bytes("new"));
  EXPECT_FALSE(c.take_reply(NodeId(1), id));
  c.release_disk(NodeId(1));
  c.run_for(milliseconds(10));
  const auto reply = c.take_reply(NodeId(1), id);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->value, Bytes("new"));
  c.crash(NodeId(1), kit::TurnHarness::Crash::power_loss);
  ASSERT_TRUE(c.restart(NodeId(1)));
  EXPECT_EQ(c.call(NodeId(1), having_seen(get("k"), reply->version))->value, Bytes("new"));
}

// n1's clock is behind and it has not heard of what the client has read from n2.
TEST(ApTokens, T05AWriteStandsAboveWhatItsClientHasReadElsewhere) {
  for (const bool with_token : {true, false}) {
    ApCluster c;
    c.set_wall_offset(NodeId(2), milliseconds(60));
    const Version seen = write_alone(c, 2, put("k", "read")).version;
    c.set_filter(
        [](NodeId from, const Outgoing& message) { return from == NodeId(2) || is<wire::HintOffer>(message); });
    const auto written = c.call(NodeId(1), with_token ? having_seen(put("k", "written"), seen) : put("k", "written"));
    ASSERT_EQ(written->outcome, Outcome::done) << written->why;
    c.set_filter({});
    ASSERT_TRUE(c.rest_within(seconds(10)));
    EXPECT_EQ(written->version.hlc > seen.hlc, with_token);
    for (const NodeId node : c.nodes())
      EXPECT_EQ(c.contents(node).at("k").payload, Bytes(with_token ? "written" : "read"));
    std::uint64_t losses = 0;
    for (std::uint32_t n = 1; n <= 3; ++n) losses += c.counter(n, "concurrent_losses");
    EXPECT_EQ(losses == 0, with_token) << "its writer had seen what it overwrote";
  }
}

TEST(ApTokens, T05AWriteAboveWhatWasSeenMovesTheClockSoThatTheNextStandsAboveIt) {
  ApCluster c;
  const auto first = c.call(NodeId(1), having_seen(put("k", "v"), stamped(c, 2, milliseconds(200))));
  ASSERT_EQ(first->outcome, Outcome::done) << first->why;
  EXPECT_GT(c.call(NodeId(1), put("other", "v"))->version.hlc, first->version.hlc);
  EXPECT_TRUE(c.rest_within(seconds(5))) << "the others take it as of a clock like theirs";
}

TEST(ApTokens, T07ATokenFromAheadOfTheClockIsRefusedAndMovesNothing) {
  for (const milliseconds ahead : {milliseconds(251), milliseconds(3600 * 1000)}) {
    ApCluster c;
    const auto before = c.stamper(NodeId(1)).latest();
    const Version seen = stamped(c, 2, ahead);
    for (const Request& request : {put("k", "v"), del("k")}) {
      const auto reply = c.call(NodeId(1), having_seen(request, seen));
      EXPECT_EQ(reply->code, Code::clock_skewed) << reply->why;
      EXPECT_EQ(reply->outcome, Outcome::not_done);
      EXPECT_NE(reply->why.find(token_text(seen)), std::string::npos) << reply->why;
    }
    EXPECT_EQ(c.call(NodeId(1), having_seen(get("k"), seen))->code, Code::token_not_met);
    EXPECT_EQ(c.stamper(NodeId(1)).latest(), before);
    EXPECT_TRUE(c.contents(1).empty());
  }
}

// Whatever a client claims, other nodes whose clocks are behind by half the bound still take this node's writes.
TEST(ApTokens, T07NoTokenBringsANodesWritesBeyondWhatOthersTake) {
  ApCluster c;
  for (const std::uint32_t n : {2U, 3U}) c.set_wall_offset(NodeId(n), milliseconds(-200));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(c.call(NodeId(1), having_seen(put("poison", "v"), stamped(c, 2, milliseconds(250))))->code, Code::ok);
    EXPECT_NE(c.call(NodeId(1), having_seen(put("poison", "v"), stamped(c, 2, milliseconds(499))))->code, Code::ok);
    const auto reply = c.call(NodeId(1), at_level(put("k" + std::to_string(i), "v"), Level::all));
    ASSERT_EQ(reply->outcome, Outcome::done) << reply->why;
  }
}

// Nobody's stamp is the client's own: an old token changes nothing, and never makes an old version.
TEST(ApTokens, T07AnOldTokenMakesNoOldVersion) {
  ApCluster c;
  const auto held = c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  const Version old{.hlc = 1, .dot_node = NodeId(3), .dot_incarnation = 1, .dot_sequence = 1};
  const auto reply = c.call(NodeId(2), having_seen(at_level(put("k", "w"), Level::all), old));
  EXPECT_GT(reply->version.hlc, held->version.hlc);
  EXPECT_GE(causal::Hlc(reply->version.hlc).wall(), c.at(2).now().wall - milliseconds(50));
  EXPECT_EQ(c.call(NodeId(3), having_seen(get("k"), old))->value, Bytes("w"));
}

TEST(ApTokens, AVersionThatWasNeverMadeIsRefusedByName) {
  ApCluster c;
  const auto written = c.call(NodeId(1), at_level(put("k", "v"), Level::all));
  Version next = written->version;
  ++next.dot_sequence;
  Version end_of_time = written->version;
  end_of_time.hlc = UINT64_MAX;
  for (const Version& never : {next, end_of_time}) {
    for (const Request& request : {get("k"), put("k", "w"), del("k")}) {
      const auto reply = c.call(NodeId(1), having_seen(request, never));
      EXPECT_EQ(reply->code, Code::invalid);
      EXPECT_EQ(reply->outcome, Outcome::not_done);
    }
  }
  EXPECT_EQ(c.contents(1).at("k").payload, Bytes("v"));
  EXPECT_EQ(c.call(NodeId(1), having_seen(get("k"), written->version))->value, Bytes("v"));
}

}  // namespace
}  // namespace rift::ap
