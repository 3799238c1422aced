#include "chaos/live/story.h"

#include <algorithm>

#include <fmt/core.h>

#include "chaos/live/inject.h"
#include "chaos/live/live_store.h"
#include "chaos/live/watch.h"
#include "chaos/load/load.h"
#include "cluster/found.h"

namespace rift::chaos::live {
namespace {

constexpr auto leader_limit = std::chrono::seconds(20);
constexpr auto settle_limit = std::chrono::seconds(15);
constexpr auto answers_limit = std::chrono::seconds(15);  // after the load has ended; an attempt has a second
constexpr auto progress_period = std::chrono::milliseconds(250);

using Endpoints = std::map<NodeId, std::string>;

std::vector<std::string> addresses(const Endpoints& endpoints) {
  std::vector<std::string> list;
  for (const auto& [node, address] : endpoints) list.push_back(address);
  return list;
}

Result<void> make_keyspace(AdminClient& admin, const topology::KeyspaceWish& wish) {
  const auto made = admin.create_keyspace(wish);
  if (made || made.error().code == Code::already_exists) return {};
  return rift::fail(made.error().code, fmt::format("cannot create {}: {}", wish.name, made.error().detail));
}

class Story {
 public:
  Story(LocalCluster& cluster, const StoryOptions& options)
      : cluster_(cluster),
        options_(options),
        schedule_(fault::split_brain(options.schedule)),
        plan_(cluster.plan()),
        observer_(direct_endpoints(plan_)),
        recorder_(options.history),
        rng_(options.seed) {}

  Result<StoryResult> run();

 private:
  Result<void> run_load(load::Load& load, Watch& watch);
  Result<void> go_on() const;
  Result<void> carry_out(const fault::Step& step, load::Load& load, Watch& watch);
  Result<fault::Facts> facts(const fault::Plan& plan);
  void note_split(const fault::Split& split);
  void report_progress(const load::Load& load, bool is_checking);
  void note_trouble(const Error& error);
  check::Row judge_keyspace(const std::string& keyspace, Mode mode, const std::vector<std::string>& keys);

  LocalCluster& cluster_;
  const StoryOptions& options_;
  fault::Schedule schedule_;
  cluster::Plan plan_;
  Mailbox mailbox_;
  RunClock clock_;
  Observer observer_;
  load::Recorder recorder_;
  Rng rng_;
  check::Timeline timeline_;
  std::vector<check::LinkProof> links_;
  std::map<std::string, std::vector<check::VersionSample>> samples_;
  std::string phase_ = "calm";
  std::string trouble_;  // the first thing that broke the story off
  Time next_progress_{};
};

Result<void> Story::go_on() const {
  if (options_.is_stopped && options_.is_stopped()) return rift::fail(Code::refused, "the story was stopped");
  return {};
}

Result<StoryResult> Story::run() {
  TRY(go_on());
  TRY(prepare_keyspaces(cluster_, options_));
  TRY(go_on());
  const auto store = TRY(LiveStore::connect(client_endpoints(plan_), mailbox_, clock_));
  TRY(observer_.await_leader(options_.cp_keyspace, leader_limit));
  load::Load load(TRY(load::Generator::create(story_load(cluster_, options_))), recorder_, *store);

  clock_ = RunClock();  // nothing is under way yet; the load begins at 0
  {
    const auto note_leader = [this](NodeId node) {
      recorder_.fault({.at = clock_.now(), .name = "leader", .keyspace = options_.cp_keyspace, .node = node});
    };
    const auto note_sample = [this](const std::string& keyspace, check::VersionSample sample) {
      samples_[keyspace].push_back(std::move(sample));
    };
    Watch watch({.endpoints = direct_endpoints(plan_),
                 .led_keyspace = options_.cp_keyspace,
                 .sampled_keyspaces = {options_.cp_keyspace, options_.ap_keyspace},
                 .on_leader = note_leader,
                 .on_sample = note_sample},
                mailbox_, clock_);
    const auto carried = run_load(load, watch);
    TRY(go_on());
    if (!carried) note_trouble(carried.error());
  }
  for (Task& task : mailbox_.take({})) task();
  timeline_.end = clock_.now();
  if (!timeline_.majority.empty() && timeline_.heal < timeline_.cut) timeline_.heal = timeline_.end;

  phase_ = "checking";
  report_progress(load, true);
  StoryResult result;
  const auto keys = load.generator().all_keys();
  result.results.seed = options_.seed;
  result.results.replay = fmt::format("rift demo --story split-brain --auto --seed {}", options_.seed);
  result.results.rows.push_back(judge_keyspace(options_.cp_keyspace, Mode::cp, keys));
  result.results.rows.push_back(judge_keyspace(options_.ap_keyspace, Mode::ap, keys));
  result.timeline = timeline_;
  result.history = recorder_.history();
  return result;
}

Result<void> Story::run_load(load::Load& load, Watch& watch) {
  std::size_t next_step = 0;
  const auto& steps = schedule_.steps;
  while (load.next_due() || load.open_count() > 0 || next_step < steps.size()) {
    TRY(go_on());
    const Time now = clock_.now();
    if (next_step < steps.size() && now >= Time(steps[next_step].at)) TRY(carry_out(steps[next_step++], load, watch));
    load.run_due(clock_.now());
    report_progress(load, false);
    if (now > Time(schedule_.length + answers_limit)) {
      return rift::fail(Code::timeout, fmt::format("{} attempts never got an answer from the SDK", load.open_count()));
    }
    Time wake = now + progress_period;
    if (const auto due = load.next_due()) wake = std::min(wake, *due);
    if (next_step < steps.size()) wake = std::min(wake, Time(steps[next_step].at));
    for (Task& task : mailbox_.take(std::max(wake - clock_.now(), Duration::zero()))) task();
  }
  return {};
}

Result<fault::Facts> Story::facts(const fault::Plan& plan) {
  fault::Facts facts;
  for (const auto& node : plan_.nodes) facts.nodes.push_back(node.node);
  if (!std::holds_alternative<fault::SplitLeaderToMinority>(plan)) return facts;
  facts.leaders.push_back({options_.cp_keyspace, TRY(observer_.await_leader(options_.cp_keyspace, leader_limit))});
  return facts;
}

void Story::note_split(const fault::Split& split) {
  timeline_.cut = clock_.now();
  const auto larger = std::max_element(split.groups.begin(), split.groups.end(),
                                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
  for (auto group = split.groups.begin(); group != split.groups.end(); ++group) {
    auto& side = group == larger ? timeline_.majority : timeline_.minority;
    side.insert(side.end(), group->begin(), group->end());
  }
  recorder_.set_sides(timeline_.majority, timeline_.minority);
  phase_ = "split " + to_string(split.groups);
}

Result<void> Story::carry_out(const fault::Step& step, load::Load& load, Watch& watch) {
  const fault::Facts known = TRY(facts(step.plan));
  const fault::Fault fault = TRY(fault::resolve(step.plan, known, rng_));
  const bool is_heal = std::holds_alternative<fault::Heal>(fault);
  if (is_heal) {
    load.hold_still();
    watch.start_sampling();
    timeline_.heal = clock_.now();  // before the first link is given back
  }
  const Injected injected = TRY(inject(cluster_, fault));
  check::FaultRecord record{.at = clock_.now(), .name = std::string(fault::name_of(fault)), .links = injected.links};
  if (const auto* split = std::get_if<fault::Split>(&fault)) {
    note_split(*split);
    record.at = timeline_.cut;
    record.groups = split->groups;
  } else if (is_heal) {
    recorder_.set_sides({}, {});
    links_ = injected.links;
    phase_ = "healed";
  } else {
    timeline_.changes.push_back(record.at);
  }
  recorder_.fault(std::move(record));
  return {};
}

void Story::report_progress(const load::Load& load, bool is_checking) {
  const Time now = clock_.now();
  if (!options_.progress || (now < next_progress_ && !is_checking)) return;
  next_progress_ = now + progress_period;
  options_.progress({.at = now.time_since_epoch(),
                     .length = schedule_.length,
                     .phase = phase_,
                     .attempts = recorder_.history().operations.size(),
                     .open = load.open_count()});
}

void Story::note_trouble(const Error& error) {
  if (!trouble_.empty()) return;
  trouble_ =
      fmt::format("the story could not be carried to its end: {}: {}", rift::to_string(error.code), error.detail);
}

// From what there is: a node that died leaves no copy to look at, but what the clients were told stands.
check::Row Story::judge_keyspace(const std::string& keyspace, Mode mode, const std::vector<std::string>& keys) {
  check::Evidence evidence{.keyspace = keyspace,
                           .mode = mode,
                           .operations = recorder_.history().operations,
                           .timeline = timeline_,
                           .links = links_,
                           .final_state = {},
                           .samples = samples_[keyspace],
                           .owners = plan_.nodes.size(),
                           .digests = {},
                           .trouble = {}};
  auto digests = observer_.settled_digests(keyspace, trouble_.empty() ? Duration(settle_limit) : Duration::zero());
  if (!digests) note_trouble(digests.error());
  if (digests) evidence.digests = std::move(*digests);
  auto state = read_final_state(direct_endpoints(plan_), keyspace, keys);
  if (!state) note_trouble(state.error());
  if (state) evidence.final_state = std::move(*state);
  evidence.trouble = trouble_;
  return check::judge(evidence, options_.demands);
}

}  // namespace

Result<void> prepare_keyspaces(LocalCluster& cluster, const StoryOptions& options) {
  const Endpoints endpoints = direct_endpoints(cluster.plan());
  TRY(cluster::found_cluster(addresses(endpoints)));
  TRY(cluster::wait_until_ready(addresses(endpoints)));
  AdminClient admin(endpoints.begin()->second);
  const auto copies = static_cast<std::uint32_t>(endpoints.size());
  TRY(make_keyspace(admin, {.name = options.cp_keyspace, .mode = Mode::cp, .copies = copies, .partitions = 1}));
  TRY(make_keyspace(
      admin,
      {.name = options.ap_keyspace, .mode = Mode::ap, .copies = copies, .read = Level::one, .write = Level::one}));
  return cluster::wait_until_ready(addresses(endpoints));
}

load::LoadOptions story_load(const LocalCluster& cluster, const StoryOptions& options) {
  load::LoadOptions load{.seed = options.seed, .length = fault::split_brain(options.schedule).length};
  for (const auto& node : cluster.plan().nodes) load.nodes.push_back(node.node);
  load.keyspaces = {{.name = options.cp_keyspace, .level = Level::majority},
                    {.name = options.ap_keyspace, .level = Level::one}};
  return load;
}

Result<StoryResult> run_split_brain(LocalCluster& cluster, const StoryOptions& options) {
  return Story(cluster, options).run();
}

}  // namespace rift::chaos::live
