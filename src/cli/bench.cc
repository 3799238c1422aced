#include "cli/bench.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "cli/bench_cluster.h"
#include "cli/bench_load.h"

namespace rift::cli {
namespace {

using nlohmann::json;

constexpr std::uint32_t clients_max = 1024;
constexpr std::uint32_t in_flight_max = 64 * limits::kibi;

Result<void> check(const BenchOptions& options) {
  if (options.endpoints.empty()) return fail(Code::invalid, "no endpoints");
  if (options.verb != Verb::get && options.verb != Verb::put) return fail(Code::invalid, "the benchmark puts or gets");
  if (options.clients == 0 || options.clients > clients_max)
    return fail(Code::invalid, fmt::format("clients: 1 to {}", clients_max));
  if (options.in_flight < options.clients || options.in_flight > in_flight_max) {
    return fail(Code::invalid, fmt::format("in flight: at least one per client, at most {}", in_flight_max));
  }
  if (options.value_size > limits::value_bytes_max)
    return fail(Code::too_large, fmt::format("a value has at most {} bytes", limits::value_bytes_max));
  if (options.keys == 0) return fail(Code::invalid, "at least one key");
  if (options.duration <= Duration::zero() || options.warmup < Duration::zero())
    return fail(Code::invalid, "a run takes some time");
  if (options.target == BenchTarget::etcd && options.shape == BenchShape::pipe) {
    return fail(Code::unsupported, "etcd has no pipe; use the unary shape");
  }
  return {};
}

std::string value_of(std::uint32_t size) {
  Rng rng(1);
  std::string value;
  for (std::uint32_t i = 0; i < size; ++i) value.push_back(static_cast<char>('a' + rng.below(26)));
  return value;
}

struct Run {
  LoadResult load;
  std::uint64_t elections = 0;
  std::map<std::string, double> per_operation;
};

Result<ClusterState> look(const BenchOptions& options) {
  return options.target == BenchTarget::rift ? look_at_rift(options) : look_at_etcd(options);
}

Result<Run> run_load(const BenchOptions& options) {
  if (options.target == BenchTarget::rift) TRY(prepare_keyspace(options));
  const ClusterState start = TRY(look(options));
  LoadPlan plan{.options = &options, .fill = options.verb == Verb::get, .value = value_of(options.value_size)};
  const auto load = [&] {
    return options.shape == BenchShape::pipe ? run_pipe_load(plan) : run_unary_load(plan, start.leader);
  };
  if (plan.fill) {
    const LoadResult filled = TRY(load());
    if (filled.done < options.keys)
      return fail(Code::overloaded, "the keys could not be written: " + filled.first_error);
    plan.fill = false;
  }
  const ClusterState before = TRY(look(options));
  Run run;
  run.load = TRY(load());
  const ClusterState after = TRY(look(options));
  run.elections = after.term - before.term;
  const std::uint64_t operations = std::max<std::uint64_t>(run.load.done, 1);
  for (const auto& [name, count] : after.counters) {
    const auto it = before.counters.find(name);
    const std::uint64_t then = it == before.counters.end() ? 0 : it->second;
    if (count > then) run.per_operation[name] = static_cast<double>(count - then) / static_cast<double>(operations);
  }
  return run;
}

double microseconds(Duration d) { return static_cast<double>(d.count()) / 1e3; }
double rate(const LoadResult& load) {
  return load.measured > Duration::zero() ? static_cast<double>(load.done) / to_seconds(load.measured) : 0;
}

void print_json(const BenchOptions& options, const Run& run) {
  const LoadResult& load = run.load;
  json value = {{"schema", "rift.bench/1"},
                {"target", options.target == BenchTarget::rift ? "rift" : "etcd"},
                {"verb", std::string(options.verb == Verb::get ? "get" : "put")},
                {"mode", std::string(to_string(options.mode))},
                {"level", std::string(to_string(options.level))},
                {"shape", options.shape == BenchShape::pipe ? "pipe" : "unary"},
                {"clients", std::to_string(options.clients)},
                {"in_flight", std::to_string(options.in_flight)},
                {"value_size", std::to_string(options.value_size)},
                {"keys", std::to_string(options.keys)},
                {"duration_s", to_seconds(load.measured)},
                {"operations", std::to_string(load.done)},
                {"ops_per_s", rate(load)},
                {"p50_us", microseconds(load.latency.quantile(0.5))},
                {"p99_us", microseconds(load.latency.quantile(0.99))},
                {"max_us", microseconds(load.latency.max())},
                {"errors",
                 {{"not_done", std::to_string(load.not_done)},
                  {"unknown", std::to_string(load.unknown)},
                  {"first", load.first_error}}},
                {"elections", std::to_string(run.elections)},
                {"counters_per_operation", json::object()}};
  for (const auto& [name, share] : run.per_operation) value["counters_per_operation"][name] = share;
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

void print_text(const BenchOptions& options, const Run& run) {
  const LoadResult& load = run.load;
  fmt::print("{} {} {} {}   {} in flight, {} clients, {}-byte values, {:.1f} s\n",
             options.target == BenchTarget::rift ? "rift" : "etcd",
             options.target == BenchTarget::rift ? to_string(options.mode) : "raft",
             options.verb == Verb::get ? "get" : "put", options.shape == BenchShape::pipe ? "pipe" : "unary",
             options.in_flight, options.clients, options.value_size, to_seconds(load.measured));
  fmt::print("  {:.0f} ops/s   p50 {:.0f} us   p99 {:.0f} us   max {:.0f} us\n", rate(load),
             microseconds(load.latency.quantile(0.5)), microseconds(load.latency.quantile(0.99)),
             microseconds(load.latency.max()));
  fmt::print("  {} done, {} not done, {} unknown, {} elections\n", load.done, load.not_done, load.unknown,
             run.elections);
  if (!load.first_error.empty()) fmt::print("  first error: {}\n", load.first_error);
  for (const auto& [name, share] : run.per_operation) fmt::print("  {:<24} {:.3f} per operation\n", name, share);
}

}  // namespace

int run_bench(const BenchOptions& options) {
  if (const auto good = check(options); !good) {
    show_error(options.format, good.error());
    return static_cast<int>(Exit::usage);
  }
  const auto run = run_load(options);
  if (!run) return static_cast<int>(show_error(options.format, run.error(), "rift status"));
  options.format == Format::json ? print_json(options, *run) : print_text(options, *run);
  return static_cast<int>(run->load.done > 0 ? Exit::done : Exit::not_done);
}

}  // namespace rift::cli
