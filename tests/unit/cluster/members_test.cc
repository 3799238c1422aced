// What a survey of the nodes is taken to mean.
#include "cluster/members.h"

#include <gtest/gtest.h>

namespace rift::cluster {
namespace {

const std::vector<NodeId> three = {NodeId(1), NodeId(2), NodeId(3)};

// A keyspace of one partition on n1, n2 and n3. `roles`: what each of them says; empty: it does not answer.
std::string told(Mode mode, const std::vector<std::string>& roles) {
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
    survey.nodes.emplace(node, StatusReply());
    ReplicaStatus replica;
    replica.role = roles[i];
    group.replicas[node] = replica;
    if (roles[i] == "leader") group.leader = node;
  }
  survey.groups.push_back(group);
  topology::Keyspace keyspace;
  keyspace.name = "bank";
  keyspace.mode = mode;
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
  EXPECT_EQ(told(Mode::ap, {"stopped", "", ""}), "bank: 0 of 3 copies up; nothing is served");
}

}  // namespace
}  // namespace rift::cluster
