// rift sim: the deterministic simulator over a range of seeds: storms, or rows of the experiment matrix (sim_rows.cc). Seeds run in
// parallel, each in one thread; of a storm the first one runs once more in a fresh process, whose other address layout must not change the trace.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/mutex.h"
#include "chaos/sim/row_run.h"
#include "chaos/sim/runner.h"
#include "cli/sim_rows.h"
#include "cli/verbs.h"
#include "cluster/child.h"

namespace rift::cli {
namespace {

using chaos::sim::RunResult;
using json = nlohmann::ordered_json;

constexpr auto canary_limit = std::chrono::minutes(5);
constexpr std::uint64_t seeds_max = 10'000'000;
constexpr std::size_t jobs_max = 256;
constexpr std::uint64_t seed_last_max =
    ~std::uint64_t{0} - jobs_max - 1;  // each job draws one number behind the last seed

struct SimOptions {
  std::string seeds = "1..20";
  bool twice = false;
  bool trace = false;
  bool tell = false;
  std::size_t jobs = 0;
  std::string storm = "6s";
  std::string row;
  bool rows = false;
  std::size_t job_count() const { return jobs != 0 ? jobs : std::max(1U, std::thread::hardware_concurrency()); }
};

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

Result<Range> parse_range(const std::string& text) {
  const auto number = [](std::string_view part, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size() && !part.empty();
  };
  Range range;
  const auto dots = text.find("..");
  const std::string_view view = text;
  const bool good = dots == std::string::npos
                        ? number(view, range.first) && number(view, range.last)
                        : number(view.substr(0, dots), range.first) && number(view.substr(dots + 2), range.last);
  if (good && range.first <= range.last && range.last - range.first < seeds_max && range.last <= seed_last_max)
    return range;
  return rift::fail(Code::invalid, "'" + text + "' is no range of seeds; say 1..200 or 17");
}

struct Tally {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t operations = 0;
  std::uint64_t first_hash = 0;
  bool is_repeatable = true;
  Duration simulated{};
  std::map<std::string, std::uint64_t> faults;
  std::map<std::string, std::uint64_t> marks;
  json failures = json::array();
};

std::string replay_line(std::uint64_t seed, const SimOptions& options) {
  return fmt::format("rift sim --seeds {} --storm {}", seed, options.storm);
}

class Runner {
 public:
  Runner(Range range, Duration storm, const SimOptions& options, bool is_quiet)
      : range_(range), storm_(storm), options_(options), is_quiet_(is_quiet), next_(range.first) {}

  Tally run() {
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < options_.job_count(); ++i) threads.emplace_back([this] { work(); });
    }
    const Lock lock(mutex_);
    return tally_;
  }

 private:
  void work() {
    for (std::uint64_t seed = next_++; seed <= range_.last; seed = next_++) {
      const RunResult result = chaos::sim::run_seed({.seed = seed, .storm = storm_});
      const bool repeats =
          !options_.twice || chaos::sim::run_seed({.seed = seed, .storm = storm_}).trace_hash == result.trace_hash;
      note(result, repeats);
    }
  }

  void note(const RunResult& result, bool repeats) {
    const Lock lock(mutex_);
    const bool is_good = result.passed() && repeats;
    ++(is_good ? tally_.passed : tally_.failed);
    tally_.is_repeatable = tally_.is_repeatable && repeats;
    tally_.operations += result.operations;
    tally_.simulated += result.simulated;
    if (result.seed == range_.first) tally_.first_hash = result.trace_hash;
    for (const auto& [name, count] : result.faults) tally_.faults[name] += count;
    for (const auto& [name, count] : result.marks) tally_.marks[name] += count;
    if (is_good) return;
    json failure = {{"seed", std::to_string(result.seed)},
                    {"replay", replay_line(result.seed, options_)},
                    {"failures", result.failures}};
    if (!repeats) failure["failures"].push_back("a second run of the seed gave another trace");
    if (!is_quiet_) {
      fmt::print(stderr, "seed {} failed: {}\n  replay   {}\n", result.seed, failure["failures"][0].get<std::string>(),
                 replay_line(result.seed, options_));
    }
    tally_.failures.push_back(std::move(failure));
  }

  Range range_;
  Duration storm_;
  const SimOptions& options_;
  bool is_quiet_;
  std::atomic<std::uint64_t> next_;
  Mutex mutex_;  // workers add to one tally
  Tally tally_ GUARDED_BY(mutex_);
};

// The trace hash of the seed, from a process of its own.
std::string canary(std::uint64_t seed, const SimOptions& options) {
  auto child = cluster::Child::start(
      {.command = {"/proc/self/exe", "sim", "--seeds", std::to_string(seed), "--storm", options.storm, "--trace"},
       .stderr_path = "/dev/null"});
  if (!child) return {};
  return child->read_line(canary_limit).value_or("");
}

json counts_json(const std::map<std::string, std::uint64_t>& counts) {
  json value = json::object();
  for (const auto& [name, count] : counts) value[name] = std::to_string(count);
  return value;
}

std::string hash_text(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

Exit show(const Context& context, const Tally& tally, double wall_seconds) {
  if (context.format == Format::json) {
    const json value = {{"schema", "rift.sim/1"},
                        {"passed", std::to_string(tally.passed)},
                        {"failed", std::to_string(tally.failed)},
                        {"trace_repeatable", tally.is_repeatable},
                        {"simulated_s", fmt::format("{:.1f}", to_seconds(tally.simulated))},
                        {"wall_s", fmt::format("{:.1f}", wall_seconds)},
                        {"operations", std::to_string(tally.operations)},
                        {"faults", counts_json(tally.faults)},
                        {"failures", tally.failures}};
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{} passed, {} failed   traces {}   {} operations\n", tally.passed, tally.failed,
               tally.is_repeatable ? "repeat" : "DO NOT REPEAT", tally.operations);
    fmt::print("{:.2f} simulated hours in {:.0f} s\n", to_seconds(tally.simulated) / 3600, wall_seconds);
    for (const auto& [name, count] : tally.faults) fmt::print("  fault  {:<32} {}\n", name, count);
    for (const auto& [name, count] : tally.marks) fmt::print("  mark   {:<32} {}\n", name, count);
  }
  return tally.failed == 0 && tally.is_repeatable ? Exit::done : Exit::violation;
}

chaos::sim::World::Narrator narrator() {
  return [](Time now, std::string_view text) {
    fmt::print("{:9.3f} s  {}\n", to_seconds(now.time_since_epoch()), text);
    std::fflush(stdout);  // a failed ASSERT shall not take the end of the story with it
  };
}

// The story of the first seed, then what it broke.
Exit tell(const Range& range, Duration storm) {
  const RunResult result = chaos::sim::run_seed({.seed = range.first, .storm = storm, .narrator = narrator()});
  for (const std::string& failure : result.failures) fmt::print("failed: {}\n", failure);
  return result.passed() ? Exit::done : Exit::violation;
}

// Of the row, with its first seed.
Exit tell(const chaos::fault::MatrixRow& row, const Range& range) {
  const auto result = chaos::sim::run_row(row, {.seed = range.first, .narrator = narrator()});
  for (const std::string& reason : result.run.reasons) fmt::print("{}\n", reason);
  fmt::print("{}\n", chaos::check::to_string(result.run.verdict));
  return verdict_exit({result.run.verdict});
}

Exit rows(const Context& context, const SimOptions& options, const Range& range) {
  RowsWish wish{.rows = {}, .first_seed = range.first, .last_seed = range.last, .jobs = options.job_count()};
  if (!options.rows) wish.rows = chaos::fault::find_rows(options.row);
  for (const auto& row : chaos::fault::matrix_rows()) {
    if (options.rows) wish.rows.push_back(&row);
  }
  if (!wish.rows.empty() && options.tell) return tell(*wish.rows.front(), range);
  if (!wish.rows.empty()) return sim_rows(context, wish);
  std::string known;
  for (const auto& row : chaos::fault::matrix_rows()) known += (known.empty() ? "" : ", ") + row.name();
  show_error(context.format, Error{Code::invalid, "there is no row '" + options.row + "'"}, "rows: " + known);
  return Exit::usage;
}

Exit sim(const Context& context, const SimOptions& options) {
  const auto range = parse_range(options.seeds);
  if (range && (options.rows || !options.row.empty())) return rows(context, options, *range);
  const auto storm = parse_duration(options.storm);
  if (!range || !storm) {
    show_error(context.format, range ? storm.error() : range.error());
    return Exit::usage;
  }
  if (options.trace) {
    fmt::print("{}\n", hash_text(chaos::sim::run_seed({.seed = range->first, .storm = *storm}).trace_hash));
    return Exit::done;
  }
  if (options.tell) return tell(*range, *storm);
  const auto start = std::chrono::steady_clock::now();
  Tally tally = Runner(*range, *storm, options, context.format == Format::json).run();
  if (canary(range->first, options) != hash_text(tally.first_hash)) tally.is_repeatable = false;
  return show(context, tally, to_seconds(std::chrono::steady_clock::now() - start));
}

}  // namespace

void add_sim(CLI::App& app, Context& context) {
  auto options = std::make_shared<SimOptions>();
  CLI::App* verb = app.add_subcommand("sim", "Run whole clusters in virtual time under random faults, from seeds");
  CLI::Option* seeds =
      verb->add_option("--seeds", options->seeds, "One seed or a range: 1..200 (default 1..20; of a row 1..5)");
  verb->add_option("--row", options->row,
                   "One row of the experiment matrix instead of storms: C3, or one form of it: C5-halves");
  verb->add_flag("--rows", options->rows, "All rows that the simulator has, and a table");
  verb->add_option("--storm", options->storm, "Virtual time under faults, per seed")->capture_default_str();
  verb->add_option("--jobs", options->jobs, "Seeds at the same time (default: one per core)")
      ->check(CLI::Range(std::size_t{1}, jobs_max));
  verb->add_flag("--twice", options->twice,
                 "Run every seed twice and compare the traces (without: only the first seed)");
  verb->add_flag("--tell", options->tell,
                 "Tell what happens in the first seed, in virtual time: faults, elections, members, snapshots");
  verb->add_flag("--trace", options->trace, "Print the trace hash of the first seed and nothing else");
  verb->footer(
      "Example:  rift sim --seeds 1..200   |   rift sim --seeds 17 --storm 20s   |   rift sim --row C14   |   rift sim "
      "--rows");
  add_format(*verb, context);
  verb->callback([&context, options, seeds] {
    if (seeds->count() == 0 && (options->rows || !options->row.empty())) options->seeds = "1..5";
    context.exit = sim(context, *options);
  });
}

}  // namespace rift::cli
