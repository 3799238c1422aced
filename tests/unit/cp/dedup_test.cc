#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

using kit::cas_value;
using kit::client_of;
using kit::op_of;
using kit::put;
using kit::with_op;

wire::Command named_put(std::string_view value, OpId op) { return command_of(with_op(put("k", value), op)); }

OpId retry_of(OpId op) {
  op.retry = true;
  return op;
}

OpId with_floor(OpId op, std::uint64_t floor) {
  op.floor = floor;
  return op;
}

TEST(Dedup, ARetryOfAnAppliedOperationIsAnsweredNotExecuted) {
  ApplyBench bench;
  EXPECT_EQ(bench.apply_one(named_put("a", op_of(1, 1))).version.modify_revision, Revision(1));
  bench.apply_one(command_of(put("k", "b")));
  const Applied again = bench.apply_one(named_put("a", retry_of(op_of(1, 1))));
  EXPECT_EQ(again.code, Code::ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.version.modify_revision, Revision(1));
  EXPECT_EQ(bench.value("k")->value, Bytes("b"));
  EXPECT_EQ(bench.applied().revision, Revision(2));
}

TEST(Dedup, TheOriginalAndItsRetryInsideOneEntry) {
  ApplyBench bench;
  const auto results =
      bench.apply({named_put("a", op_of(1, 1)), command_of(put("k", "b")), named_put("a", retry_of(op_of(1, 1)))});
  EXPECT_FALSE(results[0].duplicate);
  EXPECT_TRUE(results[2].duplicate);
  EXPECT_EQ(bench.value("k")->value, Bytes("b"));
}

TEST(Dedup, SurvivesARestart) {
  ApplyBench bench;
  bench.apply_one(named_put("a", op_of(1, 1)));
  bench.restart();
  EXPECT_TRUE(bench.apply_one(named_put("a", retry_of(op_of(1, 1)))).duplicate);
}

// A table of the last sequence only would call 6 a duplicate: a lost write reported as done (review 3).
TEST(Dedup, AnEarlierSequenceThatNeverArrivedIsStillExecuted) {
  ApplyBench bench;
  bench.apply_one(named_put("1", op_of(1, 1)));
  for (const std::uint64_t sequence : {7U, 5U, 8U})
    bench.apply_one(named_put(std::to_string(sequence), op_of(1, sequence)));
  const Applied late = bench.apply_one(named_put("6", retry_of(op_of(1, 6))));
  EXPECT_EQ(late.code, Code::ok);
  EXPECT_FALSE(late.duplicate);
  EXPECT_EQ(bench.value("k")->value, Bytes("6"));
  EXPECT_TRUE(bench.apply_one(named_put("7", retry_of(op_of(1, 7)))).duplicate);
}

TEST(Dedup, AnUnknownClientMustSayThatItIsNew) {
  ApplyBench bench;
  const Applied fresh = bench.apply_one(named_put("a", op_of(1, 2)));
  EXPECT_EQ(fresh.code, Code::dedup_expired);
  EXPECT_EQ(fresh.outcome, Outcome::not_done);
  const Applied retried = bench.apply_one(named_put("a", retry_of(op_of(1, 2))));
  EXPECT_EQ(retried.code, Code::dedup_expired);
  EXPECT_EQ(retried.outcome, Outcome::unknown);
  EXPECT_FALSE(bench.value("k").has_value());
}

TEST(Dedup, BelowTheFloorNothingIsKnownAnyMore) {
  ApplyBench bench;
  bench.apply_one(named_put("1", op_of(1, 1)));
  bench.apply_one(named_put("3", with_floor(op_of(1, 3), 3)));
  const Applied late = bench.apply_one(named_put("1", retry_of(op_of(1, 1))));
  EXPECT_EQ(late.code, Code::dedup_expired);
  EXPECT_EQ(late.outcome, Outcome::unknown);
  EXPECT_EQ(bench.value("k")->value, Bytes("3"));
}

TEST(Dedup, TheRowKeepsOnlyWhatIsAboveTheFloor) {
  ApplyBench bench;
  bench.apply_one(named_put("1", op_of(1, 1)));
  for (std::uint64_t sequence = 2; sequence <= 500; ++sequence) {
    bench.apply_one(named_put("v", with_floor(op_of(1, sequence), sequence)));
  }
  const auto rows = MUST(bench.store().scan(env::Table::state_cp, env::Range{}, 100, 1 << 20));
  for (const auto& row : rows) EXPECT_LT(row.value.size(), 200U);
}

TEST(Dedup, ResolveFindsTheOutcome) {
  ApplyBench bench;
  bench.apply_one(named_put("a", op_of(1, 1)));
  const Applied asked = bench.apply_one(command_of(kit::resolve("k", op_of(1, 1))));
  EXPECT_EQ(asked.code, Code::ok);
  EXPECT_EQ(asked.outcome, Outcome::done);
  EXPECT_EQ(asked.version.modify_revision, Revision(1));
}

// Review 3: put (c,5) is jammed, Resolve says never, the client writes on, the jam clears.
TEST(Dedup, ResolveThatFindsNothingRefusesTheLateCopy) {
  ApplyBench bench;
  bench.apply_one(named_put("v4", op_of(1, 4 - 3)));
  const Applied never = bench.apply_one(command_of(kit::resolve("k", op_of(1, 5))));
  EXPECT_EQ(never.code, Code::refused);
  EXPECT_EQ(never.outcome, Outcome::not_done);
  bench.apply_one(named_put("v6", op_of(1, 6)));
  bench.restart();
  const Applied late = bench.apply_one(named_put("v5", op_of(1, 5)));
  EXPECT_EQ(late.code, Code::refused);
  EXPECT_EQ(late.outcome, Outcome::not_done);
  EXPECT_EQ(bench.value("k")->value, Bytes("v6"));
}

// A client without a row may never have been heard of, or its row has expired: only the late copy can be ruled out.
TEST(Dedup, ResolveOfAFirstRequestWithoutARowIsUnknownAndRefusesItsLateCopy) {
  ApplyBench bench;
  for (int asked = 0; asked < 2; ++asked) {
    const Applied result = bench.apply_one(command_of(kit::resolve("k", op_of(1, 1))));
    EXPECT_EQ(result.code, Code::dedup_expired);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    bench.restart();
  }
  const Applied late = bench.apply_one(named_put("late", op_of(1, 1)));
  EXPECT_EQ(late.code, Code::dedup_expired);
  EXPECT_EQ(late.outcome, Outcome::unknown);
  EXPECT_FALSE(bench.value("k").has_value());
}

TEST(Dedup, ResolveAfterTheRowOfAnExecutedFirstRequestExpiredDoesNotSayNever) {
  ApplyBench bench;
  EXPECT_EQ(bench.apply_one(named_put("a", op_of(1, 1))).outcome, Outcome::done);
  bench.log_time = std::chrono::minutes(61);
  EXPECT_EQ(bench.apply_one(command_of(kit::resolve("k", op_of(1, 1)))).outcome, Outcome::unknown);
  EXPECT_EQ(bench.apply_one(command_of(kit::resolve("k", op_of(1, 1)))).outcome, Outcome::unknown);
}

// The row that a later request opens anew knows nothing of what came before it.
TEST(Dedup, ARowOpenedAgainSaysNothingOfEarlierSequences) {
  ApplyBench bench;
  EXPECT_EQ(bench.apply_one(named_put("a", op_of(1, 1))).outcome, Outcome::done);
  bench.log_time = std::chrono::minutes(61);
  OpId second = op_of(1, 2);
  second.first = true;  // the first one's answer never came: the client does not know that its window was open
  EXPECT_EQ(bench.apply_one(named_put("b", second)).outcome, Outcome::done);
  const Applied asked = bench.apply_one(command_of(kit::resolve("k", op_of(1, 1))));
  EXPECT_EQ(asked.code, Code::dedup_expired);
  EXPECT_EQ(asked.outcome, Outcome::unknown);
  EXPECT_EQ(bench.apply_one(named_put("a", retry_of(op_of(1, 1)))).outcome, Outcome::unknown);
  EXPECT_EQ(bench.value("k")->value, Bytes("b"));
}

TEST(Dedup, ResolveOfAForgottenClientIsUnknownNeverNever) {
  ApplyBench bench;
  const Applied asked = bench.apply_one(command_of(kit::resolve("k", op_of(1, 9))));
  EXPECT_EQ(asked.code, Code::dedup_expired);
  EXPECT_EQ(asked.outcome, Outcome::unknown);
}

// Answered by reading again, a replayed failed cas could return the very value that it expected (review 3).
TEST(Dedup, AFailedCasIsReplayedWithTheValueThatItSaw) {
  ApplyBench bench;
  bench.apply_one(command_of(put("k", "old")));
  const auto cas = command_of(with_op(cas_value("k", "wanted", "new"), op_of(1, 1)));
  EXPECT_EQ(bench.apply_one(cas).value, Bytes("old"));
  bench.apply_one(command_of(put("k", "wanted")));
  bench.restart();
  const Applied again = bench.apply_one(cas);
  EXPECT_EQ(again.code, Code::condition_failed);
  EXPECT_TRUE(again.duplicate);
  EXPECT_TRUE(again.found);
  EXPECT_EQ(again.value, Bytes("old"));
  EXPECT_EQ(again.version.modify_revision, Revision(1));
  EXPECT_EQ(bench.value("k")->value, Bytes("wanted"));
}

TEST(Dedup, OfTheValuesSeenTheLargestAreOmittedFirst) {
  DedupTable::Limits limits;
  limits.seen_bytes_max = 100;
  ApplyBench bench(limits);
  bench.apply({command_of(put("big", std::string(90, 'x'))), command_of(put("small", std::string(20, 'y')))});
  const auto big = command_of(with_op(cas_value("big", "no", "v"), op_of(1, 1)));
  const auto small = command_of(with_op(cas_value("small", "no", "v"), op_of(1, 2)));
  EXPECT_EQ(bench.apply_one(big).value.size(), 90U);
  EXPECT_EQ(bench.apply_one(small).value.size(), 20U);
  const Applied replayed = bench.apply_one(big);
  EXPECT_TRUE(replayed.seen_omitted);
  EXPECT_TRUE(replayed.found);
  EXPECT_TRUE(replayed.value.empty());
  EXPECT_EQ(bench.apply_one(small).value.size(), 20U);
}

// Without it whoever asks again would take the range for deleted.
TEST(Dedup, WhereARangeGoesOnIsKeptLongerThanValues) {
  DedupTable::Limits limits;
  limits.seen_bytes_max = 100;
  ApplyBench bench(limits);
  std::vector<wire::Command> puts{command_of(put("value", std::string(60, 'x')))};
  const std::string prefix(50, 'k');
  for (std::size_t i = 0; i <= limits::batch_ops_max; ++i)
    puts.push_back(command_of(put(prefix + std::to_string(10'000 + i), "v")));
  bench.apply(puts);
  auto range = command_of(with_op(kit::del("k"), op_of(1, 1)));
  range.verb = Verb::del_range;
  range.operands.ensure().range_end = Bytes("l");
  const auto cas = [](std::uint64_t sequence) {
    return command_of(with_op(cas_value("value", "no", "v"), op_of(1, sequence)));
  };
  const Bytes next = bench.apply_one(range).results->next_key;
  ASSERT_GT(next.size(), prefix.size());
  bench.apply_one(cas(2));
  const Applied replayed = bench.apply_one(range);
  EXPECT_TRUE(replayed.duplicate);
  EXPECT_EQ(replayed.results->next_key, next);
  EXPECT_FALSE(replayed.seen_omitted);
  EXPECT_TRUE(bench.apply_one(cas(2)).seen_omitted);
}

TEST(Dedup, RowsExpireByLogTime) {
  ApplyBench bench;
  bench.apply_one(named_put("a", op_of(1, 1)));
  bench.log_time = std::chrono::minutes(30);
  bench.apply_one(named_put("b", op_of(2, 1)));
  bench.log_time = std::chrono::minutes(61);
  bench.apply_one(command_of(put("k", "c")));
  EXPECT_EQ(bench.applier().dedup_clients(), 1U);
  EXPECT_EQ(bench.apply_one(named_put("a", retry_of(op_of(1, 2)))).code, Code::dedup_expired);
  EXPECT_TRUE(bench.apply_one(named_put("b", retry_of(op_of(2, 1)))).duplicate);
}

TEST(Dedup, TheOldestClientMakesRoom) {
  DedupTable::Limits limits;
  limits.clients_max = 3;
  ApplyBench bench(limits);
  for (std::uint64_t client = 1; client <= 4; ++client) {
    bench.log_time += limits.kept_at_least;
    EXPECT_EQ(bench.apply_one(named_put("v", op_of(client, 1))).outcome, Outcome::done);
  }
  EXPECT_EQ(bench.applier().dedup_clients(), 3U);
  EXPECT_EQ(bench.apply_one(named_put("v", retry_of(op_of(1, 2)))).outcome, Outcome::unknown);
  EXPECT_TRUE(bench.apply_one(named_put("v", retry_of(op_of(2, 1)))).duplicate);
}

// A row that is dropped while a copy of its opening request may still be on its way lets that copy run again.
TEST(Dedup, AFreshRowIsNeverDroppedForANewcomer) {
  DedupTable::Limits limits;
  limits.clients_max = 3;
  ApplyBench bench(limits);
  for (std::uint64_t client = 1; client <= 3; ++client) bench.apply_one(named_put("v", op_of(client, 1)));
  bench.log_time = limits::request_budget_max;
  const Applied refused = bench.apply_one(named_put("newcomer", op_of(4, 1)));
  EXPECT_EQ(refused.code, Code::overloaded);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_EQ(bench.value("k")->value, Bytes("v"));
  EXPECT_EQ(bench.apply_one(named_put("newcomer", retry_of(op_of(4, 1)))).outcome, Outcome::unknown);
  EXPECT_EQ(bench.apply_one(command_of(kit::resolve("k", op_of(4, 1)))).outcome, Outcome::unknown);
  for (std::uint64_t client = 1; client <= 3; ++client) {
    EXPECT_TRUE(bench.apply_one(named_put("v", retry_of(op_of(client, 1)))).duplicate);
  }
  bench.restart();
  EXPECT_EQ(bench.apply_one(named_put("newcomer", op_of(4, 1))).code, Code::overloaded);
}

// What is in memory must not matter: one replica restarts at every entry and keeps no row loaded, the other never does.
TEST(Dedup, IsAPureFunctionOfTheLog) {
  DedupTable::Limits limits;
  limits.clients_max = 5;
  limits.seen_bytes_max = 40;
  limits.lifetime = std::chrono::seconds(20);
  DedupTable::Limits forgetful = limits;
  forgetful.memory_bytes_max = 0;
  ApplyBench steady(limits);
  ApplyBench restarted(forgetful, 9);
  Rng random(3);
  std::map<std::uint64_t, std::uint64_t> sequences;
  for (int entry = 0; entry < 2000; ++entry) {
    std::vector<wire::Command> commands;
    for (std::uint64_t i = random.between(1, 4); i > 0; --i) {
      const std::uint64_t client = random.between(1, 8);
      std::uint64_t& last = sequences[client];
      const std::uint64_t sequence =
          random.chance(0.3) && last > 0 ? random.between(last > 6 ? last - 6 : 1, last) : ++last;
      OpId op = op_of(client, sequence);
      op.floor = sequence > 5 && random.chance(0.5) ? sequence - random.between(0, 5) : 1;
      if (sequence - op.floor >= limits::dedup_window_max) op.floor = sequence - 5;
      op.first = random.chance(0.2);
      op.retry = random.chance(0.3);
      const std::string value(random.between(1, 20), static_cast<char>('a' + random.below(26)));
      const double kind = random.unit();
      commands.push_back(command_of(kind < 0.5   ? with_op(put("k", value), op)
                                    : kind < 0.9 ? with_op(cas_value("k", "never", value), op)
                                                 : kit::resolve("k", op)));
    }
    steady.log_time += random.between(Duration::zero(), std::chrono::seconds(2));
    restarted.log_time = steady.log_time;
    const auto a = steady.apply(commands);
    const auto b = restarted.apply(commands);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].code, b[i].code) << "entry " << entry;
      ASSERT_EQ(a[i].duplicate, b[i].duplicate);
      ASSERT_EQ(a[i].value, b[i].value);
      ASSERT_EQ(a[i].seen_omitted, b[i].seen_omitted);
    }
    ASSERT_EQ(steady.applied(), restarted.applied()) << "entry " << entry;
    if (entry % 20 == 0) {
      ASSERT_EQ(steady.dump(), restarted.dump()) << "entry " << entry;
    }
    restarted.restart();
  }
  EXPECT_GT(steady.applied().revision, Revision(500));
}

}  // namespace
}  // namespace rift::cp
