#include "chaos/sim/row_run.h"

#include <fmt/format.h>

#include "base/assert_note.h"
#include "chaos/load/load.h"
#include "chaos/sim/judge.h"
#include "chaos/sim/losses.h"
#include "chaos/sim/row_faults.h"
#include "chaos/sim/sim_store.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration settle_limit = std::chrono::seconds(10);
constexpr Duration quiesce = std::chrono::seconds(5);
constexpr Duration observe_every = std::chrono::milliseconds(20);
constexpr const char* keyspace = "bank";

load::LoadOptions load_of(const fault::MatrixRow& row, std::uint64_t seed, const std::vector<NodeId>& nodes) {
  load::LoadOptions options{.seed = seed, .nodes = nodes};
  options.keyspaces = {
      {.name = keyspace, .level = row.write_level, .read_level = row.read_level, .cas_share = row.cas_share}};
  options.timeout = row.timeout;
  options.length = row.length;
  options.keys = row.keys;
  options.still_keys = row.still_keys;
  options.set_share = row.set_share;
  options.set_stretch = row.set_stretch;
  options.documents = row.documents;
  options.edit_share = row.edit_share;
  options.roams = row.roams;
  return options;
}

Result<void> set_up(Cluster& cluster, const fault::MatrixRow& row) {
  TRY(cluster.found());
  const std::uint32_t copies = row.copies == 0 ? row.nodes : row.copies;
  TRY(cluster.create_keyspace({.name = keyspace,
                               .mode = row.mode,
                               .copies = copies,
                               .partitions = row.partitions,
                               .atomic = row.atomic,
                               .sloppy = row.sloppy,
                               .wall_clock = row.wall_clock}));
  if (row.mode == Mode::cp && !cluster.wait([&] { return cluster.leader_of(keyspace).has_value(); }, settle_limit))
    return fail(Code::timeout, "the keyspace elected no leader");
  return {};
}

// Looks at the owners every now and then from the heal on, as long as the load lasts.
class Sampler {
 public:
  Sampler(Cluster& cluster, const fault::MatrixRow& row, Time start) : cluster_(cluster), row_(row), start_(start) {
    if (row.demands.converged_within) cluster.world().at(start + row.fault_ends, [this] { look(); });
  }
  const std::vector<check::VersionSample>& samples() const { return samples_; }

 private:
  void look() {
    World& world = cluster_.world();
    samples_.push_back(sample_owners(cluster_, keyspace, Time(world.now() - start_)));
    if (world.now() + check::sample_period < start_ + row_.length)
      world.after(check::sample_period, [this] { look(); });
  }

  Cluster& cluster_;
  const fault::MatrixRow& row_;
  Time start_;
  std::vector<check::VersionSample> samples_;
};

std::map<std::string, std::vector<NodeId>, std::less<>> homes_of(Cluster& cluster, const check::History& history) {
  std::map<std::string, std::vector<NodeId>, std::less<>> homes;
  const auto map = cluster.keyspace(keyspace);
  for (const check::Operation& op : history.operations) homes.try_emplace(op.key, topology::place(*map, op.key).owners);
  return homes;
}

RowResult broken_off(std::uint64_t seed, const std::string& why) {
  RowResult result;
  result.seed = seed;
  result.run.reasons = {"setting up: " + why};
  return result;
}

}  // namespace

RowResult run_row(const fault::MatrixRow& row, const RowOptions& options) {
  const AssertNote note(fmt::format("row {}, seed {}", row.name(), options.seed));
  World world(options.seed);
  world.set_narrator(options.narrator);
  Cluster::Options shape;
  shape.nodes = row.nodes + row.spares;
  shape.cp.spread_after = std::chrono::hours(1);  // a row says itself who leads
  shape.wall_offset_max = row.wall_offset_max;
  Cluster cluster(world, shape);
  load::Recorder recorder;
  if (const auto ready = set_up(cluster, row); !ready) return broken_off(options.seed, ready.error().detail);
  auto generator = load::Generator::create(load_of(row, world.random().next(), cluster.ids()));
  if (!generator) return broken_off(options.seed, generator.error().detail);

  const Time start = world.now();
  SimStore store(cluster, {.retry = row.retries, .deduplicate = true, .tokens = row.tokens}, start);
  load::Load load(std::move(*generator), recorder, store);
  Observer observer(world, cluster, {.every = observe_every});
  RowFaults faults(cluster, observer, recorder, row, start, [&store](NodeId id) { store.node_down(id); });
  observer.start();
  world.at(start + row.fault_ends, [&load] { load.hold_still(); });
  faults.schedule();
  Sampler sampler(cluster, row, start);
  run_load(world, load, start, start + row.length);
  cluster.wait([&] { return load.open_count() == 0; }, row.timeout + settle_limit);
  world.run_for(quiesce);
  observer.compare_logs();

  RowResult result;
  result.seed = options.seed;
  result.history = recorder.history();
  const EndState end = row.mode == Mode::cp ? look_at_the_end(cluster, keyspace, result.history)
                                            : look_at_the_owners(cluster, keyspace, result.history);
  check::Evidence evidence;
  evidence.mode = row.mode;
  evidence.atomic = row.atomic;
  evidence.wall_clock = row.wall_clock;
  evidence.by_tokens = row.tokens;
  const bool by_time = row.mode == Mode::cp || row.atomic || row.wall_clock;
  evidence.newer_by = by_time ? check::NewerBy::time : check::NewerBy::time_and_version;
  evidence.id = row.id;
  evidence.keyspace = keyspace;
  evidence.operations = result.history.operations;
  evidence.timeline = faults.timeline();
  evidence.links = result.links = faults.links();
  evidence.final_state = end.values;
  evidence.samples = sampler.samples();
  evidence.owners = cluster.owners(keyspace).size();
  evidence.digests = end.digests;
  evidence.trouble =
      load.open_count() == 0 ? faults.trouble() : "operations have had no answer long after their deadline";
  if (evidence.trouble.empty() && has_stand_in(cluster, keyspace))
    evidence.trouble = "long after the heal a node still keeps writes for owners";
  result.facts = faults.facts();
  result.facts.broken = observer.broken();
  if (row.mode == Mode::ap) {
    for (const Answered& write : find_silent_losses(cluster, keyspace, store.answers()))
      result.facts.broken.push_back(describe_silent_loss(write));
  }
  result.facts.timeout = row.timeout;
  if (row.demands.homes_only) result.facts.homes = homes_of(cluster, result.history);
  result.run = check::judge_row(evidence, result.facts, row.demands);
  result.simulated = world.now().time_since_epoch();
  result.operations = result.history.operations.size();
  result.trace_hash = world.trace_hash();
  return result;
}

}  // namespace rift::chaos::sim
