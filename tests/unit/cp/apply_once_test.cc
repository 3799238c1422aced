// Exactly once, for the verbs whose answers say more than done (DESIGN 4).
#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

wire::Command resolve_of(std::string_view key, OpId op) { return named(command_of(Verb::resolve, key), op); }

wire::Command transfer(OpId op) {
  return named(txn_of({compare_of("a", Condition::Kind::exists)},
                      {step_of(Verb::increment, "a", {}, -1), step_of(Verb::increment, "b", {}, 1)}),
               op);
}

TEST(ExactlyOnce, ATxnAndItsRetryInOneEntryMoveTheMoneyOnce) {
  ApplyBench bench;
  bench.apply_one(put_of("a", "10"));
  const auto results = bench.apply({transfer(kit::op_of(1, 1)), transfer(kit::op_of(1, 1))});
  EXPECT_TRUE(results[1].duplicate);
  EXPECT_EQ(results[1].results, results[0].results);
  EXPECT_EQ(bench.value("a")->value, Bytes("9"));
  EXPECT_EQ(bench.value("b")->value, Bytes("1"));
  EXPECT_EQ(bench.applied().revision, Revision(2));
}

TEST(ExactlyOnce, AFailureIsReplayedThoughItWouldSucceedByNow) {
  ApplyBench bench;
  bench.apply_one(put_of("n", "text"));
  bench.apply_one(named(increment_of("n", 1), kit::op_of(1, 1)));
  bench.apply_one(named(lock_of("n", "me"), kit::op_of(1, 2)));
  bench.apply_one(put_of("n", "5"));
  const Applied number = bench.apply_one(named(increment_of("n", 1), kit::op_of(1, 1)));
  EXPECT_TRUE(number.duplicate);
  EXPECT_EQ(number.code, Code::invalid);
  EXPECT_EQ(number.outcome, Outcome::not_done);
  bench.apply_one(del_of("n"));
  const Applied lock = bench.apply_one(named(lock_of("n", "me"), kit::op_of(1, 2)));
  EXPECT_EQ(lock.code, Code::condition_failed);
  EXPECT_EQ(lock.value, Bytes("text"));
  EXPECT_FALSE(is_live(bench.value("n")));
}

TEST(ExactlyOnce, ResolveTellsWhatATxnCameTo) {
  ApplyBench bench;
  bench.apply_one(put_of("a", "10"));
  const Applied first = bench.apply_one(transfer(kit::op_of(1, 1)));
  const Applied told = bench.apply_one(resolve_of("a", kit::op_of(1, 1)));
  EXPECT_EQ(told.code, Code::ok);
  EXPECT_EQ(told.outcome, Outcome::done);
  EXPECT_EQ(told.results, first.results);
}

// The refusal is written before never is said: the copy that comes late finds it (review 3).
TEST(ExactlyOnce, ATxnThatWasResolvedFirstNeverHappens) {
  ApplyBench bench;
  bench.apply_one(named(put_of("a", "10"), kit::op_of(1, 1)));
  const Applied never = bench.apply_one(resolve_of("a", kit::op_of(1, 2)));
  EXPECT_EQ(never.code, Code::refused);
  EXPECT_EQ(never.outcome, Outcome::not_done);
  bench.restart();
  EXPECT_EQ(bench.apply_one(transfer(kit::op_of(1, 2))).code, Code::refused);
  EXPECT_EQ(bench.value("a")->value, Bytes("10"));
  EXPECT_FALSE(bench.value("b").has_value());
}

TEST(ExactlyOnce, ADeleteRangeGoesOnUnderAnotherName) {
  ApplyBench bench;
  std::vector<wire::Command> puts;
  for (std::size_t i = 0; i < limits::batch_ops_max + 3; ++i)
    puts.push_back(put_of("k" + std::to_string(10'000 + i), ""));
  bench.apply(puts);
  const Applied first = bench.apply_one(named(del_range_of("k", "l"), kit::op_of(1, 1)));
  const Applied again = bench.apply_one(named(del_range_of("k", "l"), kit::op_of(1, 1)));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.results->next_key, first.results->next_key);
  const Applied rest = bench.apply_one(named(del_range_of(first.results->next_key, "l"), kit::op_of(1, 2)));
  EXPECT_EQ(rest.results->deleted, 3U);
}

}  // namespace
}  // namespace rift::cp
