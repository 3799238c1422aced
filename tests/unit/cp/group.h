// Group: N CpReplicas over kit::ReplicaCluster, born from the same founders, with the invariants of the core and the replica checked after every
// verb. For the stories of this room.
#pragma once

#include <gtest/gtest.h>

#include "cp/replica.h"
#include "tests/kit/replica_cluster.h"
#include "wire/keys.h"

namespace rift::cp {

using namespace std::chrono_literals;

inline Result<std::unique_ptr<Replica>> make_replica(const kit::ReplicaCluster::Making& making,
                                                     const CpReplica::Options& base) {
  CpReplica::Options options = base;
  options.partition = making.partition;
  options.self = making.self;
  options.name = "k/0";
  options.check_invariants = true;
  const auto create = wire::partition_meta_key(making.partition, "create");
  if (!TRY(making.turn.get(env::Table::meta, create))) {
    const Birth birth{.partition = making.partition, .voters = making.keyspace.partitions.front().owners, .first = {}};
    TRY(give_birth(birth, making.turn));
  }
  return std::unique_ptr<Replica>(TRY(CpReplica::create(std::move(options), making.turn)));
}

class Group : public kit::ReplicaCluster {
 public:
  explicit Group(Options options = {}, CpReplica::Options base = {})
      : ReplicaCluster(options, [base](const Making& making) { return make_replica(making, base); }) {}

  // Runs until exactly one running replica leads and the others follow it.
  NodeId elect() {
    EXPECT_TRUE(run_until([&] {
      const auto leader = with_role("leader");
      if (!leader) return false;
      const auto status = at(*leader).replica().status();
      return status.commit > LogIndex(1) && status.applied == status.last &&
             std::all_of(all().begin(), all().end(), [&](NodeId n) {
               return !at(n).running() || is_cut_off(n) || at(n).replica().status().leader == *leader;
             });
    }));
    return with_role("leader").value_or(NodeId(0));
  }
  NodeId follower_of(NodeId leader) { return others(leader).front(); }
  CpReplica& replica(NodeId node) { return static_cast<CpReplica&>(at(node).replica()); }

  Response must_call(NodeId node, Request request) {
    auto response = call(node, std::move(request));
    EXPECT_TRUE(response.has_value());
    return response.value_or(Response{});
  }
  // To whoever leads.
  Response write(Request request) { return must_call(elect(), std::move(request)); }
  std::string read(NodeId node, std::string_view key, Level level = Level::majority) {
    const auto response = must_call(node, kit::with_level(kit::get(key), level));
    EXPECT_EQ(response.outcome, Outcome::done) << response.why;
    return response.found ? response.value.to_string() : "<absent>";
  }
  // Cuts `side` off from the rest, and tells everybody.
  void split(const std::vector<NodeId>& side) {
    cut_off_ = side;
    std::vector<NodeId> rest;
    for (const NodeId n : all()) {
      if (!is_cut_off(n)) rest.push_back(n);
    }
    for (const NodeId a : side) {
      for (const NodeId b : rest) cut_both(a, b);
    }
    for (const NodeId n : side) observe(n, side);
    for (const NodeId n : rest) observe(n, rest);
  }
  void rejoin() {
    cut_off_.clear();
    heal();
    observe_all(all());
  }
  const std::vector<NodeId>& all() {
    if (all_.empty()) all_ = nodes();
    return all_;
  }
  bool is_cut_off(NodeId n) const { return std::find(cut_off_.begin(), cut_off_.end(), n) != cut_off_.end(); }

  // Every record of the state of `node`, without the place where this node keeps it.
  std::vector<env::KeyValue> state(NodeId node) {
    std::vector<env::KeyValue> pairs;
    at(node).round([&](Replica&, Turn& turn) {
      const Space space = MUST(find_space(partition(), turn));
      const auto mine = wire::state_range(partition(), space.generation);
      pairs = MUST(turn.scan(env::Table::state_cp, mine, 1'000'000, 1 << 30));
      for (auto& pair : pairs) pair.key.erase(0, mine.first.size());
    });
    return pairs;
  }

  // Everybody has applied the same, says so with the same hash, and holds the same records.
  void expect_convergence() {
    const bool converged = run_until([&] {
      const auto leader = with_role("leader");
      if (!leader) return false;
      return std::all_of(all().begin(), all().end(), [&](NodeId n) {
        return replica(n).applied() == replica(*leader).applied() &&
               replica(n).applied().index == at(*leader).replica().status().last;
      });
    });
    EXPECT_TRUE(converged);
    const auto leader = with_role("leader");
    ASSERT_TRUE(leader.has_value());
    for (const NodeId n : all()) EXPECT_EQ(replica(n).applied(), replica(*leader).applied()) << to_string(n);
    for (const NodeId n : all()) EXPECT_EQ(state(n), state(*leader)) << to_string(n);
  }

 private:
  std::vector<NodeId> all_;
  std::vector<NodeId> cut_off_;
};

}  // namespace rift::cp
