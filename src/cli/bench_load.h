// A closed-loop load: the plan, the pacing and counting of one client's operations, and the two shapes that carry them. Part of the load
// generator; a Pacer belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "cli/bench.h"

namespace rift::cli {

// Latencies in log-linear buckets: 64 per power of two, so within 1.6 %.
class Histogram {
 public:
  void add(Duration latency);
  void merge(const Histogram& other);
  std::uint64_t count() const { return count_; }
  Duration quantile(double q) const;  // upper bound of its bucket; 0 when empty
  Duration max() const { return max_; }

 private:
  static constexpr std::size_t sub_buckets = 64;
  static constexpr std::size_t powers = 40;
  std::array<std::uint64_t, sub_buckets * powers> buckets_{};
  std::uint64_t count_ = 0;
  Duration max_{};
};

struct LoadPlan {
  const BenchOptions* options = nullptr;
  bool fill = false;  // put every key once, as fast as it goes, instead of running for a time
  std::string value;
};

struct LoadResult {
  Histogram latency;
  std::uint64_t done = 0;
  std::uint64_t not_done = 0;
  std::uint64_t unknown = 0;
  std::string first_error;
  Duration measured{};
  void merge(const LoadResult& other);
};

Time bench_now();

// Which key next, and what came of it.
class Pacer {
 public:
  // Client number `client` of `clients` takes its share of the keys to fill. The load begins at `begin`.
  Pacer(const LoadPlan& plan, std::uint32_t client, std::uint32_t clients, Time begin);
  std::optional<std::string> next(Time now);  // nothing: the load is over
  void ended(Time started, Time now, Outcome outcome, const std::string& why);
  LoadResult take_result();

 private:
  const LoadPlan& plan_;
  Rng rng_;
  std::uint64_t next_key_;
  std::uint64_t stride_;
  Time begin_;
  Time measure_from_;
  Time until_;
  LoadResult result_;
};

// `address`: where each unary call goes, the leader.
Result<LoadResult> run_unary_load(const LoadPlan& plan, const std::string& address);
Result<LoadResult> run_pipe_load(const LoadPlan& plan);

}  // namespace rift::cli
