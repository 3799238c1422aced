#include "chaos/check/row.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t cut_ms = 5'000;
constexpr std::int64_t heal_ms = 25'000;
constexpr std::int64_t end_ms = 35'000;
constexpr std::int64_t step_ms = 40;

// Node 1 stands with the majority and writes, node 2 stands alone and reads: each of its own keys, so that nothing is stale.
class Sample {
 public:
  Sample() {
    std::uint64_t revision = 0;
    for (std::int64_t at = 0; at < end_ms; at += step_ms) {
      const std::string key = "k" + std::to_string(at / step_ms % 25);
      Operation put = write("v" + std::to_string(at), {at, at + 5}, 1);
      put.key = key;
      put.revision = ++revision;
      put.version = std::to_string(revision);
      operations.push_back(put);
      Operation refused = read(std::nullopt, {at + 1, at + 6}, 2);
      refused.key = key;
      refused.outcome = Outcome::not_done;
      refused.code = Code::no_leader;
      const bool is_cut = at >= cut_ms && at < heal_ms;
      if (!is_cut) {
        refused = read(put.value, {at + 6, at + 8}, 2);
        refused.key = key;
        refused.version = put.version;
      }
      refused.client = 2;
      operations.push_back(refused);
      last[key] = {*put.value};
    }
    for (std::size_t i = 0; i < operations.size(); ++i) operations[i].index = i;
    demands.majority.reads = Service::any;  // it only writes
    demands.minority = {.reads = Service::none, .writes = Service::none};
  }

  RowRun judge() const {
    Evidence evidence;
    evidence.keyspace = "bank";
    evidence.mode = mode;
    evidence.atomic = atomic;
    evidence.samples = samples;
    evidence.operations = operations;
    evidence.timeline = {.start = at_ms(0),
                         .cut = at_ms(cut_ms),
                         .heal = at_ms(heal_ms),
                         .end = at_ms(end_ms),
                         .changes = {},
                         .majority = {NodeId(1)},
                         .minority = {NodeId(2)}};
    LinkProof link;
    link.from = NodeId(1);
    link.to = NodeId(2);
    link.connections = proof;
    evidence.links = {link};
    evidence.final_state = last;
    evidence.owners = 2;
    evidence.digests = {"same", digest};
    return judge_row(evidence, facts, demands);
  }
  std::vector<Operation> between(std::int64_t from, std::int64_t to, std::uint32_t node) const {
    std::vector<Operation> found;
    for (const Operation& op : operations) {
      if (op.node == NodeId(node) && op.scheduled >= at_ms(from) && op.scheduled < at_ms(to)) found.push_back(op);
    }
    return found;
  }
  // What node 1 was due to do in this time, nobody answered.
  void silence(std::int64_t from, std::int64_t to) {
    for (Operation& op : operations) {
      if (op.node != NodeId(1) || op.scheduled < at_ms(from) || op.scheduled >= at_ms(to)) continue;
      op.outcome = Outcome::not_done;
      op.code = Code::no_leader;
      op.revision = 0;
      op.version.clear();
    }
  }

  std::vector<Operation> operations;
  FinalState last;
  RowFacts facts;
  RowDemands demands;
  Mode mode = Mode::cp;
  bool atomic = false;
  std::vector<VersionSample> samples;
  std::uint64_t proof = 1;
  std::string digest = "same";
};

void expect(const RowRun& run, Verdict verdict, const std::string& reason) {
  EXPECT_EQ(to_string(run.verdict), to_string(verdict));
  EXPECT_THAT(run.reasons, Contains(HasSubstr(reason)));
}

TEST(Row, PassesWhenEverythingIsAsDemanded) {
  const RowRun run = Sample().judge();
  EXPECT_EQ(run.verdict, Verdict::pass);
  EXPECT_THAT(run.reasons, IsEmpty());
  EXPECT_GT(run.healed.attempts, 300U);
}

TEST(Row, ACutWithoutProofProvesNothing) {
  Sample run;
  run.proof = 0;
  expect(run.judge(), Verdict::inconclusive, "from n1 to n2");
}

TEST(Row, AFaultThatNeverCameToPassProvesNothing) {
  Sample run;
  run.facts.proofs = {{.what = "paused leaders", .count = 0}};
  expect(run.judge(), Verdict::inconclusive, "paused leaders");
}

TEST(Row, TooFewAttemptsOnASideProveNothing) {
  Sample run;
  run.demands.attempts_per_side_min = 501;
  expect(run.judge(), Verdict::inconclusive, "only 500 attempts on the minority side");
}

TEST(Row, AMajoritySideThatIsNotServedFails) {
  Sample run;
  run.silence(10'000, 10'500);
  expect(run.judge(), Verdict::fail, "writes on the majority side");
  run.demands.majority = {.reads = Service::any, .writes = Service::any};
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
}

TEST(Row, WhoIsPinnedToANodeWhoseWayIsJammedIsPromisedNothingMeanwhile) {
  Sample run;
  run.silence(10'000, 10'500);
  run.facts.jams = {{.node = NodeId(1), .from = at_ms(9'000), .to = at_ms(10'500)}};
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.facts.jams.front().to = at_ms(10'250);
  expect(run.judge(), Verdict::fail, "writes on the majority side");
  run.facts.jams.front() = {.node = NodeId(2), .from = at_ms(9'000), .to = at_ms(10'500)};
  expect(run.judge(), Verdict::fail, "writes on the majority side");
}

TEST(Row, OneOperationDoneOnTheSideThatMustBeSilentFails) {
  Sample run;
  for (Operation& op : run.operations) {
    if (op.node == NodeId(2) && op.scheduled == at_ms(15'001)) {
      const Operation& put = *(&op - 1);
      op.outcome = Outcome::done;
      op.code = Code::ok;
      op.value = put.value;
      op.version = put.version;
      op.invoke = put.complete;
      op.complete = put.complete + Duration(1);
      break;
    }
  }
  expect(run.judge(), Verdict::fail, "reads on the minority side: 1 done");
}

TEST(Row, WhatMustBeShownAndIsNotIsNotShown) {
  Sample run;
  run.demands.lost = Violation::must_show;
  expect(run.judge(), Verdict::not_shown, "acknowledged writes lost");
  run.last["k3"] = {"v0"};  // not what was written last: forbidden before, demanded now
  run.demands.not_linearizable = Violation::ignored;
  run.last.erase("k3");
  const RowRun lost = run.judge();
  EXPECT_EQ(lost.verdict, Verdict::expected) << ::testing::PrintToString(lost.reasons);
  run.demands.lost = Violation::forbidden;
  expect(run.judge(), Verdict::fail, "acknowledged writes lost: ");
}

TEST(Row, GapsAndLatenessFail) {
  Sample run;
  run.silence(5'000, 6'000);  // inside the grace
  run.demands.first_success_within = std::chrono::milliseconds(1'100);
  run.demands.majority_gap_max = std::chrono::milliseconds(1'100);
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.demands.first_success_within = std::chrono::milliseconds(900);
  expect(run.judge(), Verdict::fail, "first operation after the cut: 1.0");
  run.demands.first_success_within.reset();
  run.demands.majority_gap_max = std::chrono::milliseconds(900);
  expect(run.judge(), Verdict::fail, "longest gap on the majority side");
}

TEST(Row, WhatTheClusterShowedIsHeldAgainstTheDemands) {
  Sample run;
  run.demands.step_down_within = std::chrono::seconds(1);
  expect(run.judge(), Verdict::fail, "stepped down: never");
  run.facts.stepped_down_after = std::chrono::milliseconds(800);
  run.demands.caught_up_within = std::chrono::seconds(3);
  expect(run.judge(), Verdict::fail, "caught up after the heal: never");
  run.facts.caught_up_after = std::chrono::milliseconds(100);
  run.demands.terms_grow_max = 1;
  run.facts.terms_grown = 1;
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.facts.terms_grown = 2;
  expect(run.judge(), Verdict::fail, "the term grew by 2");
  run.facts.terms_grown = 0;
  run.demands.same_leader = true;
  run.facts.leader_changed = true;
  expect(run.judge(), Verdict::fail, "the leader changed");
  run.facts.leader_changed = false;
  run.facts.broken = {"two leaders"};
  expect(run.judge(), Verdict::fail, "two leaders");
}

TEST(Row, ReplicasThatDifferAndSlowHealsFail) {
  Sample run;
  run.digest = "other";
  expect(run.judge(), Verdict::fail, "the replicas differ");
  run.digest = "same";
  run.silence(heal_ms, end_ms);
  const RowRun silent = run.judge();
  EXPECT_EQ(silent.verdict, Verdict::fail);
  EXPECT_THAT(silent.reasons, Contains(HasSubstr("after the heal ")));
}

TEST(Row, WritesFasterThanTheNetworkFail) {
  Sample run;
  run.demands.write_p50_min = std::chrono::milliseconds(6);
  expect(run.judge(), Verdict::fail, "faster than the network");
  run.demands.write_p50_min = std::chrono::milliseconds(4);
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
}

// As the sample, with the versions of an ap keyspace.
Sample ap_sample() {
  Sample run;
  run.mode = Mode::ap;
  for (Operation& op : run.operations) {
    if (!op.version.empty()) op.version = fmt::format("{:x}.1.7.{}", std::stoull(op.version), op.version);
    op.revision = 0;
  }
  return run;
}

TEST(RowOfAnApKeyspace, BrokenSessionsAndSequentialLossesAreHeldAgainstIt) {
  Sample run = ap_sample();
  run.demands.sessions = Violation::forbidden;
  run.demands.sequential_lost = Violation::forbidden;
  EXPECT_EQ(run.judge().verdict, Verdict::pass) << ::testing::PrintToString(run.judge().reasons);
  for (Operation& op : run.operations) {
    if (op.kind == Kind::read && op.scheduled == at_ms(4'006)) op.version = "0.1.7.0";  // of the same key as at 3'006
  }
  const RowRun broken = run.judge();
  expect(broken, Verdict::fail, "written (0) or read (1): 1");
  EXPECT_EQ(broken.witness.size(), 2U);
  run.demands.sessions = Violation::must_show;
  EXPECT_EQ(run.judge().verdict, Verdict::expected);
  run.demands.lost = run.demands.not_linearizable = Violation::ignored;
  run.last["k3"] = {"v3120"};  // and not what was written last
  expect(run.judge(), Verdict::fail, "lost to writes that had ended before");
}

// What its owners hold at the end is a last read of a register; and of two writes at once the other may be what is left.
TEST(RowOfAnApKeyspace, AnAtomicOneIsJudgedAsARegister) {
  Sample run = ap_sample();
  run.demands.lost = run.demands.not_linearizable = Violation::ignored;
  run.last["k3"] = {"v3120"};  // not what was read last
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.demands.not_linearizable = Violation::forbidden;
  EXPECT_EQ(run.judge().verdict, Verdict::pass) << "an ap keyspace's end is no read";
  run.atomic = true;
  expect(run.judge(), Verdict::fail, "not linearizable");

  Sample together = ap_sample();
  const auto last = std::find_if(together.operations.rbegin(), together.operations.rend(),
                                 [](const Operation& op) { return op.kind == Kind::write && op.key == "k3"; });
  Operation other = *last;
  other.value = "the other";
  other.version = "f.2.7.1";
  other.node = NodeId(2);
  other.client = 9;
  together.operations.push_back(other);
  EXPECT_EQ(together.judge().verdict, Verdict::fail) << "as what last-writer-wins throws away it is lost";
  together.atomic = true;
  EXPECT_EQ(together.judge().verdict, Verdict::pass) << ::testing::PrintToString(together.judge().reasons);
}

TEST(RowOfAnApKeyspace, ElementsLostOutOfDocumentsAreCounted) {
  Sample run = ap_sample();
  run.demands.elements_lost = Violation::must_show;
  run.demands.lost = Violation::ignored;
  expect(run.judge(), Verdict::not_shown, "elements lost out of documents");
  Operation edit = on("doc00", write("c9,1", {30'000, 30'005}, 1));
  edit.version = "1.1.7.1";
  run.operations.push_back(edit);
  EXPECT_EQ(run.judge().verdict, Verdict::expected);
}

TEST(RowOfAnApKeyspace, TheReplicasMustHaveAgreedInTime) {
  Sample run = ap_sample();
  run.demands.converged_within = std::chrono::seconds(5);
  expect(run.judge(), Verdict::inconclusive, "no samples");
  const auto look = [&run](std::int64_t at, const char* other) {
    run.samples.push_back({.at = at_ms(at), .versions = {{"still00", {"a", other}}}});
  };
  look(heal_ms, "b");
  expect(run.judge(), Verdict::fail, "agreed after the heal: never");
  look(heal_ms + 5'000, "a");
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.samples.pop_back();
  look(heal_ms + 5'001, "a");
  expect(run.judge(), Verdict::fail, "agreed after the heal: 5.00 s");
}

TEST(RowOfAnApKeyspace, ASideThatMayDoNothingSaysSoAtOnce) {
  Sample run;
  run.demands.refused_within = std::chrono::milliseconds(5);
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  EXPECT_EQ(run.judge().slowest_refusal, std::chrono::milliseconds(5));
  run.demands.refused_within = std::chrono::milliseconds(4);
  expect(run.judge(), Verdict::fail, "slowest refusal: ");
  run.demands.minority = {.reads = Service::any, .writes = Service::any};
  expect(run.judge(), Verdict::inconclusive, "nothing was there to be refused");
}

TEST(RowOfAnApKeyspace, ASideIsPromisedOnlyTheKeysThatHaveAnOwnerOnIt) {
  Sample run = ap_sample();
  run.demands.homes_only = true;
  run.demands.minority = {.reads = Service::high, .writes = Service::any};
  for (const auto& [key, value] : run.last) run.facts.homes[key] = {NodeId(1)};
  const RowRun served = run.judge();  // node 2 alone has a home for none, and it served none
  expect(served, Verdict::inconclusive, "no reads on the minority side were due");
  EXPECT_EQ(served.homes, 0);
  run.facts.homes["k3"] = {NodeId(1), NodeId(2)};
  expect(run.judge(), Verdict::fail, "reads on the minority side: 0 of ");
  EXPECT_NEAR(run.judge().homes, 1.0 / 25, 0.01);
  run.demands.minority.reads = Service::any;
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  run.facts.homes["k4"] = {NodeId(2)};  // and node 1, which has none, did write there
  expect(run.judge(), Verdict::fail, "operations on keys without an owner on the majority side");
}

TEST(Row, AttemptsThatTakeMuchLongerThanBeforeFail) {
  Sample run;
  run.demands.p99_factor_max = 2;
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
  EXPECT_DOUBLE_EQ(run.judge().p99_factor.value(), 1);
  std::size_t slowed = 0;
  for (Operation& op : run.operations) {
    if (op.node == NodeId(1) && op.scheduled >= at_ms(cut_ms) && slowed++ < 6)
      op.complete += std::chrono::milliseconds(6);
  }
  expect(run.judge(), Verdict::fail, "2.2 times as long as before, 2.0 times");
  run.demands.p99_factor_max = 2.3;
  EXPECT_EQ(run.judge().verdict, Verdict::pass);
}

TEST(RowSeeds, AViolationHasToBeShownByOneSeedOnly) {
  const auto over = [](std::vector<Verdict> runs) { return judge_seeds(runs); };
  EXPECT_EQ(over({Verdict::not_shown, Verdict::expected, Verdict::not_shown}), Verdict::expected);
  EXPECT_EQ(over({Verdict::not_shown, Verdict::not_shown}), Verdict::not_shown);
  EXPECT_EQ(over({Verdict::pass, Verdict::pass}), Verdict::pass);
  EXPECT_EQ(over({Verdict::expected, Verdict::inconclusive}), Verdict::inconclusive);
  EXPECT_EQ(over({Verdict::expected, Verdict::fail}), Verdict::fail);
  EXPECT_EQ(over({}), Verdict::inconclusive);
}

Operation seen(std::string key, std::uint64_t revision, Span span, std::uint64_t client, std::uint64_t index) {
  Operation op = read("v" + std::to_string(revision), span);
  op.key = std::move(key);
  op.version = revision == 0 ? "" : std::to_string(revision);
  if (revision == 0) op.value.reset();
  op.client = client;
  op.index = index;
  return op;
}

TEST(GoingBack, StaleReadsAreFineAsLongAsOneClientGoesForward) {
  EXPECT_THAT(
      find_reads_that_go_back(
          std::vector{seen("a", 5, {0, 1}, 1, 1), seen("a", 2, {2, 3}, 2, 2), seen("a", 5, {4, 5}, 2, 3)}, "bank"),
      IsEmpty());
}

TEST(GoingBack, OneClientSeesAnOlderValueLater) {
  EXPECT_THAT(find_reads_that_go_back(std::vector{seen("a", 5, {0, 1}, 1, 1), seen("a", 2, {2, 3}, 1, 2)}, "bank"),
              ElementsAre(2U));
}

// b changed at 3; a client that has seen 5 cannot see b as it was before.
TEST(GoingBack, CountsOverAllKeysOfTheGroup) {
  EXPECT_THAT(find_reads_that_go_back(std::vector{seen("b", 3, {0, 1}, 2, 1), seen("a", 5, {0, 1}, 1, 2),
                                                  seen("b", 1, {2, 3}, 1, 3), seen("b", 0, {4, 5}, 1, 4)},
                                      "bank"),
              ElementsAre(3U, 4U));
}

TEST(GoingBack, OverlappingReadsMayComeInAnyOrder) {
  EXPECT_THAT(find_reads_that_go_back(std::vector{seen("a", 5, {0, 9}, 1, 1), seen("a", 2, {2, 3}, 1, 2)}, "bank"),
              IsEmpty());
}

// Their numbers are no revisions, although each begins with one.
TEST(GoingBack, SaysNothingAboutVersionsOfAnApKeyspace) {
  Operation newer = seen("a", 5, {0, 1}, 1, 1);
  Operation older = seen("a", 2, {2, 3}, 1, 2);
  newer.version = "18.1.7.5";
  older.version = "9.1.7.2";
  EXPECT_THAT(find_reads_that_go_back(std::vector{newer, older}, "bank"), IsEmpty());
}

}  // namespace
}  // namespace rift::chaos::check
