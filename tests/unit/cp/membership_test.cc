// The way from a group's configuration to the catalog's wish, step by step, and when leadership moves to the preferred node.
#include "cp/membership.h"

#include <gtest/gtest.h>

#include "tests/kit/requests.h"
#include "topology/changes.h"

namespace rift::cp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Nodes = std::vector<NodeId>;

Nodes nodes(std::initializer_list<std::uint32_t> numbers) {
  Nodes result;
  for (const std::uint32_t n : numbers) result.emplace_back(n);
  return result;
}

constexpr std::uint64_t log_end = 1000;
constexpr std::uint64_t near = log_end - caught_up_entries_max;

struct PeerRow {
  std::uint32_t node;
  std::uint64_t match = log_end;
  bool lives = true;
};

// n1 leads.
GroupState state(std::initializer_list<std::uint32_t> voters, std::initializer_list<std::uint32_t> learners,
                 std::initializer_list<PeerRow> odd = {}) {
  GroupState result{.self = NodeId(1),
                    .config = {.voters = nodes(voters), .outgoing = {}, .learners = nodes(learners)},
                    .last = LogIndex(log_end),
                    .peers = {}};
  for (const Nodes* list : {&result.config.voters, &result.config.learners}) {
    for (const NodeId node : *list) {
      if (node != result.self) result.peers.push_back({.node = node, .match = LogIndex(log_end), .lives = true});
    }
  }
  for (const PeerRow& row : odd) {
    for (GroupPeer& peer : result.peers) {
      if (peer.node == NodeId(row.node)) peer = {.node = peer.node, .match = LogIndex(row.match), .lives = row.lives};
    }
  }
  return result;
}

topology::GroupWish wish(std::initializer_list<std::uint32_t> voters,
                         std::initializer_list<std::uint32_t> learners = {},
                         std::initializer_list<std::uint32_t> gone = {}) {
  return {.voters = nodes(voters), .learners = nodes(learners), .gone = nodes(gone)};
}

std::string text(const std::optional<raft::Config>& config) {
  if (!config) return "-";
  std::string line;
  for (const NodeId node : config->voters) line += std::to_string(node.value()) + " ";
  line += "/";
  for (const NodeId node : config->learners) line += " " + std::to_string(node.value());
  return line;
}

struct Row {
  std::string what;
  GroupState state;
  topology::GroupWish wish;
  std::string next;
};

TEST(NextChange, IsOneStepOfTheWay) {
  const std::vector<Row> rows = {
      {"the wish is reached", state({1, 2, 3}, {}), wish({3, 1, 2}), "-"},
      {"a newcomer learns first", state({1, 2, 3}, {}), wish({1, 2, 3, 4}), "1 2 3 / 4"},
      {"all newcomers at once", state({1, 2, 3}, {}), wish({1, 2, 3, 4, 5}), "1 2 3 / 4 5"},
      {"it waits until it has caught up", state({1, 2, 3}, {4}, {{4, near - 1}}), wish({1, 2, 3, 4}), "-"},
      {"then it votes", state({1, 2, 3}, {4}, {{4, near}}), wish({1, 2, 3, 4}), "1 2 3 4 /"},
      {"not while it is silent", state({1, 2, 3}, {4}, {{4, log_end, false}}), wish({1, 2, 3, 4}), "-"},
      {"not before it holds anything", state({1, 2, 3}, {4}, {{4, 0}}), wish({1, 2, 3, 4}), "-"},
      {"the swap: the old one stays until the new one is there", state({1, 2, 3}, {4}, {{4, 1}}), wish({1, 2, 4}), "-"},
      {"the swap in one joint step", state({1, 2, 3}, {4}), wish({1, 2, 4}), "1 2 4 /"},
      {"of two newcomers one is ready: nobody goes yet", state({1, 2, 3}, {4, 5}, {{5, 1}}), wish({1, 4, 5}),
       "1 2 3 4 /5"},
      {"one too many goes", state({1, 2, 3}, {}), wish({1, 2}), "1 2 /"},
      {"the leader goes too", state({1, 2, 3}, {}), wish({2, 3}), "2 3 /"},
      {"an unwanted learner goes", state({1, 2, 3}, {4}), wish({1, 2, 3}), "1 2 3 /"},
      {"a wanted learner stays one", state({1, 2, 3}, {4}), wish({1, 2, 3}, {4}), "-"},
      {"a voter becomes a learner", state({1, 2, 3, 4, 5, 6}, {}), wish({1, 2, 3, 4, 5}, {6}), "1 2 3 4 5 /6"},
      {"voter and learner change places", state({1, 2, 3}, {4}), wish({1, 2, 4}, {3}), "1 2 4 /3"},
      {"a disk that is gone goes at once", state({1, 2, 3}, {}, {{3, 5, false}}), wish({1, 2}, {}, {3}), "1 2 /"},
      {"even while a newcomer is not ready", state({1, 2, 3}, {4}, {{3, 5, false}, {4, 1}}), wish({1, 2, 4}, {}, {3}),
       "1 2 /4"},
      {"never to voters that cannot decide", state({1, 2, 3, 4, 5}, {}, {{4, 5, false}, {5, 5, false}}),
       wish({1, 2, 4, 5}), "-"},
      {"never on a minority", state({1, 2, 3}, {4}, {{2, 5, false}, {3, 5, false}}), wish({1, 4}), "-"},
      {"no wish, no change", state({1, 2, 3}, {4}), wish({}), "-"},
  };
  for (const Row& row : rows) {
    std::string expected = row.next;
    if (const auto slash = expected.find('/');
        slash != std::string::npos && slash + 1 < expected.size() && expected[slash + 1] != ' ')
      expected.insert(slash + 1, " ");
    EXPECT_EQ(text(next_change(row.state, row.wish)), expected) << row.what;
  }
}

TEST(NextChange, NothingWhileTheConfigurationIsJoint) {
  GroupState joint = state({1, 2, 4}, {});
  joint.config.outgoing = nodes({1, 2, 3});
  EXPECT_EQ(next_change(joint, wish({1, 2, 3})), std::nullopt);
}

// From any configuration to any wish, by steps that each is legal for raft, and never through one that its living members could not decide.
TEST(NextChange, ReachesEveryWishOfLivingNodes) {
  for (std::uint32_t from = 1; from < 64; ++from) {
    for (std::uint32_t to = 1; to < 64; ++to) {
      if ((from & 1U) == 0) continue;  // n1 leads, so it votes
      raft::Config config;
      topology::GroupWish target;
      for (std::uint32_t n = 1; n <= 6; ++n) {
        if ((from >> (n - 1)) & 1U) config.voters.emplace_back(n);
        if ((to >> (n - 1)) & 1U) target.voters.emplace_back(n);
      }
      int steps = 0;
      for (; steps < 4; ++steps) {
        GroupState now{.self = NodeId(1), .config = config, .last = LogIndex(log_end), .peers = {}};
        for (std::uint32_t n = 2; n <= 6; ++n)
          now.peers.push_back({.node = NodeId(n), .match = LogIndex(log_end), .lives = true});
        const auto next = next_change(now, target);
        if (!next) break;
        ASSERT_TRUE(raft::validate(*next).has_value()) << text(next);
        config = *next;
        if (!config.is_voter(NodeId(1))) break;  // another leader goes on
      }
      EXPECT_LT(steps, 4) << from << " to " << to;
      if (config.is_voter(NodeId(1))) {
        EXPECT_EQ(config.voters, target.voters) << from << " to " << to;
        EXPECT_TRUE(config.learners.empty()) << from << " to " << to;
      }
    }
  }
}

// --- leadership --------------------------------------------------------------------------------------------------------------------

struct Spread {
  Spread() {
    catalog.keyspaces.at("k").partitions[0].owners = nodes({2, 1, 3});
    see(nodes({1, 2, 3}));
    stewardship.elected(now);
  }
  void see(Nodes reachable) {
    stewardship.observe(topology::View{.catalog = std::make_shared<const topology::Catalog>(catalog),
                                       .self = NodeId(1),
                                       .reachable = std::move(reachable)},
                        now);
  }
  // n1 leads, n2 is preferred.
  std::optional<NodeId> after(Duration time, GroupState group = state({1, 2, 3}, {})) {
    now += time;
    return stewardship.successor(group, now);
  }

  topology::Catalog catalog = kit::catalog_of(3, Mode::cp);
  Stewardship stewardship{{.partition = catalog.find("k")->partitions[0].id, .self = NodeId(1)}};
  Time now{seconds(100)};
};

TEST(Stewardship, LeadershipGoesToThePreferredNodeAfterACalmTime) {
  Spread spread;
  EXPECT_EQ(spread.after(milliseconds(9999)), std::nullopt);
  EXPECT_EQ(spread.after(milliseconds(1)), NodeId(2));
}

TEST(Stewardship, NotSoonAfterAnElection) {
  Spread spread;
  EXPECT_EQ(spread.after(seconds(9)), std::nullopt);
  spread.stewardship.elected(spread.now);
  EXPECT_EQ(spread.after(milliseconds(9999)), std::nullopt);
  EXPECT_EQ(spread.after(milliseconds(1)), NodeId(2));
}

TEST(Stewardship, NotToOneWhoHasOnlyJustComeBack) {
  Spread spread;
  spread.see(nodes({1, 3}));
  EXPECT_EQ(spread.after(seconds(20)), std::nullopt);
  spread.see(nodes({1, 2, 3}));
  EXPECT_EQ(spread.after(milliseconds(9999)), std::nullopt);
  spread.see(nodes({1, 2}));  // another one goes: that is not its affair
  EXPECT_EQ(spread.after(milliseconds(1)), NodeId(2));
}

TEST(Stewardship, NotToOneWhoLagsOrDoesNotVote) {
  Spread spread;
  EXPECT_EQ(spread.after(seconds(11), state({1, 2, 3}, {}, {{2, near - 1}})), std::nullopt);
  EXPECT_EQ(spread.after(seconds(1), state({1, 2, 3}, {}, {{2, log_end, false}})), std::nullopt);
  EXPECT_EQ(spread.after(seconds(1), state({1, 3}, {2})), std::nullopt);
  EXPECT_EQ(spread.after(seconds(1)), NodeId(2));
}

TEST(Stewardship, InVainMoreAndMoreRarely) {
  Spread spread;
  EXPECT_EQ(spread.after(seconds(10)), NodeId(2));
  EXPECT_EQ(spread.after(milliseconds(19'999)), std::nullopt);
  EXPECT_EQ(spread.after(milliseconds(1)), NodeId(2));
  EXPECT_EQ(spread.after(milliseconds(39'999)), std::nullopt);
  EXPECT_EQ(spread.after(milliseconds(1)), NodeId(2));
  for (int i = 0; i < 20; ++i) spread.after(std::chrono::minutes(10));
  EXPECT_EQ(spread.after(std::chrono::minutes(10)), NodeId(2)) << "at last every ten minutes";
}

TEST(Stewardship, ThePreferredLeaderKeepsItsPlace) {
  Spread spread;
  spread.catalog.keyspaces.at("k").partitions[0].owners = nodes({1, 2, 3});
  spread.catalog.epoch = MapEpoch(50);
  spread.see(nodes({1, 2, 3}));
  EXPECT_EQ(spread.after(seconds(60)), std::nullopt);
}

// --- the end of a replica ----------------------------------------------------------------------------------------------------------------

TEST(Stewardship, AsksTheOwnersOnceASecondWhileTheMapLeavesItOut) {
  Spread spread;
  EXPECT_FALSE(spread.stewardship.is_unwanted());
  EXPECT_TRUE(spread.stewardship.ask_due(spread.now).empty());
  EXPECT_EQ(spread.stewardship.next_due(), Time::max());
  spread.catalog.keyspaces.at("k").partitions[0].owners = nodes({2, 3});
  spread.catalog.epoch = MapEpoch(50);
  spread.see(nodes({1, 2, 3}));
  EXPECT_TRUE(spread.stewardship.is_unwanted());
  EXPECT_EQ(spread.stewardship.next_due(), spread.now);
  EXPECT_EQ(spread.stewardship.ask_due(spread.now), nodes({2, 3}));
  EXPECT_TRUE(spread.stewardship.ask_due(spread.now + milliseconds(999)).empty());
  EXPECT_EQ(spread.stewardship.ask_due(spread.now + seconds(1)), nodes({2, 3}));
}

TEST(Stewardship, AMapWithoutThePartitionSaysNothingAboutIt) {
  Spread spread;
  spread.catalog.keyspaces.erase("k");
  spread.catalog.epoch = MapEpoch(50);
  spread.see(nodes({1, 2, 3}));
  EXPECT_FALSE(spread.stewardship.is_unwanted()) << "the node buries what was dropped";
  EXPECT_FALSE(spread.stewardship.check_due(spread.now));
}

}  // namespace
}  // namespace rift::cp
