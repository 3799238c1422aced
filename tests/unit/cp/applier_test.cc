#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

using kit::cas_absent;
using kit::cas_value;
using kit::cas_version;
using kit::del;
using kit::get;

TEST(Applier, StoresAPutUnderOneKeyWithItsRevisions) {
  ApplyBench bench;
  const Applied first = bench.apply_one(put_of("k", "one"));
  EXPECT_EQ(first.code, Code::ok);
  EXPECT_EQ(first.version.create_revision, Revision(1));
  EXPECT_EQ(bench.store().size(env::Table::state_cp), 3U);  // the key, the entry's history and the applied record
  const Applied second = bench.apply_one(put_of("k", "two"));
  EXPECT_EQ(bench.store().size(env::Table::state_cp), 4U);  // one more entry
  EXPECT_EQ(second.version.create_revision, Revision(1));
  EXPECT_EQ(second.version.modify_revision, Revision(2));
  EXPECT_EQ(second.version.version, 2U);
  EXPECT_EQ(bench.value("k")->value, Bytes("two"));
  bench.apply({put_of("l", "1"), put_of("m", "1"), put_of("n", "1")});
  EXPECT_EQ(bench.store().size(env::Table::state_cp), 8U);  // history costs one record, however many puts an entry has
}

TEST(Applier, ADeleteKeepsItsVersionAndANewPutBeginsANewLife) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "one"));
  const Applied deleted = bench.apply_one(command_of(del("k")));
  EXPECT_EQ(deleted.version.modify_revision, Revision(2));
  ASSERT_TRUE(bench.value("k").has_value());
  EXPECT_TRUE(bench.value("k")->deleted);
  EXPECT_EQ(bench.value("k")->modify_revision, Revision(2));
  const Applied again = bench.apply_one(put_of("k", "two"));
  EXPECT_EQ(again.version.create_revision, Revision(3));
  EXPECT_EQ(again.version.version, 1U);
}

TEST(Applier, SpendsNoRevisionWhereNothingChanges) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "one"));
  EXPECT_EQ(bench.apply_one(command_of(del("absent"))).code, Code::ok);
  EXPECT_EQ(bench.apply_one(command_of(cas_value("k", "other", "x"))).code, Code::condition_failed);
  bench.apply_one(command_of(del("k")));
  EXPECT_EQ(bench.apply_one(command_of(del("k"))).version.modify_revision, Revision(2));
  EXPECT_EQ(bench.applied().revision, Revision(2));
}

TEST(Applier, JudgesEachKindOfCondition) {
  ApplyBench bench;
  EXPECT_EQ(bench.apply_one(command_of(cas_absent("k", "a"))).code, Code::ok);
  EXPECT_EQ(bench.apply_one(command_of(cas_absent("k", "b"))).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(command_of(cas_version("k", 1, "b"))).code, Code::ok);
  EXPECT_EQ(bench.apply_one(command_of(cas_version("k", 1, "c"))).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(command_of(cas_value("k", "b", "c"))).code, Code::ok);
  const Applied failed = bench.apply_one(command_of(cas_value("k", "b", "d")));
  EXPECT_EQ(failed.outcome, Outcome::not_done);
  EXPECT_TRUE(failed.found);
  EXPECT_EQ(failed.value, Bytes("c"));
  EXPECT_EQ(failed.version.modify_revision, Revision(3));
}

TEST(Applier, AConditionOnADeletedKeySeesAbsenceAndTheDeletesVersion) {
  ApplyBench bench;
  bench.apply({put_of("k", "a"), command_of(del("k"))});
  const Applied by_value = bench.apply_one(command_of(cas_value("k", "a", "b")));
  EXPECT_EQ(by_value.code, Code::condition_failed);
  EXPECT_FALSE(by_value.found);
  EXPECT_EQ(by_value.version.modify_revision, Revision(2));
  EXPECT_EQ(bench.apply_one(command_of(cas_version("k", 2, "b"))).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(command_of(cas_absent("k", "b"))).code, Code::ok);
}

TEST(Applier, AChainOfConditionsInsideOneEntrySeesItsOwnWrites) {
  ApplyBench bench;
  const auto results = bench.apply({command_of(cas_absent("k", "1")), command_of(cas_value("k", "1", "2")),
                                    command_of(cas_value("k", "1", "3")), command_of(cas_value("k", "2", "4"))});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[1].code, Code::ok);
  EXPECT_EQ(results[2].code, Code::condition_failed);
  EXPECT_EQ(results[2].value, Bytes("2"));
  EXPECT_EQ(bench.value("k")->value, Bytes("4"));
  EXPECT_EQ(bench.value("k")->version, 3U);
}

// One bad entry must not stop every replica, again after each restart (review 23).
TEST(Applier, AMalformedEntryIsANoOp) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "one"));
  const auto before = bench.applied();
  raft::Entry entry{.term = Term(1),
                    .index = {},
                    .kind = raft::EntryKind::command,
                    .log_time = {},
                    .payload = Bytes("garbage \xff\x01")};
  EXPECT_TRUE(bench.apply_entry(std::move(entry)).empty());
  EXPECT_EQ(bench.applied().revision, before.revision);
  EXPECT_EQ(bench.applied().hash, before.hash);
  EXPECT_EQ(bench.applied().index, next(before.index));
  EXPECT_EQ(bench.applier().malformed(), 1U);
}

TEST(Applier, AMalformedCommandIsANoOpAndItsNeighboursAreNot) {
  ApplyBench bench;
  const wire::Command long_key = put_of(std::string(limits::key_bytes_max + 1, 'k'), "v");
  wire::Command no_condition = command_of(cas_absent("k", "v"));
  no_condition.condition = {};
  wire::Command wide_window = put_of("k", "v");
  wide_window.op = OpId{.client = kit::client_of(1), .sequence = 5000, .floor = 1, .first = true, .retry = false};
  wire::Command nobody = put_of("k", "v");
  nobody.op = OpId{.client = {}, .sequence = 1, .floor = 1, .first = true, .retry = false};
  wire::Command nameless = command_of(kit::resolve("k", kit::op_of(1, 1)));
  nameless.op.reset();
  const auto results =
      bench.apply({long_key, no_condition, wide_window, nobody, nameless, command_of(get("k")), put_of("good", "v")});
  ASSERT_EQ(results.size(), 7U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(results[i].code, Code::invalid) << i;
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(results[i].outcome, Outcome::not_done) << i;
  EXPECT_EQ(results[6].code, Code::ok);
  EXPECT_FALSE(bench.value("k").has_value());
  EXPECT_EQ(bench.applier().dedup_clients(), 0U);
}

TEST(Applier, TheHashDependsOnEveryChangeAndItsOrderOnly) {
  ApplyBench a;
  ApplyBench b;
  ApplyBench other;
  a.apply({put_of("k", "1"), put_of("l", "2")});
  b.apply({put_of("k", "1")});
  b.restart();
  b.apply({put_of("l", "2")});
  other.apply({put_of("l", "2"), put_of("k", "1")});
  EXPECT_EQ(a.applied().hash, b.applied().hash);
  EXPECT_NE(a.applied().hash, other.applied().hash);
}

TEST(Applier, LogTimeNeverFalls) {
  ApplyBench bench;
  bench.log_time = std::chrono::seconds(10);
  bench.apply_one(put_of("k", "1"));
  bench.log_time = std::chrono::seconds(5);
  bench.apply_one(put_of("k", "2"));
  EXPECT_EQ(bench.applied().log_time, Duration(std::chrono::seconds(10)));
}

TEST(Applier, AnUnreadableRecordIsAnErrorNotACrash) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "one"));
  const auto records = MUST(bench.store().scan(env::Table::state_cp, env::Range{}, 10, 1000));
  for (const auto& record : records) bench.store().poke(env::Table::state_cp, record.key, Bytes("\x7fnonsense"));
  raft::Entry entry{.term = Term(1),
                    .index = next(bench.applier().index()),
                    .kind = raft::EntryKind::command,
                    .log_time = {},
                    .payload = {}};
  const std::vector<wire::Command> commands = {put_of("k", "two")};
  entry.payload = wire::encode_commands(commands);
  TurnOutput output;
  Rng random(1);
  const auto log = make_null_log();
  Turn turn(Turn::Inputs{.now = {}, .reader = bench.store(), .random = random, .log = *log}, output);
  const auto result = bench.applier().apply(entry, turn);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::corruption);
}

}  // namespace
}  // namespace rift::cp
