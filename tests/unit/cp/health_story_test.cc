// Replicas that are not what they should be: a state that differs from the others', a record that cannot be read, a log that has lost its end. They
// are found, they do no harm meanwhile, and they are healed by the others (repair.h; review 16, 23).
#include "health_story.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;

class Health : public HealthStory {};

TEST_F(Health, AgreementIsNoticedAndNothingHappens) {
  write(20, 60);
  group.expect_convergence();
  for (const NodeId n : group.all()) {
    EXPECT_FALSE(group.at(n).recorder().marks().contains("cp.state_differs"));
    EXPECT_EQ(counter(n, "snapshots_installed"), 0U);
    EXPECT_EQ(counter(n, "malformed_commands"), 0U);
  }
}

TEST_F(Health, AnOddFollowerIsQuarantinedAndRebuilt) {
  const NodeId odd = group.follower_of(group.elect());
  change_hash(odd);
  group.elect();
  write(20, 40);
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }));
  EXPECT_TRUE(group.at(odd).recorder().marks().contains("cp.quarantined"));
  EXPECT_EQ(space(odd).generation, Generation(2));
  write(40, 60);
  expect_same_state();
}

// One value has changed on one disk, and can still be read.
TEST_F(Health, AFlippedValueIsFoundWhenItsKeyIsWrittenNextAndHealed) {
  const NodeId odd = group.follower_of(group.elect());
  group.crash(odd, Crash::kill);
  const auto key = wire::cp_data_key(group.partition(), space(odd).generation, "k7");
  const auto stored = MUST(store(odd).get(env::Table::state_cp, key));
  auto value = MUST(wire::decode_cp_value(*stored));
  value.value = Bytes("x7");
  store(odd).poke(env::Table::state_cp, key, wire::encode(value));
  MUST(group.restart(odd));
  group.elect();
  write(20, 40);
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }));
  expect_same_state();
}

TEST_F(Health, AnOddLeaderHandsOverAndIsRebuilt) {
  const NodeId odd = group.elect();
  change_hash(odd);
  // It leads again: the others do not campaign against it.
  for (int i = 0; i < 20 && group.elect() != odd; ++i) {
    group.replica(group.elect());
    group.at(group.elect()).round([&](Replica& replica, Turn& turn) {
      static_cast<CpReplica&>(replica).hand_over(turn);
    });
    group.run_for(2s);
  }
  ASSERT_EQ(group.elect(), odd);
  for (int i = 20; i < 60; ++i) group.call(odd, put("k" + std::to_string(i % 20), "v" + std::to_string(i)), 2s);
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }));
  const auto history = group.replica(odd).status().history;
  EXPECT_TRUE(std::any_of(history.begin(), history.end(), [](const RoleEvent& e) { return e.reason == "quarantined"; }))
      << "why it gave the leadership away";
  write(60, 80);
  expect_same_state();
}

// It leads although it is not believed, and whoever could take over is away: nothing is to be done, and nothing is done, without a pause.
TEST_F(Health, AQuarantinedLeaderRests) {
  const NodeId odd = group.follower_of(group.elect());
  const auto others = group.others(odd);
  group.at(odd).round([&](Replica&, Turn& turn) { put_health(group.partition(), cp::Health::quarantined, turn); });
  group.crash(odd, Crash::kill);
  for (const NodeId other : others) group.crash(other, Crash::kill);
  MUST(group.restart(odd));
  MUST(group.restart(others[0]));
  group.set_filter([&](NodeId from, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    const auto* core = decoded ? std::get_if<raft::Message>(&*decoded) : nullptr;
    return from == others[0] && core != nullptr && std::holds_alternative<raft::PreVote>(*core);
  });
  ASSERT_TRUE(group.run_until([&] { return group.replica(odd).is_leader(); }, 30s));
  for (int i = 0; i < 3; ++i) group.at(odd).tick();
  ASSERT_TRUE(group.at(odd).next_wake().has_value());
  EXPECT_GT(*group.at(odd).next_wake(), group.at(odd).now().steady);
}

TEST_F(Health, AQuarantinedReplicaServesNothingAndStaysSoAfterARestart) {
  const NodeId leader = group.elect();
  const NodeId odd = group.follower_of(leader);
  change_hash(odd);
  group.elect();
  group.set_filter([](NodeId, const Outgoing& message) {
    const auto decoded = wire::decode_message(message.message);
    return decoded && std::holds_alternative<wire::SnapshotOffer>(*decoded);  // nobody heals it
  });
  write(20, 40);
  ASSERT_TRUE(group.run_until([&] { return group.replica(odd).status().role == "quarantined"; }));
  EXPECT_EQ(group.must_call(odd, kit::with_level(get("k1"), Level::one)).code, Code::not_ready);
  EXPECT_EQ(group.must_call(odd, get("k1")).code, Code::not_ready);
  group.crash(odd, Crash::kill);
  MUST(group.restart(odd));
  EXPECT_EQ(group.replica(odd).status().role, "quarantined");
  EXPECT_EQ(group.must_call(odd, kit::with_level(get("k1"), Level::one)).code, Code::not_ready);
  write(40, 50);
  group.set_filter(nullptr);
  ASSERT_TRUE(group.run_until([&] { return is_healed(odd); }));
  expect_same_state();
}

TEST_F(Health, WithoutAMajorityTheGroupStops) {
  const auto followers = group.others(group.elect());
  change_hash(followers[0], 1);
  change_hash(followers[1], 2);
  for (int i = 0; i < 40; ++i) {
    if (const auto leader = group.with_role("leader")) group.call(*leader, put("k", "v"), 500ms);
    group.run_for(10ms);
  }
  for (const NodeId n : group.all()) {
    ASSERT_TRUE(group.at(n).failure().has_value()) << to_string(n);
    EXPECT_NE(group.at(n).failure()->find("none is that of a majority"), std::string::npos);
  }
}

TEST_F(Health, AValueThatCannotBeReadIsRefilled) {
  const NodeId damaged = group.follower_of(group.elect());
  damage_value(damaged, "k7");
  group.submit(damaged, kit::with_level(get("k7"), Level::one));
  EXPECT_EQ(group.replica(damaged).status().role, "repair");
  ASSERT_TRUE(group.run_until([&] { return is_healed(damaged); }));
  expect_same_state();
}

TEST_F(Health, ALeaderThatCannotReadItsStateIsReplacedAndRefilled) {
  const NodeId damaged = group.elect();
  damage_value(damaged, "k7");
  group.submit(damaged, put("k7", "new"));
  ASSERT_TRUE(group.run_until([&] { return is_healed(damaged); }));
  write(20, 40);
  expect_same_state();
}

// Whatever it has been asked in the round in which it finds the damage, and before: each gets exactly one last answer.
class LastAnswers : public Health {
 protected:
  RequestId ask(Request request) {
    request.id = RequestId(next_++);
    requests_.push_back(std::move(request));
    return requests_.back().id;
  }
  // All of them in one Turn, one verb each.
  void submit_apart(NodeId node) {
    group.at(node).round([&](Replica& replica, Turn& turn) {
      for (Request& request : requests_) replica.submit(std::span(&request, 1), turn);
    });
  }
  void submit_together(NodeId node) {
    group.at(node).round([&](Replica& replica, Turn& turn) { replica.submit(requests_, turn); });
  }
  void expect_one_last_answer(NodeId node) {
    group.run_for(8s);
    for (std::uint64_t id = 1; id < next_; ++id) EXPECT_EQ(group.at(node).replies_last(RequestId(id)), 1U) << id;
  }
  static Request watch(std::uint64_t from) {
    Request request = kit::with_budget(get(""), 1s);
    request.verb = Verb::watch;
    request.operands.ensure().revision = Revision(from);
    return request;
  }
  std::uint64_t next_ = 1;
  std::vector<Request> requests_;
};

TEST_F(LastAnswers, OfReadsThatCameWithTheOneOfADamagedKey) {
  for (const bool leads : {true, false}) {
    const NodeId damaged = leads ? group.elect() : group.follower_of(group.elect());
    damage_value(damaged, "k7");
    requests_.clear();
    next_ = leads ? 1 : 1000;
    for (const Level level : {Level::majority, Level::one, Level::all}) ask(kit::with_level(get("k1"), level));
    const RequestId first = ask(kit::with_level(get("k1"), Level::one));
    ask(kit::with_level(get("k7"), Level::one));
    const RequestId after = ask(kit::with_level(get("k2"), Level::one));
    submit_together(damaged);
    EXPECT_EQ(group.replica(damaged).status().role, "repair");
    EXPECT_EQ(group.take_reply(damaged, first)->outcome, Outcome::done);
    const auto refused = group.take_reply(damaged, after);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->code, Code::not_ready);
    EXPECT_EQ(refused->outcome, Outcome::not_done);
    for (const Request& request : requests_) {
      group.run_for(2s);
      EXPECT_EQ(group.at(damaged).replies_last(request.id), 1U) << request.id.value();
    }
    ASSERT_TRUE(group.run_until([&] { return is_healed(damaged); }));
  }
}

TEST_F(LastAnswers, OfWritesAndReadsThatWereAnsweredEarlierInTheRound) {
  const NodeId damaged = group.elect();
  damage_value(damaged, "k7");
  const RequestId read = ask(kit::with_level(get("k1"), Level::one));
  const RequestId dropped = ask(kit::with_budget(put("k1", "new"), 2s));
  ask(kit::with_level(get("k7"), Level::one));
  submit_apart(damaged);
  EXPECT_EQ(group.take_reply(damaged, read)->outcome, Outcome::done);
  expect_one_last_answer(damaged);
  EXPECT_EQ(group.take_reply(damaged, dropped)->outcome, Outcome::unknown);
}

// Committed by the others and answered, in the Turn that then finds the damage: the answer is true, and it is given.
TEST_F(LastAnswers, OfAWriteThatWasDoneInTheSameRound) {
  const NodeId leader = group.elect();
  damage_value(leader, "k7");
  std::vector<std::pair<NodeId, Bytes>> acks;
  group.set_filter([&](NodeId from, const Outgoing& message) {
    if (message.to != leader || message.lane != env::Lane::data) return false;
    acks.emplace_back(from, message.message);
    return true;
  });
  const RequestId written = ask(put("k1", "new"));
  submit_together(leader);
  ASSERT_TRUE(group.run_until([&] { return acks.size() >= 2; }, 1s));
  group.run_for(20ms);
  std::vector<Request> read{kit::with_level(get("k7"), Level::one)};
  read[0].id = RequestId(next_++);
  group.at(leader).round([&](Replica& replica, Turn& turn) {
    for (const auto& [from, message] : acks) replica.receive(from, env::Lane::data, message, turn);
    replica.submit(read, turn);
  });
  EXPECT_EQ(group.replica(leader).status().role, "repair");
  group.set_filter(nullptr);
  const auto answer = group.take_reply(leader, written);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->outcome, Outcome::done);
  expect_one_last_answer(leader);
  EXPECT_EQ(group.read(group.elect(), "k1"), "new");
}

TEST_F(LastAnswers, OfAWatchWhichIsToldWhatItsEndSaysItWasTold) {
  const NodeId damaged = group.follower_of(group.elect());
  damage_value(damaged, "k7");
  const RequestId watching = ask(watch(1));
  ask(kit::with_level(get("k7"), Level::one));
  submit_apart(damaged);
  Revision seen;
  Revision told;
  while (const auto reply = group.take_reply(damaged, watching)) {
    for (const Event& event : reply->results->events) seen = event.revision;
    told = reply->results->revision;
  }
  EXPECT_EQ(told, Revision(20));
  EXPECT_EQ(seen, told);
  expect_one_last_answer(damaged);
}

// A disk that damages records again and again is given up.
TEST_F(Health, AReplicaIsRefilledAFewTimesOnly) {
  const NodeId damaged = group.follower_of(group.elect());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    damage_value(damaged, "k7");
    group.submit(damaged, kit::with_level(get("k7"), Level::one));
    ASSERT_TRUE(group.run_until([&] { return counter(damaged, "healed") == i; })) << i;
  }
  damage_value(damaged, "k7");
  group.submit(damaged, kit::with_level(get("k7"), Level::one));
  EXPECT_TRUE(group.at(damaged).failure().has_value());
}

class Forgetful : public Health {
 protected:
  // The replica loses everything after its first `entries` log records, as a store that lost the end of its log does, and knows it.
  void forget(NodeId node, LogIndex last) {
    group.crash(node, Crash::kill);
    for (const auto& pair : MUST(store(node).scan(env::Table::log, env::Range{}, 10'000, 1 << 24))) {
      if (MUST(wire::parse_log_key(pair.key)) > last) store(node).poke(env::Table::log, pair.key, std::nullopt);
    }
    for (const auto& pair : MUST(store(node).scan(env::Table::state_cp, env::Range{}, 10'000, 1 << 24)))
      store(node).poke(env::Table::state_cp, pair.key, std::nullopt);
    store(node).poke(env::Table::state_cp, wire::cp_applied_key(group.partition(), space(node).generation),
                     wire::encode(wire::AppliedRecord{}));
    store(node).poke(env::Table::meta, wire::partition_meta_key(group.partition(), "hard_state"),
                     wire::encode(raft::HardState{.term = Term(1), .vote = {}}));
    env::WriteBatch mark;
    put_forgetful(group.partition(), mark);
    store(node).poke(env::Table::meta, mark.at(0).key, mark.value_at(0));
  }
};

TEST_F(Forgetful, IsSilentUntilItIsRefilledAndThenCounts) {
  const NodeId leader = group.elect();
  const NodeId lost = group.follower_of(leader);
  const NodeId other = group.others(leader)[0] == lost ? group.others(leader)[1] : group.others(leader)[0];
  forget(lost, LogIndex(1));
  group.crash(other, Crash::kill);
  MUST(group.restart(lost));
  group.run_for(5s);
  // The leader and the replica that forgot are no majority: nothing is committed, and nobody leads with its vote.
  EXPECT_EQ(group.replica(lost).status().role, "repair");
  EXPECT_EQ(group.replica(leader).status().role == "leader", false);
  const auto refused = group.call(leader, put("k", "v"), 3s);
  ASSERT_TRUE(refused.has_value());
  EXPECT_NE(refused->outcome, Outcome::done);
  MUST(group.restart(other));
  group.elect();
  ASSERT_TRUE(group.run_until([&] { return is_healed(lost); }));
  EXPECT_EQ(group.replica(lost).status().role, "follower");
  // Now it counts: the group lives without the other one.
  group.crash(other, Crash::kill);
  write(20, 30);
  MUST(group.restart(other));
  expect_same_state();
}

// An acknowledged write whose only other holder forgot it must not be voted away.
TEST_F(Forgetful, AForgottenAcknowledgementElectsNobodyWithoutTheWrite) {
  const NodeId leader = group.elect();
  const auto followers = group.others(leader);
  group.cut_both(leader, followers[1]);
  group.cut_both(followers[0], followers[1]);
  ASSERT_EQ(group.must_call(leader, put("precious", "kept")).outcome, Outcome::done);  // leader and followers[0]
  forget(followers[0], LogIndex(2));
  group.crash(leader, Crash::kill);
  group.heal();
  MUST(group.restart(followers[0]));
  group.run_for(10s);
  EXPECT_FALSE(group.with_role("leader").has_value());  // followers[1] lacks the write, and is not elected
  MUST(group.restart(leader));
  group.elect();
  ASSERT_TRUE(group.run_until([&] { return is_healed(followers[0]); }));
  for (const NodeId n : group.all()) EXPECT_EQ(group.read(n, "precious"), "kept");
}

// The snapshot must be of a state later than the wish: an older one, offered for another reason, is not taken for it.
TEST_F(Forgetful, OnlyTheAnswerToItsWishIsTaken) {
  const NodeId leader = group.elect();
  const NodeId lost = group.follower_of(leader);
  forget(lost, LogIndex(1));
  MUST(group.restart(lost));
  group.isolate(lost);
  group.at(lost).take_sent();
  const wire::SnapshotOffer offer{
      .term = Term(50),
      .id = 1,
      .wish = 0,
      .meta = {
          .index = LogIndex(1000), .term = Term(50), .log_time = {}, .config = {LogIndex(1), {.voters = group.all()}}}};
  group.at(lost).receive(leader, env::Lane::data, wire::encode_message(wire::Message(offer)));
  for (const Outgoing& sent : group.at(lost).take_sent()) {
    const auto message = MUST(wire::decode_message(sent.message));
    EXPECT_FALSE(std::holds_alternative<wire::SnapshotPull>(message));
  }
}

// The group was founded again from one: the map wishes three owners already, the group's configuration names it alone. Nobody could refill it.
TEST_F(Forgetful, WhoDecidesAloneIsNotRefilledAndIsNotMarked) {
  const NodeId alone = group.follower_of(group.elect());
  group.crash(alone, Crash::kill);
  const auto places = wire::partition_meta_key(group.partition(), "config");
  const auto stored_places = MUST(store(alone).get(env::Table::meta, places));
  const LogIndex at = MUST(wire::decode_config_places(*stored_places)).back();
  const auto key = wire::log_key(group.partition(), space(alone).group, at);
  const auto stored = MUST(store(alone).get(env::Table::log, key));
  auto entry = MUST(wire::decode_log_record(*stored, at));
  entry.payload = raft::encode(raft::Config{.voters = {alone}, .outgoing = {}, .learners = {}});
  store(alone).poke(env::Table::log, key, wire::encode_log_record(entry));
  const auto last = MUST(store(alone).scan(env::Table::log, env::Range{}, 10'000, 1 << 24)).back();
  store(alone).poke(env::Table::log, last.key, Bytes("\x7f???"));
  const auto started = group.restart(alone);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Code::corruption);
  EXPECT_FALSE(MUST(store(alone).get(env::Table::meta, wire::partition_meta_key(group.partition(), "repair"))));
}

TEST_F(Forgetful, ADamagedLogIsFoundAtTheStartAndRefilled) {
  const NodeId leader = group.elect();
  const NodeId damaged = group.follower_of(leader);
  group.crash(damaged, Crash::kill);
  const auto last = MUST(store(damaged).scan(env::Table::log, env::Range{}, 10'000, 1 << 24)).back();
  std::string flipped = last.value.to_string();
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
  store(damaged).poke(env::Table::log, last.key, Bytes(flipped));
  MUST(group.restart(damaged));
  ASSERT_TRUE(group.run_until([&] { return is_healed(damaged); }));
  write(20, 40);
  expect_same_state();
}

}  // namespace
}  // namespace rift::cp
