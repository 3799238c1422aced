// Random writes on five replicas under random cuts, lost messages, kills and power losses; then everything heals. Every replica must end with
// the same versions, and every acknowledged write must be current or beaten by a larger stamp.
#include <gtest/gtest.h>

#include "tests/unit/ap/ap_cluster.h"

namespace rift::ap {
namespace {

constexpr std::uint32_t node_count = 5;
constexpr int steps = 250;

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed)
      : cluster(node_count, seed, [](NodeId, ap::Options& options) { options.bounds.hints_max = 12; }), random(seed) {}

  void run() {
    for (int i = 0; i < steps; ++i) {
      step();
      cluster.run_for(random.between(Duration(0), milliseconds(60)));
      collect();
    }
    cluster.set_drop_probability(0);
    cluster.heal();
    for (const NodeId node : cluster.nodes()) {
      if (!cluster.at(node).running()) MUST(cluster.restart(node));
    }
    cluster.observe_all(cluster.nodes());
  }

  struct Written {
    NodeId node;
    RequestId request;
    std::string key;
    std::string value;
  };

  void collect() {
    std::erase_if(open, [&](const Written& write) {
      const auto reply = cluster.take_reply(write.node, write.request);
      if (!reply) return false;
      if (reply->outcome == Outcome::done) acknowledged.emplace_back(write.key, reply->version);
      outcomes[reply->outcome]++;
      return true;
    });
  }

  ApCluster cluster;
  Rng random;
  std::vector<Written> open;
  std::vector<std::pair<std::string, Version>> acknowledged;
  std::map<Outcome, int> outcomes;

 private:
  NodeId any_node() { return NodeId(1 + static_cast<std::uint32_t>(random.below(node_count))); }

  void write() {
    const NodeId node = any_node();
    if (!cluster.at(node).running()) return;
    const std::string key = "k" + std::to_string(random.below(20)), value = "v" + std::to_string(next_value++);
    Request request = random.chance(0.2) ? kit::del(key) : kit::put(key, value);
    request.level = random.chance(0.7) ? Level::one : random.chance(0.5) ? Level::majority : Level::all;
    request.budget = random.between(milliseconds(5), seconds(2));
    open.push_back(
        Written{.node = node, .request = cluster.submit(node, std::move(request)), .key = key, .value = value});
  }

  void step() {
    const auto dice = random.below(100);
    if (dice < 70) {
      for (auto n = random.between(1, 4); n > 0; --n) write();
    } else if (dice < 78) {
      cut();
    } else if (dice < 84) {
      cluster.heal();
      if (random.chance(0.7)) cluster.observe_all(cluster.nodes());
    } else if (dice < 90) {
      crash();
    } else if (dice < 96) {
      for (const NodeId node : cluster.nodes()) {
        if (!cluster.at(node).running() && random.chance(0.7)) MUST(cluster.restart(node));
      }
    } else {
      cluster.set_drop_probability(random.chance(0.5) ? 0.2 : 0);
    }
  }

  void cut() {
    std::vector<NodeId> a, b;
    for (const NodeId node : cluster.nodes()) (random.chance(0.5) ? a : b).push_back(node);
    if (random.chance(0.3)) {
      cluster.cut(any_node(), any_node());  // one direction, and nobody has noticed
      return;
    }
    cluster.split(a, b, random.chance(0.6));
  }

  void crash() {
    const NodeId node = any_node();
    if (!cluster.at(node).running()) return;
    collect();
    cluster.crash(node, random.chance(0.5) ? kit::TurnHarness::Crash::kill : kit::TurnHarness::Crash::power_loss);
    std::erase_if(open, [node](const Written& write) { return write.node == node; });
  }

  int next_value = 0;
};

TEST(ApConvergence, AfterChaosEveryOwnerHoldsTheSameAndNoAcknowledgedWriteIsLost) {
  std::map<Outcome, int> outcomes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chaos chaos(seed);
    chaos.run();
    ApCluster& cluster = chaos.cluster;
    ASSERT_TRUE(cluster.rest_within(seconds(10)));
    chaos.collect();
    ASSERT_TRUE(chaos.open.empty()) << "a request without an answer";
    const auto held = cluster.contents(1);
    for (const auto& [key, version] : chaos.acknowledged) {
      ASSERT_TRUE(held.contains(key));
      const Version now = version_of(held.at(key).stamp);
      ASSERT_TRUE(now == version || now.hlc > version.hlc ||
                  (now.hlc == version.hlc && now.dot_node > version.dot_node))
          << key;
    }
    for (const auto& [outcome, count] : chaos.outcomes) outcomes[outcome] += count;
  }
  EXPECT_GT(outcomes[Outcome::done], 500);
  EXPECT_GT(outcomes[Outcome::not_done], 10);
  EXPECT_GT(outcomes[Outcome::unknown], 10);
}

TEST(ApConvergence, TheSameSeedGivesTheSameRun) {
  Chaos a(7), b(7);
  a.run();
  b.run();
  EXPECT_EQ(a.cluster.contents(3), b.cluster.contents(3));
  EXPECT_EQ(a.cluster.delivered(), b.cluster.delivered());
}

}  // namespace
}  // namespace rift::ap
