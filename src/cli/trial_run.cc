#include "cli/trial_run.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rift::cli {
namespace {

using nlohmann::json;

constexpr Duration level_limit = std::chrono::minutes(5);

Result<TrialVerdict> judge(TrialLoad& load) {
  load.stop();
  TrialVerdict verdict{.requests = load.samples().size(),
                       .failed = load.failed(),
                       .stale = 0,
                       .lost = 0,
                       .complaints = load.complaints()};
  verdict.stale = load.stale();
  verdict.lost = TRY(load.count_lost());
  return verdict;
}

json in_json(const Figure& figure) {
  json values = json::array();
  for (const Duration value : figure.values) values.push_back(milliseconds(value));
  return {{"p50_ms", milliseconds(percentile(figure.values, 0.5))},
          {"p95_ms", milliseconds(percentile(figure.values, 0.95))},
          {"max_ms", milliseconds(percentile(figure.values, 1))},
          {"values_ms", std::move(values)}};
}

void print_json(std::uint32_t nodes, std::uint32_t puts_per_second, const TrialReport& report,
                const TrialVerdict& verdict) {
  json value = {{"schema", report.schema},
                {"nodes", std::to_string(nodes)},
                {"puts_per_second", std::to_string(puts_per_second)},
                {"requests", std::to_string(verdict.requests)},
                {"failed", std::to_string(verdict.failed)},
                {"stale", std::to_string(verdict.stale)},
                {"lost", std::to_string(verdict.lost)},
                {"complaints", verdict.complaints}};
  for (const Figure& figure : report.figures) value[figure.name] = in_json(figure);
  for (const auto& [name, count] : report.counts) value[name] = count;
  for (const auto& [name, number] : report.numbers) value[name] = number;
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

void print_text(std::uint32_t nodes, std::uint32_t puts_per_second, const TrialReport& report,
                const TrialVerdict& verdict) {
  fmt::print("{}: {} nodes{}\n", report.title, nodes,
             puts_per_second > 0 ? fmt::format(", {} puts/s", puts_per_second) : "");
  for (const Figure& figure : report.figures) {
    fmt::print("  {:<34} p50 {:>8.1f} ms   p95 {:>8.1f} ms   max {:>8.1f} ms   ({})\n", figure.title,
               milliseconds(percentile(figure.values, 0.5)), milliseconds(percentile(figure.values, 0.95)),
               milliseconds(percentile(figure.values, 1)), figure.values.size());
  }
  for (const auto& [name, count] : report.counts) fmt::print("  {:<34} {}\n", name, count);
  for (const auto& [name, number] : report.numbers) fmt::print("  {:<34} {:.2f}\n", name, number);
  fmt::print("  {} requests, {} failed, {} stale reads, {} acknowledged writes lost\n", verdict.requests,
             verdict.failed, verdict.stale, verdict.lost);
  for (const std::string& complaint : verdict.complaints) fmt::print("    {}\n", complaint);
}

Exit end(const TrialRun& run, bool is_good) {
  if (!is_good) run.nodes->keep_folder();
  if (run.nodes->keeps_folder()) fmt::print(stderr, "the logs of the nodes stay in {}\n", run.nodes->folder());
  return is_good ? Exit::done : Exit::violation;
}

Result<void> start(TrialRun& run) {
  run.nodes = TRY(TrialNodes::create(run.options));
  run.disk = TRY(DiskProbe::start(run.nodes->folder()));
  run.load = TRY(TrialLoad::start(run.load_options()));
  return {};
}

}  // namespace

void print_report(Format format, std::uint32_t nodes, std::uint32_t puts_per_second, const TrialReport& report,
                  const TrialVerdict& verdict) {
  format == Format::json ? print_json(nodes, puts_per_second, report, verdict)
                         : print_text(nodes, puts_per_second, report, verdict);
}

TrialLoad::Options TrialRun::load_options() const {
  return {.endpoints = nodes->endpoints(),
          .keyspace = TrialNodes::keyspace,
          .puts_per_second = options.rate,
          .gets_per_second = options.rate / 2,
          .pinned_ones_too = true,
          .value_size = options.value_size};
}

Result<NodeId> TrialRun::some_follower() const {
  const NodeId leader = TRY(nodes->leader());
  for (const auto& [node, replica] : nodes->replicas()) {
    if (node != leader) return node;
  }
  return fail(Code::invalid, "a cluster of one has no follower");
}

Result<void> TrialRun::bring_back(NodeId node) {
  TRY(nodes->processes().start(node));
  TRY(nodes->wait_until_level(level_limit));
  load->resume();
  return {};
}

Exit run_trial(const TrialOptions& options, Format format, const std::function<Result<TrialReport>(TrialRun&)>& trial) {
  TrialRun run{.options = options};
  const auto give_up = [&](const Error& error) {
    if (run.nodes) end(run, false);
    return show_error(format, error);
  };
  if (const auto started = start(run); !started) return give_up(started.error());
  auto report = trial(run);
  if (!report) return give_up(report.error());
  const auto verdict = judge(*run.load);
  if (!verdict) return give_up(verdict.error());
  report->figures.push_back({.name = "disk_sync", .title = "a small sync of the disk", .values = run.disk->all()});
  print_report(format, options.nodes, options.rate, *report, *verdict);
  const Exit exit = end(run, verdict->lost == 0 && verdict->stale == 0 && (verdict->failed == 0 || report->may_fail));
  const auto slow = too_slow(report->figures.front(), options.p95_max);
  if (slow) fmt::print(stderr, "{}\n", *slow);
  return slow && exit == Exit::done ? Exit::usage : exit;  // 1: no promise of the store is broken
}

std::optional<std::string> too_slow(const Figure& figure, Duration p95_max) {
  if (p95_max <= Duration::zero()) return std::nullopt;
  if (figure.values.empty()) return fmt::format("{}: nothing was measured", figure.title);
  const Duration p95 = percentile(figure.values, 0.95);
  if (p95 <= p95_max) return std::nullopt;
  return fmt::format("too slow: {}: p95 is {:.1f} ms, at most {:.1f} ms are allowed", figure.title, milliseconds(p95),
                     milliseconds(p95_max));
}

void tell_progress(TrialRun& run, std::string_view what, NodeId node, Duration value) {
  fmt::print(stderr, "{} {}: {:.1f} ms; the slowest sync of the disk since the last: {:.1f} ms\n", what,
             to_string(node), milliseconds(value), milliseconds(percentile(run.disk->take(), 1)));
}

double milliseconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void rest(Duration time) { std::this_thread::sleep_for(time); }

}  // namespace rift::cli
