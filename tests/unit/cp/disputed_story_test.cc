// Two copies differ, and the third voter, which could say which is right, is away: neither is served, and neither is given to anybody, until it has
// spoken (state_checks.h).
#include "health_story.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;

class Disputed : public HealthStory {
 protected:
  Disputed() : leader(group.elect()), odd(group.others(leader)[0]), judge(group.others(leader)[1]) {
    change_hash(odd);
    leader = group.elect();
    if (leader == odd) std::swap(leader, judge);  // whoever leads: it and the odd one are left
  }
  void begin() {
    const NodeId leads = group.elect();
    for (int i = 0; i < 16; ++i) group.call(leads, put("k1", "v" + std::to_string(i)), 2s);
  }
  // Its log cannot be read any more: it will ask for a copy of the others' state.
  void crash_and_damage_the_judge() {
    group.crash(judge, Crash::kill);
    const auto last = MUST(store(judge).scan(env::Table::log, env::Range{}, 10'000, 1 << 24)).back();
    store(judge).poke(env::Table::log, last.key, Bytes("\x7f???"));
  }
  bool is_disputed(NodeId node) { return group.replica(node).status().role == "disputed"; }
  NodeId leader;
  NodeId odd;
  NodeId judge;
};

TEST_F(Disputed, NeitherCopyIsServedUntilTheThirdVoterHasSpoken) {
  group.crash(judge, Crash::kill);
  begin();
  EXPECT_EQ(group.write(put("k2", "soon")).outcome, Outcome::done)
      << "for a moment it goes on: the third may only be slow";
  Request watch = kit::with_budget(get(""), 60s);
  watch.verb = Verb::watch;
  watch.operands.ensure().revision = Revision(1);
  const RequestId watching = group.submit(odd, watch);
  ASSERT_TRUE(group.run_until([&] { return is_disputed(leader) && is_disputed(odd); }, 5s));
  EXPECT_EQ(group.at(odd).replies_last(watching), 1U) << "it has ended";
  group.run_for(1s);
  for (const NodeId node : {leader, odd}) {
    for (const Request& request : {put("k1", "w"), get("k1"), kit::with_level(get("k1"), Level::one)}) {
      const auto refused = group.must_call(node, request);
      EXPECT_EQ(refused.code, Code::not_ready);
      EXPECT_EQ(refused.outcome, Outcome::not_done);
      EXPECT_NE(refused.why.find("the state of k/0 is disputed"), std::string::npos) << refused.why;
      EXPECT_NE(refused.why.find("waits for " + to_string(judge)), std::string::npos) << refused.why;
    }
    EXPECT_EQ(group.replica(node).status().last_change, group.must_call(node, get("k1")).why);
  }
  group.run_for(60s);
  EXPECT_TRUE(is_disputed(leader) && is_disputed(odd));
  MUST(group.restart(judge));
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }, 10s));
  EXPECT_EQ(group.write(put("k1", "again")).outcome, Outcome::done);
  expect_same_state();
}

// It has been through the index in question, and started anew since: of then it knows nothing, but of now it does.
TEST_F(Disputed, IsSettledByAVoterThatHasForgottenTheHashOfThen) {
  group.set_filter([this](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    return from == judge && decoded && std::holds_alternative<wire::StateReport>(*decoded);
  });
  begin();
  ASSERT_TRUE(group.run_until([&] { return is_disputed(leader) && is_disputed(odd); }, 5s));
  group.crash(judge, Crash::kill);
  MUST(group.restart(judge));
  group.set_filter(nullptr);
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }, 10s));
  expect_same_state();
}

// A copy of one of the two would speak for it as if it were a third.
TEST_F(Disputed, TheStateIsGivenToNobody) {
  crash_and_damage_the_judge();
  begin();
  ASSERT_TRUE(group.run_until([&] { return is_disputed(leader) && is_disputed(odd); }, 5s));
  MUST(group.restart(judge));
  group.run_for(20s);
  EXPECT_EQ(group.replica(judge).status().role, "repair");
  EXPECT_TRUE(is_disputed(leader) && is_disputed(odd));
  EXPECT_EQ(counter(leader, "snapshots_sent") + counter(odd, "snapshots_sent"), 0U);
}

// Both forget the hash of then with their restart. Were the dispute forgotten too, whoever led would give its copy to the judge, and that copy a vote.
TEST_F(Disputed, ARestartOfBothSettlesNothing) {
  crash_and_damage_the_judge();
  begin();
  ASSERT_TRUE(group.run_until([&] { return is_disputed(leader) && is_disputed(odd); }, 5s));
  group.run_for(100ms);  // until it is durable
  for (const NodeId node : {leader, odd}) group.crash(node, Crash::power_loss);
  for (const NodeId node : {leader, odd, judge}) MUST(group.restart(node));
  for (const NodeId node : {leader, odd}) EXPECT_EQ(group.must_call(node, get("k1")).code, Code::not_ready);
  group.run_for(20s);
  EXPECT_TRUE(is_disputed(leader) && is_disputed(odd));
  EXPECT_EQ(group.replica(judge).status().role, "repair");
  EXPECT_EQ(counter(leader, "snapshots_sent") + counter(odd, "snapshots_sent"), 0U);
}

// And once it is settled a restart brings nothing of it back.
TEST_F(Disputed, ASettledDisputeIsOver) {
  group.crash(judge, Crash::kill);
  begin();
  ASSERT_TRUE(group.run_until([&] { return is_disputed(leader) && is_disputed(odd); }, 5s));
  MUST(group.restart(judge));
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }, 10s));
  group.run_for(100ms);
  for (const NodeId node : group.all()) {
    group.at(node).round([&](Replica&, Turn& turn) { EXPECT_FALSE(MUST(read_disputed(group.partition(), turn))); });
    group.crash(node, Crash::kill);
  }
  for (const NodeId node : group.all()) MUST(group.restart(node));
  EXPECT_EQ(group.write(put("k1", "again")).outcome, Outcome::done);
  expect_same_state();
}

class Undisputed : public HealthStory {};

// A learner counts for nothing in a verdict: what it says of its own state makes no voter doubt. (Nobody could settle it here: no answer arrives.)
TEST_F(Undisputed, ALearnersQuestionBeginsNoInquiry) {
  const NodeId leader = group.elect();
  const auto applied = group.replica(leader).applied();
  const wire::StateReport question{.index = applied.index, .hash = applied.hash + 1, .known = true, .is_answer = false};
  group.set_filter([](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    return decoded && std::holds_alternative<wire::StateReport>(*decoded);
  });
  const auto role_after_question_of = [&](NodeId asker) {
    group.at(leader).receive(asker, env::Lane::data, wire::encode_message(wire::Message(question)));
    group.run_for(dispute_patience + 1s);
    return group.replica(leader).status().role;
  };
  EXPECT_EQ(role_after_question_of(NodeId(9)), "leader");
  EXPECT_EQ(role_after_question_of(group.follower_of(leader)), "disputed") << "a voter's does";
}

}  // namespace
}  // namespace rift::cp
