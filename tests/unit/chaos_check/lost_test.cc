#include "chaos/check/lost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brute_force.h"
#include "build.h"
#include "chaos/check/zone.h"
#include "random_history.h"

namespace rift::chaos::check {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint64_t> lost(const std::vector<Operation>& ops, Mode mode, const FinalState& state) {
  return find_lost_writes(ops, "bank", mode, state).lost;
}

TEST(Lost, FindsNothingWhenTheFinalValueIsTheLastWrite) {
  const auto ops = history({write("a", {0, 1}), write("b", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), IsEmpty());
  EXPECT_EQ(find_lost_writes(ops, "bank", Mode::ap, {{"k", {"b"}}}).judged, 2U);
}

TEST(Lost, CallsTheLoserOfTwoWritesOnEitherSideOfASplit) {
  const auto ops = history({write("a", {0, 5}), write("b", {3, 8}, 4)});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), ElementsAre(10));
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a"}}}), ElementsAre(20));
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a", "b"}}}), IsEmpty());
}

TEST(Lost, CallsAnAcknowledgedWriteThatAnOlderValueOutlived) {
  const auto ops = history({write("a", {0, 1}), write("b", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"a"}}}), ElementsAre(20));
  EXPECT_THAT(lost(ops, Mode::cp, {}), ElementsAre(20));
}

TEST(Lost, DoesNotBlameWritesThatWereNeverAcknowledged) {
  const auto ops = history({unknown(write("a", {0, 1})), not_done(write("b", {2, 3}))});
  EXPECT_THAT(lost(ops, Mode::cp, {}), IsEmpty());
}

TEST(Lost, TakesACompareAndSetAsHavingSeenWhatItExpected) {
  const auto ops = history({write("a", {0, 9}), cas("a", "b", {1, 5})});
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"b"}}}), IsEmpty());
}

TEST(Lost, LetsAnOverlappingWriteOfTheSameGroupOverwriteByItsOrderOnly) {
  auto first = write("a", {0, 5});
  auto second = write("b", {3, 8});
  first.revision = 7;
  second.revision = 8;
  EXPECT_THAT(lost(history({first, second}), Mode::cp, {{"k", {"b"}}}), IsEmpty());
  EXPECT_THAT(lost(history({first, second}), Mode::cp, {{"k", {"a"}}}), ElementsAre(20));
}

TEST(Lost, CountsAnUnknownWriteAsOverwritingOnlyIfItWasSeen) {
  const auto ops = history({write("a", {0, 1}), unknown(write("b", {2, 3}))});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"b"}}}), IsEmpty());
  EXPECT_THAT(lost(ops, Mode::cp, {}), ElementsAre(10));
}

// Each of them overlaps the other, so each could have been overwritten; but not by the value that had been confirmed before.
TEST(Lost, CallsOverlappingWritesThatAnOlderValueOutlived) {
  const auto ops = history({write("a", {0, 1}), write("b", {10, 20}), write("c", {15, 25}, 4)});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"a"}}}), ElementsAre(20, 30));
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"b"}}}), IsEmpty());
}

// An unknown write whose value was read took effect by then: it cannot have overwritten what began later.
TEST(Lost, DoesNotExcuseAWriteByAnUnknownOneThatWasReadBefore) {
  const auto ops = history({write("a", {0, 1}), unknown(write("u", {2, 3})), read("u", {4, 5}), write("b", {10, 11})});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"a"}}}), ElementsAre(40));
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"u"}}}), ElementsAre(40));
  const auto late = history({write("a", {0, 1}), unknown(write("u", {2, 3})), write("b", {10, 11})});
  EXPECT_THAT(lost(late, Mode::cp, {{"k", {"u"}}}), IsEmpty());
}

TEST(Lost, FollowsAChainOfCompareAndSets) {
  const auto ops = history({write("a", {0, 1}), write("b", {10, 11}), cas("a", "c", {9, 20})});
  EXPECT_THAT(lost(ops, Mode::cp, {{"k", {"c"}}}), ElementsAre(20));
  const auto chain = history({write("a", {0, 1}), unknown(cas("a", "b", {2, 3})), cas("b", "c", {4, 5})});
  EXPECT_THAT(lost(chain, Mode::cp, {{"k", {"c"}}}), IsEmpty());
}

TEST(Lost, LetsAnAbsentKeyBeTheWorkOfADeleteThatMayHaveComeLater) {
  const auto ops = history({write("a", {0, 1}), unknown(erase("", {2, 3}))});
  EXPECT_THAT(lost(ops, Mode::cp, {}), IsEmpty());
  const auto early = history({erase("t", {0, 20}), absent("t", {4, 5}), write("a", {10, 11})});
  EXPECT_THAT(lost(early, Mode::cp, {}), ElementsAre(30));
}

// A write is called lost only where no order of the operations can leave the state that was found.
TEST(Lost, NeverBlamesAStateThatSomeOrderExplains) {
  RandomHistory random(20261122);
  int lossy = 0;
  int explained = 0;
  for (int round = 0; round < 30'000; ++round) {
    auto ops = random.draw(/*with_cas=*/round % 2 == 0);
    const Value left = random.value_left(ops);
    const FinalState state = left ? FinalState{{"k", {*left}}} : FinalState{};
    const auto gone = lost(ops, Mode::cp, state);
    const auto order = check_linearizable(ops, "bank", state);
    ops.push_back(read(left, {100, 101}));
    const bool is_explained = is_linearizable(ops);
    ASSERT_EQ(order.answer == Linearizable::yes, is_explained) << "round " << round;
    ASSERT_TRUE(gone.empty() || !is_explained) << "round " << round << ": operation " << gone.front();
    lossy += gone.empty() ? 0 : 1;
    explained += is_explained ? 1 : 0;
  }
  EXPECT_GT(lossy, 3'000);
  EXPECT_GT(explained, 3'000);
}

TEST(Lost, ExpectsADeletedKeyToStayAbsent) {
  const auto ops = history({write("a", {0, 1}), erase("t", {2, 3})});
  EXPECT_THAT(lost(ops, Mode::ap, {}), IsEmpty());
  EXPECT_THAT(lost(ops, Mode::ap, {{"k", {"a"}}}), ElementsAre(20));
}

std::vector<std::uint64_t> lost_in_order(std::vector<Operation> ops, const FinalState& held) {
  return find_sequentially_lost_writes(history(std::move(ops)), "bank", held).lost;
}

TEST(SequentiallyLost, IsAWriteThatLostToOneThatHadEndedBefore) {
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {20, 30})}, {{"k", {"a"}}}), ElementsAre(20));
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {20, 30})}, {{"k", {"b"}}}), IsEmpty());
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {20, 30})}, {}), ElementsAre(10, 20));
}

TEST(SequentiallyLost, IsNotAWriteThatRaced) {
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {9, 30})}, {{"k", {"a"}}}), IsEmpty());
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {15, 30})}, {{"k", {"a"}}}), IsEmpty());
  EXPECT_THAT(lost_in_order({write("a", {0, 10}), write("b", {16, 30})}, {{"k", {"a"}}}), ElementsAre(20));
}

// Nobody knows when a write of unknown outcome took effect: it may be just now.
TEST(SequentiallyLost, NobodyIsAccusedOnBehalfOfAnUnknownWrite) {
  EXPECT_THAT(lost_in_order({unknown(write("a", {0, 10})), write("b", {20, 30})}, {{"k", {"a"}}}), IsEmpty());
  EXPECT_THAT(lost_in_order({unknown(write("b", {20, 30})), write("a", {0, 10})}, {{"k", {"a"}}}), IsEmpty());
}

TEST(LostElements, AreThoseOfDocumentsThatNoOwnerHolds) {
  const auto lost = [](const FinalState& held) {
    return find_lost_elements(history({on("doc1", write("c1,1", {0, 10})), on("doc1", write("c1,1 c2,1", {20, 30})),
                                       on("doc1", write("c1,1 c1,2", {40, 50})),
                                       on("doc1", unknown(write("c1,1 c3,9", {60, 70}))), write("x", {0, 10})}),
                              "bank", held);
  };
  EXPECT_EQ(lost({}).judged, 3U);
  EXPECT_THAT(lost({{"doc1", {"c1,1 c1,2"}}}).lost, ElementsAre(20));
  EXPECT_THAT(lost({{"doc1", {"c1,1 c1,2", "c1,1 c2,1"}}}).lost, IsEmpty());
  EXPECT_THAT(lost({{"doc1", {"c1,10"}}}).lost, ElementsAre(10, 20, 30));
  EXPECT_THAT(lost({}).lost, ElementsAre(10, 20, 30));
}

}  // namespace
}  // namespace rift::chaos::check
