// Groups that are easy to forget: of one node (trap 19), and one that nobody uses (trap 52).
#include "group.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;

kit::ReplicaCluster::Options one() {
  kit::ReplicaCluster::Options options;
  options.nodes = 1;
  return options;
}

// A quorum of one is still a quorum of disks.
TEST(CpAlone, ANodeByItselfAcknowledgesOnlyWhatItsDiskHas) {
  Group group(one());
  const NodeId node = group.elect();
  group.hold_disk(node);
  const RequestId id = group.submit(node, kit::with_budget(put("k", "v"), 30s));
  group.run_for(5s);
  EXPECT_FALSE(group.take_reply(node, id).has_value());
  group.release_disk(node);
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(node, id)).has_value(); }));
  EXPECT_EQ(reply->outcome, Outcome::done);
}

// No read may show what a power loss can still take: afterwards the same key would be older.
TEST(CpAlone, AReadShowsNothingThatAPowerLossCanStillTake) {
  for (const Level level : {Level::one, Level::majority}) {
    Group group(one());
    const NodeId node = group.elect();
    group.write(put("k", "old"));
    group.hold_disk(node);
    const RequestId write = group.submit(node, put("k", "new"));
    const RequestId read = group.submit(node, kit::with_level(get("k"), level));
    group.run_for(100ms);
    const auto seen = group.take_reply(node, read);
    EXPECT_TRUE(!seen || seen->value == Bytes("old"));
    EXPECT_FALSE(group.take_reply(node, write).has_value());
    group.crash(node, kit::TurnHarness::Crash::power_loss);
    group.release_disk(node);
    MUST(group.restart(node));
    group.elect();
    EXPECT_EQ(group.read(node, "k", level), "old");
  }
}

// Nothing is asked of it for minutes, and its leader dies: the others notice as always, for a group never sleeps.
TEST(CpIdle, AnIdleGroupReplacesItsDeadLeader) {
  Group group;
  const NodeId dead = group.elect();
  group.write(put("k", "v"));
  const Term before = group.replica(dead).status().term;
  group.run_for(std::chrono::minutes(5));
  ASSERT_TRUE(group.replica(dead).is_leader());
  ASSERT_EQ(group.replica(dead).status().term, before);
  group.crash(dead, kit::TurnHarness::Crash::kill);
  ASSERT_TRUE(group.run_until([&] { return group.with_role("leader").has_value(); }, 3s));
  const NodeId next = *group.with_role("leader");
  EXPECT_EQ(group.must_call(next, put("k", "w")).outcome, Outcome::done);
  EXPECT_EQ(group.read(next, "k"), "w");
}

}  // namespace
}  // namespace rift::cp
