// HealthStory: a group of three that has some state, and what can be done to the copy of one of them behind its back. For the stories of replicas that
// are not what they should be.
#pragma once

#include "group.h"

namespace rift::cp {

using Crash = kit::TurnHarness::Crash;

class HealthStory : public ::testing::Test {
 protected:
  static CpReplica::Options options() {
    CpReplica::Options options;
    options.verify_every = 8;
    options.snapshot.chunk_bytes = 300;
    options.view = kit::view_of(kit::catalog_of(3, Mode::cp), NodeId(1), kit::nodes_of({1, 2, 3}));
    return options;
  }
  HealthStory() : group({}, options()) {
    write(0, 20);
    group.expect_convergence();
  }
  void write(int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_EQ(group.write(kit::put("k" + std::to_string(i % 20), "v" + std::to_string(i))).outcome, Outcome::done)
          << i;
  }
  kit::MapStore& store(NodeId node) { return group.at(node).store(); }
  std::uint64_t counter(NodeId node, const std::string& name) { return group.replica(node).status().counters.at(name); }
  Space space(NodeId node) { return MUST(find_space(group.partition(), store(node))); }
  // The state says something else than the log: an applied record whose rolling hash is another.
  void change_hash(NodeId node, std::uint64_t by = 1) {
    group.crash(node, Crash::kill);
    const auto key = wire::cp_applied_key(group.partition(), space(node).generation);
    const auto stored = MUST(store(node).get(env::Table::state_cp, key));
    auto record = MUST(wire::decode_applied(*stored));
    record.hash += by;
    store(node).poke(env::Table::state_cp, key, wire::encode(record));
    MUST(group.restart(node));
  }
  void damage_value(NodeId node, std::string_view key) {
    store(node).poke(env::Table::state_cp, wire::cp_data_key(group.partition(), space(node).generation, key),
                     Bytes("\x7f???"));
  }
  bool is_healed(NodeId node) { return counter(node, "healed") == 1; }
  void expect_same_state() {
    group.expect_convergence();
    for (const NodeId n : group.all()) {
      for (int i = 0; i < 20; ++i) {
        const std::string key = "k" + std::to_string(i);
        EXPECT_EQ(group.read(n, key, Level::one), group.read(group.elect(), key)) << to_string(n) << " " << key;
      }
    }
  }

  Group group;
};

}  // namespace rift::cp
