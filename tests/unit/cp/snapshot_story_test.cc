// Logs that are shortened, and followers that need what is gone: from a leader's log to a follower's new state, through lost messages, crashes
// between any two batches and other leaders (traps 17, 39, 40; review 18).
#include "group.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::op_of;
using kit::put;
using kit::with_op;

using Crash = kit::TurnHarness::Crash;

CpReplica::Options small_logs() {
  CpReplica::Options options;
  options.compaction.entries_max = 16;
  options.snapshot.chunk_bytes = 100;  // several chunks
  options.snapshot.unsynced_bytes_max = 300;
  options.spread_after = std::chrono::hours(1);
  return options;
}

class Snapshots : public ::testing::Test {
 protected:
  explicit Snapshots(Group::Options options = {}) : group(options, small_logs()) {}

  std::uint64_t counter(NodeId node, const std::string& name) { return group.replica(node).status().counters.at(name); }
  void write(int from, int to) {
    for (int i = from; i < to; ++i) {
      ASSERT_EQ(group.write(put("k" + std::to_string(i % 20), "v" + std::to_string(i))).outcome, Outcome::done) << i;
    }
  }
  // A follower that is down for more entries than anybody keeps.
  NodeId leave_one_behind(int writes = 100) {
    const NodeId away = group.follower_of(group.elect());
    group.crash(away, Crash::kill);
    write(0, writes);
    return away;
  }
  void expect_caught_up(NodeId away, int writes = 100) {
    group.elect();
    group.expect_convergence();
    for (int i = writes - 20; i < writes; ++i)
      EXPECT_EQ(group.read(away, "k" + std::to_string(i % 20), Level::one), "v" + std::to_string(i));
  }
  // Records of state generations other than the current one.
  std::size_t leftovers(NodeId node) {
    std::size_t count = 0;
    group.at(node).round([&](Replica&, Turn& turn) {
      const Space space = MUST(find_space(group.partition(), turn));
      const auto mine = wire::state_range(group.partition(), space.generation);
      for (const auto& pair : MUST(turn.scan(env::Table::state_cp, env::Range{}, 100'000, 1 << 26)))
        count += pair.key < mine.first || pair.key >= mine.last ? 1 : 0;
    });
    return count;
  }

  Group group;
};

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

// Trap 17: the batch that shortens the log is the last that survives, or the first that does not.
TEST_F(Snapshots, APowerLossAroundACompactionLosesNothing) {
  for (std::size_t kept = 0; kept <= 12; ++kept) {
    kit::ReplicaCluster::Options one;
    one.nodes = 1;
    Group alone(one, small_logs());
    alone.elect();
    for (int i = 0; i < 30; ++i) alone.write(put("k" + std::to_string(i), "v"));
    alone.hold_disk(NodeId(1));
    for (int i = 0; i < 40; ++i) alone.submit(NodeId(1), put("k" + std::to_string(i), "w"));
    alone.run_for(50ms);
    alone.at(1).store().lose_power(alone.at(1).store().synced() + kept);
    alone.crash(NodeId(1), Crash::kill);
    alone.release_disk(NodeId(1));
    MUST(alone.restart(NodeId(1)));
    alone.elect();
    for (int i = 0; i < 30; ++i) EXPECT_NE(alone.read(NodeId(1), "k" + std::to_string(i)), "<absent>") << kept;
  }
}

// --- single messages, as a hostile or a late peer would send them --------------------------------------------------------------------

class Receiver : public Snapshots {
 protected:
  Receiver() {
    write(0, 50);
    group.expect_convergence();
    leader = group.elect();
    self = group.follower_of(leader);
    group.isolate(self);
  }
  void receive(const wire::Message& message, env::Lane lane = env::Lane::bulk) {
    group.at(self).receive(leader, lane, wire::encode_message(message));
  }
  wire::SnapshotOffer offer(std::uint64_t id, LogIndex index) {
    const auto status = group.replica(self).status();
    return wire::SnapshotOffer{
        .term = status.term,
        .id = id,
        .meta = {
            .index = index, .term = status.term, .log_time = {}, .config = {LogIndex(1), {.voters = group.all()}}}};
  }
  // What it has sent since the last look.
  template <class M>
  std::vector<M> sent() {
    std::vector<M> found;
    for (const Outgoing& out : group.at(self).take_sent()) {
      const auto message = MUST(wire::decode_message(out.message));
      if (const auto* one = std::get_if<M>(&message)) found.push_back(*one);
    }
    return found;
  }
  template <class M>
  std::optional<M> first() {
    const std::vector<M> all = sent<M>();
    return all.empty() ? std::nullopt : std::optional(all.front());
  }
  std::optional<bool> installed() {
    const auto done = first<wire::SnapshotDone>();
    return done ? std::optional(done->installed) : std::nullopt;
  }
  wire::SnapshotChunk chunk(std::uint64_t id, std::uint64_t number, std::vector<wire::StateRecord> records, bool last) {
    std::uint64_t sum = 0;
    for (const auto& record : records) sum = add_to_sum(sum, record);
    return {.id = id, .number = number, .records = std::move(records), .sum = sum, .last = last};
  }

  NodeId leader;
  NodeId self;
};

TEST_F(Receiver, AnOlderStateThanItsOwnIsNotWanted) {
  receive(offer(1, group.replica(self).status().commit), env::Lane::data);
  const auto done = sent<wire::SnapshotDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_FALSE(done.front().installed);
}

TEST_F(Receiver, ADeposedLeadersOfferIsIgnored) {
  auto old = offer(1, LogIndex(1000));
  old.term = Term(old.term.value() - 1);
  receive(old, env::Lane::data);
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
}

TEST_F(Receiver, OnlyTheChunkThatItAskedForCounts) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  ASSERT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 1}));
  const std::size_t records = group.at(self).store().size(env::Table::state_cp);
  receive(chunk(2, 1, {{.key = "dx", .value = "of another transfer"}}, false));
  receive(chunk(1, 2, {{.key = "dx", .value = "too early"}}, false));
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
  EXPECT_EQ(group.at(self).store().size(env::Table::state_cp), records);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 2}));
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));  // repeated
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
}

TEST_F(Receiver, TheSameOfferAgainResumes) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  sent<wire::SnapshotPull>();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 2}));
  receive(offer(3, LogIndex(1001)), env::Lane::data);  // a newer one: from the start
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 3, .number = 1}));
}

// Everything but one byte is right.
// Taking it would leave no index for the next entry, and no term for the next election.
TEST_F(Receiver, AnOfferOfAnAbsurdPlaceIsDropped) {
  auto far = offer(1, LogIndex(~std::uint64_t{0}));
  receive(far, env::Lane::data);
  far = offer(1, LogIndex(1000));
  far.term = Term(~std::uint64_t{0});
  receive(far, env::Lane::data);
  EXPECT_EQ(first<wire::SnapshotPull>(), std::nullopt);
  receive(offer(1, LogIndex(1000)), env::Lane::data);  // and it holds nobody up
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 1}));
}

// Both ends have parted: the sender was taken back to its beginning by a late repeat, and answers nothing else.
TEST_F(Receiver, WhoAsksInVainBeginsAnew) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  group.at(self).advance(1s);
  auto pulls = sent<wire::SnapshotPull>();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls.back(), (wire::SnapshotPull{.id = 1, .number = 2}));
  group.at(self).advance(1s);
  pulls = sent<wire::SnapshotPull>();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls.back(), (wire::SnapshotPull{.id = 1, .number = 1}));
}

TEST_F(Receiver, AFlippedByteIsFoundByTheSum) {
  const auto before = group.replica(self).applied();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord applied = before;
  applied.index = LogIndex(1000);
  auto damaged = chunk(1, 1, {{.key = "a", .value = wire::encode(applied)}, {.key = "dx", .value = "x"}}, true);
  auto sound = damaged;
  damaged.records.back().value = "y";
  receive(damaged);
  EXPECT_EQ(installed(), false);
  EXPECT_EQ(group.replica(self).applied(), before);
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  sound.id = 2;
  receive(sound);
  EXPECT_EQ(group.replica(self).applied().index, LogIndex(1000));  // only the byte was wrong
}

// What an earlier transfer brought and the new state no longer has must not be in it.
TEST_F(Receiver, NothingOfABrokenOffTransferStays) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  wire::CpValue ghost;
  ghost.value = "ghost";
  receive(chunk(1, 1, {{.key = "dghost", .value = wire::encode(ghost)}}, false));
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord applied = group.replica(self).applied();
  applied.index = LogIndex(1000);
  receive(chunk(2, 1, {{.key = "a", .value = wire::encode(applied)}}, true));
  ASSERT_EQ(group.replica(self).applied().index, LogIndex(1000));
  EXPECT_EQ(group.read(self, "ghost", Level::one), "<absent>");
}

TEST_F(Receiver, ADamagedOrUnreadableSnapshotChangesNothing) {
  const auto before = group.replica(self).applied();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  auto damaged = chunk(1, 1, {{.key = "dx", .value = "x"}}, true);
  damaged.records.front().value = "y";
  receive(damaged);
  EXPECT_EQ(installed(), false);
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  receive(chunk(2, 1, {{.key = "a", .value = "no applied record"}}, true));
  EXPECT_EQ(installed(), false);
  receive(offer(3, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord other = before;
  other.index = LogIndex(999);
  receive(chunk(3, 1, {{.key = "a", .value = wire::encode(other)}}, true));  // not what was offered
  EXPECT_EQ(installed(), false);
  EXPECT_EQ(group.replica(self).applied(), before);
  EXPECT_TRUE(group.at(self).running());
  EXPECT_EQ(counter(self, "snapshots_damaged"), 3U);
  group.at(self).advance(1s);
  EXPECT_EQ(leftovers(self), 0U);
  group.rejoin();
  write(50, 60);
  group.expect_convergence();
}

}  // namespace
}  // namespace rift::cp
