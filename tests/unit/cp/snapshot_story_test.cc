// Logs that are shortened, and followers that need what is gone: from a leader's log to a follower's new state, through lost messages, crashes
// between any two batches and other leaders (traps 17, 39, 40; review 18).
#include <limits>
#include <map>

#include "snapshot_story.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::op_of;
using kit::put;
using kit::with_op;

TEST_F(Snapshots, TheLogStaysShortAndARestartFindsItWhole) {
  group.elect();
  write(0, 200);
  group.expect_convergence();
  for (const NodeId n : group.all()) {
    EXPECT_LE(counter(n, "log_entries"), 32U) << to_string(n);
    EXPECT_GE(counter(n, "compactions"), 10U) << to_string(n);
    EXPECT_EQ(counter(n, "snapshots_installed"), 0U) << to_string(n);  // living followers were waited for
  }
  for (const Crash crash : {Crash::kill, Crash::power_loss}) {
    for (const NodeId n : group.all()) group.crash(n, crash);
    for (const NodeId n : group.all()) MUST(group.restart(n));
    group.elect();
    for (int i = 180; i < 200; ++i)
      EXPECT_EQ(group.read(NodeId(1), "k" + std::to_string(i % 20)), "v" + std::to_string(i));
    write(180, 200);
    group.expect_convergence();
  }
}

TEST_F(Snapshots, AFollowerThatWasAwayTakesASnapshot) {
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  expect_caught_up(away);
  EXPECT_EQ(counter(away, "snapshots_installed"), 1U);
  group.run_for(100ms);
  EXPECT_EQ(leftovers(away), 0U);
  // It goes on from there, and keeps it through a crash.
  write(100, 110);
  group.expect_convergence();
  group.crash(away, Crash::power_loss);
  MUST(group.restart(away));
  group.elect();
  group.expect_convergence();
  EXPECT_EQ(counter(away, "snapshots_installed"), 0U);
}

TEST_F(Snapshots, TheReceiverNeverOwesItsDiskMuch) {
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  std::size_t bytes = 0;
  std::size_t chunks = 0;
  group.set_filter([&](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    if (const auto* chunk = std::get_if<wire::SnapshotChunk>(&*decoded); chunk != nullptr) {
      ++chunks;
      for (const auto& record : chunk->records) bytes += record.key.size() + record.value.size();
    }
    return false;
  });
  ASSERT_TRUE(group.run_until([&] { return chunks == 1; }));
  group.hold_disk(away);
  group.run_for(400ms);  // before it asks again, for want of an answer
  EXPECT_GT(chunks, 1U);
  EXPECT_LE(bytes, 300U + 100U + 100U);  // and what was asked for before
  group.release_disk(away);
  expect_caught_up(away);
  EXPECT_EQ(counter(away, "snapshots_installed"), 1U);
  EXPECT_GT(bytes, 1000U);
}

// What was executed before is known to the receiver: exactly once holds across the transfer.
TEST_F(Snapshots, DedupWindowsTravelAlong) {
  const NodeId away = group.follower_of(group.elect());
  group.crash(away, Crash::kill);
  auto first = with_op(put("once", "first"), op_of(7, 1));
  first.op->first = true;
  ASSERT_EQ(group.write(first).outcome, Outcome::done);
  write(0, 100);
  MUST(group.restart(away));
  expect_caught_up(away);
  for (const NodeId n : group.all()) {
    if (n != away) group.crash(n, Crash::kill);
  }
  MUST(group.restart(group.others(away).front()));
  auto again = with_op(put("once", "first"), op_of(7, 1));
  again.op->retry = true;
  const Response response = group.write(again);
  EXPECT_EQ(response.outcome, Outcome::done);
  EXPECT_TRUE(response.receipt.duplicate);
}

// Trap 51: what has an end has it for the receiver too, and what had ended before stays gone.
TEST_F(Snapshots, LocksAndTimesToLiveTravelAlong) {
  const auto lock = [&](std::string_view key, std::string_view holder, Duration ttl) {
    Request request = put(key, holder);
    request.verb = Verb::lock;
    request.operands.emplace().ttl = ttl;
    return group.write(request);
  };
  const Response early = lock("early", "one", 2s);
  ASSERT_EQ(early.outcome, Outcome::done);
  const Response late = lock("late", "one", 30s);
  ASSERT_EQ(late.outcome, Outcome::done);
  Request key = put("key", "v");
  key.operands.emplace().ttl = 30s;
  ASSERT_EQ(group.write(key).outcome, Outcome::done);
  const Time taken = group.now();
  const NodeId away = leave_one_behind();
  group.run_for(3s);
  MUST(group.restart(away));
  expect_caught_up(away);
  ASSERT_EQ(counter(away, "snapshots_installed"), 1U);
  // It leads, with one that asks for no vote.
  for (const NodeId n : group.others(away)) group.crash(n, Crash::kill);
  const NodeId other = group.others(away).front();
  group.set_filter([&](NodeId from, const Outgoing& out) {
    const auto message = wire::decode_message(out.message);
    const auto* raft = std::get_if<raft::Message>(&*message);
    return from == other && raft != nullptr &&
           (std::holds_alternative<raft::PreVote>(*raft) || std::holds_alternative<raft::Vote>(*raft));
  });
  MUST(group.restart(other));
  ASSERT_TRUE(group.run_until([&] { return group.with_role("leader") == away; }));
  EXPECT_EQ(group.read(away, "early"), "<absent>");
  const Response next = lock("early", "two", 30s);
  EXPECT_EQ(next.outcome, Outcome::done);
  EXPECT_GT(next.version.create_revision, early.version.create_revision);
  EXPECT_EQ(lock("late", "two", 30s).code, Code::condition_failed);
  EXPECT_EQ(group.read(away, "key"), "v");
  ASSERT_TRUE(group.run_until([&] { return group.read(away, "late", Level::one) == "<absent>"; }, 40s));
  EXPECT_GE(group.now() - taken, 30s);
  EXPECT_LE(group.now() - taken, 36s) << "but for the time without a leader";
  EXPECT_TRUE(group.run_until([&] { return group.read(away, "key", Level::one) == "<absent>"; }, 1s));
  EXPECT_GT(lock("late", "two", 30s).version.create_revision, late.version.create_revision);
}

TEST_F(Snapshots, ALinearizableReadOnTheReceiverWaitsForItsState) {
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  group.elect();
  EXPECT_EQ(group.read(away, "k19"), "v99");
}

TEST_F(Snapshots, MessagesMayBeLostRepeatedAndLate) {
  group.set_drop_probability(0.2);
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  expect_caught_up(away);
  EXPECT_GE(counter(away, "snapshots_installed"), 1U);
}

TEST_F(Snapshots, WritesGoOnWhileItTravels) {
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  const NodeId leader = group.elect();
  group.set_delay(leader, away, 20ms);  // the transfer takes longer than the log lasts
  write(100, 300);
  EXPECT_GE(counter(leader, "compactions"), 2U);
  expect_caught_up(away, 300);
  EXPECT_EQ(counter(away, "snapshots_installed"), 1U) << "what the receiver needs next is kept";
}

// The log is cut behind the state while it travels, again and again, whatever arrives first at its sender: what it brought, or that it is there.
TEST_F(Snapshots, WhoIsOvertakenIsRefilledAgain) {
  for (const auto delay : {5ms, 20ms, 60ms}) {
    CpReplica::Options options = small_logs();
    options.compaction.hold_bytes_max = 1;
    Group quick({}, options);
    const NodeId leader = quick.elect();
    const NodeId away = quick.follower_of(leader);
    quick.crash(away, Crash::kill);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(quick.write(put("k", std::to_string(i))).outcome, Outcome::done);
    MUST(quick.restart(away));
    quick.set_delay(leader, away, delay);
    for (int i = 0; i < 200; ++i) ASSERT_EQ(quick.write(put("k", std::to_string(i))).outcome, Outcome::done);
    ASSERT_EQ(quick.elect(), leader) << "or nothing is shown";
    quick.expect_convergence();
    EXPECT_EQ(quick.read(away, "k", Level::one), "199");
  }
}

// From a peer that lies, or whose memory is damaged: a state that nobody has yet is nothing to wait for.
TEST_F(Snapshots, AnAbsurdWishHoldsNobodyUp) {
  const NodeId away = leave_one_behind();
  const NodeId leader = group.elect();
  for (const NodeId liar : group.others(leader)) {
    if (liar == away) continue;
    const wire::SnapshotWish wish{.term = group.replica(leader).status().term,
                                  .wish = ~std::uint64_t{0},
                                  .at_least = LogIndex(~std::uint64_t{0}),
                                  .amnesiac = false};
    group.at(leader).receive(liar, env::Lane::data, wire::encode_message(wish));
  }
  EXPECT_EQ(counter(leader, "messages_dropped"), 1U);
  MUST(group.restart(away));
  expect_caught_up(away);
}

// A follower that answered lately and has lost some appends is waited for, up to a multiple of the limits; beyond that it takes a snapshot.
TEST_F(Snapshots, WhoIsALittleBehindIsWaitedFor) {
  const NodeId slow = group.follower_of(group.elect());
  const auto miss = [&](int writes) {
    const std::uint64_t before = counter(slow, "snapshots_installed");
    group.isolate(slow);
    write(0, writes);
    group.rejoin();
    group.expect_convergence();
    return counter(slow, "snapshots_installed") - before;
  };
  write(0, 20);
  EXPECT_EQ(miss(40), 0U) << "more than twice the limit, within the patience with it";
  EXPECT_EQ(miss(100), 1U);
}

TEST_F(Snapshots, AnotherLeaderBeginsAnew) {
  const NodeId away = leave_one_behind();
  MUST(group.restart(away));
  const NodeId old_leader = group.elect();
  group.set_delay(old_leader, away, 30ms);
  ASSERT_TRUE(group.run_until([&] { return counter(old_leader, "snapshots_sent") == 1; }));
  group.run_for(50ms);
  ASSERT_EQ(counter(away, "snapshots_installed"), 0U);
  group.isolate(old_leader);
  ASSERT_TRUE(group.run_until([&] { return counter(away, "snapshots_installed") == 1; }));
  group.heal();
  expect_caught_up(away);
  EXPECT_EQ(leftovers(away), 0U);
}

TEST_F(Snapshots, TwoThatWereAwayAreServedOneAfterTheOther) {
  Group::Options five;
  five.nodes = 5;
  Group large(five, small_logs());
  const NodeId leader = large.elect();
  const auto others = large.others(leader);
  for (const NodeId n : {others[0], others[1]}) large.crash(n, Crash::kill);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(large.write(put("k" + std::to_string(i), "v")).outcome, Outcome::done);
  for (const NodeId n : {others[0], others[1]}) MUST(large.restart(n));
  large.elect();
  large.expect_convergence();
  for (const NodeId n : {others[0], others[1]})
    EXPECT_EQ(large.replica(n).status().counters.at("snapshots_installed"), 1U);
}

// An old leader's own entries reach further than the snapshot that replaces them; a restart must not find them (trap 20).
TEST_F(Snapshots, NothingOfTheLogThatItReplacesComesBack) {
  CpReplica::Options options = small_logs();
  options.uncommitted_entries_max = 1000;
  Group deep({}, options);
  const NodeId old_leader = deep.elect();
  deep.split({old_leader});
  for (int i = 0; i < 400; ++i) deep.submit(old_leader, put("lost" + std::to_string(i), "x"));
  deep.run_for(50ms);
  const LogIndex long_end = deep.replica(old_leader).status().last;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(deep.write(put("k", std::to_string(i))).outcome, Outcome::done);
  deep.rejoin();
  deep.elect();
  deep.expect_convergence();
  ASSERT_EQ(deep.replica(old_leader).status().counters.at("snapshots_installed"), 1U);
  ASSERT_LT(deep.replica(old_leader).status().last, long_end);
  deep.crash(old_leader, Crash::kill);
  MUST(deep.restart(old_leader));
  EXPECT_LT(deep.replica(old_leader).status().last, long_end);
  deep.elect();
  EXPECT_EQ(deep.read(old_leader, "k"), "99");
  EXPECT_EQ(deep.read(old_leader, "lost399"), "<absent>");
}

// The receiver dies after each number of its batches, by kill and by power loss with each number of unsynced batches kept; whatever is left must
// start, and catch up.
TEST_F(Snapshots, TheReceiverMayDieBetweenAnyTwoBatches) {
  for (const Crash crash : {Crash::kill, Crash::power_loss}) {
    bool more = true;
    for (std::size_t batches = 0; more; ++batches) {
      ASSERT_LT(batches, 100U);
      Group fresh({}, small_logs());
      const NodeId away = fresh.follower_of(fresh.elect());
      fresh.crash(away, Crash::kill);
      for (int i = 0; i < 100; ++i) fresh.write(put("k" + std::to_string(i % 20), "v" + std::to_string(i)));
      MUST(fresh.restart(away));
      const std::size_t before = fresh.at(away).store().applied();
      more = fresh.run_until([&] { return fresh.at(away).store().applied() >= before + batches; }, 3s);
      if (!more) {
        ASSERT_EQ(fresh.replica(away).status().counters.at("snapshots_installed"), 1U);
        ASSERT_GT(batches, 6U);  // chunks, the switch, the log behind it, what is left of the old state
      }
      fresh.crash(away, crash);
      MUST(fresh.restart(away));
      fresh.elect();
      fresh.expect_convergence();
      for (int i = 80; i < 100; ++i)
        EXPECT_EQ(fresh.read(away, "k" + std::to_string(i % 20), Level::one), "v" + std::to_string(i)) << batches;
    }
  }
}

// Trap 17. A group of one, whose disk syncs only when told to: it writes until its log has been compacted `compactions` times, and loses power
// while the batch that did it is not yet durable.
class AroundACompaction {
 public:
  AroundACompaction(std::uint64_t compactions, std::size_t kept) : group_(alone(), small_logs()) {
    group_.elect();
    group_.hold_disk(self);
    store().finish_syncs();
    for (int i = 0; done() < compactions && i < 200; ++i) write_one(compactions, i);
    EXPECT_EQ(done(), compactions);
    // Whatever the compaction's round kept back is stored along with this.
    group_.submit(self, put("behind", "v"));
    group_.run_for(1ms);
    window_ = store().applied() - store().synced();
    if (kept > window_) return;
    const std::string cut = floor();
    store().lose_power(store().synced() + kept);
    group_.crash(self, Crash::kill);
    was_kept_ = floor() == cut;
    group_.release_disk(self);
    MUST(group_.restart(self));
    group_.elect();
    for (const auto& [key, value] : values_) EXPECT_EQ(group_.read(self, key), value) << kept;
  }
  std::size_t window() const { return window_; }  // batches that the power loss may take
  bool was_kept() const { return was_kept_; }     // the compaction

 private:
  static constexpr NodeId self{1};
  static Group::Options alone() {
    Group::Options options;
    options.nodes = 1;
    return options;
  }
  kit::MapStore& store() { return group_.at(self).store(); }
  std::uint64_t done() { return group_.replica(self).status().counters.at("compactions"); }
  std::string floor() {
    const auto record = MUST(store().get(env::Table::meta, wire::partition_meta_key(group_.partition(), "floor")));
    return record ? record->to_string() : "";
  }
  // Sync by sync, until it is answered or the log has been cut. What is applied is durable, answered or not.
  void write_one(std::uint64_t compactions, int i) {
    const std::string key = "k" + std::to_string(i % 20);
    const std::string value = "v" + std::to_string(i);
    const RequestId id = group_.submit(self, put(key, value));
    values_[key] = value;
    for (int step = 0; step < 50 && done() < compactions; ++step) {
      group_.run_for(1ms);
      if (done() >= compactions) return;
      if (const auto reply = group_.take_reply(self, id)) {
        EXPECT_EQ(reply->outcome, Outcome::done);
        return;
      }
      group_.at(self).sync_one();
    }
  }

  Group group_;
  std::map<std::string, std::string> values_;
  std::size_t window_ = 0;
  bool was_kept_ = false;
};

TEST_F(Snapshots, APowerLossAroundACompactionLosesNothing) {
  for (const std::uint64_t compactions : {1U, 3U}) {
    const std::size_t window = AroundACompaction(compactions, std::numeric_limits<std::size_t>::max()).window();
    ASSERT_GE(window, 1U);
    std::size_t kept = 0;
    for (std::size_t batches = 0; batches <= window; ++batches) {
      if (AroundACompaction(compactions, batches).was_kept()) ++kept;
    }
    EXPECT_GE(kept, 1U) << "of " << window;
    EXPECT_LE(kept, window) << "the compaction was never in the window";
  }
}

}  // namespace
}  // namespace rift::cp
