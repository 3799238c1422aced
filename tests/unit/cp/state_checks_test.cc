#include "cp/state_checks.h"

#include <gtest/gtest.h>

#include "tests/kit/requests.h"

namespace rift::cp {
namespace {

using Verdict = StateChecks::Verdict;

const std::vector<NodeId> three = kit::nodes_of({1, 2, 3});

StateChecks asking(std::uint64_t own) {
  StateChecks checks(10);
  EXPECT_TRUE(checks.applied(LogIndex(10), own));
  checks.begin({LogIndex(10), own}, NodeId(1), Time());
  return checks;
}

raft::Config of(const std::vector<NodeId>& voters) { return {.voters = voters, .outgoing = {}, .learners = {}}; }

TEST(StateChecks, NotesEveryTenthAndForgetsTheOldest) {
  StateChecks checks(10);
  EXPECT_FALSE(checks.applied(LogIndex(9), 1));
  for (std::uint64_t i = 10; i <= 50; i += 10) EXPECT_TRUE(checks.applied(LogIndex(i), i));
  EXPECT_EQ(checks.newest(), (StateHash{LogIndex(50), 50}));
  EXPECT_EQ(checks.at(LogIndex(20)), 20U);
  EXPECT_EQ(checks.at(LogIndex(10)), std::nullopt);
  EXPECT_EQ(checks.at(LogIndex(25)), std::nullopt);
}

TEST(StateChecks, AMajorityJudges) {
  StateChecks checks = asking(7);
  EXPECT_EQ(checks.judge(of(three)), Verdict::open);
  checks.answer(NodeId(2), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(of(three)), Verdict::open);
  StateChecks odd = checks;
  odd.answer(NodeId(3), {LogIndex(10), 8});
  EXPECT_EQ(odd.judge(of(three)), Verdict::odd);
  StateChecks sound = checks;
  sound.answer(NodeId(3), {LogIndex(10), 7});
  EXPECT_EQ(sound.judge(of(three)), Verdict::sound);
  EXPECT_EQ(sound.odd_ones(), kit::nodes_of({2}));
  checks.answer(NodeId(3), {LogIndex(10), 9});
  EXPECT_EQ(checks.judge(of(three)), Verdict::no_majority);
}

// Of those that are silent nobody knows what they would say; but where even all of them could not help any more, the group stops.
TEST(StateChecks, NoMajorityIsPossibleAnyMore) {
  StateChecks checks = asking(7);
  const auto five = kit::nodes_of({1, 2, 3, 4, 5});
  checks.answer(NodeId(2), {LogIndex(10), 8});
  checks.answer(NodeId(3), {LogIndex(10), 9});
  EXPECT_EQ(checks.judge(of(five)), Verdict::open) << "two with 7, and it is the state of three";
  EXPECT_EQ(checks.silent_ones(of(five)), kit::nodes_of({4, 5}));
  checks.answer(NodeId(4), {LogIndex(10), 10});
  EXPECT_EQ(checks.judge(of(five)), Verdict::no_majority);
}

TEST(StateChecks, WhatIsNotSettledInTimeIsADispute) {
  StateChecks checks = asking(7);
  checks.answer(NodeId(2), {LogIndex(10), 8});
  EXPECT_FALSE(checks.become_disputed(Time() + dispute_patience / 2));
  checks.begin({LogIndex(20), 17}, NodeId(1), Time() + dispute_patience / 2);  // the same inquiry goes on
  EXPECT_TRUE(checks.become_disputed(Time() + dispute_patience));
  EXPECT_FALSE(checks.become_disputed(Time() + dispute_patience)) << "it is one already";
  checks.begin({LogIndex(30), 27}, NodeId(1), Time() + dispute_patience);
  EXPECT_TRUE(checks.is_disputed());
  checks.end();
  EXPECT_FALSE(checks.is_disputed());
  checks.begin({LogIndex(30), 27}, NodeId(1), Time() + dispute_patience);
  EXPECT_FALSE(checks.become_disputed(Time() + dispute_patience)) << "another inquiry";
}

// Half is no majority: with an even number of voters neither side may condemn the other.
TEST(StateChecks, HalfOfTheVotersAreNoMajority) {
  StateChecks checks = asking(7);
  const auto four = kit::nodes_of({1, 2, 3, 4});
  checks.answer(NodeId(2), {LogIndex(10), 7});
  checks.answer(NodeId(3), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(of(four)), Verdict::open);
  checks.answer(NodeId(4), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(of(four)), Verdict::no_majority);
}

TEST(StateChecks, ALearnerIsJudgedAndDoesNotJudge) {
  StateChecks checks = asking(7);
  const auto others = kit::nodes_of({2, 3, 4});
  checks.answer(NodeId(2), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(of(others)), Verdict::open);
  checks.answer(NodeId(3), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(of(others)), Verdict::odd);
}

// While voters come and go both halves must agree; one half alone may be the one that is wrong.
TEST(StateChecks, BothHalvesOfAJointConfigurationJudge) {
  StateChecks checks = asking(7);
  const raft::Config joint{.voters = kit::nodes_of({1, 4, 5}), .outgoing = kit::nodes_of({1, 2, 3}), .learners = {}};
  for (const std::uint32_t n : {4U, 5U}) checks.answer(NodeId(n), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(joint), Verdict::open) << "a majority of those that come in is none of those that leave";
  StateChecks sound = checks;
  for (const std::uint32_t n : {2U, 3U}) sound.answer(NodeId(n), {LogIndex(10), 7});
  EXPECT_EQ(sound.judge(joint), Verdict::open) << "they disagree: it is judged when one half has left";
  EXPECT_EQ(sound.judge(of(kit::nodes_of({1, 4, 5}))), Verdict::odd);
  for (const std::uint32_t n : {2U, 3U}) checks.answer(NodeId(n), {LogIndex(10), 8});
  EXPECT_EQ(checks.judge(joint), Verdict::odd);
}

TEST(StateChecks, AnswersAboutAnotherIndexDoNotCount) {
  StateChecks checks = asking(7);
  for (const std::uint32_t n : {2U, 3U}) checks.answer(NodeId(n), {LogIndex(20), 8});
  EXPECT_EQ(checks.judge(of(three)), Verdict::open);
}

TEST(StateChecks, AHashIsReadBackFromItsEntryOnly) {
  const StateHash hash{LogIndex(1024), 0xfedcba9876543210ULL};
  const auto entry_of = [](const wire::Command& command) {
    return raft::Entry{.term = Term(1),
                       .index = LogIndex(1),
                       .kind = raft::EntryKind::command,
                       .log_time = {},
                       .payload = wire::encode_commands(std::span(&command, 1))};
  };
  EXPECT_EQ(verified_hash(entry_of(verify_command(hash))), hash);
  EXPECT_EQ(verified_hash(entry_of(verify_command({}))), std::nullopt);  // a barrier
  wire::Command put;
  put.key = "k";
  EXPECT_EQ(verified_hash(entry_of(put)), std::nullopt);
  auto torn = entry_of(verify_command(hash));
  torn.payload = torn.payload.slice(0, torn.payload.size() - 1);
  EXPECT_EQ(verified_hash(torn), std::nullopt);
}

}  // namespace
}  // namespace rift::cp
