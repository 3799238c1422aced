// Locks, as the log carries them out (traps 46, 47).
#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

TEST(Lock, IsTakenKeptAliveAndFreed) {
  ApplyBench bench;
  const Applied taken = bench.apply_one(lock_of("l", "me"));
  EXPECT_EQ(taken.code, Code::ok);
  EXPECT_EQ(taken.version.create_revision, Revision(1));
  EXPECT_EQ(bench.value("l")->expiry, Duration(seconds(10)));

  bench.log_time = seconds(9);
  const Applied kept = bench.apply_one(lock_of("l", "me"));
  EXPECT_EQ(kept.code, Code::ok);
  EXPECT_EQ(kept.version, taken.version);
  EXPECT_EQ(bench.value("l")->expiry, Duration(seconds(19)));
  EXPECT_EQ(bench.applied().revision, Revision(1));  // no change, nothing to watch
  EXPECT_EQ(bench.history().size(), 1U);
  EXPECT_EQ(bench.expiry_rows(), 1U);

  const Applied freed = bench.apply_one(unlock_of("l", "me"));
  EXPECT_EQ(freed.code, Code::ok);
  EXPECT_TRUE(bench.value("l")->deleted);
  EXPECT_EQ(bench.history().back().kind, Event::Kind::del);
  EXPECT_EQ(bench.expiry_rows(), 0U);
}

TEST(Lock, BelongsToItsHolderAlone) {
  ApplyBench bench;
  bench.apply_one(lock_of("l", "me"));
  for (const wire::Command& command : {lock_of("l", "you"), unlock_of("l", "you")}) {
    const Applied refused = bench.apply_one(command);
    EXPECT_EQ(refused.code, Code::condition_failed);
    EXPECT_EQ(refused.outcome, Outcome::not_done);
    EXPECT_TRUE(refused.found);
    EXPECT_EQ(refused.value, Bytes("me"));
    EXPECT_EQ(refused.version.create_revision, Revision(1));
  }
  EXPECT_EQ(bench.value("l")->value, Bytes("me"));
}

TEST(Lock, NoOtherVerbWritesIt) {
  ApplyBench bench;
  bench.apply_one(lock_of("l", "5"));
  wire::Command cas = command_of(Verb::cas, "l", "x");
  cas.condition.kind = Condition::Kind::exists;
  for (const wire::Command& command :
       {put_of("l", "x"), del_of("l"), cas, increment_of("l", 1), txn_of({}, {step_of(Verb::del, "l")})}) {
    const Applied refused = bench.apply_one(command);
    EXPECT_EQ(refused.code, Code::condition_failed);
    EXPECT_EQ(refused.value, Bytes("5"));
  }
  EXPECT_EQ(bench.applied().revision, Revision(1));
}

TEST(Lock, AKeyWithAValueIsNoLock) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "me"));
  EXPECT_EQ(bench.apply_one(lock_of("k", "me")).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(unlock_of("k", "me")).code, Code::condition_failed);
  EXPECT_EQ(bench.apply_one(unlock_of("absent", "me")).code, Code::condition_failed);
  EXPECT_EQ(bench.value("k")->expiry, Duration());
}

// Whoever comes after has a higher fence: a holder that has slept too long is told apart by it (trap 47).
TEST(Lock, TheFenceGrowsFromHolderToHolder) {
  ApplyBench bench;
  std::uint64_t last = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string holder = "h" + std::to_string(round % 2);
    const Applied taken = bench.apply_one(lock_of("l", holder));
    ASSERT_EQ(taken.code, Code::ok);
    EXPECT_GT(taken.version.create_revision.value(), last);
    last = taken.version.create_revision.value();
    if (round % 2 == 0) {
      bench.apply_one(unlock_of("l", holder));
    } else {
      bench.log_time += seconds(10);
      bench.apply_one(expire_of());
    }
  }
  // The resource's guard: a Txn that writes only under the fence it was given.
  bench.apply_one(lock_of("l", "new"));
  const Applied stale = bench.apply_one(
      txn_of({compare_of("l", Condition::Kind::created, last)}, {step_of(Verb::put, "resource", "stale")}));
  EXPECT_FALSE(stale.results->succeeded);
  EXPECT_FALSE(bench.value("resource").has_value());
}

// A leader that saw the lock run out proposed the expire; the keep-alive came before it in the log (trap 46).
TEST(Lock, AKeepAliveBeforeTheExpireEntryWins) {
  ApplyBench bench;
  bench.apply_one(lock_of("l", "me"));
  bench.log_time = seconds(10);
  bench.apply({lock_of("l", "me"), expire_of()});
  EXPECT_FALSE(bench.value("l")->deleted);
  bench.log_time = seconds(20);
  bench.apply({expire_of(), lock_of("l", "me")});  // too late: taken anew
  EXPECT_EQ(bench.value("l")->create_revision, Revision(3));
}

// It waited at a paused leader while its holder unlocked through another.
TEST(Lock, AKeepAliveThatIsLateNeverTakesIt) {
  ApplyBench bench;
  const auto keep = [](std::uint64_t fence) {
    wire::Command command = lock_of("l", "me");
    command.condition.kind = Condition::Kind::created;
    command.condition.version = fence;
    return command;
  };
  EXPECT_EQ(bench.apply_one(keep(1)).code, Code::condition_failed) << "it takes nothing";
  EXPECT_FALSE(bench.value("l").has_value());
  ASSERT_EQ(bench.apply_one(lock_of("l", "me")).version.create_revision, Revision(1));
  bench.log_time = seconds(9);
  EXPECT_EQ(bench.apply_one(keep(1)).version.create_revision, Revision(1));
  EXPECT_EQ(bench.value("l")->expiry, Duration(seconds(19)));
  bench.apply_one(unlock_of("l", "me"));
  const Applied late = bench.apply_one(keep(1));
  EXPECT_EQ(late.code, Code::condition_failed);
  EXPECT_EQ(late.outcome, Outcome::not_done);
  EXPECT_TRUE(bench.value("l")->deleted);

  // Taken once more under the same name: that is another lock.
  const std::uint64_t fence = bench.apply_one(lock_of("l", "me")).version.create_revision.value();
  ASSERT_GT(fence, 1U);
  EXPECT_EQ(bench.apply_one(keep(1)).code, Code::condition_failed);
  EXPECT_EQ(bench.value("l")->expiry, Duration(seconds(19)));
  bench.log_time = seconds(30);
  bench.apply_one(expire_of());
  EXPECT_EQ(bench.apply_one(keep(fence)).code, Code::condition_failed) << "its lease is over";
}

TEST(Lock, AReplayStillTellsTheFence) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), put_of("a", "2")});
  bench.apply_one(named(lock_of("l", "me"), kit::op_of(1, 1)));
  bench.restart();
  const Applied again = bench.apply_one(named(lock_of("l", "me"), kit::op_of(1, 1)));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.version.create_revision, Revision(3));
  EXPECT_EQ(again.version.version, 1U);
}

TEST(Lock, WithoutAHolderOrATimeItIsMalformed) {
  ApplyBench bench;
  EXPECT_EQ(bench.apply_one(lock_of("l", "")).code, Code::invalid);
  EXPECT_EQ(bench.apply_one(lock_of("l", "me", Duration())).code, Code::invalid);
  EXPECT_EQ(bench.apply_one(unlock_of("l", "")).code, Code::invalid);
  wire::Command conditional = lock_of("l", "me");
  conditional.condition.kind = Condition::Kind::exists;
  EXPECT_EQ(bench.apply_one(conditional).code, Code::invalid) << "its fence, or nothing";
  EXPECT_EQ(bench.applier().malformed(), 4U);
}

}  // namespace
}  // namespace rift::cp
