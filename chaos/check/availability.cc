#include "chaos/check/availability.h"

#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

constexpr std::size_t witness_max = 6;

bool is_in_grace(Time time, const Timeline& timeline, Duration grace) {
  const auto holds = [&](Time change) { return time >= change && time < change + grace; };
  return holds(timeline.cut) || std::any_of(timeline.changes.begin(), timeline.changes.end(), holds);
}

void count_outcome(OutcomeCounts& counts, Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      ++counts.ok;
      return;
    case Outcome::not_done:
      ++counts.not_done;
      return;
    case Outcome::unknown:
      ++counts.unknown;
      return;
  }
}

void count(Tally& tally, bool is_available) {
  ++tally.attempts;
  tally.available += is_available ? 1 : 0;
}

Duration longest_gap(std::vector<Time> answers, const Timeline& timeline) {
  std::sort(answers.begin(), answers.end());
  answers.push_back(timeline.heal);
  Duration gap{};
  Time last = timeline.cut;
  for (Time answer : answers) gap = std::max(gap, answer - last), last = answer;
  return gap;
}

}  // namespace

SideAvailability availability_of(std::span<const Operation> operations, std::string_view keyspace, Side side,
                                 const Timeline& timeline, const AvailabilityOptions& options) {
  SideAvailability found;
  std::vector<Time> answers;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || timeline.side_of(op.node) != side) continue;
    const bool is_available = is_answered(op) && op.complete < timeline.heal;
    if (timeline.is_cut_at(op.scheduled)) {
      count_outcome(found.outcomes, op.outcome);
      if (!is_in_grace(op.scheduled, timeline, options.grace)) {
        count(found.all, is_available);
        count(op.kind == Kind::read ? found.reads : found.writes, is_available);
      }
    }
    if (!is_available || !timeline.is_cut_at(op.invoke)) continue;
    answers.push_back(op.complete);
    if (op.outcome != Outcome::done) continue;
    const Duration took = op.complete - timeline.cut;
    if (!found.first_success || took < *found.first_success) found.first_success = took;
    if (op.invoke <= timeline.cut + options.last_words) continue;
    ++found.late_done;
    if (found.late_done_witness.size() < witness_max) found.late_done_witness.push_back(op.index);
  }
  found.longest_gap = longest_gap(std::move(answers), timeline);
  return found;
}

std::uint64_t contended_keys(std::span<const Operation> operations, std::string_view keyspace,
                             const Timeline& timeline) {
  std::uint64_t contended = 0;
  for (const auto& [key, ops] : by_key(operations, keyspace)) {
    bool on_majority = false, on_minority = false, is_written = false;
    for (const Operation* op : ops) {
      if (!timeline.is_cut_at(op->scheduled)) continue;
      const Side side = timeline.side_of(op->node);
      on_majority |= side == Side::majority;
      on_minority |= side == Side::minority;
      is_written |= is_write(*op);
    }
    contended += on_majority && on_minority && is_written ? 1 : 0;
  }
  return contended;
}

std::vector<NodeSeries> node_series(std::span<const Operation> operations, std::string_view keyspace,
                                    const Timeline& timeline, std::span<const std::uint64_t> stale_reads) {
  const Duration length = std::max(timeline.end - timeline.start, Duration::zero());
  const auto steps = static_cast<std::size_t>((length + strip_step - Duration(1)) / strip_step);
  std::vector<NodeSeries> series;
  for (NodeId node : timeline.nodes()) series.push_back({node, std::vector<Step>(steps)});
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || op.scheduled < timeline.start) continue;
    const auto at = static_cast<std::size_t>((op.scheduled - timeline.start) / strip_step);
    if (at >= steps) continue;
    const bool is_stale = std::binary_search(stale_reads.begin(), stale_reads.end(), op.index);
    for (NodeSeries& one : series) {
      if (one.node != op.node) continue;
      count(one.steps[at].tally, is_answered(op));
      one.steps[at].stale += is_stale ? 1 : 0;
    }
  }
  return series;
}

}  // namespace rift::chaos::check
