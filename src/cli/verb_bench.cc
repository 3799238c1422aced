// rift bench: the flags of the load generator in bench.h.
#include <CLI/CLI.hpp>

#include "cli/bench.h"
#include "cli/target.h"
#include "cli/trial.h"
#include "cli/trial_split.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

struct Flags {
  Target target;
  BenchOptions bench;
  std::string system = "rift";
  std::string shape = "pipe";
  std::string verb = "put";
  std::string mode = "cp";
  std::string level;
  std::string duration = "10s";
  std::string warmup = "1s";
};

Result<BenchOptions> options_of(const Context& context, const Flags& flags) {
  BenchOptions options = flags.bench;
  options.endpoints = TRY(endpoints_of(flags.target));
  options.target = flags.system == "etcd" ? BenchTarget::etcd : BenchTarget::rift;
  options.shape = flags.shape == "unary" ? BenchShape::unary : BenchShape::pipe;
  options.verb = flags.verb == "get" ? Verb::get : Verb::put;
  options.mode = flags.mode == "ap" ? Mode::ap : Mode::cp;
  options.level = flags.level.empty() ? Level::unspecified : parse_level(flags.level).value_or(Level::unspecified);
  options.duration = TRY(parse_duration(flags.duration));
  options.warmup = TRY(parse_duration(flags.warmup));
  options.format = context.format;
  return options;
}

Exit bench(const Context& context, const Flags& flags) {
  const auto options = options_of(context, flags);
  if (options) return static_cast<Exit>(run_bench(*options));
  show_error(context.format, options.error());
  return options.error().code == Code::unreachable ? Exit::unreachable : Exit::usage;
}

using Trial = Exit (*)(const TrialOptions&, Format);

CLI::App* add_trial(CLI::App& bench, Context& context, const char* name, const char* about, TrialOptions defaults,
                    Trial trial) {
  auto options = std::make_shared<TrialOptions>(defaults);
  CLI::App* verb = bench.add_subcommand(name, about);
  verb->add_option("--nodes", options->nodes, "Processes, each a voter")
      ->check(CLI::Range(3, 9))
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  verb->add_option("--rate", options->rate, "Puts per second; half as many gets")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb->add_option("--value-size", options->value_size, "Bytes of a value")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  verb->add_flag("--keep", options->keep, "Keep the folder with the logs of the nodes");
  add_format(*verb, context);
  verb->callback([&context, options, trial] { context.exit = trial(*options, context.format); });
  if (trial == run_catch_up_trial) {
    verb->add_option("--writes", options->away_writes, "Written while the follower is away")->capture_default_str();
  } else {
    const auto limit = [options](const std::uint32_t& ms) { options->p95_max = std::chrono::milliseconds(ms); };
    verb->add_option_function<std::uint32_t>(
            "--p95-max", limit,
            "Milliseconds: exit code 1 when the p95 without the leader is above (default: no limit)")
        ->check(CLI::Range(1, 600'000));
  }
  return verb;
}

void add_split_trial(CLI::App& bench, Context& context) {
  auto options = std::make_shared<SplitTrialOptions>();
  auto phase = std::make_shared<std::string>("10s");
  CLI::App* verb = bench.add_subcommand("split", "A cluster of its own: an ap keyspace whose nodes are all alone");
  verb->add_option("--nodes", options->nodes, "Processes, each with a copy of everything")
      ->check(CLI::Range(2, 9))
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  verb->add_option("--rate", options->rate, "Puts per second at ONE, over all nodes; half as many gets")
      ->check(CLI::Range(10, 100'000))
      ->capture_default_str();
  verb->add_option("--phase", *phase, "Time of each half of a round: calm, and cut")->capture_default_str();
  verb->add_flag("--keep", options->keep, "Keep the folder with the logs of the nodes");
  verb->footer("Exit code 4 when a node that is alone has done less than 99 % of what it was asked.");
  add_format(*verb, context);
  verb->callback([&context, options, phase] {
    const auto time = parse_duration(*phase);
    if (time) options->phase = *time;
    context.exit = time ? run_split_trial(*options, context.format) : show_error(context.format, time.error());
  });
}

void add_heal_trial(CLI::App& bench, Context& context) {
  auto options = std::make_shared<SplitTrialOptions>();
  options->rounds = 1;
  auto cut = std::make_shared<std::string>("60s");
  CLI::App* verb = bench.add_subcommand("heal", "A cluster of its own: an ap keyspace, split 2 | 3 and healed");
  verb->add_option("--rounds", options->rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  verb->add_option("--keys", options->keys, "Written during the split, each with owners on both sides")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  verb->add_option("--cut", *cut, "How long it is split, at least")->capture_default_str();
  verb->add_option("--value-size", options->value_size, "Bytes of a value")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  verb->add_flag("--keep", options->keep, "Keep the folder with the logs of the nodes");
  const auto limit = [options](const std::uint32_t& ms) { options->p95_max = std::chrono::milliseconds(ms); };
  verb->add_option_function<std::uint32_t>(
          "--p95-max", limit, "Milliseconds: exit code 1 when the copies needed longer (default: no limit)")
      ->check(CLI::Range(1, 600'000));
  add_format(*verb, context);
  verb->callback([&context, options, cut] {
    const auto time = parse_duration(*cut);
    if (time) options->cut = *time;
    context.exit = time ? run_heal_trial(*options, context.format) : show_error(context.format, time.error());
  });
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  BenchOptions& bench_options = flags->bench;
  CLI::App* verb = app.add_subcommand("bench", "Measure: a fixed number of operations in flight for some seconds");
  verb->add_option("--endpoints", flags->target.endpoints, "All nodes, host:port (default: those of the local cluster)")
      ->delimiter(',')
      ->envname("RIFT_ENDPOINTS");
  add_cluster_choice(*verb, flags->target.cluster);
  verb->add_option("--target", flags->system, "rift or etcd")
      ->check(CLI::IsMember({"rift", "etcd"}))
      ->capture_default_str();
  verb->add_option("--shape", flags->shape, "unary calls, or pipe: the SDK's stream of batches")
      ->check(CLI::IsMember({"unary", "pipe"}))
      ->capture_default_str();
  verb->add_option("--verb", flags->verb, "put or get")->check(CLI::IsMember({"put", "get"}))->capture_default_str();
  verb->add_option("--mode", flags->mode, "cp or ap")->check(CLI::IsMember({"cp", "ap"}))->capture_default_str();
  verb->add_option("--ks", bench_options.keyspace, "Keyspace; made if it does not exist")->capture_default_str();
  verb->add_option("-c,--level", flags->level, "one, majority or all (default: the keyspace's)")
      ->check(CLI::IsMember({"one", "majority", "all"}));
  verb->add_option("--clients", bench_options.clients, "Connections")->capture_default_str();
  verb->add_option("--in-flight", bench_options.in_flight, "Operations in flight, over all connections")
      ->capture_default_str();
  verb->add_option("--value-size", bench_options.value_size, "Bytes of a value")->capture_default_str();
  verb->add_option("--keys", bench_options.keys, "Different keys")->capture_default_str();
  verb->add_option("--duration", flags->duration, "Time measured")->capture_default_str();
  verb->add_option("--warmup", flags->warmup, "Time before that")->capture_default_str();
  verb->footer("Example:  rift bench --shape pipe --mode cp --in-flight 256 --duration 10s");
  add_format(*verb, context);
  CLI::App* chosen = verb;
  verb->callback([&context, flags, chosen] {
    if (chosen->get_subcommands().empty()) context.exit = bench(context, *flags);
  });
  add_trial(*verb, context, "failover", "A cluster of its own: kill the leader, again and again", {},
            run_failover_trial);
  add_trial(*verb, context, "rolling", "A cluster of its own: stop and start its nodes in order", {},
            run_rolling_trial);
  add_trial(*verb, context, "catch-up", "A cluster of its own: a follower that was away comes back", {.rounds = 5},
            run_catch_up_trial);
  add_split_trial(*verb, context);
  add_heal_trial(*verb, context);
}

}  // namespace rift::cli
