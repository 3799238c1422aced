#include "chaos/sim/runner.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert_note.h"
#include "base/node_list.h"
#include "chaos/load/load.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/judge.h"
#include "chaos/sim/object_load.h"
#include "chaos/sim/observer.h"
#include "chaos/sim/sim_store.h"
#include "chaos/sim/sim_watcher.h"
#include "chaos/sim/storm.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration calm_time = std::chrono::seconds(2);   // load goes on without faults
constexpr Duration drain_time = std::chrono::seconds(4);  // answers and hints come in
constexpr Duration progress_time = std::chrono::seconds(5);
constexpr Duration progress_grace = std::chrono::seconds(1);
constexpr Duration progress_pause = std::chrono::milliseconds(50);
constexpr Duration order_time = std::chrono::seconds(20);
constexpr Duration converge_time = std::chrono::seconds(15);
constexpr std::uint64_t watchers = 2;
constexpr std::uint64_t first_watcher_sink = 800'000;  // those of clients stay below

struct Shape {
  Cluster::Options cluster;
  std::uint32_t ap_copies = 3;
  load::LoadOptions load;
  SimStore::Options store;
};

Shape draw_shape(World& world, const RunOptions& options) {
  Rng& random = world.random();
  Shape shape;
  shape.cluster.nodes = random.chance(0.5) ? 3 : 5;
  // So small that logs are cut and snapshots travel within seconds.
  shape.cluster.cp.compaction.entries_max = random.between(std::uint64_t{20}, std::uint64_t{120});
  // Some logs stay whole, and travel in so many messages that whoever replays them is seen half way.
  if (random.chance(0.3)) shape.cluster.cp.compaction.entries_max = 100'000;
  if (random.chance(0.5)) shape.cluster.cp.append_bytes_max = random.between(std::uint64_t{1}, std::uint64_t{2000});
  shape.cluster.cp.compaction.patience = 1;
  shape.cluster.cp.snapshot.chunk_records_max = random.between(std::uint64_t{4}, std::uint64_t{64});
  // So small that a watch from the beginning is behind for a while.
  if (random.chance(0.5)) {
    shape.cluster.cp.watch = {.page_bytes = random.between(std::uint64_t{1}, std::uint64_t{2000}),
                              .pages_per_round = random.between(std::uint64_t{1}, std::uint64_t{4})};
  }
  // And history so short that a watch that was cut off may find its place gone.
  if (random.chance(0.3))
    shape.cluster.cp.history.revisions_max = random.between(std::uint64_t{16}, std::uint64_t{256});
  shape.cluster.cp.verify_every = 64;
  shape.cluster.cp.spread_after = random.between(Duration(std::chrono::seconds(2)), Duration(std::chrono::seconds(10)));
  shape.ap_copies = random.chance(0.5) ? 3 : shape.cluster.nodes;
  shape.store.retry = random.chance(0.7);
  shape.store.deduplicate = shape.store.retry || random.chance(0.5);
  shape.load.seed = random.next();
  for (std::uint32_t n = 1; n <= shape.cluster.nodes; ++n) shape.load.nodes.push_back(NodeId(n));
  load::KeyspaceLoad carts{.name = "carts", .level = random.chance(0.5) ? Level::one : Level::majority};
  // Whoever reaches no owner keeps the write for them.
  if (random.chance(0.3)) {
    carts.read_level = carts.level;
    carts.level = Level::any;
  }
  shape.load.keyspaces = {{.name = "bank", .cas_share = 0.3}, carts};
  shape.load.clients_per_node = static_cast<std::uint32_t>(random.between(std::uint64_t{1}, std::uint64_t{2}));
  shape.load.period = random.between(Duration(std::chrono::milliseconds(20)), Duration(std::chrono::milliseconds(100)));
  shape.load.timeout =
      random.between(Duration(std::chrono::milliseconds(200)), Duration(std::chrono::milliseconds(1500)));
  shape.load.length = options.storm + calm_time;
  shape.load.keys = static_cast<std::uint32_t>(random.between(std::uint64_t{2}, std::uint64_t{24}));
  shape.load.still_keys = 2;
  shape.store.tokens = random.chance(0.5);
  shape.load.roams = shape.store.tokens && random.chance(0.5);
  return shape;
}

Result<void> set_up(Cluster& cluster, const Shape& shape) {
  TRY(cluster.found());
  TRY(cluster.create_keyspace({.name = "bank", .mode = Mode::cp, .copies = shape.cluster.nodes}));
  TRY(cluster.create_keyspace({.name = "things", .mode = Mode::cp, .copies = shape.cluster.nodes, .partitions = 3}));
  TRY(cluster.create_keyspace({.name = "carts", .mode = Mode::ap, .copies = shape.ap_copies, .partitions = 4}));
  return {};
}

std::vector<NodeId> members_of(Cluster& cluster) {
  std::vector<NodeId> members;
  if (const auto map = cluster.catalog()) {
    for (const auto& [id, member] : map->members) members.push_back(id);
  }
  return members;
}

// What keeps a cp keyspace from having, in each group, the voters that the map wishes, known to each of its owners; empty: nothing.
std::string disorder(Cluster& cluster, const std::string& name) {
  const auto keyspace = cluster.keyspace(name);
  if (!keyspace) return "no running node knows the map";
  for (const topology::Partition& partition : keyspace->partitions) {
    auto wanted = topology::group_wish(*keyspace, partition).voters;
    std::sort(wanted.begin(), wanted.end());
    for (const NodeId owner : partition.owners) {
      const auto replicas = cluster.status(owner).replicas;
      const auto replica = std::find_if(replicas.begin(), replicas.end(),
                                        [&](const ReplicaStatus& held) { return held.partition == partition.id; });
      if (replica == replicas.end())
        return fmt::format("{} has no replica of {}", to_string(owner), partition.id.value());
      auto voters = replica->voters;
      std::sort(voters.begin(), voters.end());
      if (replica->settled && voters == wanted) continue;
      return fmt::format("{} knows of the voters {} of partition {}, {}; the map wishes {}", to_string(owner),
                         names_of(voters), partition.id.value(), replica->settled ? "settled" : "on the move",
                         names_of(wanted));
    }
  }
  return {};
}

// What administrators began is done, and every group is what the map says.
void demand_order(Cluster& cluster, const Storm& storm, std::vector<std::string>& failures) {
  if (!cluster.wait([&] { return storm.is_administered(); }, order_time)) {
    failures.push_back("what an administrator began in the storm has not ended long after the heal: " +
                       storm.last_refusal());
    return;
  }
  const auto map = cluster.catalog();
  if (!map) return;
  for (const auto& [name, keyspace] : map->keyspaces) {
    if (keyspace.mode != Mode::cp) continue;
    // The map itself goes on: a replaced disk is taken in again where its group has let the old one go.
    if (cluster.wait([&, &name = name] { return disorder(cluster, name).empty(); }, order_time)) continue;
    failures.push_back(
        fmt::format("{}: long after the heal it is not what the map says: {}", name, disorder(cluster, name)));
  }
}

// One read through this node, as often as it takes: the leadership may be on its way to another node at any time. Empty: it was answered.
std::string obstacle(Cluster& cluster, SimStore& store, load::Ask ask) {
  std::string last = "no answer";
  const Time end = cluster.world().now() + progress_time;
  while (cluster.world().now() < end) {
    auto answer = std::make_shared<std::optional<load::Answer>>();
    ++ask.sequence;
    ask.timeout = end - cluster.world().now();
    store.submit(ask, [answer](load::Answer got, Time) { *answer = std::move(got); });
    if (!cluster.wait([&] { return answer->has_value(); }, ask.timeout + progress_grace)) return last;
    if ((**answer).outcome == Outcome::done) return {};
    last = fmt::format("{} {}", to_string((**answer).code), (**answer).error);
    cluster.world().run_for(progress_pause);
  }
  return last;
}

// After the storm a healed cluster must make progress, through every node.
void demand_progress(Cluster& cluster, SimStore& store, std::vector<std::string>& failures) {
  std::uint64_t client = 900'000;
  const auto demand = [&](const std::string& keyspace, NodeId id, load::Kind kind) {
    const load::Ask ask{
        .client = ++client, .sequence = 0, .keyspace = keyspace, .node = id, .kind = kind, .key = "progress"};
    const std::string why = obstacle(cluster, store, ask);
    if (why.empty()) return;
    failures.push_back(fmt::format("{}: no progress of {}s through {} after the heal: {}", keyspace,
                                   check::to_string(kind), to_string(id), why));
  };
  for (const NodeId id : members_of(cluster)) {
    demand("bank", id, load::Kind::read);
    demand("carts", id, load::Kind::read);
    demand("carts", id, load::Kind::erase);  // stamped and merged like any write
  }
}

// Each watch has been told everything that was acknowledged.
bool have_caught_up(const std::vector<std::unique_ptr<SimWatcher>>& watching, const topology::Keyspace& keyspace,
                    const std::vector<Answered>& answers) {
  std::map<PartitionId, Revision> heads;
  for (const Answered& answer : answers) {
    if (answer.keyspace != keyspace.name || !answer.is_write()) continue;
    Revision& head = heads[topology::place(keyspace, answer.key).id];
    head = std::max(head, answer.version.modify_revision);
  }
  return std::all_of(watching.begin(), watching.end(), [&](const auto& watcher) {
    if (watcher->ended()) return true;
    const auto position = watcher->position();
    return std::all_of(heads.begin(), heads.end(), [&](const auto& head) {
      const auto at = position.find(head.first);
      return at != position.end() && at->second >= head.second;
    });
  });
}

}  // namespace

RunResult run_seed(const RunOptions& options) {
  RunResult result;
  result.seed = options.seed;
  const AssertNote note(fmt::format("seed {}", options.seed));
  World world(options.seed);
  world.set_narrator(options.narrator);
  const Shape shape = draw_shape(world, options);
  Cluster cluster(world, shape.cluster);
  load::Recorder recorder;

  ObjectLoad objects(cluster, {});
  auto ready = set_up(cluster, shape);
  if (ready) ready = objects.open();
  auto generator = load::Generator::create(shape.load);
  if (!ready || !generator) {
    result.failures.push_back("setting up: " + (ready ? generator.error().detail : ready.error().detail));
    return result;
  }
  const Time start = world.now();
  SimStore store(cluster, shape.store, start);
  load::Load load(std::move(*generator), recorder, store);
  Prober prober(world, recorder, store, start);
  std::vector<std::unique_ptr<SimWatcher>> watching;
  for (std::uint64_t i = 0; i < watchers; ++i) {
    watching.push_back(std::make_unique<SimWatcher>(world, cluster.nodes(), SinkId(first_watcher_sink + i),
                                                    caller::WatchWish{.keyspace = "bank", .from = Revision(1)}));
    watching.back()->start();
  }
  Storm storm(cluster, prober, {}, [&](NodeId id) {
    store.node_down(id);
    for (const auto& watcher : watching) watcher->node_down(id);
    objects.node_down(id);
  });
  Observer observer(world, cluster, {});
  observer.start();
  storm.start(start + options.storm);
  objects.start(start + options.storm + calm_time);
  run_load(world, load, start, start + options.storm);
  storm.calm();
  run_load(world, load, start, start + options.storm + calm_time);
  const auto open_count = [&] { return load.open_count() + objects.open_count(); };
  cluster.wait([&] { return open_count() == 0; }, drain_time);
  if (open_count() != 0) {
    result.failures.push_back(fmt::format("{} operations have had no answer long after their deadline", open_count()));
  }
  demand_order(cluster, storm, result.failures);
  demand_progress(cluster, store, result.failures);
  for (const std::string keyspace : {"bank", "things", "carts"}) {
    if (!cluster.wait([&] { return has_converged(cluster, keyspace); }, converge_time)) {
      result.failures.push_back(keyspace + " has not converged after the heal");
    }
  }
  const auto bank = cluster.keyspace("bank");
  if (!bank || !cluster.wait([&] { return have_caught_up(watching, *bank, store.answers()); }, converge_time)) {
    result.failures.push_back("a watch of bank has not been told all that was acknowledged, long after the heal");
  }
  for (const auto& watcher : watching) watcher->stop();
  if (bank) judge_watchers(watching, *bank, store.answers(), result.failures);
  objects.judge(result.failures);
  observer.compare_logs();
  result.failures.insert(result.failures.end(), observer.broken().begin(), observer.broken().end());
  judge_cp(cluster, "bank", recorder.history(), store.answers(), result.failures);
  judge_ap(cluster, "carts", recorder.history(), store.answers(), result.failures);
  if (shape.store.tokens) judge_sessions("carts", recorder.history(), result.failures);

  result.trace_hash = world.trace_hash();
  result.events = world.events();
  result.simulated = world.now().time_since_epoch();
  result.operations = recorder.history().operations.size() + objects.done_count();
  result.acknowledged_writes = static_cast<std::uint64_t>(std::count_if(
      store.answers().begin(), store.answers().end(), [](const Answered& answer) { return answer.is_write(); }));
  result.faults = storm.counts();
  result.marks = world.recorder().marks();
  result.history = recorder.history();
  return result;
}

}  // namespace rift::chaos::sim
