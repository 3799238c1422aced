#include "cli/trial.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/trial_load.h"

namespace rift::cli {
namespace {

using nlohmann::json;

constexpr Duration calm_time = std::chrono::seconds(1);  // between two disturbances
constexpr Duration after_stop = std::chrono::seconds(2);
constexpr Duration outage_limit = std::chrono::seconds(30);
constexpr Duration level_limit = std::chrono::minutes(5);
constexpr std::uint32_t fill_rate = 20'000;

double milliseconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }
json text(std::uint64_t number) { return std::to_string(number); }
void rest(Duration time) { std::this_thread::sleep_for(time); }

json quantiles(const std::vector<Duration>& values) {
  return {{"p50_ms", milliseconds(percentile(values, 0.5))},
          {"p95_ms", milliseconds(percentile(values, 0.95))},
          {"max_ms", milliseconds(percentile(values, 1))}};
}

json rounded(const std::vector<Duration>& values) {
  json result = json::array();
  for (const Duration value : values) result.push_back(milliseconds(value));
  return result;
}

std::string line(std::string_view what, const std::vector<Duration>& values) {
  return fmt::format("  {:<34} p50 {:>8.1f} ms   p95 {:>8.1f} ms   max {:>8.1f} ms   ({} rounds)\n", what,
                     milliseconds(percentile(values, 0.5)), milliseconds(percentile(values, 0.95)),
                     milliseconds(percentile(values, 1)), values.size());
}

TrialLoad::Options load_of(const TrialOptions& options, const TrialNodes& nodes) {
  return {.endpoints = nodes.endpoints(),
          .keyspace = TrialNodes::keyspace,
          .puts_per_second = options.rate,
          .gets_per_second = options.rate / 2,
          .value_size = options.value_size};
}

struct Verdict {
  std::uint64_t requests = 0, failed = 0, lost = 0;
  std::vector<std::string> complaints;
};

Result<Verdict> judge(TrialLoad& load) {
  load.stop();
  Verdict verdict{.requests = load.samples().size(), .failed = load.failed(), .complaints = load.complaints()};
  verdict.lost = TRY(load.count_lost());
  return verdict;
}

json common(const char* schema, const TrialOptions& options, const Verdict& verdict) {
  return {{"schema", schema},
          {"nodes", text(options.nodes)},
          {"puts_per_second", text(options.rate)},
          {"requests", text(verdict.requests)},
          {"failed", text(verdict.failed)},
          {"lost", text(verdict.lost)},
          {"complaints", verdict.complaints}};
}

void print(const json& value) { fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace)); }
void print(const Verdict& verdict) {
  fmt::print("  {} requests, {} failed, {} acknowledged writes lost\n", verdict.requests, verdict.failed, verdict.lost);
  for (const std::string& complaint : verdict.complaints) fmt::print("    {}\n", complaint);
}

Exit end(TrialNodes& nodes, const Verdict& verdict) {
  if (verdict.lost == 0 && verdict.failed == 0) return Exit::done;
  nodes.keep_folder();
  fmt::print(stderr, "the logs of the nodes stay in {}\n", nodes.folder());
  return Exit::violation;
}

Exit give_up(Format format, TrialNodes* nodes, const Error& error) {
  if (nodes != nullptr) {
    nodes->keep_folder();
    fmt::print(stderr, "the logs of the nodes stay in {}\n", nodes->folder());
  }
  return show_error(format, error);
}

// The first put that a later leader acknowledged.
Result<Duration> first_in_later_term(const TrialLoad& load, Term before, Time since) {
  for (const Time limit = since + outage_limit; TrialLoad::now() < limit; rest(std::chrono::milliseconds(20))) {
    for (const Sample& sample : load.samples()) {
      if (!sample.is_read && sample.outcome == Outcome::done && sample.term > before && sample.ended > since)
        return sample.ended - since;
    }
  }
  return fail(Code::timeout, "no write was acknowledged after the leader was killed");
}

Result<Duration> kill_the_leader(TrialNodes& nodes, const TrialLoad& load) {
  const NodeId victim = TRY(nodes.leader());
  const Term before = nodes.replicas()[victim].term;
  const Time since = TrialLoad::now();
  TRY(nodes.processes().kill(victim));
  const Duration outage = TRY(first_in_later_term(load, before, since));
  TRY(nodes.processes().start(victim));
  TRY(nodes.wait_until_level(level_limit));
  return outage;
}

// SIGTERM, until the process is gone and some time longer.
Result<Duration> stop_in_order(TrialNodes& nodes, const TrialLoad& load, NodeId victim) {
  const Time since = TrialLoad::now();
  TRY(nodes.processes().stop(victim));
  rest(after_stop);
  const Duration gap = longest_gap(load.samples(), since, TrialLoad::now());
  TRY(nodes.processes().start(victim));
  TRY(nodes.wait_until_level(level_limit));
  return gap;
}

Result<NodeId> some_follower(const TrialNodes& nodes) {
  const NodeId leader = TRY(nodes.leader());
  for (const auto& [node, replica] : nodes.replicas()) {
    if (node != leader) return node;
  }
  return fail(Code::invalid, "a cluster of one has no follower");
}

struct Rolling {
  std::vector<Duration> leader, follower, calm;
};

Result<Rolling> roll(const TrialOptions& options, TrialNodes& nodes, const TrialLoad& load) {
  Rolling rolling;
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    const Time calm_since = TrialLoad::now();
    rest(after_stop);
    rolling.calm.push_back(longest_gap(load.samples(), calm_since, TrialLoad::now()));
    const NodeId leader = TRY(nodes.leader());
    rolling.leader.push_back(TRY(stop_in_order(nodes, load, leader)));
    rest(calm_time);
    const NodeId follower = TRY(some_follower(nodes));
    rolling.follower.push_back(TRY(stop_in_order(nodes, load, follower)));
    rest(calm_time);
  }
  return rolling;
}

struct CatchUp {
  std::vector<Duration> took, calm_p99, busy_p99;
  std::vector<double> factor;
  std::uint64_t snapshots = 0;
};

std::uint64_t snapshots_installed(const TrialNodes& nodes, NodeId node) {
  const auto all = nodes.replicas();
  const auto it = all.find(node);
  if (it == all.end()) return 0;
  const auto counter = it->second.counters.find("snapshots_installed");
  return counter == it->second.counters.end() ? 0 : counter->second;
}

Result<void> write_while_away(const TrialOptions& options, const TrialNodes& nodes) {
  auto fill = load_of(options, nodes);
  fill.keyspace = TrialNodes::keyspace;
  fill.puts_per_second = fill_rate;
  fill.gets_per_second = 0;
  const auto load = TRY(TrialLoad::start(fill));
  for (const Time limit = TrialLoad::now() + level_limit; load->acknowledged() < options.away_writes;) {
    if (TrialLoad::now() > limit) return fail(Code::timeout, "the writes while the follower is away take too long");
    rest(std::chrono::milliseconds(10));
  }
  load->stop();
  return {};
}

Result<void> bring_back_one(const TrialOptions& options, TrialNodes& nodes, const TrialLoad& load, CatchUp& result) {
  const NodeId away = TRY(some_follower(nodes));
  const Time calm_since = TrialLoad::now();
  rest(std::chrono::seconds(5));
  const Duration calm = percentile(put_latencies(load.samples(), calm_since, TrialLoad::now()), 0.99);
  TRY(nodes.processes().stop(away));
  TRY(write_while_away(options, nodes));
  rest(calm_time);
  TRY(nodes.processes().start(away));
  const Time since = TrialLoad::now();
  TRY(nodes.wait_until_level(level_limit));
  const Time until = TrialLoad::now();
  rest(calm_time);
  const Duration busy = percentile(put_latencies(load.samples(), since, until), 0.99);
  result.took.push_back(until - since);
  result.calm_p99.push_back(calm);
  result.busy_p99.push_back(busy);
  result.factor.push_back(calm > Duration::zero() ? to_seconds(busy) / to_seconds(calm) : 0);
  result.snapshots += snapshots_installed(nodes, away);
  return {};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

Exit run_failover_trial(const TrialOptions& options, Format format) {
  const auto nodes = TrialNodes::create(options);
  if (!nodes) return give_up(format, nullptr, nodes.error());
  const auto load = TrialLoad::start(load_of(options, **nodes));
  if (!load) return give_up(format, nodes->get(), load.error());
  std::vector<Duration> outages;
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    rest(calm_time);
    const auto outage = kill_the_leader(**nodes, **load);
    if (!outage) return give_up(format, nodes->get(), outage.error());
    outages.push_back(*outage);
  }
  const auto verdict = judge(**load);
  if (!verdict) return give_up(format, nodes->get(), verdict.error());
  if (format == Format::json) {
    json value = common("rift.bench.failover/1", options, *verdict);
    value["outage"] = quantiles(outages);
    value["outages_ms"] = rounded(outages);
    print(value);
  } else {
    fmt::print("failover: {} nodes, the leader is killed, {} puts/s\n", options.nodes, options.rate);
    fmt::print("{}", line("first write of a later leader", outages));
    print(*verdict);
  }
  return end(**nodes, *verdict);
}

Exit run_rolling_trial(const TrialOptions& options, Format format) {
  const auto nodes = TrialNodes::create(options);
  if (!nodes) return give_up(format, nullptr, nodes.error());
  const auto load = TrialLoad::start(load_of(options, **nodes));
  if (!load) return give_up(format, nodes->get(), load.error());
  const auto rolling = roll(options, **nodes, **load);
  if (!rolling) return give_up(format, nodes->get(), rolling.error());
  const auto verdict = judge(**load);
  if (!verdict) return give_up(format, nodes->get(), verdict.error());
  if (format == Format::json) {
    json value = common("rift.bench.rolling/1", options, *verdict);
    value["leader_gap"] = quantiles(rolling->leader);
    value["leader_gaps_ms"] = rounded(rolling->leader);
    value["follower_gap"] = quantiles(rolling->follower);
    value["follower_gaps_ms"] = rounded(rolling->follower);
    value["calm_gap"] = quantiles(rolling->calm);
    print(value);
  } else {
    fmt::print("rolling: {} nodes, SIGTERM of the leader and of a follower, {} puts/s\n", options.nodes, options.rate);
    fmt::print("{}", line("gap when the leader stops", rolling->leader));
    fmt::print("{}", line("gap when a follower stops", rolling->follower));
    fmt::print("{}", line("longest gap of two calm seconds", rolling->calm));
    print(*verdict);
  }
  return end(**nodes, *verdict);
}

Exit run_catch_up_trial(const TrialOptions& options, Format format) {
  const auto nodes = TrialNodes::create(options);
  if (!nodes) return give_up(format, nullptr, nodes.error());
  const auto load = TrialLoad::start(load_of(options, **nodes));
  if (!load) return give_up(format, nodes->get(), load.error());
  CatchUp result;
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    const auto one = bring_back_one(options, **nodes, **load, result);
    if (!one) return give_up(format, nodes->get(), one.error());
  }
  const auto verdict = judge(**load);
  if (!verdict) return give_up(format, nodes->get(), verdict.error());
  if (format == Format::json) {
    json value = common("rift.bench.catch_up/1", options, *verdict);
    value["away_writes"] = text(options.away_writes);
    value["catch_up"] = quantiles(result.took);
    value["calm_p99"] = quantiles(result.calm_p99);
    value["catch_up_p99"] = quantiles(result.busy_p99);
    value["p99_factor_median"] = median(result.factor);
    value["p99_factors"] = result.factor;
    value["snapshots"] = text(result.snapshots);
    print(value);
  } else {
    fmt::print("catch-up: {} nodes, a follower misses {} writes, {} puts/s\n", options.nodes, options.away_writes,
               options.rate);
    fmt::print("{}", line("until it is level", result.took));
    fmt::print("{}", line("p99 of puts before", result.calm_p99));
    fmt::print("{}", line("p99 of puts meanwhile", result.busy_p99));
    fmt::print("  factor of p99, median: {:.2f}; {} snapshots installed\n", median(result.factor), result.snapshots);
    print(*verdict);
  }
  return end(**nodes, *verdict);
}

}  // namespace rift::cli
