#include "cli/sim_rows.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/mutex.h"
#include "chaos/sim/row_run.h"

namespace rift::cli {
namespace {

using chaos::check::Verdict;
using chaos::fault::MatrixRow;
using chaos::sim::RowResult;
using json = nlohmann::ordered_json;

// What the table needs of one run; the history itself is too large to keep for all.
struct Ran {
  std::uint64_t seed = 0;
  Verdict verdict = Verdict::error;
  std::vector<std::string> reasons;
  std::uint64_t operations = 0;
  std::uint64_t stale = 0;
  std::uint64_t lost = 0;
  std::uint64_t sequentially_lost = 0;
  std::uint64_t elements_lost = 0;
  std::uint64_t sessions_broken = 0;
  std::uint64_t late_done = 0;  // on the minority side
  std::uint64_t fault_proof = 0;
  std::uint64_t terms_grown = 0;
  double majority = 0;
  double minority = 0;
  std::optional<Duration> first_success;
  Duration gap{};
  std::optional<Duration> converged;
  std::optional<Duration> slowest_refusal;
  std::optional<double> p99_factor;
  double homes = 1;
  Duration simulated{};
};

Ran summary(const RowResult& result) {
  const auto& m = result.run.measured;
  return {.seed = result.seed,
          .verdict = result.run.verdict,
          .reasons = result.run.reasons,
          .operations = result.operations,
          .stale = m.staleness.stale,
          .lost = m.lost.lost.size(),
          .sequentially_lost = result.run.sequentially_lost.lost.size(),
          .elements_lost = result.run.elements_lost.lost.size(),
          .sessions_broken = result.run.sessions.broken(),
          .late_done = m.minority.late_done,
          .fault_proof = m.fault_proof,
          .terms_grown = result.facts.terms_grown,
          .majority = m.majority.all.ratio(),
          .minority = m.minority.all.ratio(),
          .first_success = m.majority.first_success,
          .gap = result.run.gap,
          .converged = m.convergence.took,
          .slowest_refusal = result.run.slowest_refusal,
          .p99_factor = result.run.p99_factor,
          .homes = result.run.homes,
          .simulated = result.simulated};
}

std::string replay_line(const MatrixRow& row, std::uint64_t seed) {
  return fmt::format("rift sim --row {} --seeds {}", row.name(), seed);
}

class Runs {
 public:
  explicit Runs(const RowsWish& wish, bool shows_progress) : wish_(wish), shows_progress_(shows_progress) {
    for (const MatrixRow* row : wish.rows) {
      for (std::uint64_t seed = wish.first_seed; seed <= wish.last_seed; ++seed) todo_.push_back({row, seed});
    }
  }

  std::map<const MatrixRow*, std::vector<Ran>> run() {
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < wish_.jobs; ++i) threads.emplace_back([this] { work(); });
    }
    if (shows_progress_) say(stderr, "\r\x1b[K");
    const Lock lock(mutex_);
    for (auto& [row, runs] : done_)
      std::sort(runs.begin(), runs.end(), [](const Ran& a, const Ran& b) { return a.seed < b.seed; });
    return done_;
  }

 private:
  struct Job {
    const MatrixRow* row;
    std::uint64_t seed;
  };

  void work() {
    for (auto job = take(); job; job = take()) {
      Ran ran = summary(chaos::sim::run_row(*job->row, {.seed = job->seed}));
      const Lock lock(mutex_);
      done_[job->row].push_back(std::move(ran));
      ++finished_;
      if (shows_progress_) {
        say(stderr, fmt::format("\r\x1b[K{}/{}  {} seed {}", finished_, todo_.size(), job->row->name(), job->seed));
      }
    }
  }

  std::optional<Job> take() {
    const Lock lock(mutex_);
    if (next_ == todo_.size()) return std::nullopt;
    return todo_[next_++];
  }

  const RowsWish& wish_;
  bool shows_progress_;
  std::vector<Job> todo_;
  Mutex mutex_;  // workers take from one list and add to one table
  std::size_t next_ GUARDED_BY(mutex_) = 0;
  std::size_t finished_ GUARDED_BY(mutex_) = 0;
  std::map<const MatrixRow*, std::vector<Ran>> done_ GUARDED_BY(mutex_);
};

// The worst of all seeds in each column.
constexpr std::string_view legend =
    "maj %, min %  answered during the fault, by the side with the majority and by the other; late: by the latter, "
    "begun long after the cut\n"
    "stale         reads of a value that had been overwritten before they began\n"
    "lost          acknowledged writes that are gone, and no later write is why; seq: of those, to a write that had "
    "ended before them\n"
    "edits         additions to a set, read and written back, that another edit at the same time wrote over: that "
    "takes no fault\n"
    "sess          clients that went back behind what they had seen\n"
    "gap s, terms, agree   longest time without an answer; elections; seconds from the heal until all copies agreed\n";

Verdict verdict_of(const std::vector<Ran>& runs) {
  std::vector<Verdict> verdicts;
  for (const Ran& ran : runs) verdicts.push_back(ran.verdict);
  return chaos::check::judge_seeds(verdicts);
}

template <class Get>
auto worst(const std::vector<Ran>& runs, Get get) {
  auto value = get(runs.front());
  for (const Ran& ran : runs) value = std::max(value, get(ran));
  return value;
}

template <class Get>
double least(const std::vector<Ran>& runs, Get get) {
  double value = get(runs.front());
  for (const Ran& ran : runs) value = std::min(value, get(ran));
  return value;
}

std::string percent(double ratio) {
  return fmt::format("{:.1f}", static_cast<double>(static_cast<int>(ratio * 1000)) / 10);
}

std::string converged_text(const MatrixRow& row, const std::vector<Ran>& runs) {
  if (!row.demands.converged_within) return "";
  const bool is_known = std::all_of(runs.begin(), runs.end(), [](const Ran& r) { return r.converged.has_value(); });
  if (!is_known) return "never";
  return fmt::format("{:.1f}", to_seconds(worst(runs, [](const Ran& r) { return *r.converged; })));
}

void print_row(const MatrixRow& row, const std::vector<Ran>& runs) {
  const auto of_minority = [](const Ran& r) { return r.minority; };
  const bool is_served = row.demands.minority.writes == chaos::check::Service::high;
  fmt::print("{:<14} {:<12} {:>6} {:>6} {:>5} {:>6} {:>5} {:>5} {:>5} {:>5} {:>7.2f} {:>5} {:>5}  {}\n", row.name(),
             chaos::check::to_string(verdict_of(runs)), percent(least(runs, [](const Ran& r) { return r.majority; })),
             percent(is_served ? least(runs, of_minority) : worst(runs, of_minority)),
             worst(runs, [](const Ran& r) { return r.late_done; }), worst(runs, [](const Ran& r) { return r.stale; }),
             worst(runs, [](const Ran& r) { return r.lost; }),
             worst(runs, [](const Ran& r) { return r.elements_lost; }),
             worst(runs, [](const Ran& r) { return r.sequentially_lost; }),
             worst(runs, [](const Ran& r) { return r.sessions_broken; }),
             to_seconds(worst(runs, [](const Ran& r) { return r.gap; })),
             worst(runs, [](const Ran& r) { return r.terms_grown; }), converged_text(row, runs), row.title);
  for (const Ran& ran : runs) {
    const bool is_good = ran.verdict == Verdict::pass || ran.verdict == Verdict::expected;
    if (is_good) continue;
    for (const std::string& reason : ran.reasons) fmt::print("    seed {}: {}\n", ran.seed, reason);
    fmt::print("    replay   {}\n", replay_line(row, ran.seed));
  }
}

json ms_json(const std::optional<Duration>& duration) {
  return duration ? json(to_milliseconds(*duration)) : json(nullptr);
}

json run_json(const MatrixRow& row, const Ran& ran) {
  return {{"seed", std::to_string(ran.seed)},
          {"verdict", chaos::check::to_string(ran.verdict)},
          {"reasons", ran.reasons},
          {"replay", replay_line(row, ran.seed)},
          {"operations", std::to_string(ran.operations)},
          {"majority_answered", ran.majority},
          {"minority_answered", ran.minority},
          {"minority_done_late", std::to_string(ran.late_done)},
          {"stale", std::to_string(ran.stale)},
          {"lost", std::to_string(ran.lost)},
          {"sequentially_lost", std::to_string(ran.sequentially_lost)},
          {"elements_lost", std::to_string(ran.elements_lost)},
          {"sessions_broken", std::to_string(ran.sessions_broken)},
          {"converged_ms", ms_json(ran.converged)},
          {"slowest_refusal_ms", ms_json(ran.slowest_refusal)},
          {"p99_factor", ran.p99_factor ? json(*ran.p99_factor) : json(nullptr)},
          {"homes", ran.homes},
          {"first_success_ms", ms_json(ran.first_success)},
          {"longest_gap_ms", to_milliseconds(ran.gap)},
          {"terms_grown", std::to_string(ran.terms_grown)},
          {"fault_proof", std::to_string(ran.fault_proof)}};
}

}  // namespace

Exit verdict_exit(const std::vector<Verdict>& verdicts) {
  const auto has = [&](Verdict verdict) {
    return std::find(verdicts.begin(), verdicts.end(), verdict) != verdicts.end();
  };
  if (has(Verdict::fail)) return Exit::violation;
  if (has(Verdict::error)) return Exit::usage;
  return has(Verdict::inconclusive) || has(Verdict::not_shown) ? Exit::not_done : Exit::done;
}

Exit sim_rows(const Context& context, const RowsWish& wish) {
  const auto start = std::chrono::steady_clock::now();
  const bool is_text = context.format == Format::text;
  auto done = Runs(wish, is_text && is_terminal(STDERR_FILENO)).run();
  const double wall = to_seconds(std::chrono::steady_clock::now() - start);
  std::vector<Verdict> verdicts;
  Duration simulated{};
  json rows = json::array();
  if (is_text) {
    fmt::print("{:<14} {:<12} {:>6} {:>6} {:>5} {:>6} {:>5} {:>5} {:>5} {:>5} {:>7} {:>5} {:>5}\n", "row", "verdict",
               "maj %", "min %", "late", "stale", "lost", "edits", "seq", "sess", "gap s", "terms", "agree");
  }
  for (const MatrixRow* row : wish.rows) {
    const std::vector<Ran>& runs = done[row];
    verdicts.push_back(verdict_of(runs));
    for (const Ran& ran : runs) simulated += ran.simulated;
    if (is_text) {
      print_row(*row, runs);
      continue;
    }
    json value = {{"row", row->name()}, {"title", row->title}, {"verdict", chaos::check::to_string(verdicts.back())}};
    for (const Ran& ran : runs) value["runs"].push_back(run_json(*row, ran));
    rows.push_back(std::move(value));
  }
  if (is_text) {
    fmt::print("{}{:.1f} simulated hours in {:.0f} s\n", legend, to_seconds(simulated) / 3600, wall);
  } else {
    const json value = {{"schema", "rift.sim_rows/1"},
                        {"rows", rows},
                        {"simulated_s", fmt::format("{:.1f}", to_seconds(simulated))},
                        {"wall_s", fmt::format("{:.1f}", wall)}};
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return verdict_exit(verdicts);
}

}  // namespace rift::cli
