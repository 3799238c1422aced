// An ap keyspace is split while much is written, and healed.
#include <algorithm>

#include <fmt/format.h>

#include "cli/split_nodes.h"
#include "cli/trial_load.h"
#include "cli/trial_run.h"
#include "cli/trial_split.h"

namespace rift::cli {
namespace {

constexpr std::uint32_t fill_rate = 50'000;
constexpr std::uint64_t fill_in_flight = 256;
constexpr Duration fill_limit = std::chrono::minutes(5);
constexpr Duration heal_limit = std::chrono::minutes(5);
const chaos::live::Groups sides{{NodeId(1), NodeId(2)}, {NodeId(3), NodeId(4), NodeId(5)}};

bool has_owners_on_both_sides(const topology::Partition& partition) {
  const auto side_of = [](NodeId node) { return node <= NodeId(2); };
  return std::any_of(partition.owners.begin(), partition.owners.end(),
                     [&](NodeId owner) { return side_of(owner) != side_of(partition.owners.front()); });
}

// Of so many keys about `keys` have owners on both sides.
std::uint64_t keys_to_write(const SplitNodes& nodes, std::uint32_t keys) {
  const auto& partitions = nodes.placement().partitions;
  const auto parted =
      static_cast<std::uint64_t>(std::count_if(partitions.begin(), partitions.end(), has_owners_on_both_sides));
  return keys * partitions.size() / std::max<std::uint64_t>(parted, 1) + 1;
}

struct Round {
  Duration took{};
  std::uint64_t diverged = 0;
  double cpu_seconds = 0;
  double bytes_per_key = 0;
};

Result<void> write_apart(const SplitNodes& nodes, const SplitTrialOptions& options, std::uint32_t round,
                         TrialVerdict& verdict) {
  const auto load = TRY(TrialLoad::start({.endpoints = nodes.endpoints(),
                                          .keyspace = SplitNodes::keyspace,
                                          .prefix = fmt::format("round{}", round),
                                          .puts_per_second = fill_rate,
                                          .gets_per_second = 0,
                                          .value_size = options.value_size,
                                          .in_flight_max = fill_in_flight}));
  const std::uint64_t wanted = keys_to_write(nodes, options.keys);
  for (const Time limit = TrialLoad::now() + fill_limit; load->acknowledged() < wanted;) {
    if (TrialLoad::now() > limit) return fail(Code::timeout, "the writes during the split take too long");
    rest(std::chrono::milliseconds(10));
  }
  load->stop();
  verdict.requests += load->samples().size();
  verdict.failed += load->failed();
  for (std::string& complaint : load->complaints()) verdict.complaints.push_back(std::move(complaint));
  return {};
}

// Keys with owners on both sides that were not there at the last look.
std::uint64_t count_parted(const SplitNodes& nodes, const cluster::Copies& copies) {
  std::uint64_t keys = 0;
  for (const topology::Partition& partition : nodes.placement().partitions)
    keys += has_owners_on_both_sides(partition) ? copies.held.at(partition.id).begin()->second.keys : 0;
  return keys;
}

Result<Round> split_and_heal(SplitNodes& nodes, const SplitTrialOptions& options, std::uint32_t number,
                             std::uint64_t parted_before, TrialVerdict& verdict) {
  const Time since = TrialLoad::now();
  TRY(nodes.cut(sides));
  TRY(write_apart(nodes, options, number, verdict));
  if (const Duration left = since + options.cut - TrialLoad::now(); left > Duration::zero()) rest(left);
  const auto before = TRY(nodes.used());
  const Time healed = TrialLoad::now();
  TRY(nodes.heal());
  TRY(nodes.wait_until_settled(heal_limit));
  Round round{.took = TrialLoad::now() - healed};
  const auto after = TRY(nodes.used());
  const auto copies = TRY(nodes.compare());
  if (const auto differing = copies.differing(); !differing.empty()) {
    verdict.lost += differing.size();
    verdict.complaints.push_back(
        fmt::format("{} of {} partitions differ although nobody owes anything", differing.size(), copies.held.size()));
  }
  round.diverged = count_parted(nodes, copies) - parted_before;
  round.cpu_seconds = after.cpu_seconds - before.cpu_seconds;
  round.bytes_per_key = static_cast<double>(after.bytes_between - before.bytes_between) /
                        static_cast<double>(std::max<std::uint64_t>(round.diverged, 1));
  fmt::print(stderr, "healed after {:.0f} s: {} keys agreed in {:.0f} ms, {:.1f} CPU seconds, {:.0f} bytes per key\n",
             to_seconds(healed - since), round.diverged, milliseconds(round.took), round.cpu_seconds,
             round.bytes_per_key);
  return round;
}

Result<TrialReport> heal(SplitNodes& nodes, const SplitTrialOptions& options, TrialVerdict& verdict) {
  Figure took{.name = "converged", .title = "from the heal until all copies agree", .values = {}};
  std::vector<double> cpu;
  std::vector<double> bytes;
  std::uint64_t diverged = 0;
  for (std::uint32_t i = 0; i < options.rounds; ++i) {
    const Round round = TRY(split_and_heal(nodes, options, i, diverged, verdict));
    took.values.push_back(round.took);
    cpu.push_back(round.cpu_seconds);
    bytes.push_back(round.bytes_per_key);
    diverged += round.diverged;
  }
  TrialReport report{.schema = "rift.bench.heal/1", .title = "heal, an ap keyspace was split"};
  report.figures = {std::move(took)};
  report.counts = {{"diverged_keys", std::to_string(diverged)}};
  report.numbers = {{"cpu_seconds", median(std::move(cpu))}, {"bytes_per_key", median(std::move(bytes))}};
  return report;
}

}  // namespace

Exit run_heal_trial(const SplitTrialOptions& options, Format format) {
  const auto nodes = SplitNodes::create({.nodes = options.nodes, .keep = options.keep});
  if (!nodes) return show_error(format, nodes.error());
  TrialVerdict verdict;
  const auto report = heal(**nodes, options, verdict);
  if (!report) {
    (*nodes)->keep_folder();
    fmt::print(stderr, "the logs of the nodes stay in {}\n", (*nodes)->folder());
    return show_error(format, report.error());
  }
  print_report(format, options.nodes, 0, *report, verdict);
  if ((*nodes)->keeps_folder()) fmt::print(stderr, "the logs of the nodes stay in {}\n", (*nodes)->folder());
  const auto slow = too_slow(report->figures.front(), options.p95_max);
  if (slow) fmt::print(stderr, "{}\n", *slow);
  if (verdict.lost > 0 || verdict.failed > 0) return Exit::violation;
  return slow ? Exit::usage : Exit::done;
}

}  // namespace rift::cli
