#include "chaos/fault/fault.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/fault/schedule.h"

namespace rift::chaos::fault {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

Facts five(std::uint32_t leader) {
  return {.nodes = {NodeId(5), NodeId(2), NodeId(3), NodeId(1), NodeId(4)}, .leaders = {{"bank", NodeId(leader)}}};
}

TEST(Fault, PutsTheLeaderOnTheMinoritySideWhateverIsDrawn) {
  std::set<std::vector<NodeId>> drawn;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const auto fault = resolve(SplitLeaderToMinority{.keyspace = "bank", .minority_size = 2}, five(3), rng);
    ASSERT_TRUE(fault.has_value());
    const auto& groups = std::get<Split>(*fault).groups;
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].size(), 3U);
    EXPECT_EQ(groups[1].size(), 2U);
    EXPECT_THAT(groups[1], Contains(NodeId(3)));
    EXPECT_THAT(groups[0], Not(Contains(NodeId(3))));
    EXPECT_TRUE(std::is_sorted(groups[1].begin(), groups[1].end()));
    drawn.insert(groups[1]);
  }
  EXPECT_EQ(drawn.size(), 4U);
}

TEST(Fault, ResolvesTheSameForOneSeed) {
  Rng a(9), b(9);
  const Plan plan = SplitLeaderToMinority{.keyspace = "bank", .minority_size = 2};
  EXPECT_EQ(*resolve(plan, five(1), a), *resolve(plan, five(1), b));
}

TEST(Fault, RefusesWhatIsNoMinorityOrHasNoLeader) {
  Rng rng(1);
  EXPECT_EQ(resolve(SplitLeaderToMinority{.keyspace = "bank", .minority_size = 3}, five(1), rng).error().code,
            Code::invalid);
  EXPECT_EQ(resolve(SplitLeaderToMinority{.keyspace = "bank", .minority_size = 0}, five(1), rng).error().code,
            Code::invalid);
  EXPECT_EQ(resolve(SplitLeaderToMinority{.keyspace = "bank", .minority_size = 2}, five(9), rng).error().code,
            Code::invalid);
  EXPECT_EQ(resolve(SplitLeaderToMinority{.keyspace = "other", .minority_size = 2}, five(1), rng).error().code,
            Code::not_ready);
}

TEST(Fault, CutsBothDirectionsBetweenGroupsAndOneOfAOneWayCut) {
  const Split split{{{NodeId(1), NodeId(2), NodeId(3)}, {NodeId(4), NodeId(5)}}};
  EXPECT_EQ(cut_links(split).size(), 12U);
  EXPECT_THAT(cut_links(split), Contains(Link{NodeId(4), NodeId(1)}));
  EXPECT_THAT(cut_links(split), Not(Contains(Link{NodeId(4), NodeId(5)})));
  EXPECT_THAT(cut_links(OneWay{{NodeId(1)}, {NodeId(1), NodeId(2)}}), ElementsAre(Link{NodeId(1), NodeId(2)}));
  EXPECT_THAT(cut_links(Kill{NodeId(1)}), IsEmpty());
}

TEST(Fault, DescribesItselfForTheHistoryAndForPeople) {
  const Fault split = Split{{{NodeId(1), NodeId(2), NodeId(3)}, {NodeId(4), NodeId(5)}}};
  EXPECT_EQ(name_of(split), "split");
  EXPECT_EQ(describe(split), "split {n1 n2 n3} | {n4 n5}");
  EXPECT_EQ(describe(Kill{NodeId(4)}), "kill n4");
  EXPECT_EQ(describe(Heal{}), "heal");
}

TEST(Schedule, TellsTheSplitBrainStory) {
  const Schedule story = split_brain();
  ASSERT_EQ(story.steps.size(), 2U);
  EXPECT_EQ(story.steps[0].at, std::chrono::seconds(5));
  EXPECT_EQ(story.steps[0].plan, Plan(SplitLeaderToMinority{.keyspace = "bank", .minority_size = 2}));
  EXPECT_EQ(story.steps[1].at, std::chrono::seconds(25));
  EXPECT_EQ(story.steps[1].plan, Plan(Fault(Heal{})));
  EXPECT_EQ(story.length, std::chrono::seconds(35));
}

}  // namespace
}  // namespace rift::chaos::fault
