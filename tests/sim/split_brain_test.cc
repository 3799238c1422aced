// T1 in virtual time: the story of `rift demo`, with the same load, the same schedule and the same checkers, on five simulated nodes.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/hash.h"
#include "chaos/check/verdict.h"
#include "chaos/fault/schedule.h"
#include "chaos/load/load.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/judge.h"
#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration settle_limit = std::chrono::seconds(5);
constexpr Duration answers_limit = std::chrono::seconds(5);

class SplitBrain : public ::testing::Test {
 protected:
  void SetUp() override {
    MUST(cluster_.found());
    MUST(cluster_.create_keyspace({.name = "bank", .mode = Mode::cp, .copies = 5, .partitions = 1}));
    MUST(cluster_.create_keyspace(
        {.name = "carts", .mode = Mode::ap, .copies = 5, .read = Level::one, .write = Level::one}));
    ASSERT_TRUE(cluster_.wait([this] { return cluster_.leader_of("bank").has_value(); }, std::chrono::seconds(5)));
    start_ = world_.now();
  }

  Time now() const { return Time(world_.now() - start_); }

  void play() {
    const auto schedule = fault::split_brain();
    SimStore store(cluster_, {.retry = false, .deduplicate = true}, start_);
    load::LoadOptions options{.seed = 1, .nodes = cluster_.ids(), .length = schedule.length};
    options.keyspaces = {{.name = "bank", .level = Level::majority}, {.name = "carts", .level = Level::one}};
    load::Load load(MUST(load::Generator::create(options)), recorder_, store);
    for (const auto& step : schedule.steps) {
      run_until(load, Time(step.at));
      carry_out(step.plan, load);
    }
    run_until(load, Time(schedule.length));
    ASSERT_TRUE(cluster_.wait([&] { return load.open_count() == 0; }, answers_limit));
    timeline_.end = now();
    cluster_.wait([this] { return has_converged(cluster_, "carts") && has_converged(cluster_, "bank"); }, settle_limit);
  }

  void run_until(load::Load& load, Time end) {
    while (now() < end) {
      Time until = end;
      if (const auto due = load.next_due()) until = std::min(until, *due);
      if (is_sampling_) until = std::min(until, next_sample_);
      world_.run_until(start_ + until.time_since_epoch());
      load.run_due(now());
      if (is_sampling_ && now() >= next_sample_) take_samples();
    }
  }

  void carry_out(const fault::Plan& plan, load::Load& load) {
    fault::Facts facts{.nodes = cluster_.ids(), .leaders = {}};
    if (const auto leader = cluster_.leader_of("bank")) facts.leaders.push_back({.keyspace = "bank", .node = *leader});
    const fault::Fault fault = MUST(fault::resolve(plan, facts, rng_));
    if (const auto* split = std::get_if<fault::Split>(&fault)) {
      cut(*split, facts.leaders.front().node);
    } else {
      ASSERT_TRUE(std::holds_alternative<fault::Heal>(fault));
      load.hold_still();
      timeline_.heal = now();
      is_sampling_ = true;
      next_sample_ = now();
      cluster_.heal();
      recorder_.set_sides({}, {});
    }
  }

  void cut(const fault::Split& split, NodeId leader) {
    cluster_.split(split.groups);
    timeline_.cut = now();
    for (const auto& group : split.groups) {
      (group.size() > 2 ? timeline_.majority : timeline_.minority) = group;
    }
    ASSERT_EQ(timeline_.side_of(leader), check::Side::minority);
    recorder_.set_sides(timeline_.majority, timeline_.minority);
    cut_ = fault::cut_links(split);
  }

  void take_samples() {
    next_sample_ += check::sample_period;
    for (const std::string name : {"bank", "carts"}) {
      check::VersionSample sample{.at = now(), .versions = {}};
      std::size_t index = 0;
      for (const NodeId id : cluster_.ids()) {
        const auto copy = cluster_.inspect(id, name);
        for (const InspectedKey& key : *copy) {
          auto& versions = sample.versions[key.key];
          versions.resize(cluster_.ids().size());
          versions[index] = version_text(key.version);
        }
        ++index;
      }
      samples_[name].push_back(std::move(sample));
    }
  }

  check::Row judge(const std::string& name, Mode mode) {
    check::Evidence evidence;
    evidence.keyspace = name;
    evidence.mode = mode;
    evidence.operations = recorder_.history().operations;
    evidence.timeline = timeline_;
    evidence.samples = samples_[name];
    evidence.owners = cluster_.ids().size();
    for (const auto& link : cut_) {
      check::LinkProof proof;
      proof.from = link.from;
      proof.to = link.to;
      proof.connections = cluster_.network().held(link.from, link.to);
      evidence.links.push_back(proof);
    }
    check::FinalState state;
    std::map<std::uint64_t, std::string> written;
    for (const auto& op : recorder_.history().operations) {
      if (op.keyspace == name && check::is_write(op)) written[xxh3_64(*op.value)] = *op.value;
    }
    for (const NodeId id : cluster_.ids()) {
      std::string text;
      const auto copy = cluster_.inspect(id, name);
      for (const InspectedKey& key : *copy) {
        text += fmt::format("{} {} {} {}\n", key.key, version_text(key.version), key.deleted, key.value_hash);
        EXPECT_TRUE(written.contains(key.value_hash)) << key.key << " holds a value that nobody wrote";
        auto& values = state[key.key];
        const std::string& value = written[key.value_hash];
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
      }
      evidence.digests.push_back(text);
    }
    evidence.final_state = std::move(state);
    return check::judge(evidence);
  }

  World world_{20'261'122};
  Cluster cluster_{world_, Cluster::Options{.nodes = 5, .network = {}, .disk = {}}};
  Rng rng_{7};
  load::Recorder recorder_;
  Time start_{};
  check::Timeline timeline_;
  std::vector<fault::Link> cut_;
  std::map<std::string, std::vector<check::VersionSample>> samples_;
  bool is_sampling_ = false;
  Time next_sample_{};
};

std::string reasons(const check::Row& row) {
  std::string text = std::string(check::to_string(row.verdict));
  for (const std::string& reason : row.reasons) text += "\n  " + reason;
  return text;
}

TEST_F(SplitBrain, CpStaysRightAndApStaysThere) {
  ASSERT_NO_FATAL_FAILURE(play());

  const check::Row bank = judge("bank", Mode::cp);
  EXPECT_EQ(bank.verdict, check::Verdict::pass) << reasons(bank);
  EXPECT_EQ(bank.measured.linearizability.answer, check::Linearizable::yes);
  EXPECT_EQ(bank.measured.staleness.stale, 0U);
  EXPECT_TRUE(bank.measured.lost.lost.empty());
  EXPECT_GT(bank.measured.lost.judged, 1000U);
  EXPECT_EQ(bank.measured.minority.late_done, 0U);
  EXPECT_EQ(bank.measured.minority.all.available, 0U);  // after the grace
  EXPECT_GT(bank.measured.minority.all.attempts, 500U);
  EXPECT_GE(bank.measured.majority.all.ratio(), 0.99);
  EXPECT_LE(bank.measured.majority.first_success, std::optional<Duration>(std::chrono::milliseconds(2500)));
  EXPECT_TRUE(bank.measured.has_digests && bank.measured.digests_equal);

  const check::Row carts = judge("carts", Mode::ap);
  EXPECT_EQ(carts.verdict, check::Verdict::expected) << reasons(carts);
  EXPECT_GE(carts.measured.majority.all.ratio(), 0.99);
  EXPECT_GE(carts.measured.minority.all.ratio(), 0.99);
  EXPECT_GT(carts.measured.staleness.stale, 0U);
  EXPECT_TRUE(carts.measured.staleness.phantoms.empty());
  ASSERT_TRUE(carts.measured.convergence.took.has_value());
  EXPECT_LE(*carts.measured.convergence.took, std::chrono::seconds(5));
  EXPECT_TRUE(carts.measured.has_digests && carts.measured.digests_equal);

  EXPECT_EQ(cut_.size(), 12U);
  EXPECT_GT(bank.measured.fault_proof, 0U);  // the least of all links
}

}  // namespace
}  // namespace rift::chaos::sim
