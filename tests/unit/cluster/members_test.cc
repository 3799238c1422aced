// What a survey of the nodes is taken to mean.
#include "cluster/members.h"

#include <gtest/gtest.h>

namespace rift::cluster {
namespace {

const std::vector<NodeId> three = {NodeId(1), NodeId(2), NodeId(3)};

// A keyspace of one partition on n1, n2 and n3. `roles`: what each of them says; empty: it does not answer. `alone`: a cut, with it on one side.
std::string told(Mode mode, const std::vector<std::string>& roles, bool atomic = false, NodeId alone = {}) {
  Survey survey;
  Group group;
  group.keyspace = "bank";
  group.name = "bank/0";
  group.mode = mode;
  group.owners = three;
  if (mode == Mode::cp) group.voters = three;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const NodeId node = three[i];
    if (roles[i].empty()) {
      survey.nodes.emplace(node, rift::fail(Code::unreachable, "no answer"));
      continue;
    }
    StatusReply reply;
    for (const NodeId other : three) {
      if (other == node || (other != alone && node != alone)) reply.status.reachable.push_back(other);
    }
    survey.nodes.emplace(node, std::move(reply));
    ReplicaStatus replica;
    replica.role = roles[i];
    group.replicas[node] = replica;
    if (roles[i] == "leader") group.leader = node;
  }
  survey.groups.push_back(group);
  topology::Keyspace keyspace;
  keyspace.name = "bank";
  keyspace.mode = mode;
  keyspace.atomic = atomic;
  return what_can_fail(survey, keyspace);
}

TEST(WhatCanFail, CountsWhoTakesPart) {
  EXPECT_EQ(told(Mode::cp, {"leader", "follower", "follower"}), "bank: 3 of 3 copies up; 2 more failures stop writes");
  EXPECT_EQ(told(Mode::cp, {"leader", "follower", ""}), "bank: 2 of 3 copies up; one more failure stops writes");
  EXPECT_EQ(told(Mode::cp, {"pre_candidate", "candidate", "follower"}),
            "bank: 3 of 3 copies up; an election is under way");
  EXPECT_EQ(told(Mode::cp, {"", "", "follower"}),
            "bank: 1 of 3 copies up; no writes and no current reads until 1 more come back");
}

// They answer when they are asked how they are, and nobody else.
TEST(WhatCanFail, CountsNoReplicaThatIsSilent) {
  for (const std::string silent : {"stopped", "repair", "quarantined"}) {
    EXPECT_EQ(told(Mode::cp, {"leader", "follower", silent}), "bank: 2 of 3 copies up; one more failure stops writes")
        << silent;
  }
}

TEST(WhatCanFail, OfAnApKeyspaceGoesByLevels) {
  EXPECT_EQ(told(Mode::ap, {"owner", "owner", "owner"}),
            "bank: 3 of 3 copies up; 2 more failures end level majority, level one needs one copy");
  EXPECT_EQ(told(Mode::ap, {"owner", "stopped", ""}), "bank: 1 of 3 copies up; level one is served, majority is not");
  EXPECT_EQ(told(Mode::ap, {"owner", "owner", "catching up"}), told(Mode::ap, {"owner", "owner", ""}))
      << "it counts in no majority";
  EXPECT_EQ(told(Mode::ap, {"stopped", "", ""}), "bank: 0 of 3 copies up; nothing is served");
}

TEST(WhatCanFail, CountsNoCopyBeyondACut) {
  EXPECT_EQ(told(Mode::cp, {"leader", "follower", "pre_candidate"}, false, NodeId(3)),
            "bank: 2 of 3 copies up; one more failure stops writes");
  EXPECT_EQ(told(Mode::cp, {"leader", "follower", "follower"}, false, NodeId(1)),
            "bank: 1 of 3 copies up; no writes and no current reads until 1 more come back");
  EXPECT_EQ(told(Mode::ap, {"owner", "owner", "owner"}, false, NodeId(1)),
            "bank: 2 of 3 copies up; one more failure ends level majority, level one needs one copy");
}

TEST(WhatCanFail, SaysHowManyPartitionsStandWorst) {
  Survey survey;
  for (int i = 0; i < 3; ++i) {
    Group group;
    group.keyspace = "trio";
    group.mode = Mode::ap;
    group.owners = {NodeId(i == 0 ? 1 : 2)};
    group.replicas[group.owners.front()].role = "owner";
    survey.groups.push_back(group);
  }
  survey.nodes.emplace(NodeId(1), rift::fail(Code::unreachable, "no answer"));
  survey.nodes.emplace(NodeId(2), StatusReply());
  topology::Keyspace keyspace;
  keyspace.name = "trio";
  keyspace.mode = Mode::ap;
  EXPECT_EQ(what_can_fail(survey, keyspace),
            "trio: 1 of 3 partitions have 0 of 1 copies up; of these nothing is served");
}

TEST(WhatCanFail, OfAnAtomicKeyspaceAMajorityDoesEverything) {
  EXPECT_EQ(told(Mode::ap, {"owner", "owner", "owner"}, true),
            "bank: 3 of 3 copies up; 2 more failures stop reads and writes");
  EXPECT_EQ(told(Mode::ap, {"owner", "catching up", ""}, true),
            "bank: 1 of 3 copies up; no writes and no reads until 1 more come back");
}

// Two partitions of three copies each, on five nodes: n1 to n3 and n3 to n5.
Survey spread() {
  Survey survey;
  const std::vector<std::vector<NodeId>> owners = {three, {NodeId(3), NodeId(4), NodeId(5)}};
  for (std::size_t i = 0; i < owners.size(); ++i) {
    Group group;
    group.keyspace = "bank";
    group.name = "bank/" + std::to_string(i);
    group.owners = group.voters = owners[i];
    group.leader = owners[i].front();
    survey.groups.push_back(group);
  }
  return survey;
}

std::string handed_over(const Survey& survey, const std::string& which, NodeId to) {
  const auto groups = to_hand_over(survey, which, to);
  if (!groups) return std::string(to_string(groups.error().code)) + ": " + groups.error().detail;
  std::string names;
  for (const Group& group : *groups) names += group.name + " ";
  return names;
}

TEST(GroupsWith, AMemberThatKeepsWritesForOwnersIsStillNeeded) {
  Survey survey = spread();
  survey.groups.erase(survey.groups.begin());
  Group& kept = survey.groups.front();
  kept.mode = Mode::ap;
  kept.voters.clear();
  EXPECT_EQ(groups_with(survey, NodeId(2)).size(), 0U);
  survey.catalog = MUST(topology::found(ClusterId{.high = 1, .low = 2}, [] {
    std::vector<topology::Member> members;
    for (std::uint32_t n = 1; n <= 5; ++n)
      members.push_back({.node = NodeId(n), .client_address = "c", .peer_address = "p", .disk = {.high = 1, .low = n}});
    return members;
  }()));
  survey.catalog.keyspaces["bank"].mode = Mode::ap;
  survey.nodes.emplace(NodeId(2), StatusReply());
  EXPECT_EQ(groups_with(survey, NodeId(2)).size(), 0U) << "it answers, and keeps nothing";
  survey.nodes.at(NodeId(2)) = rift::fail(Code::unreachable, "no answer");
  EXPECT_EQ(groups_with(survey, NodeId(2)).size(), 1U) << "who knows what it keeps?";
  survey.nodes.at(NodeId(2)) = StatusReply();
  kept.replicas[NodeId(2)].role = "stopped";
  EXPECT_EQ(groups_with(survey, NodeId(2)).size(), 1U);
  kept.replicas[NodeId(2)].role = stand_in_role;
  EXPECT_EQ(groups_with(survey, NodeId(2)), std::vector<std::string>{"bank/1"});
  kept.replicas[NodeId(2)].role = "owner";
  EXPECT_EQ(groups_with(survey, NodeId(2)).size(), 0U);
}

TEST(Transfer, TellsNobodyWhereTheTargetHasNoVoteInOneOfThem) {
  EXPECT_EQ(handed_over(spread(), "bank", NodeId(2)),
            "invalid: n2 has no vote in bank/1, so nobody was told; name a partition where it has one, as bank/0");
  EXPECT_EQ(handed_over(spread(), "bank/0", NodeId(2)), "bank/0 ");
  EXPECT_EQ(handed_over(spread(), "bank", NodeId(3)), "bank/0 ") << "it leads the other already";
  Survey learning = spread();
  learning.groups[0].voters = {NodeId(1), NodeId(3)};
  EXPECT_EQ(handed_over(learning, "bank/0", NodeId(2)).substr(0, 26), "invalid: n2 has no vote in");
}

TEST(Transfer, IsRefusedWhereNothingCanBeLed) {
  EXPECT_EQ(handed_over(spread(), "bank/7", NodeId(3)),
            "unknown_keyspace: no keyspace is called bank/7, and no partition");
  Survey survey = spread();
  survey.groups[1].leader = NodeId();
  EXPECT_EQ(handed_over(survey, "bank", NodeId(3)), "no_leader: bank/1 has no leader at the moment");
  survey.groups[0].mode = Mode::ap;
  EXPECT_EQ(handed_over(survey, "bank", NodeId(3)), "invalid: an ap keyspace has no leaders");
}

}  // namespace
}  // namespace rift::cluster
