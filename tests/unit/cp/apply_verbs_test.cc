// Increment and Txn, as the log carries them out.
#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

TEST(Increment, CountsFromZeroAndSaysWhatItCameTo) {
  ApplyBench bench;
  const Applied first = bench.apply_one(increment_of("n", 5));
  EXPECT_EQ(first.code, Code::ok);
  EXPECT_EQ(first.value, Bytes("5"));
  EXPECT_EQ(first.version.version, 1U);
  const auto more = bench.apply({increment_of("n", -7), increment_of("n", 1)});
  EXPECT_EQ(more[0].value, Bytes("-2"));
  EXPECT_EQ(more[1].value, Bytes("-1"));
  EXPECT_EQ(bench.value("n")->value, Bytes("-1"));
  EXPECT_EQ(bench.applied().revision, Revision(3));
}

TEST(Increment, RefusesWhatIsNoNumberAndWhatDoesNotFit) {
  ApplyBench bench;
  for (const std::string_view text : {"", "x", "1 ", " 1", "+1", "1.5", "9223372036854775808", "0x10"}) {
    bench.apply_one(put_of("n", text));
    const auto before = bench.applied();
    const Applied refused = bench.apply_one(increment_of("n", 1));
    EXPECT_EQ(refused.code, Code::invalid) << text;
    EXPECT_EQ(refused.outcome, Outcome::not_done) << text;
    EXPECT_EQ(bench.applied().revision, before.revision) << text;
    EXPECT_EQ(bench.applied().hash, before.hash) << text;
    EXPECT_EQ(bench.value("n")->value, Bytes(text));
  }
  bench.apply_one(put_of("n", "9223372036854775807"));
  EXPECT_EQ(bench.apply_one(increment_of("n", 1)).code, Code::invalid);
  EXPECT_EQ(bench.apply_one(increment_of("n", -1)).value, Bytes("9223372036854775806"));
  bench.apply_one(put_of("n", "-9223372036854775808"));
  EXPECT_EQ(bench.apply_one(increment_of("n", -1)).code, Code::invalid);
}

TEST(Increment, AReplayIsAnsweredWithTheSameNumber) {
  ApplyBench bench;
  bench.apply_one(named(increment_of("n", 5), kit::op_of(1, 1)));
  bench.apply_one(increment_of("n", 10));
  const Applied again = bench.apply_one(named(increment_of("n", 5), kit::op_of(1, 1)));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value, Bytes("5"));
  EXPECT_EQ(again.version.modify_revision, Revision(1));
  EXPECT_EQ(again.version.create_revision, Revision(1));
  EXPECT_EQ(bench.value("n")->value, Bytes("15"));
}

TEST(Conditions, JudgeExistenceAndTheRevisionOfCreation) {
  ApplyBench bench;
  wire::Command exists = command_of(Verb::cas, "k", "b");
  exists.condition.kind = Condition::Kind::exists;
  EXPECT_EQ(bench.apply_one(exists).code, Code::condition_failed);
  bench.apply({put_of("other", "x"), put_of("k", "a"), put_of("k", "a2")});  // k: created 2, modified 3
  EXPECT_EQ(bench.apply_one(exists).code, Code::ok);
  wire::Command created = command_of(Verb::cas, "k", "c");
  created.condition = {.kind = Condition::Kind::created, .version = 3, .value = {}};
  EXPECT_EQ(bench.apply_one(created).code, Code::condition_failed);
  created.condition.version = 2;
  EXPECT_EQ(bench.apply_one(created).code, Code::ok);
  bench.apply_one(del_of("k"));
  EXPECT_EQ(bench.apply_one(created).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(exists).code, Code::condition_failed);
}

TEST(Txn, RunsOneOfTwoListsInOneRevision) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), put_of("gone", "x")});
  const wire::Command txn =
      txn_of({compare_of("a", Condition::Kind::value, 0, "1"), compare_of("b", Condition::Kind::absent)},
             {step_of(Verb::put, "a", "2"), step_of(Verb::put, "b", "3"), step_of(Verb::del, "gone")},
             {step_of(Verb::get, "a"), step_of(Verb::put, "c", "else")});
  const Applied first = bench.apply_one(txn);
  ASSERT_TRUE(first.results.has_value());
  EXPECT_TRUE(first.results->succeeded);
  EXPECT_EQ(first.results->revision, Revision(3));
  EXPECT_EQ(bench.applied().revision, Revision(3));
  for (const char* key : {"a", "b", "gone"}) EXPECT_EQ(bench.value(key)->modify_revision, Revision(3)) << key;
  EXPECT_TRUE(bench.value("gone")->deleted);
  EXPECT_TRUE(first.results->items[2].found);
  const auto events = bench.history();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[4].kind, Event::Kind::del);

  const Applied second = bench.apply_one(txn);  // a is 2 by now
  EXPECT_EQ(second.code, Code::ok);
  EXPECT_FALSE(second.results->succeeded);
  ASSERT_EQ(second.results->items.size(), 2U);
  EXPECT_EQ(second.results->items[0].value, Bytes("2"));
  EXPECT_EQ(bench.value("c")->value, Bytes("else"));
}

// Were they judged one by one against what the steps before them wrote, a batch would depend on the order of its compares.
TEST(Txn, ComparesSeeTheStateBeforeAndStepsEachOther) {
  ApplyBench bench;
  bench.apply_one(put_of("n", "10"));
  const Applied result = bench.apply_one(
      txn_of({compare_of("n", Condition::Kind::value, 0, "10"), compare_of("n", Condition::Kind::version, 1)},
             {step_of(Verb::increment, "n", {}, 5), step_of(Verb::get, "n"), step_of(Verb::increment, "n", {}, 1),
              step_of(Verb::put, "new", "1"), step_of(Verb::del, "new"), step_of(Verb::get, "new")}));
  ASSERT_TRUE(result.results->succeeded);
  const auto& items = result.results->items;
  EXPECT_EQ(items[0].value, Bytes("15"));
  EXPECT_EQ(items[1].value, Bytes("15"));
  EXPECT_EQ(items[2].value, Bytes("16"));
  EXPECT_TRUE(items[4].found);
  EXPECT_FALSE(items[5].found);
  EXPECT_EQ(bench.value("n")->value, Bytes("16"));
  EXPECT_EQ(bench.value("n")->version, 2U);  // one change of the key, however many steps
  EXPECT_TRUE(bench.value("new")->deleted);
  const auto events = bench.history();
  ASSERT_EQ(events.size(), 3U);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(events[i].revision, Revision(2));
}

TEST(Txn, AKeyDeletedAndPutAgainBeginsANewLife) {
  ApplyBench bench;
  bench.apply({put_of("k", "1"), put_of("k", "2")});
  bench.apply_one(txn_of({}, {step_of(Verb::del, "k"), step_of(Verb::put, "k", "3")}));
  EXPECT_EQ(bench.value("k")->create_revision, Revision(3));
  EXPECT_EQ(bench.value("k")->version, 1U);
  ASSERT_EQ(bench.history().size(), 3U);
  EXPECT_EQ(bench.history().back().kind, Event::Kind::put);
}

TEST(Txn, AStepThatCannotBeExecutedFailsTheWholeWithoutEffect) {
  ApplyBench bench;
  bench.apply({put_of("text", "x"), lock_of("lock", "me")});
  const auto before = bench.applied();
  const Applied no_number =
      bench.apply_one(txn_of({}, {step_of(Verb::put, "a", "1"), step_of(Verb::increment, "text", {}, 1)}));
  EXPECT_EQ(no_number.code, Code::invalid);
  EXPECT_EQ(no_number.outcome, Outcome::not_done);
  const Applied locked = bench.apply_one(txn_of({}, {step_of(Verb::put, "a", "1"), step_of(Verb::put, "lock", "x")}));
  EXPECT_EQ(locked.code, Code::condition_failed);
  EXPECT_EQ(locked.value, Bytes("me"));
  EXPECT_FALSE(bench.value("a").has_value());
  EXPECT_EQ(bench.applied().revision, before.revision);
  EXPECT_EQ(bench.applied().hash, before.hash);
}

TEST(Txn, WithoutAChangeItSpendsNoRevision) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "1"));
  const Applied read = bench.apply_one(txn_of({}, {step_of(Verb::get, "k"), step_of(Verb::del, "absent")}));
  EXPECT_EQ(read.code, Code::ok);
  EXPECT_EQ(read.results->revision, Revision(0));
  EXPECT_FALSE(read.results->items[1].found);
  EXPECT_EQ(bench.applied().revision, Revision(1));
  EXPECT_EQ(bench.history().size(), 1U);
}

TEST(Txn, WhatItReadsIsBounded) {
  ApplyBench bench;
  const std::string half(limits::value_bytes_max / 2 + 4096, 'v');
  bench.apply_one(put_of("a", half));
  bench.apply_one(put_of("b", half));
  const Applied both =
      bench.apply_one(txn_of({}, {step_of(Verb::put, "c", "1"), step_of(Verb::get, "a"), step_of(Verb::get, "b")}));
  EXPECT_EQ(both.code, Code::too_large);
  EXPECT_EQ(both.outcome, Outcome::not_done);
  EXPECT_FALSE(bench.value("c").has_value());
  const std::string whole(limits::value_bytes_max, 'v');
  bench.apply_one(put_of("a", whole));
  EXPECT_EQ(bench.apply_one(txn_of({}, {step_of(Verb::get, "a")})).results->items[0].value.size(), whole.size());
}

TEST(Txn, OneThatNoClientCouldSendIsANoOp) {
  ApplyBench bench;
  std::vector<wire::Command> bad = {
      command_of(Verb::txn, {}),
      txn_of({}, {}),
      txn_of({compare_of("k", Condition::Kind::none)}, {step_of(Verb::put, "k")}),
      txn_of({}, {step_of(Verb::put, "")}),
      txn_of({}, {step_of(Verb::lock, "k", "me")}),
      txn_of({}, {step_of(Verb::put, "k", "v", 0, Duration(-1))}),
      txn_of({}, std::vector<Step>(limits::txn_operations_max + 1, step_of(Verb::put, "k")))};
  for (const wire::Command& command : bad) EXPECT_EQ(bench.apply_one(command).code, Code::invalid);
  EXPECT_EQ(bench.applier().malformed(), bad.size());
  EXPECT_EQ(bench.applied().revision, Revision(0));
}

TEST(Txn, AReplayIsAnsweredFromTheWindow) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "1"));
  const wire::Command txn =
      named(txn_of({compare_of("k", Condition::Kind::value, 0, "1")},
                   {step_of(Verb::get, "k"), step_of(Verb::put, "k", "2")}, {step_of(Verb::put, "wrong", "x")}),
            kit::op_of(1, 1));
  const Applied first = bench.apply_one(txn);
  bench.restart();
  const Applied again = bench.apply_one(txn);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.code, Code::ok);
  EXPECT_EQ(again.results, first.results);
  EXPECT_FALSE(bench.value("wrong").has_value());
  EXPECT_EQ(bench.applied().revision, Revision(2));
}

TEST(Txn, AReplayWithoutRoomForItsValuesStillSaysWhatHappened) {
  ApplyBench bench;
  bench.apply_one(put_of("k", std::string(limits::dedup_seen_value_bytes_max + 1, 'v')));
  const wire::Command txn =
      named(txn_of({}, {step_of(Verb::get, "k"), step_of(Verb::put, "l", "2")}), kit::op_of(1, 1));
  EXPECT_EQ(bench.apply_one(txn).results->items.size(), 2U);
  const Applied again = bench.apply_one(txn);
  EXPECT_TRUE(again.duplicate);
  EXPECT_TRUE(again.seen_omitted);
  EXPECT_TRUE(again.results->succeeded);
  EXPECT_EQ(again.results->revision, Revision(2));
  EXPECT_TRUE(again.results->items.empty());
}

}  // namespace
}  // namespace rift::cp
