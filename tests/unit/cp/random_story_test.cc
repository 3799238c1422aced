// Random operations under cuts, kills, power losses and held disks on three replicas: nothing acknowledged is lost, nothing refused happened,
// every request is answered once, and replicas that applied the same index are equal.
#include <map>
#include <set>

#include "group.h"

namespace rift::cp {
namespace {

using kit::cas_value;
using kit::put;

constexpr int keys = 4;

// What a client may conclude about one key, whose values are unique.
struct KeyHistory {
  std::set<std::string> refused;         // not done
  std::map<std::string, Revision> done;  // by value
  Revision newest;                       // of an acknowledged write
};

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed), group_(options(seed)) {}

  void run() {
    for (int step = 0; step < 600 && !::testing::Test::HasFatalFailure(); ++step) {
      disturb();
      for (std::uint64_t i = random_.between(0, 3); i > 0; --i) submit();
      group_.run_for(random_.between(Duration::zero(), Duration(100ms)));
      collect();
      compare_replicas();
    }
    finish();
  }

 private:
  static kit::ReplicaCluster::Options options(std::uint64_t seed) {
    kit::ReplicaCluster::Options options;
    options.seed = seed;
    options.drop_probability = seed % 3 == 0 ? 0.02 : 0.0;
    return options;
  }
  NodeId any_node() { return NodeId(static_cast<std::uint32_t>(random_.between(1, 3))); }

  void disturb() {
    const double what = random_.unit();
    const NodeId node = any_node();
    if (what < 0.03) group_.isolate(node);
    if (what >= 0.03 && what < 0.05) group_.cut(node, any_node());
    if (what >= 0.05 && what < 0.13) group_.heal();
    if (what >= 0.13 && what < 0.16 && group_.at(node).running()) {
      group_.crash(node, random_.chance(0.5) ? kit::TurnHarness::Crash::kill : kit::TurnHarness::Crash::power_loss);
    }
    if (what >= 0.16 && what < 0.25) restart(node);
    if (what >= 0.25 && what < 0.27) group_.hold_disk(node);
    if (what >= 0.27 && what < 0.35) group_.release_disk(node);
  }
  // All that a start finds is made durable before it (review 10).
  void restart(NodeId node) {
    if (group_.at(node).running()) return;
    group_.at(node).store().finish_syncs();
    group_.at(node).store().sync(Task([] {}));
    group_.at(node).store().finish_syncs();
    const auto started = group_.restart(node);
    ASSERT_TRUE(started.has_value()) << started.error().detail;
    compared_.erase(node);
  }

  void submit() {
    const auto leader = group_.with_role("leader");
    const NodeId node = leader && random_.chance(0.8) ? *leader : any_node();
    if (!group_.at(node).running()) return;
    const std::string key = "k" + std::to_string(random_.below(keys));
    const std::string value = std::to_string(++last_value_);
    const double kind = random_.unit();
    Request request = kind < 0.5   ? put(key, value)
                      : kind < 0.7 ? cas_value(key, newest_value(key), value)
                                   : kit::get(key);
    if (kind >= 0.95) request.level = Level::one;
    request.budget = random_.between(Duration(100ms), Duration(3s));
    const bool writes = is_write(request.verb);
    const Revision floor = histories_[key].newest;
    const RequestId id = group_.submit(node, std::move(request));
    open_[{node, id}] = Open{.key = key, .value = value, .writes = writes, .linearizable = kind < 0.95, .floor = floor};
  }
  std::string newest_value(const std::string& key) {
    for (const auto& [value, revision] : histories_[key].done) {
      if (revision == histories_[key].newest) return value;
    }
    return "none";
  }

  void collect() {
    for (auto it = open_.begin(); it != open_.end();) {
      const auto reply = group_.take_reply(it->first.first, it->first.second);
      if (!reply) {
        ++it;
        continue;
      }
      EXPECT_EQ(group_.at(it->first.first).replies_last(it->first.second), 1U);
      judge(it->second, *reply);
      it = open_.erase(it);
    }
  }

  struct Open {
    std::string key;
    std::string value;
    bool writes = false;
    bool linearizable = false;
    Revision floor;  // acknowledged before the request began
  };
  void judge(const Open& open, const Response& reply) {
    KeyHistory& history = histories_[open.key];
    if (!open.writes) {
      EXPECT_NE(reply.outcome, Outcome::unknown);
      if (reply.outcome == Outcome::done && open.linearizable) {
        EXPECT_GE(reply.version.modify_revision, open.floor);
      }
      if (reply.outcome == Outcome::done && reply.found) {
        EXPECT_FALSE(history.refused.contains(reply.value.to_string())) << "a refused write was read";
      }
      return;
    }
    if (reply.outcome == Outcome::not_done) history.refused.insert(open.value);
    if (reply.outcome != Outcome::done) return;
    ++done_;
    EXPECT_GT(reply.version.modify_revision, open.floor);
    history.done[open.value] = reply.version.modify_revision;
    history.newest = std::max(history.newest, reply.version.modify_revision);
  }

  // Same index, same state, record by record (I14).
  void compare_replicas() {
    for (const NodeId n : group_.all()) {
      if (!group_.at(n).running()) continue;
      const auto applied = group_.replica(n).applied();
      if (std::exchange(compared_[n], applied.index) == applied.index) continue;
      auto records = group_.state(n);
      const auto [at, fresh] = applied_.emplace(applied.index, applied);
      ASSERT_EQ(at->second, applied) << to_string(n) << " differs at " << applied.index.value();
      const auto [state, first] = states_.try_emplace(applied.index, std::move(records));
      if (first) continue;
      ASSERT_EQ(state->second, records) << to_string(n) << " differs at " << applied.index.value();
    }
  }

  void finish() {
    group_.heal();
    group_.set_drop_probability(0);
    for (const NodeId n : group_.all()) {
      group_.release_disk(n);
      restart(n);
    }
    group_.run_for(5s);
    collect();
    group_.expect_convergence();
    compare_replicas();
    const NodeId leader = group_.elect();
    for (const auto& [key, history] : histories_) {
      const auto final = group_.must_call(leader, kit::get(key));
      EXPECT_GE(final.version.modify_revision, history.newest) << key << " has lost an acknowledged write";
      EXPECT_FALSE(history.refused.contains(final.value.to_string()));
    }
    EXPECT_GT(done_, 20U);
  }

  Rng random_;
  Group group_;
  std::map<std::string, KeyHistory> histories_;
  std::map<std::pair<NodeId, RequestId>, Open> open_;
  std::map<LogIndex, wire::AppliedRecord> applied_;
  std::map<LogIndex, std::vector<env::KeyValue>> states_;
  std::map<NodeId, LogIndex> compared_;
  std::uint64_t last_value_ = 0;
  std::uint64_t done_ = 0;
};

class CpChaos : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CpChaos, LosesNothingAndDivergesNever) { Chaos(GetParam()).run(); }

INSTANTIATE_TEST_SUITE_P(Seeds, CpChaos, ::testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace rift::cp
