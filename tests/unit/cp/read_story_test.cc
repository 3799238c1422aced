#include "group.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;
using kit::with_budget;
using kit::with_level;

kit::ReplicaCluster::Options five() {
  kit::ReplicaCluster::Options options;
  options.nodes = 5;
  return options;
}

std::optional<Response> wait(Group& group, NodeId node, RequestId id, Duration most = 5s) {
  std::optional<Response> reply;
  group.run_until([&] { return (reply = group.take_reply(node, id)).has_value(); }, most);
  return reply;
}

TEST(CpReads, AreLinearizableOnEveryReplica) {
  Group group;
  const NodeId leader = group.elect();
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(group.must_call(leader, put("k", value)).outcome, Outcome::done);
    for (const NodeId n : group.all()) {
      const auto response = group.must_call(n, get("k"));
      EXPECT_EQ(response.value, Bytes(value));
      EXPECT_EQ(response.receipt.reached, Level::majority);
      EXPECT_EQ(response.receipt.read_path, ReadPath::read_index);
      EXPECT_EQ(response.receipt.served_by, n);
    }
  }
}

TEST(CpReads, ARoundOfReadsAsksOnce) {
  Group group;
  const NodeId leader = group.elect();
  for (const NodeId n : {leader, group.follower_of(leader)}) {
    const auto before = group.replica(n).status().counters.at("read_rounds");
    std::vector<Request> round;
    for (int i = 0; i < 50; ++i) round.push_back(get("k"));
    const auto ids = group.submit(n, std::move(round));
    for (const RequestId id : ids) EXPECT_TRUE(wait(group, n, id).has_value());
    EXPECT_EQ(group.replica(n).status().counters.at("read_rounds") - before, 1U);
  }
}

TEST(CpReads, OneIsLocalAtOnceAndMayBeOld) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "old"));
  group.expect_convergence();
  const NodeId behind = group.follower_of(leader);
  group.split({behind});
  group.write(put("k", "new"));
  const Time begin = group.now();
  const auto response = group.must_call(behind, with_level(get("k"), Level::one));
  EXPECT_EQ(group.now(), begin);
  EXPECT_EQ(response.value, Bytes("old"));
  EXPECT_EQ(response.receipt.read_path, ReadPath::local);
  EXPECT_EQ(response.receipt.reached, Level::one);
  EXPECT_FALSE(response.receipt.staleness_bound.has_value());
}

TEST(CpReads, AFollowerThatGathersShowsAReaderWhatItKnowsToBeCommitted) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  bool has_gathered = false;
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(group.must_call(leader, put("k", value)).outcome, Outcome::done);
    const LogIndex commit = group.replica(leader).status().commit;
    ASSERT_TRUE(group.run_until([&] { return group.replica(follower).status().commit == commit; }));
    has_gathered = has_gathered || group.replica(follower).status().applied < commit;
    EXPECT_EQ(group.read(follower, "k", Level::one), value);
    EXPECT_EQ(group.replica(follower).status().applied, commit);
  }
  EXPECT_TRUE(has_gathered);
}

TEST(CpReads, AFollowerThatNobodyAsksAppliesSoon) {
  Group group;
  const NodeId leader = group.elect();
  ASSERT_EQ(group.must_call(leader, put("k", "v")).outcome, Outcome::done);
  const Time done = group.now();
  group.expect_convergence();
  EXPECT_LE(group.now() - done, 100ms);  // a heartbeat tells of the commit, 10 ms later it is applied
}

// Its disk is behind when the read's beat comes, so the beat does not tell it of the commit; the answer to its question does. Otherwise
// the read would wait for the next notice.
TEST(CpReads, AFollowersReadDoesNotWaitForTheCommitToBeTold) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.expect_convergence();
  group.run_for(50ms);
  ASSERT_EQ(group.must_call(leader, put("k", "first")).outcome, Outcome::done);
  ASSERT_TRUE(group.run_until(
      [&] { return group.replica(follower).status().commit == group.replica(leader).status().commit; }));
  group.hold_disk(follower);
  ASSERT_EQ(group.must_call(leader, put("k", "second")).outcome, Outcome::done);
  const RequestId read = group.submit(follower, get("k"));
  group.run_for(5ms);
  EXPECT_EQ(group.replica(follower).status().commit, group.replica(leader).status().commit);
  ASSERT_FALSE(group.take_reply(follower, read).has_value());
  group.release_disk(follower);
  group.run_for(2ms);
  const auto reply = group.take_reply(follower, read);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->value, Bytes("second"));
}

// What is being synced is acknowledged first; a disk that takes too long holds the rest up no longer than twice the time to gather.
TEST(CpReads, AFollowerAcknowledgesBeforeItAppliesWhatGathered) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.expect_convergence();
  group.run_for(50ms);
  ASSERT_EQ(group.must_call(leader, put("k", "gathers")).outcome, Outcome::done);
  const LogIndex commit = group.replica(leader).status().commit;
  ASSERT_TRUE(group.run_until([&] { return group.replica(follower).status().commit == commit; }));
  ASSERT_LT(group.replica(follower).status().applied, commit);
  group.hold_disk(follower);
  const Time begin = group.now();
  ASSERT_EQ(group.must_call(leader, put("k", "is being synced")).outcome, Outcome::done);
  group.run_for(begin + 15ms - group.now());
  EXPECT_LT(group.replica(follower).status().applied, commit) << "10 ms are over, and the disk is busy";
  group.run_for(10ms);
  EXPECT_EQ(group.replica(follower).status().applied, commit);
}

TEST(CpReads, AllIsAnsweredByEveryVoter) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  const auto response = group.must_call(leader, with_level(get("k"), Level::all));
  EXPECT_EQ(response.value, Bytes("v"));
  EXPECT_EQ(response.receipt.reached, Level::all);
  EXPECT_EQ(response.receipt.acknowledged_by.size(), 3U);
  EXPECT_EQ(group.must_call(group.follower_of(leader), with_level(get("k"), Level::all)).code, Code::not_leader);
}

TEST(CpReads, AllWithAMissingVoterIsRefusedOrEndsNotDone) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId missing = group.follower_of(leader);
  group.isolate(missing);
  const auto timed_out = group.must_call(leader, with_budget(with_level(get("k"), Level::all), 300ms));
  EXPECT_EQ(timed_out.code, Code::timeout);
  EXPECT_EQ(timed_out.outcome, Outcome::not_done);
  const RequestId waiting = group.submit(leader, with_level(get("k"), Level::all));
  group.split({missing});
  EXPECT_EQ(wait(group, leader, waiting)->code, Code::level_unreachable);
  EXPECT_EQ(group.must_call(leader, with_level(get("k"), Level::all)).code, Code::level_unreachable);
}

TEST(CpReads, AMinorityServesNoneAndFailsThoseThatWait) {
  Group group(five());
  const NodeId leader = group.elect();
  const NodeId with_it = group.follower_of(leader);
  group.split({leader, with_it});
  const RequestId at_leader = group.submit(leader, get("k"));
  const RequestId at_follower = group.submit(with_it, get("k"));
  for (const auto& [node, id] : {std::pair(leader, at_leader), std::pair(with_it, at_follower)}) {
    const auto reply = wait(group, node, id, 3s);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->code, Code::no_leader);
    EXPECT_EQ(reply->outcome, Outcome::not_done);
  }
  group.run_for(2s);
  const Time begin = group.now();
  EXPECT_EQ(group.must_call(with_it, get("k")).code, Code::no_leader);
  EXPECT_EQ(group.now(), begin);
}

// Trap 1: the new leader's commit index may lag; the read waits for its no-op.
TEST(CpReads, RightAfterAnElectionSeeEverythingAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    kit::ReplicaCluster::Options options;
    options.seed = seed;
    Group group(options);
    const NodeId first = group.elect();
    ASSERT_EQ(group.must_call(first, put("k", "acknowledged")).outcome, Outcome::done);
    group.crash(first);
    ASSERT_TRUE(group.run_until([&] { return group.with_role("leader").has_value(); }));
    EXPECT_EQ(group.read(*group.with_role("leader"), "k"), "acknowledged");
  }
}

template <class M>
std::optional<M> decoded_as(const Bytes& bytes) {
  const auto decoded = wire::decode_message(bytes);
  const auto* found = decoded ? std::get_if<M>(&*decoded) : nullptr;
  return found == nullptr ? std::nullopt : std::optional<M>(*found);
}

TEST(CpReads, AFollowersLostQuestionIsRepeated) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  std::vector<std::uint64_t> tokens;
  int lost = 2;
  group.set_filter([&](NodeId, const Outgoing& message) {
    const auto question = decoded_as<wire::ReadPosition>(message.message);
    if (!question) return false;
    tokens.push_back(question->token);
    return lost-- > 0;
  });
  const Time begin = group.now();
  EXPECT_EQ(group.read(follower, "k"), "<absent>");
  EXPECT_GT(group.now() - begin, 400ms);  // after 150 ms, and after twice as long
  EXPECT_LT(group.now() - begin, 600ms);
  EXPECT_EQ(tokens, std::vector<std::uint64_t>(3, tokens.front()));
}

TEST(CpReads, AFollowersReadIsServedHoweverLongTheAnswerTakes) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  for (const NodeId a : group.all()) {
    for (const NodeId b : group.others(a)) group.set_delay(a, b, 110ms);
  }
  const auto reply = group.must_call(group.follower_of(leader), with_budget(get("k"), 2s));
  EXPECT_EQ(reply.outcome, Outcome::done) << reply.why;
  EXPECT_EQ(reply.value, Bytes("v"));
}

// Trap 2 over a restart: an answer to the question of an earlier life must not be taken for one to this life's.
TEST(CpReads, AnAnswerToAnEarlierLifeOfTheFollowerConfirmsNothing) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.write(put("k", "old"));
  group.expect_convergence();
  std::optional<Bytes> grant;
  group.set_filter([&](NodeId, const Outgoing& message) {
    if (!decoded_as<wire::ReadPositionReply>(message.message)) return false;
    grant = message.message;
    return true;
  });
  group.submit(follower, get("k"));
  ASSERT_TRUE(group.run_until([&] { return grant.has_value(); }));
  group.crash(follower, kit::TurnHarness::Crash::kill);
  ASSERT_EQ(group.must_call(leader, put("k", "new")).outcome, Outcome::done);

  // It comes back, hears heartbeats and no data: its state is the old one.
  group.set_filter([&](NodeId from, const Outgoing& message) {
    return message.lane == env::Lane::data && (message.to == follower || from == follower);
  });
  MUST(group.restart(follower));
  ASSERT_TRUE(group.run_until([&] { return group.replica(follower).status().leader == leader; }));
  const RequestId id = group.submit(follower, with_budget(get("k"), 3s));
  group.at(follower).receive(leader, env::Lane::data, *grant);
  EXPECT_FALSE(group.take_reply(follower, id).has_value());
  group.set_filter({});
  const auto reply = wait(group, follower, id);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->value, Bytes("new"));
}

TEST(CpReads, OnlyTheNodeThatWasAskedCanAnswer) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  group.expect_convergence();
  const NodeId follower = group.follower_of(leader);
  std::optional<wire::ReadPosition> question;
  group.set_filter([&](NodeId, const Outgoing& message) {
    if (const auto asked = decoded_as<wire::ReadPosition>(message.message)) question = asked;
    return decoded_as<wire::ReadPosition>(message.message).has_value();
  });
  const RequestId id = group.submit(follower, get("k"));
  ASSERT_TRUE(question.has_value());
  const Bytes grant = wire::encode_message(
      wire::ReadPositionReply{.term = question->term, .token = question->token, .granted = true, .index = LogIndex(1)});
  group.at(follower).receive(group.others(leader).back(), env::Lane::data, grant);
  EXPECT_FALSE(group.take_reply(follower, id).has_value());
  group.at(follower).receive(leader, env::Lane::data, grant);
  EXPECT_TRUE(group.take_reply(follower, id).has_value());
}

TEST(CpReads, AFollowersReadSurvivesAChangeOfLeaderOrIsRefused) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  const NodeId follower = group.follower_of(leader);
  group.crash(leader);
  const auto reply = group.must_call(follower, get("k"));
  EXPECT_TRUE(reply.code == Code::no_leader || (reply.code == Code::ok && reply.value == Bytes("v")));
  EXPECT_NE(reply.outcome, Outcome::unknown);
}

// Trap 2: acks that come late, twice or in another order never confirm a newer read.
TEST(CpReads, AReplayedEchoConfirmsNothing) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  std::vector<std::pair<NodeId, Bytes>> echoes;
  group.set_filter([&](NodeId from, const Outgoing& message) {
    if (message.to == leader && message.lane == env::Lane::control) echoes.emplace_back(from, message.message);
    return false;
  });
  EXPECT_EQ(group.read(leader, "k"), "v");
  ASSERT_FALSE(echoes.empty());
  for (const NodeId n : group.others(leader)) group.cut_both(n, leader);
  const RequestId id = group.submit(leader, with_budget(get("k"), 300ms));
  for (const auto& [from, bytes] : echoes) group.at(leader).receive(from, env::Lane::control, bytes);
  EXPECT_FALSE(group.take_reply(leader, id).has_value());
  EXPECT_EQ(wait(group, leader, id)->outcome, Outcome::not_done);
}

TEST(CpReads, ACancelledReadIsNotServed) {
  Group group;
  const NodeId leader = group.elect();
  const RequestId id = group.submit(leader, get("k"));
  group.at(leader).cancel({id});
  group.run_for(1s);
  EXPECT_EQ(group.at(leader).replies_last(id), 0U);
  EXPECT_EQ(group.replica(leader).status().pending, 0U);
}

}  // namespace
}  // namespace rift::cp
