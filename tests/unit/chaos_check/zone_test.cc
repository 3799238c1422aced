#include "chaos/check/zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brute_force.h"
#include "build.h"
#include "random_history.h"

namespace rift::chaos::check {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

KeyFinding check(const std::vector<Operation>& ops) {
  std::vector<const Operation*> pointers;
  for (const Operation& op : ops) pointers.push_back(&op);
  return check_key(pointers);
}

TEST(Zone, PassesAnEmptyHistory) { EXPECT_EQ(check({}).answer, Linearizable::yes); }

TEST(Zone, PassesReadsThatOverlapTheWriteInEitherOrder) {
  const auto ops = history({write("a", {0, 10}), read(std::nullopt, {1, 9}), read("a", {2, 8}), read("a", {11, 12})});
  EXPECT_EQ(check(ops).answer, Linearizable::yes);
}

TEST(Zone, CallsAStaleReadByItsOperations) {
  const auto found = check(history({write("a", {0, 1}), write("b", {2, 3}), read("a", {5, 6}, 4)}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20, 30));
  EXPECT_EQ(found.reason,
            "n4's read at 0.005 s returned \"a\", although n1's write had confirmed \"b\" at 0.003 s; n1's write had "
            "confirmed the "
            "older one at 0.001 s, before n1's write of the newer one began at 0.002 s");
}

TEST(Zone, CallsALostWriteWhenTheKeyLooksNeverWritten) {
  const auto found = check(history({write("a", {0, 1}), read(std::nullopt, {5, 6}, 2)}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20));
  EXPECT_THAT(found.reason, HasSubstr("n2's read at 0.005 s returned the initial absence"));
}

TEST(Zone, CallsANewOldInversionUnderAnOpenWrite) {
  const auto found =
      check(history({write("a", {0, 1}), unknown(write("b", {2, 100})), read("b", {3, 4}, 2), read("a", {5, 6}, 3)}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20, 30, 40));
  EXPECT_THAT(found.reason,
              HasSubstr("n3's read at 0.005 s returned \"a\", although n2's read had confirmed \"b\" at 0.004 s"));
}

TEST(Zone, CallsAReadFromTheFuture) {
  const auto found = check(history({read("a", {0, 1}, 5), write("a", {2, 3})}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20));
  EXPECT_THAT(found.reason, HasSubstr("whose write began only at 0.002 s"));
}

TEST(Zone, CallsAValueFromNowhereAndOneThatWasReportedNotDone) {
  EXPECT_EQ(check(history({read("ghost", {0, 1})})).answer, Linearizable::no);
  const auto found = check(history({not_done(write("a", {0, 1})), read("a", {5, 6})}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20));
  EXPECT_THAT(found.reason, HasSubstr("had been reported as not done"));
}

TEST(Zone, LetsAnUnknownWriteHappenLateOrNever) {
  EXPECT_EQ(check(history({unknown(write("a", {0, 1})), read(std::nullopt, {5, 6}), read("a", {8, 9})})).answer,
            Linearizable::yes);
  EXPECT_EQ(check(history({unknown(write("a", {0, 1})), read(std::nullopt, {5, 6})})).answer, Linearizable::yes);
  EXPECT_EQ(check(history({unknown(write("a", {0, 1})), read("a", {5, 6}), read(std::nullopt, {8, 9})})).answer,
            Linearizable::no);
}

TEST(Zone, CallsTwoCompareAndSetsOfOneValue) {
  const auto found = check(history({write("a", {0, 1}), cas("a", "b", {2, 5}, 1), cas("a", "c", {2, 5}, 4)}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20, 30));
}

TEST(Zone, CallsAFailedCompareAndSetThatSawWhatItExpected) {
  EXPECT_EQ(check(history({write("a", {0, 1}), failed_cas("b", "a", "c", {2, 3})})).answer, Linearizable::yes);
  const auto found = check(history({write("a", {0, 1}), failed_cas("a", "a", "c", {2, 3}, 2)}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20));
}

TEST(Zone, CallsACompareAndSetThatReplacedNothing) {
  EXPECT_EQ(check(history({cas("ghost", "b", {0, 1})})).answer, Linearizable::no);
  EXPECT_EQ(check(history({cas(std::nullopt, "b", {0, 1}), read("b", {2, 3})})).answer, Linearizable::yes);
}

TEST(Zone, CallsACircleOfCompareAndSets) {
  const auto found = check(history({cas("b", "a", {0, 9}), cas("a", "b", {0, 9})}));
  EXPECT_EQ(found.answer, Linearizable::no);
  EXPECT_THAT(found.witness, ElementsAre(10, 20));
}

TEST(Zone, ReadsADeleteAsAWriteOfItsTombstone) {
  EXPECT_EQ(check(history({write("a", {0, 1}), erase("t1", {2, 3}), absent("t1", {4, 5})})).answer, Linearizable::yes);
  const auto zombie =
      check(history({write("a", {0, 1}), erase("t1", {2, 3}), absent("t1", {4, 5}), read("a", {6, 7}, 2)}));
  EXPECT_EQ(zombie.answer, Linearizable::no);
  EXPECT_EQ(check(history({write("a", {0, 1}), absent("t1", {4, 5})})).answer, Linearizable::no);
}

TEST(Zone, DoubtsWhatItCannotTellApart) {
  EXPECT_EQ(check(history({write("a", {0, 1}), erase("t1", {2, 3}), absent("", {4, 5})})).answer,
            Linearizable::inconclusive);
  EXPECT_EQ(check(history({unknown(erase("", {2, 3})), absent("t9", {4, 5})})).answer, Linearizable::inconclusive);
  EXPECT_EQ(check(history({write("a", {0, 1}), write("a", {2, 3})})).answer, Linearizable::inconclusive);
}

TEST(Zone, JudgesEachKeyOfOneKeyspaceAndNoOther) {
  auto ops =
      history({on("x", write("a", {0, 1})), on("y", read(std::nullopt, {2, 3})), on("x", read(std::nullopt, {4, 5}))});
  auto report = check_linearizable(ops, "bank");
  EXPECT_EQ(report.answer, Linearizable::no);
  EXPECT_EQ(report.keys, 2U);
  EXPECT_EQ(report.operations, 3U);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].key, "x");
  EXPECT_EQ(check_linearizable(ops, "carts").answer, Linearizable::yes);
}

TEST(Zone, AgreesWithBruteForceOnRandomHistories) {
  RandomHistory random(20261121);
  int linearizable = 0;
  for (int round = 0; round < 60'000; ++round) {
    const auto ops = random.draw(/*with_cas=*/round % 2 == 0);
    const bool expected = is_linearizable(ops);
    const KeyFinding found = check(ops);
    ASSERT_NE(found.answer, Linearizable::inconclusive) << found.reason;
    ASSERT_EQ(found.answer == Linearizable::yes, expected) << "round " << round << ": " << found.reason;
    linearizable += expected ? 1 : 0;
  }
  EXPECT_GT(linearizable, 6'000);
  EXPECT_LT(linearizable, 54'000);
}

TEST(Zone, GivesAWitnessThatIsAViolationByItself) {
  RandomHistory random(7);
  int violations = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto ops = random.draw(/*with_cas=*/false);
    const KeyFinding found = check(ops);
    if (found.answer == Linearizable::yes) continue;
    ++violations;
    ASSERT_FALSE(found.reason.empty());
    ASSERT_LE(found.witness.size(), 6U);
    std::vector<Operation> alone;
    for (const Operation& op : ops) {
      if (std::find(found.witness.begin(), found.witness.end(), op.index) != found.witness.end()) alone.push_back(op);
    }
    ASSERT_EQ(alone.size(), found.witness.size());
    ASSERT_FALSE(is_linearizable(alone)) << "round " << round << ": " << found.reason;
  }
  EXPECT_GT(violations, 2'000);
}

TEST(Zone, TakesTheStateAtTheEndForAReadAfterEverything) {
  const auto ops =
      history({write("a", {0, 1}), unknown(write("u", {2, 3})), read("u", {4, 5}), write("b", {10, 11}, 2)});
  EXPECT_EQ(check_linearizable(ops, "bank").answer, Linearizable::yes);
  EXPECT_EQ(check_linearizable(ops, "bank", {{"k", {"b"}}}).answer, Linearizable::yes);
  const auto report = check_linearizable(ops, "bank", {{"k", {"a"}}});
  ASSERT_EQ(report.answer, Linearizable::no);
  EXPECT_THAT(report.findings.front().reason, HasSubstr("the look at the end"));
  EXPECT_THAT(report.findings.front().witness, ElementsAre(10, 20, 30));  // what was read is gone as well
  EXPECT_EQ(report.operations, 4U);
  EXPECT_EQ(check_linearizable(ops, "bank", {}).answer, Linearizable::no);
  EXPECT_EQ(check_linearizable(ops, "bank", {{"k", {"a", "b"}}}).answer, Linearizable::no);
}

TEST(Zone, DoesNotGuessWhichDeleteLeftAKeyAbsentAtTheEnd) {
  const auto ops = history({write("a", {0, 1}), erase("t1", {2, 3})});
  EXPECT_EQ(check_linearizable(ops, "bank", {}).answer, Linearizable::yes);
  EXPECT_EQ(check_linearizable(ops, "bank", {{"k", {"a"}}}).answer, Linearizable::no);
}

// A register with one writer at a time and eight readers around each write.
std::vector<Operation> long_history(int count) {
  std::vector<Operation> ops;
  std::string current;
  for (int i = 0; i < count; ++i) {
    const std::int64_t from = i * 10;
    if (i % 9 == 0) {
      current = "w" + std::to_string(i);
      ops.push_back(write(current, {from, from + 9}));
    } else {
      ops.push_back(read(current, {from, from + 40}));
    }
  }
  return history(std::move(ops));
}

TEST(Zone, HandlesAHundredThousandOperationsOfOneKey) {
  auto ops = long_history(100'000);
  EXPECT_EQ(check(ops).answer, Linearizable::yes);
  ops[90'003].value = ops[45'000].value;
  EXPECT_EQ(check(ops).answer, Linearizable::no);
}

}  // namespace
}  // namespace rift::chaos::check
