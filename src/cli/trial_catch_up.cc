// A follower is away while much is written, and comes back.
#include <fmt/format.h>

#include "cli/trial_run.h"

namespace rift::cli {
namespace {

constexpr Duration calm_time = std::chrono::seconds(5);
constexpr Duration fill_limit = std::chrono::minutes(5);
constexpr std::uint32_t fill_rate = 50'000;
constexpr std::uint64_t fill_in_flight = 256;

struct Round {
  Duration took{}, calm{}, busy{};
  std::uint64_t snapshots = 0;
};

Result<void> write_while_away(const TrialRun& run) {
  auto options = run.load_options();
  options.pinned_ones_too = false;
  options.prefix = "away";
  options.puts_per_second = fill_rate;
  options.gets_per_second = 0;
  options.in_flight_max = fill_in_flight;
  const auto load = TRY(TrialLoad::start(std::move(options)));
  for (const Time limit = TrialLoad::now() + fill_limit; load->acknowledged() < run.options.away_writes;) {
    if (TrialLoad::now() > limit) return fail(Code::timeout, "the writes while the follower is away take too long");
    rest(std::chrono::milliseconds(10));
  }
  load->stop();
  return {};
}

std::uint64_t snapshots_installed(const TrialRun& run, NodeId node) {
  const auto all = run.nodes->replicas();
  const auto replica = all.find(node);
  if (replica == all.end()) return 0;
  const auto counter = replica->second.counters.find("snapshots_installed");
  return counter == replica->second.counters.end() ? 0 : counter->second;
}

Result<Round> bring_back_one(TrialRun& run) {
  Round round;
  const NodeId away = TRY(run.some_follower());
  const Time calm_since = TrialLoad::now();
  rest(calm_time);
  round.calm = percentile(put_latencies(run.load->samples(), calm_since, TrialLoad::now()), 0.99);
  run.load->spare(run.nodes->address(away));
  TRY(run.nodes->processes().stop(away));
  TRY(write_while_away(run));
  rest(calm_time);
  run.disk->take();
  const Time since = TrialLoad::now();
  TRY(run.bring_back(away));
  round.took = TrialLoad::now() - since;
  rest(std::chrono::seconds(1));  // what was due meanwhile has been answered
  round.busy = percentile(put_latencies(run.load->samples(), since, since + round.took), 0.99);
  round.snapshots = snapshots_installed(run, away);
  if (round.snapshots == 0) {
    return fail(Code::condition_failed,
                fmt::format("not shown: the log alone brought {} back, no snapshot was installed; write more meanwhile",
                            to_string(away)));
  }
  tell_progress(run, "brought back", away, round.took);
  return round;
}

Result<TrialReport> catch_up(TrialRun& run) {
  Figure took{.name = "catch_up", .title = "from the start until it is level", .values = {}};
  Figure calm{.name = "calm_p99", .title = "p99 of puts before", .values = {}};
  Figure busy{.name = "catch_up_p99", .title = "p99 of puts meanwhile", .values = {}};
  std::vector<double> factors;
  std::uint64_t snapshots = 0;
  for (std::uint32_t i = 0; i < run.options.rounds; ++i) {
    const Round round = TRY(bring_back_one(run));
    took.values.push_back(round.took);
    calm.values.push_back(round.calm);
    busy.values.push_back(round.busy);
    if (round.calm > Duration::zero()) factors.push_back(to_seconds(round.busy) / to_seconds(round.calm));
    snapshots += round.snapshots;
  }
  TrialReport report{.schema = "rift.bench.catch_up/1", .title = "catch-up, a follower was away", .may_fail = true};
  report.figures = {std::move(took), std::move(calm), std::move(busy)};
  report.counts = {{"away_writes", std::to_string(run.options.away_writes)}, {"snapshots", std::to_string(snapshots)}};
  report.numbers = {{"p99_factor", median(std::move(factors))}};
  return report;
}

}  // namespace

Exit run_catch_up_trial(const TrialOptions& options, Format format) { return run_trial(options, format, catch_up); }

}  // namespace rift::cli
