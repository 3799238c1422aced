// Messages are input from outside: whatever they hold, the core answers, drops or refuses them. It never aborts, and never
// unlearns what it has committed.
#include "cluster.h"

namespace rift::raft::test {
namespace {

Code refused(Cluster& cluster, std::uint32_t to, std::uint32_t from, Message message) {
  const auto stepped = cluster.raft(to).step(NodeId(from), std::move(message), cluster.context(to));
  return stepped ? Code::ok : stepped.error().code;
}

TEST(RaftMalformed, RefusesMessagesFromNobodyAndFromItself) {
  Cluster cluster(3);
  EXPECT_EQ(refused(cluster, 1, 0, Heartbeat{.term = Term(2)}), Code::invalid);
  EXPECT_EQ(refused(cluster, 1, 1, Heartbeat{.term = Term(2)}), Code::invalid);
}

TEST(RaftMalformed, RefusesAbsurdTerms) {
  Cluster cluster(3);
  EXPECT_EQ(refused(cluster, 1, 2, Vote{.term = Term(~std::uint64_t{0})}), Code::invalid);
  EXPECT_EQ(refused(cluster, 1, 2, PreVoteReply{.term = Term(~std::uint64_t{0})}), Code::invalid);
  // Credible by itself; but no election could follow it.
  const Term far(2 + term_step_max);
  EXPECT_EQ(refused(cluster, 1, 2, Vote{.term = far, .transfer = true}), Code::invalid);
  EXPECT_EQ(refused(cluster, 1, 2, Heartbeat{.term = far}), Code::invalid);
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
  EXPECT_EQ(refused(cluster, 1, 2, Heartbeat{.term = Term(1 + term_step_max)}), Code::ok);
}

TEST(RaftMalformed, RefusesAnAppendThatIsNoPieceOfALog) {
  Cluster cluster(3);
  const Append good{.term = Term(3),
                    .prev_index = LogIndex(1),
                    .prev_term = Term(1),
                    .commit = {},
                    .entries = {command(2, 2), command(3, 3)}};
  std::vector<Append> broken(9, good);
  broken[0].entries[1].index = LogIndex(4);
  broken[1].entries[0].index = LogIndex(1);
  broken[2].entries[1].term = Term(1);
  broken[3].entries[1].term = Term(4);
  broken[4].prev_term = Term(9);
  broken[5].entries[0].kind = EntryKind::config;
  broken[6].entries[0].payload = Bytes(std::string(limits::entry_bytes_max + 1, 'x'));
  broken[7].entries[0].log_time = Duration::max();
  broken[8].entries[1].log_time = Duration(-1);
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_EQ(refused(cluster, 1, 2, broken[i]), Code::invalid) << i;
    EXPECT_EQ(cluster.raft(1).last_index(), LogIndex(1)) << i;
    EXPECT_EQ(cluster.raft(1).term(), Term(1)) << i;
  }
  EXPECT_EQ(refused(cluster, 1, 2, good), Code::ok);
}

// Whoever claims that a committed entry is another is no leader, and is not followed into its term.
TEST(RaftMalformed, WhoContradictsWhatIsCommittedIsNotFollowed) {
  Cluster cluster(3);
  cluster.campaign(1);
  MUST(cluster.propose(1, {"a"}));
  cluster.flush(1);
  cluster.settle();
  const Term term = cluster.raft(1).term();
  const LogIndex commit = cluster.raft(1).commit();
  const Append forged{.term = next(term), .prev_index = commit, .prev_term = next(term), .commit = {}, .entries = {}};
  EXPECT_EQ(refused(cluster, 1, 2, forged), Code::invalid);
  EXPECT_TRUE(cluster.raft(1).is_leader());
  EXPECT_EQ(cluster.raft(1).term(), term);
}

TEST(RaftMalformed, ASecondLeaderOfATermIsRefused) {
  Cluster cluster(3);
  cluster.campaign(1);
  const Term term = cluster.raft(1).term();
  EXPECT_EQ(refused(cluster, 1, 2, Heartbeat{.term = term}), Code::invalid);
  EXPECT_EQ(refused(cluster, 2, 3, Heartbeat{.term = term}), Code::invalid);
  EXPECT_EQ(refused(cluster, 2, 3, Append{.term = term}), Code::invalid);
  EXPECT_TRUE(cluster.raft(1).is_leader());
}

TEST(RaftMalformed, ALeaderThatContradictsItselfIsRefused) {
  Cluster cluster(3);
  const auto append = [](std::uint64_t term_of_two) {
    return Append{.term = Term(5),
                  .prev_index = LogIndex(1),
                  .prev_term = Term(1),
                  .commit = {},
                  .entries = {command(2, term_of_two)}};
  };
  EXPECT_EQ(refused(cluster, 1, 2, append(4)), Code::ok);
  EXPECT_EQ(refused(cluster, 1, 2, append(5)), Code::invalid);
}

TEST(RaftMalformed, AcksOfWhatWasNeverSentAreRefused) {
  Cluster cluster(3);
  cluster.campaign(1);
  const Term term = cluster.raft(1).term();
  EXPECT_EQ(refused(cluster, 1, 2, AppendAck{.term = term, .accepted = true, .match = LogIndex(99)}), Code::invalid);
  EXPECT_EQ(refused(cluster, 1, 2, HeartbeatAck{.term = term, .read_position = 7}), Code::invalid);
  EXPECT_EQ(refused(cluster, 1, 2, AppendAck{.term = term, .rejected_prev = LogIndex(99), .hint_index = LogIndex(98)}),
            Code::ok);
  EXPECT_EQ(refused(cluster, 1, 9, AppendAck{.term = term, .accepted = true, .match = LogIndex(2)}), Code::ok)
      << "a stranger";
}

TEST(RaftMalformed, AGrantBeforeTheRequestIsNobodys) {
  Cluster cluster(3);
  cluster.now += 2s;
  cluster.tick(1);
  for (const std::uint32_t from : {2u, 3u}) {
    EXPECT_EQ(refused(cluster, 1, from, PreVoteReply{.term = Term(1), .campaign = Term(2), .granted = true}), Code::ok);
  }
  ASSERT_EQ(cluster.raft(1).role(), Role::candidate);
  EXPECT_EQ(refused(cluster, 1, 2, VoteReply{.term = Term(2), .granted = true}), Code::ok);
  EXPECT_EQ(refused(cluster, 1, 3, VoteReply{.term = Term(2), .granted = true}), Code::ok);
  EXPECT_EQ(cluster.raft(1).role(), Role::candidate);
}

Message random_message(Rng& rng, Term around) {
  const auto term = [&] { return rng.chance(0.05) ? Term(rng.next()) : Term(around.value() + rng.below(3)); };
  const auto index = [&] { return rng.chance(0.05) ? LogIndex(rng.next()) : LogIndex(rng.below(8)); };
  switch (rng.below(9)) {
    case 0:
      return PreVote{.term = term(), .last_index = index(), .last_term = term()};
    case 1:
      return PreVoteReply{.term = term(), .campaign = term(), .granted = rng.chance(0.5)};
    case 2:
      return Vote{.term = term(), .last_index = index(), .last_term = term(), .transfer = rng.chance(0.5)};
    case 3:
      return VoteReply{.term = term(), .granted = rng.chance(0.5)};
    case 4: {
      Append append{
          .term = term(), .prev_index = index(), .prev_term = Term(rng.below(4)), .commit = index(), .entries = {}};
      for (std::uint64_t i = rng.below(3); i > 0; --i) {
        append.entries.push_back(
            command(append.prev_index.value() + append.entries.size() + 1, append.prev_term.value()));
      }
      return append;
    }
    case 5:
      return AppendAck{.term = term(),
                       .accepted = rng.chance(0.5),
                       .match = index(),
                       .rejected_prev = index(),
                       .hint_index = index(),
                       .hint_term = term()};
    case 6:
      return Heartbeat{.term = term(), .commit = index(), .read_position = rng.below(5)};
    case 7:
      return HeartbeatAck{.term = term(), .read_position = rng.below(5), .verified = index()};
    default:
      return TimeoutNow{.term = term()};
  }
}

// No safety can be asked of a group that is lied to; but the process must live, and every invariant hold after every message.
TEST(RaftMalformed, AnyMessageInAnyRoleLeavesAWholeCore) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Cluster cluster(3, seed);
    if (rng.chance(0.5)) cluster.campaign(1);
    for (int i = 0; i < 200; ++i) {
      cluster.now += rng.between(Duration(1ms), Duration(200ms));
      const auto from = static_cast<std::uint32_t>(rng.between(0, 4));
      const Code code = refused(cluster, 1, from, random_message(rng, cluster.raft(1).term()));
      ASSERT_TRUE(code == Code::ok || code == Code::invalid);
      if (rng.chance(0.3)) cluster.tick(1);
      if (rng.chance(0.3)) static_cast<void>(cluster.read(1).has_value());
      if (rng.chance(0.3)) static_cast<void>(cluster.propose(1, {"x"}).has_value());
      const auto taken = cluster.raft(1).take(cluster.context(1));
      ASSERT_TRUE(taken.has_value());
      write(cluster.node(1).visible, {.effects = *taken, .applied = {}});
      if (taken->self_ack && rng.chance(0.7)) MUST(cluster.raft(1).log_durable(*taken->self_ack, cluster.context(1)));
    }
  }
}

}  // namespace
}  // namespace rift::raft::test
