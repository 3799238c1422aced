// Snapshots: a group that keeps short logs and sends small chunks, and a follower that was away. For the stories of snapshots.
#pragma once

#include "group.h"

namespace rift::cp {

using Crash = kit::TurnHarness::Crash;

inline CpReplica::Options small_logs() {
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
      ASSERT_EQ(group.write(kit::put("k" + std::to_string(i % 20), "v" + std::to_string(i))).outcome, Outcome::done)
          << i;
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

}  // namespace rift::cp
