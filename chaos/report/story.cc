#include "chaos/report/story.h"

#include <fmt/core.h>

#include "chaos/report/words.h"

namespace rift::chaos::report {
namespace {

std::string side_name(std::size_t nodes) { return fmt::format("the {}-node side", nodes); }

std::string majority_of_cp(const check::SideAvailability& side, std::size_t nodes) {
  if (!side.first_success) return side_name(nodes) + " did not answer";
  if (*side.first_success < std::chrono::milliseconds(100)) return side_name(nodes) + " went on answering";
  return fmt::format("{} answered again after {}", side_name(nodes), in_seconds(*side.first_success));
}

std::string minority_of_cp(const check::SideAvailability& side, std::size_t nodes) {
  const check::OutcomeCounts& counts = side.outcomes;
  if (counts.total() == 0) return side_name(nodes) + " was asked nothing";
  if (side.late_done > 0) {
    return fmt::format("{} did {} of {} requests although it was cut off", side_name(nodes), grouped(side.late_done),
                       grouped(counts.total()));
  }
  if (counts.not_done == counts.total())
    return fmt::format("{} refused all {} requests", side_name(nodes), grouped(counts.total()));
  if (counts.not_done == 0)
    return fmt::format("{} left all {} requests without an answer", side_name(nodes), grouped(counts.unknown));
  return fmt::format("{} refused {} requests and left {} without an answer", side_name(nodes), grouped(counts.not_done),
                     grouped(counts.unknown));
}

std::string wrong_answers(const check::Measured& m) {
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : ", ") + part; };
  if (m.staleness.stale > 0)
    add(fmt::format("{} reads were stale (worst {})", grouped(m.staleness.stale), in_seconds(m.staleness.worst)));
  if (!m.lost.lost.empty()) add(fmt::format("{} acknowledged writes were lost", grouped(m.lost.lost.size())));
  if (!m.foreign.empty()) add(fmt::format("{} values at the end were written by nobody", grouped(m.foreign.size())));
  if (!m.staleness.phantoms.empty())
    add(fmt::format("{} reads returned what nobody wrote", grouped(m.staleness.phantoms.size())));
  if (!text.empty()) return text;
  switch (m.linearizability.answer) {
    case check::Linearizable::yes:
      return "no answer was wrong";
    case check::Linearizable::no:
      return "the answers fit no single order";
    case check::Linearizable::inconclusive:
      break;
  }
  return "whether all answers were right could not be decided";
}

std::string tell_cp(const check::Measured& m, const check::Timeline& timeline) {
  return fmt::format("{}, {}; {}.", majority_of_cp(m.majority, timeline.majority.size()),
                     minority_of_cp(m.minority, timeline.minority.size()), wrong_answers(m));
}

std::string tell_ap(const check::Measured& m, const check::Timeline& timeline) {
  const double low = std::min(m.majority.all.ratio(), m.minority.all.ratio());
  std::string text = low >= 0.99 ? "both sides answered " + percent(low)
                                 : fmt::format("{} answered {}, {} {}", side_name(timeline.majority.size()),
                                               percent(m.majority.all.ratio()), side_name(timeline.minority.size()),
                                               percent(m.minority.all.ratio()));
  text += m.staleness.stale == 0 ? "; no read was stale"
                                 : fmt::format("; {} reads were stale (worst {})", grouped(m.staleness.stale),
                                               in_seconds(m.staleness.worst));
  text += !m.has_final_state ? "; whether acknowledged writes were lost is not known"
          : m.lost.lost.empty()
              ? "; no acknowledged write was lost"
              : fmt::format("; {} acknowledged writes lost to last-writer-wins", grouped(m.lost.lost.size()));
  text += m.convergence.took && m.digests_equal
              ? fmt::format("; all replicas agreed {} after the heal.", in_seconds(*m.convergence.took))
              : std::string("; the replicas were not seen to agree.");
  return text;
}

// Where the leader was when the links were cut, if that is known.
std::string leader_side(const Story& story) {
  const LeaderChange* last = nullptr;
  for (const LeaderChange& change : story.leaders) {
    if (change.at <= story.timeline.cut) last = &change;
  }
  if (last == nullptr || story.timeline.side_of(last->node) != check::Side::minority) return {};
  return fmt::format(", the CP leader among the {}", story.timeline.minority.size());
}

}  // namespace

Story make_story(std::string name, check::Results results, const check::Timeline& timeline,
                 const check::History& history) {
  Story story;
  story.name = std::move(name);
  story.timeline = timeline;
  for (const check::Row& row : results.rows) {
    story.strips.push_back(
        {row.keyspace, row.mode,
         check::node_series(history.operations, row.keyspace, timeline, row.measured.staleness.indexes)});
  }
  for (const check::FaultRecord& record : history.faults) {
    if (record.name == "leader") story.leaders.push_back({record.at, record.keyspace, record.node});
  }
  std::stable_sort(story.leaders.begin(), story.leaders.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  story.results = std::move(results);
  return story;
}

Summary summarize(const Story& story) {
  const check::Timeline& timeline = story.timeline;
  Summary summary;
  summary.opening = timeline.majority.empty()
                        ? "The story broke off before the network was split."
                        : fmt::format("For {} the network was split {}|{}{}.", in_seconds(timeline.heal - timeline.cut),
                                      timeline.majority.size(), timeline.minority.size(), leader_side(story));
  for (const check::Row& row : story.results.rows) {
    const std::string text = row.mode == Mode::cp ? tell_cp(row.measured, timeline) : tell_ap(row.measured, timeline);
    summary.parts.push_back({fmt::format("{} ({})", mode_label(row.mode), row.keyspace), row.mode, text});
  }
  return summary;
}

std::string Summary::text() const {
  std::string text = opening;
  for (const Part& part : parts) text += fmt::format(" {}: {}", part.label, part.text);
  return text;
}

}  // namespace rift::chaos::report
