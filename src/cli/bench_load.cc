#include "cli/bench_load.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include <fmt/format.h>

namespace rift::cli {

// Values below 64 ns have a bucket each; above, the six bits after the leading one choose within its power of two.
void Histogram::add(Duration latency) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 1));
  const auto width = static_cast<std::size_t>(std::bit_width(value));
  const std::size_t power = width > 6 ? width - 6 : 0;
  const std::size_t sub = power == 0 ? value : (value >> (power - 1)) & (sub_buckets - 1);
  ++buckets_[std::min(power * sub_buckets + sub, buckets_.size() - 1)];
  ++count_;
  max_ = std::max(max_, latency);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Duration Histogram::quantile(double q) const {
  if (count_ == 0) return {};
  const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count_ - 1));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen <= rank) continue;
    const std::size_t power = i / sub_buckets;
    const std::uint64_t sub = i % sub_buckets;
    const std::uint64_t upper = power == 0 ? sub : ((sub_buckets + sub + 1) << (power - 1)) - 1;
    return std::min(Duration(static_cast<std::int64_t>(upper)), max_);
  }
  return max_;
}

void LoadResult::merge(const LoadResult& other) {
  latency.merge(other.latency);
  done += other.done;
  not_done += other.not_done;
  unknown += other.unknown;
  if (first_error.empty()) first_error = other.first_error;
  measured = std::max(measured, other.measured);
}

Time bench_now() {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Pacer::Pacer(const LoadPlan& plan, std::uint32_t client, std::uint32_t clients, Time begin)
    : plan_(plan), rng_(0x9e3779b9 + client), next_key_(client), stride_(clients), begin_(begin) {
  measure_from_ = begin_ + (plan.fill ? Duration::zero() : plan.options->warmup);
  until_ = measure_from_ + plan.options->duration;
}

std::optional<std::string> Pacer::next(Time now) {
  std::uint64_t key = 0;
  if (plan_.fill) {
    if (next_key_ >= plan_.options->keys) return std::nullopt;
    key = next_key_;
    next_key_ += stride_;
  } else {
    if (now >= until_) return std::nullopt;
    key = rng_.below(plan_.options->keys);
  }
  return fmt::format("bench/{:010}", key);
}

void Pacer::ended(Time started, Time now, Outcome outcome, const std::string& why) {
  if (outcome != Outcome::done && result_.first_error.empty()) result_.first_error = why;
  if (now < measure_from_ || (!plan_.fill && now > until_)) return;
  result_.measured = now - measure_from_;
  switch (outcome) {
    case Outcome::done:
      ++result_.done;
      result_.latency.add(now - started);
      return;
    case Outcome::not_done:
      ++result_.not_done;
      return;
    case Outcome::unknown:
      ++result_.unknown;
      return;
  }
}

LoadResult Pacer::take_result() {
  if (!plan_.fill) result_.measured = plan_.options->duration;
  return std::move(result_);
}

}  // namespace rift::cli
