// Thousands of seeded schedules: messages dropped, doubled and reordered, links cut, disks that lag, kills and power losses that take
// the unsynced writes with them; members that come and go, logs that are compacted, snapshots that are lost. The cluster checks safety at every flush; at the end a calm network must bring everybody to one log.
#include "cluster.h"

namespace rift::raft::test {
namespace {

struct Shape {
  std::uint32_t size = 3;
  std::uint32_t spares = 0;  // nodes of no group at first; with any of them the members change, and logs are compacted
  std::uint64_t seeds = 0;
  int steps = 0;
};

// Small bounds, so that every queue is full now and then and old entries are read back from the disk.
void make_small(Options& options) {
  options.append_bytes_max = 24;
  options.peer_in_flight_messages_max = 3;
  options.peer_in_flight_bytes_max = 64;
  options.log_memory_bytes_max = 200;
}

class Schedule {
 public:
  Schedule(const Shape& shape, std::uint64_t seed)
      : shape_(shape), cluster_(shape.size, seed, make_small), rng_(seed * 7919) {
    cluster_.auto_sync = false;
    cluster_.warm_start = rng_.chance(0.5);
    loss_ = rng_.chance(0.3) ? 0.0 : rng_.unit() * 0.2;
    crash_ = rng_.chance(0.3) ? 0.0 : 0.02;
    lazy_flush_ = rng_.unit() * 0.5;
    for (std::uint32_t id = shape.size + 1; id <= all(); ++id) cluster_.add_node(id);
  }

  void run() {
    for (int i = 0; i < shape_.steps && !::testing::Test::HasFatalFailure(); ++i) one_step();
    cluster_.check_logs_match();
    calm();
  }

  Cluster& cluster() { return cluster_; }
  int reads() const { return reads_; }
  int proposals() const { return proposals_; }

 private:
  std::uint32_t all() const { return shape_.size + shape_.spares; }
  std::uint32_t any() { return static_cast<std::uint32_t>(rng_.between(1, all())); }

  void one_step() {
    const std::uint64_t dice = rng_.below(100);
    if (dice < 45) return network_step();
    const std::uint32_t id = any();
    if (!cluster_.is_up(id)) {
      if (rng_.chance(0.2)) cluster_.restart(id);
      return;
    }
    if (shape_.spares > 0 && rng_.chance(0.06)) return reshape(id);
    if (dice < 65) return cluster_.sync(id);
    if (dice < 72) return pass_time();
    if (dice < 78) {
      cluster_.tick(id);
    } else if (dice < 88) {
      propose(id);
    } else if (dice < 93) {
      if (cluster_.read(id)) ++reads_;
    } else if (dice < 95) {
      cut_or_heal(id);
    } else if (dice < 97) {
      if (rng_.chance(crash_ * 10)) return crash(id);
    } else if (dice < 98) {
      const auto handed = cluster_.raft(id).transfer(NodeId(any()), cluster_.context(id));
      static_cast<void>(handed.has_value());  // refused when it does not lead or names itself
    }
    if (!rng_.chance(lazy_flush_)) cluster_.flush(id);
  }

  // Towards a wish that stays for a while, so that changes come to an end; now and then a log is cut, or a snapshot is given up.
  void reshape(std::uint32_t id) {
    const std::uint64_t dice = rng_.below(10);
    if (dice < 2) return cluster_.compact(id, rng_.below(4));
    if (dice < 3) return cluster_.give_up_snapshots();
    if (wish_.voters.empty() || rng_.chance(0.1)) wish_ = any_config();
    const auto changed = cluster_.raft(id).change_config(wish_, cluster_.context(id));
    EXPECT_TRUE(changed.has_value() || took_no_effect(changed.error().code));
    if (changed && !rng_.chance(lazy_flush_)) cluster_.flush(id);
  }

  Config any_config() {
    Config config;
    for (std::uint32_t id = 1; id <= all(); ++id) {
      const double dice = rng_.unit();
      if (dice < 0.4) config.voters.emplace_back(id);
      if (dice > 0.85) config.learners.emplace_back(id);
    }
    if (config.voters.empty()) config = {.voters = {NodeId(any())}};
    return config;
  }

  void network_step() {
    if (cluster_.network.empty()) return pass_time();
    const std::size_t newest = cluster_.network.size() - 1;
    const std::size_t position = rng_.chance(0.7) ? 0 : rng_.below(newest + 1);
    if (rng_.chance(loss_)) {
      cluster_.network.erase(cluster_.network.begin() + static_cast<std::ptrdiff_t>(position));
      return;
    }
    if (rng_.chance(0.05)) cluster_.network.push_back(cluster_.network[position]);
    cluster_.deliver(position, !rng_.chance(lazy_flush_));
  }

  void pass_time() {
    cluster_.now += rng_.chance(0.7) ? Duration(5ms) : rng_.between(Duration(10ms), Duration(400ms));
    for (std::uint32_t id = 1; id <= all(); ++id) {
      if (!cluster_.is_up(id) || rng_.chance(0.3)) continue;
      cluster_.tick(id);
      cluster_.flush(id);
    }
  }

  void propose(std::uint32_t id) {
    std::vector<std::string> payloads;
    for (std::uint64_t i = rng_.between(1, 4); i > 0; --i) {
      payloads.push_back(std::to_string(proposals_++) + std::string(rng_.below(20), 'x'));
    }
    const auto proposed = cluster_.propose(id, payloads);
    EXPECT_TRUE(proposed.has_value() || took_no_effect(proposed.error().code));
  }

  void cut_or_heal(std::uint32_t id) {
    if (rng_.chance(0.5)) return cluster_.heal();
    if (rng_.chance(0.3)) return cluster_.isolate(id);
    cluster_.cut(id, any());
  }

  void crash(std::uint32_t id) {
    const std::size_t unsynced = cluster_.node(id).unsynced.size();
    if (rng_.chance(0.3)) return cluster_.kill(id);
    cluster_.power_loss(id, unsynced == 0 ? 0 : rng_.below(unsynced + 1));
  }

  void calm() {
    cluster_.heal();
    cluster_.auto_sync = true;
    for (std::uint32_t id = 1; id <= all(); ++id) {
      if (!cluster_.is_up(id)) cluster_.restart(id);
      cluster_.flush(id);
    }
    cluster_.settle();
    for (int i = 0; i < 20; ++i) {
      cluster_.advance(1s);
      cluster_.give_up_snapshots();
      const std::uint32_t leader = cluster_.elect();
      ASSERT_NE(leader, 0u) << "a healed cluster finds no leader";
      cluster_.advance(500ms);
      if (is_settled(leader)) return cluster_.check_logs_match();
    }
    FAIL() << "a healed cluster does not come to one log";
  }

  bool is_settled(std::uint32_t leader) {
    if (cluster_.leader() != leader || !cluster_.raft(leader).config_settled()) return false;
    const Config config = *cluster_.raft(leader).config();
    for (const auto& members : {config.voters, config.learners}) {
      for (const NodeId member : members) {
        const std::uint32_t id = member.value();
        if (cluster_.node(id).durable.last_index() != cluster_.raft(leader).last_index()) return false;
        if (cluster_.node(id).durable.end().term != cluster_.node(leader).durable.end().term) return false;
        if (cluster_.raft(id).commit() != cluster_.raft(leader).last_index()) return false;
      }
    }
    return true;
  }

  Shape shape_;
  Cluster cluster_;
  Rng rng_;
  double loss_ = 0;
  double crash_ = 0;
  double lazy_flush_ = 0;
  Config wish_{};
  int proposals_ = 0;
  int reads_ = 0;
};

constexpr const char* rare[] = {
    "raft.self_ack_of_another_term",
    "raft.self_ack_of_overwritten_entry",
    "raft.lost_quorum",
    "raft.append_rejected",
    "raft.conflicting_suffix_truncated",
    "raft.stale_rejection",
    "raft.lost_append_probed",
    "raft.heartbeat_commit_clamped",
    "raft.pre_vote_refused_leader_lives",
    "raft.pre_vote_refused_stale_log",
    "raft.pre_vote_term_too_low",
    "raft.vote_ignored_leader_lives",
    "raft.campaign_by_transfer",
    "raft.transfer_gave_up",
    "raft.in_flight_bytes_full",
    "raft.proposal_superseded",
    "raft.append_from_old_leader",
    "raft.heartbeat_from_old_leader",
};

constexpr const char* rare_among_members[] = {
    "raft.joint_entered",
    "raft.joint_left",
    "raft.config_appended",
    "raft.removed_leader_goes",
    "raft.change_refused_before_noop",
    "raft.change_refused_unsettled",
    "raft.promotion_refused_lagging",
    "raft.peer_needs_snapshot",
    "raft.snapshot_overtaken",
    "raft.snapshot_not_needed",
};

void run(const Shape& shape) {
  std::map<std::string, std::uint64_t> marks;
  std::uint64_t committed = 0;
  std::uint64_t leaders = 0;
  for (std::uint64_t seed = 1; seed <= shape.seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Schedule schedule(shape, seed);
    schedule.run();
    if (::testing::Test::HasFailure()) return;
    committed += schedule.cluster().committed().size();
    leaders += schedule.cluster().leaders().size();
    for (const auto& [name, count] : schedule.cluster().recorder.marks()) marks[name] += count;
  }
  // The schedules are worth something only when they reach the rare branches.
  EXPECT_GT(committed, shape.seeds * 5);
  EXPECT_GT(leaders, shape.seeds * 2);
  for (const char* name : rare) EXPECT_GT(marks[name], 0u) << name;
  if (shape.spares == 0) return;
  for (const char* name : rare_among_members) EXPECT_GT(marks[name], 0u) << name;
}

TEST(RaftRandom, ThreeNodesStaySafeAndRecover) { run({.size = 3, .seeds = 500, .steps = 600}); }
TEST(RaftRandom, FiveNodesStaySafeAndRecover) { run({.size = 5, .seeds = 150, .steps = 900}); }
TEST(RaftRandom, MembersComeAndGoAndLogsAreCut) { run({.size = 3, .spares = 3, .seeds = 250, .steps = 1200}); }

}  // namespace
}  // namespace rift::raft::test
