// What a leader proposes without being asked: the end of keys whose time has passed, the end of history.
#include <gtest/gtest.h>

#include "group.h"

namespace rift::cp {
namespace {

using kit::put;

Request put_for(std::string_view key, Duration ttl) {
  Request request = put(key, "v");
  request.operands.emplace().ttl = ttl;
  return request;
}

bool everybody_lacks(Group& group, std::string_view key) {
  return std::all_of(group.all().begin(), group.all().end(),
                     [&](NodeId n) { return group.read(n, key, Level::one) == "<absent>"; });
}

TEST(Upkeep, AKeyGoesOnEveryReplicaWhenItsTimeHasPassedAndNotBefore) {
  Group group;
  group.elect();
  EXPECT_EQ(group.write(put_for("k", 2s)).outcome, Outcome::done);
  group.write(put("kept", "v"));
  group.run_for(1900ms);
  for (const NodeId n : group.all()) EXPECT_EQ(group.read(n, "k"), "v");
  EXPECT_TRUE(group.run_until([&] { return everybody_lacks(group, "k"); }, 1s));
  EXPECT_EQ(group.read(group.elect(), "kept"), "v");
  group.expect_convergence();
}

// Not at its next heartbeat: a lock that is free a little late is felt by whoever waits for it.
TEST(Upkeep, ItsLeaderWakesWhenTheFirstKeyIsDue) {
  Group group;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(group.write(put_for("k", 500ms + i * 7ms)).outcome, Outcome::done);
    group.run_for(520ms + i * 7ms);
    EXPECT_EQ(group.read(group.elect(), "k", Level::one), "<absent>") << i;
  }
}

TEST(Upkeep, ALockIsFreeForTheNextWhenItsHolderIsSilent) {
  Group group;
  const auto lock = [&](std::string_view holder) {
    Request request = put("l", holder);
    request.verb = Verb::lock;
    request.operands.emplace().ttl = 3s;
    return group.write(request);
  };
  const Response first = lock("one");
  EXPECT_EQ(first.outcome, Outcome::done);
  for (int i = 0; i < 5; ++i) {
    group.run_for(1s);
    EXPECT_EQ(lock("two").code, Code::condition_failed);
    EXPECT_EQ(lock("one").version.create_revision, first.version.create_revision);
  }
  group.run_for(3200ms);
  const Response second = lock("two");
  EXPECT_EQ(second.outcome, Outcome::done);
  EXPECT_GT(second.version.create_revision, first.version.create_revision);
}

// The clock of the log stands still without a leader (DESIGN 5): a key may live longer, never shorter.
TEST(Upkeep, TimeWithoutALeaderDoesNotCount) {
  Group group;
  EXPECT_EQ(group.write(put_for("k", 5s)).outcome, Outcome::done);
  for (const NodeId n : group.all()) group.isolate(n);
  group.observe_all({});
  group.run_for(60s);
  group.rejoin();
  group.elect();
  group.run_for(3s);
  for (const NodeId n : group.all()) EXPECT_EQ(group.read(n, "k"), "v");
  EXPECT_TRUE(group.run_until([&] { return everybody_lacks(group, "k"); }, 3s));
}

// Another leader counts on from what the log says, and must not forget a key that it never wrote.
TEST(Upkeep, TheNextLeaderEndsWhatTheLastOneBegan) {
  Group group;
  EXPECT_EQ(group.write(put_for("k", 3s)).outcome, Outcome::done);
  const NodeId old = group.elect();
  group.crash(old);
  group.run_for(1s);
  EXPECT_EQ(group.read(group.follower_of(old), "k", Level::one), "v");
  EXPECT_TRUE(group.restart(old).has_value());
  EXPECT_TRUE(group.run_until([&] { return everybody_lacks(group, "k"); }, 10s));
  group.expect_convergence();
}

TEST(Upkeep, HistoryIsKeptWithinItsLimit) {
  CpReplica::Options options;
  options.history.revisions_max = 40;
  Group group({}, options);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(group.write(put("k", std::to_string(i))).outcome, Outcome::done);
  const auto floor = [&] { return group.replica(group.elect()).applied().compacted.value(); };
  EXPECT_TRUE(group.run_until([&] { return floor() >= 55; }, 5s));
  EXPECT_LE(floor(), 60U);  // at most what is too much
  group.run_for(2s);
  group.expect_convergence();
  EXPECT_EQ(group.replica(group.elect()).applied().swept.value(), floor());
}

TEST(Upkeep, HistoryOfLargeValuesIsBoundedByItsBytes) {
  CpReplica::Options options;
  options.history.bytes_max = 64 * limits::kibi;
  Group group({}, options);
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(group.write(put("k", std::string(8 * limits::kibi, 'v'))).outcome, Outcome::done);
  EXPECT_TRUE(
      group.run_until([&] { return group.replica(group.elect()).applied().history_bytes <= 80 * limits::kibi; }, 10s));
  EXPECT_GT(group.replica(group.elect()).applied().history_bytes, 32 * limits::kibi);
  group.run_for(2s);
  group.expect_convergence();
}

// Writes that are never all committed, with some always held back behind them.
class UpkeepUnderLoad : public testing::Test {
 protected:
  static CpReplica::Options options() {
    CpReplica::Options options;
    options.history.revisions_max = 40;
    return options;
  }
  void write_for(Duration duration) {
    const NodeId leader = group_.elect();
    for (const Time end = group_.now() + duration; group_.now() < end; group_.run_for(100us)) {
      const RequestId id = group_.submit(leader, kit::with_budget(kit::del("absent"), 20s));
      group_.take_reply(leader, id);
    }
  }
  Group group_{{}, options()};
};

TEST_F(UpkeepUnderLoad, AKeyWhoseTimeHasPassedGoes) {
  EXPECT_EQ(group_.write(put_for("k", 1s)).outcome, Outcome::done);
  write_for(1100ms);
  EXPECT_EQ(group_.read(group_.elect(), "k", Level::one), "<absent>");
  EXPECT_TRUE(group_.at(group_.elect()).recorder().marks().contains("cp.writes_held"));
}

TEST_F(UpkeepUnderLoad, OldHistoryGoes) {
  for (int i = 0; i < 300; ++i) EXPECT_EQ(group_.write(put("k", std::to_string(i))).outcome, Outcome::done);
  write_for(1s);
  const auto applied = group_.replica(group_.elect()).applied();
  EXPECT_GE(applied.compacted.value(), 255U);
  EXPECT_EQ(applied.swept, applied.compacted);
}

// One entry takes a thousand, and the next follows as soon as it is applied.
TEST(Upkeep, ThousandsOfKeysThatAreDueAtOnceGoWithoutAPause) {
  constexpr int keys = 5000;
  Group group;
  const NodeId leader = group.elect();
  const Time begin = group.now();
  std::vector<Request> writes;
  for (int i = 0; i < keys; ++i) writes.push_back(put_for("k" + std::to_string(i), begin + 2s - group.now()));
  const auto ids = group.submit(leader, std::move(writes));
  ASSERT_TRUE(group.run_until([&] { return group.take_reply(leader, ids.back()).has_value(); }));
  ASSERT_LT(group.now(), begin + 1s);
  const auto revision = [&] { return group.replica(leader).applied().revision.value(); };
  group.run_for(begin + 1999ms - group.now());
  const auto before = revision();
  group.run_for(50ms);
  EXPECT_GE(revision(), before + keys / limits::expired_keys_per_entry_max);
  EXPECT_EQ(group.read(leader, "k0", Level::one), "<absent>");
  EXPECT_EQ(group.read(leader, "k4999", Level::one), "<absent>");
  EXPECT_EQ(group.read(leader, "k2500", Level::one), "<absent>");
}

// An idle group writes nothing: neither a key that is due in an hour nor an old floor makes its leader speak.
TEST(Upkeep, WithoutAReasonNothingIsProposed) {
  Group group;
  EXPECT_EQ(group.write(put_for("k", 1h)).outcome, Outcome::done);
  group.write(kit::del("absent"));
  const NodeId leader = group.elect();
  const LogIndex last = group.at(leader).replica().status().last;
  group.run_for(20s);
  EXPECT_EQ(group.at(leader).replica().status().last, last);
}

}  // namespace
}  // namespace rift::cp
