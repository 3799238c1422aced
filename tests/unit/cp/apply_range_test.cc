// del_range, time to live and expire, as the log carries them out.
#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

std::string numbered(std::size_t number) {
  std::string digits = std::to_string(number);
  return "k" + std::string(6 - digits.size(), '0') + digits;
}

TEST(DelRange, DeletesWhatLiesInTheRangeInOneRevision) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), put_of("b", "1"), put_of("c", "1"), put_of("d", "1"), del_of("b")});
  const Applied result = bench.apply_one(del_range_of("b", "d"));
  EXPECT_EQ(result.results->deleted, 1U);
  EXPECT_TRUE(result.results->next_key.empty());
  EXPECT_EQ(result.results->revision, Revision(6));
  EXPECT_EQ(bench.value("b")->modify_revision, Revision(5));
  EXPECT_TRUE(bench.value("c")->deleted);
  EXPECT_FALSE(bench.value("d")->deleted);
  EXPECT_EQ(bench.history().back().kind, Event::Kind::del);
  EXPECT_EQ(bench.apply_one(del_range_of("", "")).results->deleted, 2U);
  const Applied nothing = bench.apply_one(del_range_of("", ""));
  EXPECT_EQ(nothing.results->revision, Revision(0));
  EXPECT_EQ(bench.applied().revision, Revision(7));
  EXPECT_EQ(bench.apply_one(del_range_of("z", "a")).results->deleted, 0U);
}

TEST(DelRange, SeesTheWritesOfItsOwnEntry) {
  ApplyBench bench;
  const auto results = bench.apply({put_of("a", "1"), del_range_of("a", "b"), put_of("a", "2")});
  EXPECT_EQ(results[1].results->deleted, 1U);
  EXPECT_EQ(bench.value("a")->create_revision, Revision(3));
}

TEST(DelRange, IsBoundedAndSaysWhereToGoOn) {
  ApplyBench bench;
  std::vector<wire::Command> puts;
  for (std::size_t i = 0; i < limits::batch_ops_max + 10; ++i) puts.push_back(put_of(numbered(i), "v"));
  bench.apply(puts);
  const Applied first = bench.apply_one(del_range_of("k", "l"));
  EXPECT_EQ(first.results->deleted, limits::batch_ops_max);
  EXPECT_EQ(first.results->next_key, Bytes(numbered(limits::batch_ops_max)));
  const Applied rest = bench.apply_one(del_range_of(first.results->next_key, "l"));
  EXPECT_EQ(rest.results->deleted, 10U);
  EXPECT_TRUE(rest.results->next_key.empty());
  // Tombstones are looked at too: a range of them ends the work, not the range.
  EXPECT_EQ(bench.apply_one(del_range_of("k", "l")).results->deleted, 0U);
}

TEST(DelRange, LongKeysBoundItEarlier) {
  ApplyBench bench;
  const std::string prefix(limits::key_bytes_max - 7, 'p');
  std::vector<wire::Command> puts;
  for (std::size_t i = 0; i < 200; ++i) puts.push_back(put_of(prefix + numbered(i), "v"));
  bench.apply(puts);
  const Applied first = bench.apply_one(del_range_of("p", ""));
  EXPECT_LT(first.results->deleted, 200U);
  EXPECT_FALSE(first.results->next_key.empty());
  EXPECT_EQ(first.results->deleted + bench.apply_one(del_range_of(first.results->next_key, "")).results->deleted, 200U);
}

TEST(DelRange, LeavesLocks) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), lock_of("b", "me"), put_of("c", "1")});
  EXPECT_EQ(bench.apply_one(del_range_of("a", "z")).results->deleted, 2U);
  EXPECT_FALSE(bench.value("b")->deleted);
}

TEST(DelRange, AReplayDeletesNothing) {
  ApplyBench bench;
  bench.apply_one(put_of("a", "1"));
  bench.apply_one(named(del_range_of("a", "z"), kit::op_of(1, 1)));
  bench.apply_one(put_of("b", "1"));
  const Applied again = bench.apply_one(named(del_range_of("a", "z"), kit::op_of(1, 1)));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.results->deleted, 1U);
  EXPECT_FALSE(bench.value("b")->deleted);
}

TEST(TimeToLive, OnlyACommittedExpireEntryRemovesAKey) {
  ApplyBench bench;
  bench.log_time = seconds(100);
  bench.apply_one(put_of("k", "v", seconds(5)));
  EXPECT_EQ(bench.value("k")->expiry, Duration(seconds(105)));
  bench.log_time = seconds(200);
  wire::Command cas = command_of(Verb::cas, "k", "w");
  cas.condition.kind = Condition::Kind::absent;
  EXPECT_EQ(bench.apply_one(cas).code, Code::condition_failed);  // its time has passed, and it is there
  EXPECT_EQ(bench.apply_one(expire_of()).version.modify_revision, Revision(2));
  EXPECT_TRUE(bench.value("k")->deleted);
  EXPECT_EQ(bench.expiry_rows(), 0U);
  EXPECT_EQ(bench.history().back().kind, Event::Kind::expired);
  EXPECT_EQ(bench.apply_one(cas).code, Code::ok);
}

TEST(TimeToLive, IsNeverEarlyAndIsJudgedWhenTheEntryIsApplied) {
  ApplyBench bench;
  bench.apply({put_of("k", "v", seconds(5)), put_of("kept", "v", seconds(5))});
  bench.log_time = seconds(4);
  bench.apply_one(put_of("kept", "v", seconds(5)));  // came before the expire in the log: it lives until 9
  bench.log_time = seconds(5) - Duration(1);
  EXPECT_EQ(bench.apply_one(expire_of()).version.modify_revision, Revision(0));
  EXPECT_FALSE(bench.value("k")->deleted);
  bench.log_time = seconds(5);
  bench.apply_one(expire_of());
  EXPECT_TRUE(bench.value("k")->deleted);
  EXPECT_FALSE(bench.value("kept")->deleted);
  EXPECT_EQ(bench.expiry_rows(), 1U);
}

TEST(TimeToLive, EveryWriteSetsItAnew) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "1", seconds(5)));
  EXPECT_EQ(bench.expiry_rows(), 1U);
  bench.apply_one(put_of("k", "2"));
  EXPECT_EQ(bench.expiry_rows(), 0U);
  bench.apply_one(increment_of("k", 1, seconds(3)));
  EXPECT_EQ(bench.value("k")->expiry, Duration(seconds(3)));
  bench.apply_one(txn_of({}, {step_of(Verb::put, "k", "x", 0, seconds(9))}));
  EXPECT_EQ(bench.value("k")->expiry, Duration(seconds(9)));
  EXPECT_EQ(bench.expiry_rows(), 1U);
  bench.apply_one(del_of("k"));
  EXPECT_EQ(bench.expiry_rows(), 0U);
  bench.log_time = seconds(100);
  EXPECT_EQ(bench.apply_one(expire_of()).version.modify_revision, Revision(0));
}

TEST(TimeToLive, ManyKeysGoInPiecesEachInOneRevision) {
  ApplyBench bench;
  std::vector<wire::Command> puts;
  const std::size_t count = limits::expired_keys_per_entry_max + 5;
  for (std::size_t i = 0; i < count; ++i)
    puts.push_back(put_of(numbered(i), "v", seconds(1 + static_cast<long>(i % 3))));
  bench.apply(puts);
  bench.log_time = seconds(10);
  EXPECT_TRUE(bench.is_expiry_due(bench.log_time));
  bench.apply_one(expire_of());
  EXPECT_EQ(bench.expiry_rows(), 5U);
  EXPECT_EQ(bench.applied().revision, Revision(count + 1));
  EXPECT_TRUE(bench.is_expiry_due(bench.log_time));
  bench.restart();
  bench.apply_one(expire_of());
  EXPECT_EQ(bench.expiry_rows(), 0U);
  EXPECT_FALSE(bench.is_expiry_due(bench.log_time));
}

TEST(TimeToLive, ItsLeaderKnowsWhenTheFirstKeyIsDue) {
  ApplyBench bench;
  bench.apply({put_of("late", "v", seconds(50)), put_of("soon", "v", seconds(5))});
  EXPECT_FALSE(bench.is_expiry_due(seconds(4)));
  EXPECT_EQ(bench.applier().earliest_expiry(), Duration(seconds(5)));
  bench.restart();
  EXPECT_FALSE(bench.is_expiry_due(seconds(4)));
  EXPECT_TRUE(bench.is_expiry_due(seconds(5)));
  bench.apply_one(put_of("sooner", "v", seconds(2)));
  EXPECT_TRUE(bench.is_expiry_due(seconds(2)));
  bench.apply({del_of("sooner"), del_of("soon")});
  EXPECT_FALSE(bench.is_expiry_due(seconds(49)));
  EXPECT_TRUE(bench.is_expiry_due(seconds(50)));
}

// The log comes from elsewhere: no time in it may overflow what is computed here.
TEST(TimeToLive, AnEntryFromTheEndOfTimeIsNoDanger) {
  ApplyBench bench;
  bench.log_time = Duration::max();
  bench.apply_one(put_of("k", "v", limits::ttl_max));
  EXPECT_EQ(bench.value("k")->expiry, Duration::max());
  bench.apply_one(expire_of());
  EXPECT_TRUE(bench.value("k")->deleted);
}

}  // namespace
}  // namespace rift::cp
