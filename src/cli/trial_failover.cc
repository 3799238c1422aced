// The leader is killed.
#include "cli/trial_run.h"

namespace rift::cli {
namespace {

constexpr Duration calm_time = std::chrono::seconds(1);
constexpr Duration outage_limit = std::chrono::seconds(30);

// The first put that a later leader acknowledged: what the dead one had answered may still be on its way.
Result<Duration> first_in_later_term(const TrialLoad& load, Term before, Time since) {
  for (const Time limit = since + outage_limit; TrialLoad::now() < limit; rest(std::chrono::milliseconds(20))) {
    for (const Sample& sample : load.samples()) {
      if (!sample.is_read && sample.outcome == Outcome::done && sample.term > before && sample.ended > since)
        return sample.ended - since;
    }
  }
  return fail(Code::timeout, "no write was acknowledged after the leader was killed");
}

Result<Duration> kill_the_leader(TrialRun& run) {
  const NodeId victim = TRY(run.nodes->leader());
  const Term before = run.nodes->replicas()[victim].term;
  run.load->spare(run.nodes->address(victim));
  const Time since = TrialLoad::now();
  TRY(run.nodes->processes().kill(victim));
  const Duration outage = TRY(first_in_later_term(*run.load, before, since));
  tell_progress(run, "killed", victim, outage);
  TRY(run.bring_back(victim));
  return outage;
}

Result<TrialReport> failover(TrialRun& run) {
  Figure outage{.name = "outage", .title = "first write of a later leader", .values = {}};
  for (std::uint32_t round = 0; round < run.options.rounds; ++round) {
    rest(calm_time);
    outage.values.push_back(TRY(kill_the_leader(run)));
  }
  TrialReport report{.schema = "rift.bench.failover/1", .title = "failover, kill -9 of the leader", .may_fail = true};
  report.figures.push_back(std::move(outage));
  return report;
}

}  // namespace

Exit run_failover_trial(const TrialOptions& options, Format format) { return run_trial(options, format, failover); }

}  // namespace rift::cli
