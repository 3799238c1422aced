// Nodes are stopped in order, as an upgrade does.
#include "cli/trial_run.h"

namespace rift::cli {
namespace {

constexpr Duration calm_time = std::chrono::seconds(1);
constexpr Duration watch_time = std::chrono::seconds(2);

// From SIGTERM until some time after the process is gone.
Result<Duration> stop_in_order(TrialRun& run, NodeId victim) {
  run.load->spare(run.nodes->address(victim));
  run.disk->take();
  const Time since = TrialLoad::now();
  TRY(run.nodes->processes().stop(victim));
  rest(watch_time);
  const Duration gap = longest_gap(run.load->samples(), since, TrialLoad::now());
  tell_progress(run, "stopped", victim, gap);
  TRY(run.bring_back(victim));
  rest(calm_time);
  return gap;
}

Duration stay_calm(const TrialRun& run) {
  const Time since = TrialLoad::now();
  rest(watch_time);
  return longest_gap(run.load->samples(), since, TrialLoad::now());
}

Result<TrialReport> roll(TrialRun& run) {
  Figure leader{.name = "leader_gap", .title = "gap when the leader stops", .values = {}};
  Figure follower{.name = "follower_gap", .title = "gap when a follower stops", .values = {}};
  Figure calm{.name = "calm_gap", .title = "gap in two calm seconds", .values = {}};
  for (std::uint32_t round = 0; round < run.options.rounds; ++round) {
    calm.values.push_back(stay_calm(run));
    const NodeId leads = TRY(run.nodes->leader());
    leader.values.push_back(TRY(stop_in_order(run, leads)));
    const NodeId follows = TRY(run.some_follower());
    follower.values.push_back(TRY(stop_in_order(run, follows)));
  }
  TrialReport report{.schema = "rift.bench.rolling/1", .title = "rolling, SIGTERM of the leader and of a follower"};
  report.figures = {std::move(leader), std::move(follower), std::move(calm)};
  return report;
}

}  // namespace

Exit run_rolling_trial(const TrialOptions& options, Format format) { return run_trial(options, format, roll); }

}  // namespace rift::cli
