#include "chaos/check/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A small run: cut from 1 s to 5 s, n1 n2 n3 | n4 n5, one attempt per node each 10 ms over 20 keys, writes and reads in turn.
class Story {
 public:
  explicit Story(Mode mode) {
    evidence.keyspace = "bank";
    evidence.mode = mode;
    evidence.timeline = {.start = at_ms(0),
                         .cut = at_ms(1000),
                         .heal = at_ms(5000),
                         .end = at_ms(7000),
                         .majority = {NodeId(1), NodeId(2), NodeId(3)},
                         .minority = {NodeId(4), NodeId(5)}};
    for (std::uint32_t a = 1; a <= 3; ++a) {
      for (std::uint32_t b = 4; b <= 5; ++b) {
        evidence.links.push_back({NodeId(a), NodeId(b), 100, 0});
        evidence.links.push_back({NodeId(b), NodeId(a), 0, 2});
      }
    }
    evidence.owners = 5;
    evidence.digests = {"same", "same", "same", "same", "same"};
    for (int i = 0; i < 10; ++i)
      evidence.samples.push_back({at_ms(5000 + 100 * i), {{"still", {"1", i < 3 ? "2" : "1"}}}});
    demands.attempts_per_side_min = 100;
    demands.availability.grace = std::chrono::milliseconds(500);
    run(mode);
  }

  Row judge_it() {
    evidence.operations = ops;
    return judge(evidence, demands);
  }

  std::vector<Operation> ops;
  Evidence evidence;
  Demands demands;

 private:
  void run(Mode mode) {
    for (std::int64_t now = 0; now < 7000; now += 10) {
      for (std::uint32_t node = 1; node <= 5; ++node) attempt(mode, now, NodeId(node));
    }
    ops = history(std::move(ops));
    evidence.final_state.emplace();
    for (const auto& [key, values] : held_[0]) (*evidence.final_state)[key] = {values};
  }

  void attempt(Mode mode, std::int64_t now, NodeId node) {
    const bool is_cut = evidence.timeline.is_cut_at(at_ms(now));
    const bool is_minority = is_cut && evidence.timeline.side_of(node) == Side::minority;
    const std::string key = "k" + std::to_string(now / 10 % 20);
    auto& state = held_[mode == Mode::ap && is_minority ? 1 : 0];
    if (!is_cut) held_[1] = held_[0];
    // Nodes go one after the other, so that what they do is in order.
    const Span span{now + node.value(), now + node.value()};
    const bool is_write = (now / 200 + node.value()) % 2 == 0;
    Operation op =
        is_write ? write("c" + std::to_string(ops.size()), span, node.value()) : read(std::nullopt, span, node.value());
    op.key = key;
    if (mode == Mode::cp && is_minority) {
      op = not_done(op);
    } else if (is_write) {
      state[key] = *op.value;
    } else if (state.contains(key)) {
      op.value = state[key];
    }
    ops.push_back(op);
  }

  std::map<std::string, std::string> held_[2];
};

TEST(Verdict, PassesACpKeyspaceThatRefusesOnItsMinority) {
  const Row row = Story(Mode::cp).judge_it();
  EXPECT_EQ(row.verdict, Verdict::pass) << (row.reasons.empty() ? "" : row.reasons.front());
  EXPECT_THAT(row.reasons, IsEmpty());
  EXPECT_EQ(row.measured.majority.all.ratio(), 1.0);
  EXPECT_EQ(row.measured.minority.all.ratio(), 0.0);
  EXPECT_EQ(row.measured.minority.outcomes.not_done, 800U);
  EXPECT_EQ(row.measured.fault_proof, 2U);
}

TEST(Verdict, ExpectsStaleReadsOfAnApKeyspaceAndShowsThem) {
  const Row row = Story(Mode::ap).judge_it();
  EXPECT_EQ(row.verdict, Verdict::expected) << (row.reasons.empty() ? "" : row.reasons.front());
  EXPECT_GT(row.measured.staleness.stale, 100U);
  EXPECT_EQ(row.measured.linearizability.answer, Linearizable::no);
  EXPECT_EQ(row.measured.convergence.took, std::chrono::milliseconds(300));
  EXPECT_FALSE(row.witness.empty());
  EXPECT_FALSE(row.witness_reason.empty());
}

TEST(Verdict, FailsACpKeyspaceThatBehavesAsAnApOne) {
  Story story(Mode::ap);
  story.evidence.mode = Mode::cp;
  const Row row = story.judge_it();
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_THAT(row.reasons, Contains(HasSubstr("not linearizable")));
  EXPECT_THAT(row.reasons, Contains(HasSubstr("reads were stale")));
  EXPECT_THAT(row.reasons, Contains(HasSubstr("the minority side did ")));
  EXPECT_THAT(row.reasons, Not(Contains(HasSubstr("no answer was wrong"))));
  EXPECT_FALSE(row.witness.empty());
  EXPECT_LE(row.witness.size(), 6U);
}

TEST(Verdict, FailsAnApKeyspaceThatRefuses) {
  Story story(Mode::cp);
  story.evidence.mode = Mode::ap;
  const Row row = story.judge_it();
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_THAT(row.reasons, Contains(HasSubstr("the minority side answered 0.0 %")));
}

TEST(Verdict, FailsOneDoneOperationOfACutOffMinority) {
  Story story(Mode::cp);
  const auto late = std::find_if(story.ops.begin(), story.ops.end(), [](const Operation& op) {
    return op.node == NodeId(4) && op.kind == Kind::write && op.invoke > at_ms(3000);
  });
  ASSERT_NE(late, story.ops.end());
  late->outcome = Outcome::done;
  late->code = Code::ok;
  const Row row = story.judge_it();
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_THAT(row.reasons, Not(Contains(HasSubstr("no answer was wrong"))));
}

TEST(Verdict, FailsACpKeyspaceWhoseLastWriteIsGoneAtTheEnd) {
  for (const bool was_read_before : {false, true}) {
    Story story(Mode::cp);
    const auto at = [](Operation op) { return on("k-lost", std::move(op)); };
    story.ops.push_back(at(write("kept", {6900, 6901})));
    if (was_read_before) story.ops.push_back(at(unknown(write("doubtful", {6910, 6911}))));
    if (was_read_before) story.ops.push_back(at(read("doubtful", {6920, 6921})));
    story.ops.push_back(at(write("gone", {6950, 6951})));
    story.ops = history(std::move(story.ops));
    (*story.evidence.final_state)["k-lost"] = {"kept"};
    const Row row = story.judge_it();
    EXPECT_EQ(row.verdict, Verdict::fail);
    EXPECT_THAT(row.reasons, Contains("1 acknowledged writes were lost"));
    EXPECT_THAT(row.reasons, Contains(HasSubstr("the look at the end")));
  }
}

TEST(Verdict, FailsIfTheEndHoldsWhatNobodyWroteOrWhatWasReportedNotDone) {
  for (Mode mode : {Mode::cp, Mode::ap}) {
    Story story(mode);
    story.ops.push_back(on("k-refused", not_done(write("refused", {6900, 6901}))));
    story.ops = history(std::move(story.ops));
    (*story.evidence.final_state)["k-refused"] = {"refused"};
    const Row row = story.judge_it();
    EXPECT_EQ(row.verdict, Verdict::fail);
    EXPECT_THAT(row.reasons,
                Contains("1 values found at the end cannot have been written, such as \"refused\" of k-refused"));
    EXPECT_EQ(row.witness, (std::vector{story.ops.back().index}));
    (*story.evidence.final_state)["k-refused"].clear();
    (*story.evidence.final_state)["never"] = {"a"};
    EXPECT_EQ(story.judge_it().verdict, Verdict::fail);
  }
}

TEST(Verdict, IsInconclusiveIfOneCutDidNotBite) {
  for (Mode mode : {Mode::cp, Mode::ap}) {
    Story story(mode);
    story.evidence.links[3] = {story.evidence.links[3].from, story.evidence.links[3].to, 0, 0};
    const Row row = story.judge_it();
    EXPECT_EQ(row.verdict, Verdict::inconclusive);
    EXPECT_THAT(row.reasons, Contains(HasSubstr("did bite")));
    EXPECT_EQ(row.measured.fault_proof, 0U);
  }
}

TEST(Verdict, FailsForWrongAnswersEvenIfTheFaultIsUnproven) {
  Story story(Mode::ap);
  story.evidence.mode = Mode::cp;
  story.evidence.links.clear();
  EXPECT_EQ(story.judge_it().verdict, Verdict::fail);
}

TEST(Verdict, IsInconclusiveWithTooLittleLoad) {
  Story story(Mode::cp);
  story.demands.attempts_per_side_min = 801;
  EXPECT_EQ(story.judge_it().verdict, Verdict::inconclusive);
  Story keys(Mode::cp);
  keys.demands.contended_keys_min = 21;
  EXPECT_EQ(keys.judge_it().verdict, Verdict::inconclusive);
}

TEST(Verdict, IsNotShownWithoutAStaleRead) {
  Story story(Mode::ap);
  std::erase_if(story.ops, [](const Operation& op) { return op.kind == Kind::read; });
  const Row row = story.judge_it();
  EXPECT_EQ(row.verdict, Verdict::not_shown) << row.reasons.front();
}

TEST(Verdict, FailsIfTheReplicasDifferOrAgreeTooLate) {
  Story differ(Mode::ap);
  differ.evidence.digests.back() = "other";
  EXPECT_EQ(differ.judge_it().verdict, Verdict::fail);
  Story late(Mode::ap);
  late.demands.converge_within = std::chrono::milliseconds(299);
  const Row row = late.judge_it();
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_THAT(row.reasons, Contains(HasSubstr("no answer was wrong"))) << "a slow machine is not a broken promise";
  Story blind(Mode::ap);
  blind.evidence.samples.clear();
  EXPECT_EQ(blind.judge_it().verdict, Verdict::inconclusive);
}

TEST(Verdict, NeedsTheDigestOfEveryOwnerInBothModes) {
  for (Mode mode : {Mode::cp, Mode::ap}) {
    for (std::size_t known : {0U, 1U, 2U, 4U}) {
      Story story(mode);
      story.evidence.digests.resize(known);
      const Row row = story.judge_it();
      EXPECT_EQ(row.verdict, Verdict::inconclusive);
      EXPECT_FALSE(row.measured.has_digests);
      EXPECT_THAT(row.reasons, Contains(HasSubstr("replicas at the end, 5 are needed")));
    }
    Story differ(mode);
    differ.evidence.digests[2] = "other";
    EXPECT_EQ(differ.judge_it().verdict, Verdict::fail);
    Story unknown(mode);
    unknown.evidence.owners = 0;
    unknown.evidence.digests.clear();
    EXPECT_EQ(unknown.judge_it().verdict, Verdict::inconclusive);
  }
}

// A node died beside the story: there is a verdict, but not one about the service.
TEST(Verdict, IsAnErrorIfTheRunBrokeOffUnlessWhatIsThereIsForbidden) {
  for (Mode mode : {Mode::cp, Mode::ap}) {
    Story story(mode);
    story.evidence.trouble = "n5: unreachable";
    story.evidence.final_state.reset();
    story.evidence.digests.clear();
    for (Operation& op : story.ops) {
      if (op.node == NodeId(5) && op.invoke >= at_ms(3000)) op = unknown(op);
    }
    const Row row = story.judge_it();
    EXPECT_EQ(row.verdict, Verdict::error);
    EXPECT_THAT(row.reasons, Contains("n5: unreachable"));
    EXPECT_FALSE(row.measured.has_final_state);
    EXPECT_THAT(row.measured.lost.lost, IsEmpty());

    story.ops.push_back(read("from nowhere", {6990, 6991}));
    story.ops = history(std::move(story.ops));
    EXPECT_EQ(story.judge_it().verdict, Verdict::fail);
  }
}

TEST(Verdict, IsInconclusiveIfNobodyLookedAtTheEnd) {
  Story story(Mode::cp);
  story.evidence.final_state.reset();
  EXPECT_EQ(story.judge_it().verdict, Verdict::inconclusive);
}

TEST(Verdict, FailsACpMajorityThatWakesTooLate) {
  Story story(Mode::cp);
  for (Operation& op : story.ops) {
    if (op.invoke >= at_ms(1000) && op.invoke < at_ms(4000) && op.node < NodeId(4)) op = not_done(op);
  }
  const Row row = story.judge_it();
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_THAT(row.reasons, Contains(HasSubstr("the majority side did its first operation 3.0 s after the cut")));
}

TEST(Verdict, MapsToExitCodes) {
  const auto code = [](std::initializer_list<Verdict> verdicts) {
    Results results;
    for (Verdict verdict : verdicts) results.rows.emplace_back().verdict = verdict;
    return exit_code(results);
  };
  EXPECT_EQ(code({Verdict::pass, Verdict::expected, Verdict::skipped}), 0);
  EXPECT_EQ(code({Verdict::pass, Verdict::not_shown}), 2);
  EXPECT_EQ(code({Verdict::inconclusive}), 2);
  EXPECT_EQ(code({Verdict::error, Verdict::inconclusive}), 1);
  EXPECT_EQ(code({Verdict::error, Verdict::fail}), 4);
  EXPECT_EQ(code({}), 1);
}

}  // namespace
}  // namespace rift::chaos::check
