// Each node of an ap keyspace alone for a while, under load.
#include <algorithm>

#include <fmt/format.h>

#include "cli/split_nodes.h"
#include "cli/trial_load.h"
#include "cli/trial_run.h"
#include "cli/trial_split.h"

namespace rift::cli {
namespace {

constexpr Duration settle_limit = std::chrono::minutes(2);
constexpr double available_min = 0.99;  // of what is asked of a node that is alone

using Loads = std::vector<std::unique_ptr<TrialLoad>>;

// One for each node, whose client talks to that node alone.
Result<Loads> start_loads(const SplitNodes& nodes, const SplitTrialOptions& options, std::uint32_t phase) {
  Loads loads;
  for (const std::string& endpoint : nodes.endpoints()) {
    const std::uint32_t rate = std::max<std::uint32_t>(options.rate / options.nodes, 2);
    loads.push_back(TRY(TrialLoad::start({.endpoints = {endpoint},
                                          .keyspace = SplitNodes::keyspace,
                                          .prefix = fmt::format("{}/{}", phase, loads.size()),
                                          .puts_per_second = rate,
                                          .gets_per_second = rate / 2,
                                          .clients = 0,
                                          .pinned_ones_too = true,
                                          .value_size = options.value_size})));
  }
  return loads;
}

struct Phase {
  Duration p99{};
  double worst_share = 1;  // of what was asked of one node and done
};

Result<Phase> run_phase(const SplitNodes& nodes, const SplitTrialOptions& options, std::uint32_t number,
                        TrialVerdict& verdict) {
  const Loads loads = TRY(start_loads(nodes, options, number));
  rest(options.phase);
  Phase phase;
  std::vector<Duration> latencies;
  for (const auto& load : loads) {
    load->stop();
    const auto samples = load->samples();
    std::size_t done = 0;
    for (const Sample& sample : samples) {
      done += sample.outcome == Outcome::done ? 1U : 0U;
      latencies.push_back(sample.ended - sample.due);
    }
    if (!samples.empty())
      phase.worst_share = std::min(phase.worst_share, static_cast<double>(done) / static_cast<double>(samples.size()));
    verdict.requests += samples.size();
    verdict.failed += load->failed();
    verdict.stale += load->stale();
    for (std::string& complaint : load->complaints()) verdict.complaints.push_back(std::move(complaint));
  }
  phase.p99 = percentile(std::move(latencies), 0.99);
  return phase;
}

chaos::live::Groups each_alone(std::uint32_t nodes) {
  chaos::live::Groups groups;
  for (std::uint32_t n = 1; n <= nodes; ++n) groups.push_back({NodeId(n)});
  return groups;
}

Result<TrialReport> split(SplitNodes& nodes, const SplitTrialOptions& options, TrialVerdict& verdict) {
  Figure calm{.name = "calm_p99", .title = "p99 before", .values = {}};
  Figure cut{.name = "split_p99", .title = "p99 while every node is alone", .values = {}};
  std::vector<double> factors;
  double worst = 1;
  for (std::uint32_t i = 0; i < options.rounds; ++i) {
    const Phase before = TRY(run_phase(nodes, options, 2 * i, verdict));
    TRY(nodes.cut(each_alone(options.nodes)));
    const Phase alone = TRY(run_phase(nodes, options, 2 * i + 1, verdict));
    TRY(nodes.heal());
    TRY(nodes.wait_until_settled(settle_limit));
    calm.values.push_back(before.p99);
    cut.values.push_back(alone.p99);
    worst = std::min(worst, alone.worst_share);
    if (before.p99 > Duration::zero()) factors.push_back(to_seconds(alone.p99) / to_seconds(before.p99));
    fmt::print(stderr, "every node alone: {:.2f} % done on the worst node, p99 {:.1f} ms against {:.1f} ms\n",
               100 * alone.worst_share, milliseconds(alone.p99), milliseconds(before.p99));
  }
  const auto copies = TRY(nodes.compare());
  if (const auto differing = copies.differing(); !differing.empty()) {
    verdict.lost += differing.size();
    verdict.complaints.push_back(fmt::format("{} partitions differ although nobody owes anything", differing.size()));
  }
  TrialReport report{.schema = "rift.bench.split/1", .title = "split, every node of an ap keyspace alone"};
  report.figures = {std::move(cut), std::move(calm)};
  report.numbers = {{"available_worst", worst}, {"p99_factor", median(std::move(factors))}};
  return report;
}

}  // namespace

Exit run_split_trial(const SplitTrialOptions& options, Format format) {
  const auto nodes = SplitNodes::create({.nodes = options.nodes, .copies = options.nodes, .keep = options.keep});
  if (!nodes) return show_error(format, nodes.error());
  TrialVerdict verdict;
  const auto report = split(**nodes, options, verdict);
  if (!report) {
    (*nodes)->keep_folder();
    fmt::print(stderr, "the logs of the nodes stay in {}\n", (*nodes)->folder());
    return show_error(format, report.error());
  }
  print_report(format, options.nodes, options.rate, *report, verdict);
  if ((*nodes)->keeps_folder()) fmt::print(stderr, "the logs of the nodes stay in {}\n", (*nodes)->folder());
  return verdict.lost > 0 || report->numbers.front().second < available_min ? Exit::violation : Exit::done;
}

}  // namespace rift::cli
