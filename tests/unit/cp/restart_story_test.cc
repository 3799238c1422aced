#include "group.h"

#include "tests/kit/turn_harness.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;

using Crash = kit::TurnHarness::Crash;

TEST(CpRestart, AnAcknowledgedWriteSurvivesAPowerLossOfAll) {
  Group group;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(group.write(put("k" + std::to_string(i), "v")).outcome, Outcome::done);
  for (const NodeId n : group.all()) group.crash(n, Crash::power_loss);
  for (const NodeId n : group.all()) MUST(group.restart(n));
  const NodeId leader = group.elect();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(group.read(leader, "k" + std::to_string(i)), "v");
  group.expect_convergence();
}

TEST(CpRestart, AKilledReplicaCatchesUp) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId killed = group.follower_of(leader);
  group.write(put("k", "before"));
  group.crash(killed, Crash::kill);
  for (int i = 0; i < 50; ++i) group.write(put("k", std::to_string(i)));
  MUST(group.restart(killed));
  group.elect();
  EXPECT_EQ(group.read(killed, "k"), "49");
  group.expect_convergence();
}

// One replica is a group. `writes` are acknowledged, ten more are on their way with the disk held; a power loss then keeps
// `kept` of the batches that were not synced. Whatever it keeps must start, and hold what was acknowledged.
void lose_power_after(int writes, std::size_t kept) {
  kit::TurnHarness harness({}, [](kit::MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
    const Birth birth{.partition = PartitionId(7), .voters = {NodeId(1)}, .first = {}};
    if (const auto born = give_birth(birth, turn); !born && born.error().code != Code::already_exists)
      return fail(born.error().code, "");
    CpReplica::Options options;
    options.partition = birth.partition;
    options.self = NodeId(1);
    options.check_invariants = true;
    options.uncommitted_entries_max = 1000;  // each write an entry of its own
    return std::unique_ptr<Replica>(TRY(CpReplica::create(options, turn)));
  });
  const auto lead = [&] {
    for (int i = 0; i < 20 && harness.replica().status().role != "leader"; ++i) {
      harness.advance(200ms);
      harness.settle();
    }
    ASSERT_EQ(harness.replica().status().role, "leader");
  };
  MUST(harness.start());
  lead();
  for (int i = 0; i < writes; ++i) {
    const RequestId id = harness.submit(put("k" + std::to_string(i), "v"));
    harness.settle();
    ASSERT_EQ(harness.take_reply(id)->outcome, Outcome::done);
  }
  for (int i = 0; i < 10; ++i) {
    const RequestId id = harness.submit(put("k" + std::to_string(i), "unknown"));
    ASSERT_FALSE(harness.take_reply(id).has_value());
  }
  harness.crash(Crash::power_loss, harness.store().synced() + kept);
  MUST(harness.start());
  lead();
  for (int i = 0; i < writes; ++i) {
    const RequestId id = harness.submit(get("k" + std::to_string(i)));
    harness.settle();
    const auto reply = harness.take_reply(id);
    ASSERT_TRUE(reply.has_value());
    const std::size_t overwritten = static_cast<std::size_t>(i) < kept ? 1 : 0;
    EXPECT_EQ(reply->value, Bytes(overwritten ? "unknown" : "v"))
        << "write " << i << " of " << writes << ", kept " << kept;
  }
}

TEST(CpRestart, APowerLossAtAnyPointKeepsEverythingAcknowledged) {
  for (const int writes : {0, 1, 5, 12}) {
    for (std::size_t kept = 0; kept <= 10; ++kept) lose_power_after(writes, kept);
  }
}

CpReplica::Options with_deep_pipeline() {
  CpReplica::Options options;
  options.uncommitted_entries_max = 1000;
  return options;
}

// A tail that conflicts is replaced by a shorter one; a restart must not find what lay behind it (trap 20). Few entries are erased one by one, many
// as a range.
void replace_a_tail(int lost) {
  Group group({}, with_deep_pipeline());
  const NodeId old_leader = group.elect();
  group.split({old_leader});
  for (int i = 0; i < lost; ++i) group.submit(old_leader, put("lost" + std::to_string(i), "x"));
  group.run_for(50ms);
  const LogIndex long_end = group.replica(old_leader).status().last;
  group.write(put("k", "kept"));
  group.rejoin();
  group.expect_convergence();
  ASSERT_LT(group.replica(old_leader).status().last, long_end);
  const LogIndex end = group.replica(old_leader).status().last;
  group.crash(old_leader, Crash::kill);
  MUST(group.restart(old_leader));
  EXPECT_EQ(group.replica(old_leader).status().last, end) << "found more, or gave its log up for a refill";
  group.elect();
  EXPECT_EQ(group.read(old_leader, "k"), "kept");
  EXPECT_EQ(group.read(old_leader, "lost" + std::to_string(lost - 1)), "<absent>");
  group.expect_convergence();
}

TEST(CpRestart, NoStaleTailComesBack) { replace_a_tail(40); }

TEST(CpRestart, NoShortStaleTailComesBackEither) { replace_a_tail(8); }

TEST(CpRestart, AReplicaWithoutRecordsNeitherVotesNorCampaigns) {
  kit::TurnHarness harness({}, [](kit::MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
    CpReplica::Options options;
    options.partition = PartitionId(7);
    options.self = NodeId(1);
    return std::unique_ptr<Replica>(TRY(CpReplica::create(options, turn)));
  });
  MUST(harness.start());
  harness.advance(30s);
  EXPECT_EQ(harness.replica().status().role, "learner");
  const RequestId asked = harness.submit(kit::with_level(kit::get("k"), Level::one));
  harness.settle();
  const auto told = harness.take_reply(asked);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->code, Code::not_ready) << "absent would be a lie";
  const raft::Message vote =
      raft::Vote{.term = Term(5), .last_index = LogIndex(9), .last_term = Term(4), .transfer = true};
  harness.receive(NodeId(2), env::Lane::control, wire::encode_message(wire::Message(vote)));
  harness.settle();
  for (const Outgoing& sent : harness.take_sent()) {
    const auto message = MUST(wire::decode_message(sent.message));
    const auto* reply = std::get_if<raft::VoteReply>(&std::get<raft::Message>(message));
    if (reply == nullptr) continue;
    EXPECT_FALSE(reply->granted);
  }
  const RequestId id = harness.submit(put("k", "v"));
  EXPECT_EQ(harness.take_reply(id)->code, Code::no_leader);
}

class Damaged : public ::testing::Test {
 protected:
  // Twenty writes, then a stop of n1, whose records can be damaged.
  Damaged() {
    for (int i = 0; i < 20; ++i) group.write(put("k", std::to_string(i)));
    group.expect_convergence();
    group.crash(NodeId(1), Crash::power_loss);
  }
  std::vector<env::KeyValue> records(env::Table table) {
    return MUST(store().scan(table, env::Range{}, 10'000, 1 << 24));
  }
  kit::MapStore& store() { return group.at(1).store(); }
  void expect_refused_start() {
    const auto started = group.restart(NodeId(1));
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code, Code::corruption) << started.error().detail;
  }

  static kit::ReplicaCluster::Options alone() {
    kit::ReplicaCluster::Options options;
    options.nodes = 1;
    return options;
  }

  Group group{alone()};  // nobody could refill it
};

TEST_F(Damaged, AFlippedBitInAnyByteOfTheLastEntryIsCorruption) {
  const auto last = records(env::Table::log).back();
  for (std::size_t byte = 0; byte < last.value.size(); ++byte) {
    std::string flipped = last.value.to_string();
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x10);
    store().poke(env::Table::log, last.key, Bytes(flipped));
    expect_refused_start();
  }
  store().poke(env::Table::log, last.key, Bytes(last.value.view().substr(0, last.value.size() / 2)));
  expect_refused_start();
  store().poke(env::Table::log, last.key, last.value);
  MUST(group.restart(NodeId(1)));
  group.expect_convergence();
}

TEST_F(Damaged, AMissingAppliedEntryIsCorruption) {
  const auto record = MUST(store().get(env::Table::state_cp, wire::cp_applied_key(group.partition(), Generation(1))));
  const auto applied = MUST(wire::decode_applied(*record));
  for (const auto& entry : records(env::Table::log)) {
    if (MUST(wire::parse_log_key(entry.key)) >= applied.index) store().poke(env::Table::log, entry.key, std::nullopt);
  }
  expect_refused_start();
}

TEST_F(Damaged, AHoleInTheLogIsCorruption) {
  // The state is older than the log: what would be replayed has a hole.
  const auto log = records(env::Table::log);
  store().poke(env::Table::state_cp, wire::cp_applied_key(group.partition(), Generation(1)),
               wire::encode(wire::AppliedRecord{}));
  store().poke(env::Table::log, log[log.size() - 3].key, std::nullopt);
  expect_refused_start();
}

TEST_F(Damaged, AMissingOrTornMetaRecordIsCorruption) {
  for (const std::string_view name : {"hard_state", "config"}) {
    const auto key = wire::partition_meta_key(group.partition(), name);
    const auto whole = MUST(store().get(env::Table::meta, key));
    ASSERT_TRUE(whole.has_value());
    store().poke(env::Table::meta, key, std::nullopt);
    expect_refused_start();
    store().poke(env::Table::meta, key, Bytes("\x01"));
    expect_refused_start();
    store().poke(env::Table::meta, key, *whole);
  }
  MUST(group.restart(NodeId(1)));
}

TEST_F(Damaged, ADamagedValueStopsTheReplicaThatReadsIt) {
  MUST(group.restart(NodeId(1)));
  group.expect_convergence();
  store().poke(env::Table::state_cp, wire::cp_data_key(group.partition(), Generation(1), "k"), Bytes("\x7f???"));
  group.submit(NodeId(1), kit::with_level(get("k"), Level::one));
  EXPECT_TRUE(group.at(1).failure().has_value());
  EXPECT_FALSE(group.at(1).running());
}

TEST(CpReplica, GarbageFromAPeerIsDroppedAndCounted) {
  Group group;
  const NodeId leader = group.elect();
  Rng random(5);
  for (int i = 0; i < 500; ++i) {
    std::string garbage(random.below(60), '\0');
    for (char& c : garbage) c = static_cast<char>(random.below(256));
    group.at(leader).receive(group.follower_of(leader), env::Lane::data, Bytes(garbage));
  }
  // Well formed, and not for a peer to say.
  group.at(leader).receive(NodeId(2), env::Lane::data,
                           wire::encode_message(wire::Message(
                               wire::LogDurable{.term = Term(9), .index = LogIndex(99), .index_term = Term(9)})));
  group.at(leader).receive(NodeId(2), env::Lane::data,
                           wire::encode_message(wire::Message(wire::MapPull{.epoch = MapEpoch(1)})));
  EXPECT_GE(group.replica(leader).status().counters.at("messages_dropped"), 400U);
  EXPECT_EQ(group.write(put("k", "v")).outcome, Outcome::done);
}

TEST(CpBirth, EveryFounderHasTheSameFirstEntries) {
  kit::MapStore store;
  const std::vector<wire::Command> first = {
      {.verb = Verb::put, .key = Bytes("catalog"), .value = Bytes("map"), .condition = {}, .op = {}}};
  std::vector<std::vector<env::KeyValue>> logs;
  for (const std::uint32_t self : {1U, 2U, 3U}) {
    kit::TurnHarness::Options options;
    options.self = NodeId(self);
    kit::TurnHarness harness(options, [&](kit::MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
      std::vector<NodeId> voters = kit::nodes_of({3, 1, 2});
      std::rotate(voters.begin(), voters.begin() + self - 1, voters.end());
      TRY(give_birth(Birth{.partition = PartitionId(7), .voters = voters, .first = first}, turn));
      EXPECT_EQ(give_birth(Birth{.partition = PartitionId(7), .voters = voters, .first = first}, turn).error().code,
                Code::already_exists);
      CpReplica::Options made;
      made.partition = PartitionId(7);
      made.self = NodeId(self);
      return std::unique_ptr<Replica>(TRY(CpReplica::create(made, turn)));
    });
    MUST(harness.start());
    EXPECT_EQ(harness.replica().status().last, LogIndex(2));
    EXPECT_EQ(harness.replica().status().applied, LogIndex(0));
    logs.push_back(MUST(harness.store().scan(env::Table::log, env::Range{}, 10, 1 << 20)));
  }
  EXPECT_EQ(logs[0], logs[1]);
  EXPECT_EQ(logs[0], logs[2]);
  EXPECT_EQ(logs[0].size(), 2U);
}

// The vote too: the map may bring the replica back while the term in which it was given goes on.
TEST(CpBirth, ABuriedReplicaLeavesOnlyItsTombstoneAndWhatItHasPromised) {
  kit::ReplicaCluster::Options options;
  options.nodes = 1;
  Group group(options);
  group.write(kit::with_op(put("k", "v"), kit::op_of(1, 1)));
  group.at(1).round([&](Replica&, Turn& turn) { bury(group.partition(), turn); });
  kit::MapStore& store = group.at(1).store();
  EXPECT_EQ(store.size(env::Table::log), 0U);
  EXPECT_EQ(store.size(env::Table::state_cp), 0U);
  EXPECT_EQ(store.size(env::Table::meta), 2U);
  group.at(1).round([&](Replica&, Turn& turn) {
    const Space space = MUST(find_space(group.partition(), turn));
    EXPECT_EQ(MUST(recover(space, turn)).raft.hard_state, (raft::HardState{.term = Term(2), .vote = NodeId(1)}));
  });
  EXPECT_TRUE(MUST(store.get(env::Table::meta, wire::partition_meta_key(group.partition(), "tombstone"))).has_value());
}

}  // namespace
}  // namespace rift::cp
