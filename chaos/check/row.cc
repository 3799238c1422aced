#include "chaos/check/row.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <fmt/core.h>

#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

constexpr std::size_t witness_max = 6;

std::string show(const std::optional<Duration>& duration) {
  return duration ? fmt::format("{:.2f} s", to_seconds(*duration)) : std::string("never");
}

class Notes {
 public:
  template <class... Args>
  void add(Verdict verdict, bool is_bad, fmt::format_string<Args...> format, Args&&... args) {
    if (is_bad) notes_.emplace_back(verdict, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void fail_if(bool is_bad, fmt::format_string<Args...> format, Args&&... args) {
    add(Verdict::fail, is_bad, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void need(bool is_given, fmt::format_string<Args...> format, Args&&... args) {
    add(Verdict::inconclusive, !is_given, format, std::forward<Args>(args)...);
  }
  void within(const std::optional<Duration>& limit, const std::optional<Duration>& took, std::string_view what) {
    if (limit) fail_if(!took || *took > *limit, "{}: {}, {} is allowed", what, show(took), show(limit));
  }
  void violation(Violation rule, std::uint64_t seen, std::string_view what) {
    fail_if(rule == Violation::forbidden && seen > 0, "{}: {}", what, seen);
    add(Verdict::not_shown, rule == Violation::must_show && seen == 0, "{}: not seen, and the row is there to show it",
        what);
  }
  void write(RowRun& run, Verdict good) const {
    run.verdict = good;
    for (const Verdict grave : {Verdict::fail, Verdict::error, Verdict::inconclusive, Verdict::not_shown}) {
      if (run.verdict != good) break;
      for (const auto& [verdict, text] : notes_) {
        if (verdict == grave) run.verdict = grave;
      }
    }
    for (const auto& [verdict, text] : notes_) run.reasons.push_back(text);
  }

 private:
  std::vector<std::pair<Verdict, std::string>> notes_;
};

template <class Wanted>
std::vector<Operation> only(std::span<const Operation> operations, Wanted wanted) {
  std::vector<Operation> result;
  std::copy_if(operations.begin(), operations.end(), std::back_inserter(result), wanted);
  return result;
}

void judge_service(Notes& notes, Service demanded, const SideAvailability& seen, const RowDemands& demands,
                   std::string_view who) {
  switch (demanded) {
    case Service::any:
      return;
    case Service::high:
      notes.need(seen.all.attempts > 0, "no {} were due outside the grace", who);
      notes.fail_if(seen.all.attempts > 0 && seen.all.ratio() < demands.availability_min,
                    "{}: {} of {} answered, {:.0f} % is demanded", who, seen.all.available, seen.all.attempts,
                    demands.availability_min * 100);
      return;
    case Service::none:
      notes.fail_if(seen.late_done > 0, "{}: {} done although they began after the cut, none is allowed", who,
                    seen.late_done);
      return;
  }
}

// To be blamed for no answer, the service must have had the client's whole patience before the next change.
bool had_its_time(const Operation& op, const Timeline& timeline, Duration timeout) {
  const auto cuts_short = [&](Time change) { return op.scheduled < change && change <= op.scheduled + timeout; };
  return !cuts_short(timeline.heal) && std::none_of(timeline.changes.begin(), timeline.changes.end(), cuts_short);
}

bool was_jammed(const Operation& op, const RowFacts& facts) {
  return std::any_of(facts.jams.begin(), facts.jams.end(), [&](const Jam& jam) {
    return jam.node == op.node && op.scheduled < jam.to && op.scheduled + facts.timeout > jam.from;
  });
}

bool has_home(const Operation& op, Side side, const Timeline& timeline, const RowFacts& facts) {
  const auto found = facts.homes.find(op.key);
  return found != facts.homes.end() && std::any_of(found->second.begin(), found->second.end(),
                                                   [&](NodeId owner) { return timeline.side_of(owner) == side; });
}

// Who has no owner of a key on its side is served by nobody.
void judge_homeless(Notes& notes, RowRun& run, const Evidence& evidence, Side side, const RowFacts& facts,
                    const RowDemands& demands) {
  if (!demands.homes_only) return;
  const auto homeless =
      only(evidence.operations, [&](const Operation& op) { return !has_home(op, side, evidence.timeline, facts); });
  const auto of = [&](std::span<const Operation> operations) {
    return availability_of(operations, evidence.keyspace, side, evidence.timeline);
  };
  const SideAvailability seen = of(homeless);
  judge_service(notes, Service::none, seen, demands,
                fmt::format("operations on keys without an owner on the {} side", to_string(side)));
  const double all = static_cast<double>(of(evidence.operations).all.attempts);
  if (all > 0) run.homes = std::min(run.homes, 1 - static_cast<double>(seen.all.attempts) / all);
}

void judge_side(Notes& notes, RowRun& run, const Evidence& evidence, Side side, const RowFacts& facts,
                const RowDemands& demands) {
  const auto& timeline = evidence.timeline;
  if ((side == Side::majority ? timeline.majority : timeline.minority).empty()) return;
  const SideDemands& demanded = side == Side::majority ? demands.majority : demands.minority;
  const SideAvailability& measured = side == Side::majority ? run.measured.majority : run.measured.minority;
  const std::uint64_t attempts = measured.outcomes.total();
  notes.need(attempts >= demands.attempts_per_side_min, "only {} attempts on the {} side, {} are needed", attempts,
             to_string(side), demands.attempts_per_side_min);
  for (const bool writes : {false, true}) {
    const Service service = writes ? demanded.writes : demanded.reads;
    const auto judged = only(evidence.operations, [&](const Operation& op) {
      if (is_write(op) != writes) return false;
      if (demands.homes_only && !has_home(op, side, timeline, facts)) return false;
      return service != Service::high || (had_its_time(op, timeline, facts.timeout) && !was_jammed(op, facts));
    });
    judge_service(notes, service, availability_of(judged, evidence.keyspace, side, timeline), demands,
                  fmt::format("{} on the {} side", writes ? "writes" : "reads", to_string(side)));
  }
  judge_homeless(notes, run, evidence, side, facts, demands);
}

// Of what a side may not do, outside the grace: how long it took at most until the client knew.
std::optional<Duration> slowest_refusal(const Evidence& evidence, const RowDemands& demands) {
  const Timeline& timeline = evidence.timeline;
  const auto is_refused = [&](const Operation& op) {
    const Side side = timeline.side_of(op.node);
    if (side == Side::none) return false;
    const SideDemands& demanded = side == Side::majority ? demands.majority : demands.minority;
    return (is_write(op) ? demanded.writes : demanded.reads) == Service::none;
  };
  std::optional<Duration> slowest;
  for (const Operation& op : evidence.operations) {
    const bool is_due = op.scheduled >= timeline.cut + AvailabilityOptions{}.grace && op.scheduled < timeline.heal;
    if (op.keyspace != evidence.keyspace || !is_due || !is_refused(op)) continue;
    slowest = std::max(slowest.value_or(Duration::zero()), op.complete - op.invoke);
  }
  return slowest;
}

// Of everything that was begun on the majority side in this time, answered or given up.
std::optional<Duration> p99(const Evidence& evidence, Time from, Time to) {
  std::vector<Duration> took;
  for (const Operation& op : evidence.operations) {
    const bool is_asked = op.keyspace == evidence.keyspace && evidence.timeline.side_of(op.node) == Side::majority;
    if (is_asked && op.scheduled >= from && op.scheduled < to) took.push_back(op.complete - op.invoke);
  }
  if (took.empty()) return std::nullopt;
  const auto at = took.begin() + static_cast<std::ptrdiff_t>(took.size() * 99 / 100);
  std::nth_element(took.begin(), at, took.end());
  return *at;
}

std::optional<double> p99_factor(const Evidence& evidence) {
  const Timeline& timeline = evidence.timeline;
  const auto before = p99(evidence, timeline.start, timeline.cut);
  const auto during = p99(evidence, timeline.cut, timeline.heal);
  if (!before || !during || *before == Duration::zero()) return std::nullopt;
  return to_seconds(*during) / to_seconds(*before);
}

std::optional<Duration> write_p50(const Evidence& evidence) {
  std::vector<Duration> took;
  for (const Operation& op : evidence.operations) {
    if (op.keyspace != evidence.keyspace || !is_done_write(op) || !evidence.timeline.is_cut_at(op.invoke)) continue;
    took.push_back(op.complete - op.invoke);
  }
  if (took.empty()) return std::nullopt;
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return *middle;
}

// Sides do not matter any more once the network is whole.
SideAvailability of_all(std::span<const Operation> operations, const Evidence& evidence, Time from, Time to) {
  Timeline timeline;
  timeline.cut = from;
  timeline.heal = to;
  return availability_of(operations, evidence.keyspace, Side::none, timeline);
}

void judge_adequacy(Notes& notes, const Evidence& evidence, const RowFacts& facts, const RowDemands& demands,
                    const Measured& measured) {
  for (const LinkProof& link : evidence.links) {
    notes.need(link.proof() > 0, "nothing shows that the cut from {} to {} did bite", to_string(link.from),
               to_string(link.to));
  }
  for (const FaultProof& proof : facts.proofs)
    notes.need(proof.count > 0, "nothing shows that it came to pass: {}", proof.what);
  const bool has_sides = !evidence.timeline.majority.empty() && !evidence.timeline.minority.empty();
  notes.need(!has_sides || measured.contended_keys >= demands.contended_keys_min,
             "only {} keys were contended across the sides, {} are needed", measured.contended_keys,
             demands.contended_keys_min);
  notes.need(measured.has_final_state && measured.has_digests, "not all replicas could be asked at the end");
  notes.add(Verdict::error, !evidence.trouble.empty(), "{}", evidence.trouble);
}

// What only a row with such demands looks at.
void measure_more(RowRun& run, const Evidence& evidence, const RowDemands& demands) {
  if (demands.p99_factor_max) run.p99_factor = p99_factor(evidence);
  if (demands.refused_within) run.slowest_refusal = slowest_refusal(evidence, demands);
  if (evidence.mode != Mode::ap) return;
  run.sessions =
      find_broken_sessions(evidence.operations, evidence.keyspace,
                           evidence.wall_clock ? NewerBy::time : NewerBy::time_and_version, evidence.by_tokens);
  if (!evidence.final_state) return;
  run.sequentially_lost = find_sequentially_lost_writes(evidence.operations, evidence.keyspace, *evidence.final_state);
  run.elements_lost = find_lost_elements(evidence.operations, evidence.keyspace, *evidence.final_state);
}

void judge_ap_answers(Notes& notes, const RowRun& run, const RowDemands& demands) {
  const SessionReport& sessions = run.sessions;
  notes.need(demands.sessions == Violation::ignored || sessions.judged > 0, "no session could be judged");
  notes.violation(demands.sessions, sessions.broken(),
                  fmt::format("answers older than what their client had written ({}) or read ({})",
                              sessions.unread_writes, sessions.reads_back));
  notes.violation(demands.sequential_lost, run.sequentially_lost.lost.size(),
                  "acknowledged writes lost to writes that had ended before");
  notes.violation(demands.elements_lost, run.elements_lost.lost.size(), "acknowledged elements lost out of documents");
  if (!demands.converged_within) return;
  const Convergence& convergence = run.measured.convergence;
  notes.need(convergence.samples > 0 && convergence.keys > 0, "no samples of the replicas after the heal");
  if (convergence.keys > 0)
    notes.within(demands.converged_within, convergence.took, "the replicas agreed after the heal");
}

void judge_answers(Notes& notes, const Evidence& evidence, const RowDemands& demands, const Measured& measured) {
  const LinearizabilityReport& order = measured.linearizability;
  const std::string why = order.findings.empty() ? "" : " (" + order.findings.front().reason + ")";
  notes.violation(demands.not_linearizable, order.answer == Linearizable::no ? 1 : 0, "not linearizable" + why);
  const bool is_decided = order.answer != Linearizable::inconclusive;
  notes.need(is_decided || demands.not_linearizable == Violation::ignored, "linearizability could not be decided{}",
             why);
  notes.violation(demands.stale, measured.staleness.stale, "stale reads");
  if (demands.stale_age_min && measured.staleness.stale > 0) {
    notes.add(Verdict::not_shown, measured.staleness.worst < *demands.stale_age_min,
              "the worst stale read was {} old, {} was to be shown", show(measured.staleness.worst),
              show(demands.stale_age_min));
  }
  notes.violation(demands.lost, measured.lost.lost.size(), "acknowledged writes lost");
  notes.fail_if(!measured.staleness.phantoms.empty(), "{} reads returned a value that no write can have produced",
                measured.staleness.phantoms.size());
  notes.fail_if(!measured.foreign.empty(), "{} values found at the end cannot have been written",
                measured.foreign.size());
  const auto back = evidence.mode == Mode::cp ? find_reads_that_go_back(evidence.operations, evidence.keyspace)
                                              : std::vector<std::uint64_t>{};
  notes.fail_if(demands.keeps_its_promises && !back.empty(), "the reads of one client went back: operation {}",
                back.empty() ? 0 : back.front());
  notes.fail_if(demands.keeps_its_promises && measured.has_digests && !measured.digests_equal,
                "the replicas differ at the end");
}

void judge_times(Notes& notes, const RowRun& run, const RowFacts& facts, const RowDemands& demands,
                 const Duration fault, const std::optional<Duration>& answered) {
  notes.within(demands.first_success_within, run.measured.majority.first_success, "first operation after the cut");
  notes.within(demands.majority_gap_max, run.measured.majority.longest_gap, "longest gap on the majority side");
  notes.within(demands.gap_max, run.gap, "longest gap");
  notes.within(demands.step_down_within, facts.stepped_down_after, "the cut-off leader stepped down");
  notes.within(demands.caught_up_within, facts.caught_up_after, "all replicas had caught up after the heal");
  notes.within(demands.config_equal_within, facts.config_equal_after, "all replicas named the same voters");
  notes.within(demands.answered_within, answered, "first operation after the heal");
  notes.need(!demands.p99_factor_max || run.p99_factor, "nothing was asked before the fault or during it");
  notes.fail_if(demands.p99_factor_max && run.p99_factor && *run.p99_factor > *demands.p99_factor_max,
                "99 of 100 attempts took up to {:.1f} times as long as before, {:.1f} times is allowed",
                run.p99_factor.value_or(0), demands.p99_factor_max.value_or(0));
  notes.need(!demands.refused_within || run.slowest_refusal, "nothing was there to be refused");
  if (run.slowest_refusal) notes.within(demands.refused_within, run.slowest_refusal, "slowest refusal");
  notes.fail_if(demands.write_p50_min && run.write_p50 && *run.write_p50 < *demands.write_p50_min,
                "half of the writes took less than {}, faster than the network can be", show(demands.write_p50_min));
  notes.need(!demands.write_p50_min || run.write_p50, "no write during the fault of {}", show(fault));
  notes.fail_if(demands.terms_grow_max && facts.terms_grown > *demands.terms_grow_max,
                "the term grew by {}, {} is allowed", facts.terms_grown, demands.terms_grow_max.value_or(0));
  notes.fail_if(demands.same_leader && facts.leader_changed, "the leader changed");
}

void choose_witness(RowRun& run) {
  const Measured& m = run.measured;
  if (!run.sessions.offenders.empty()) {
    run.witness = {run.sessions.offenders.front().before, run.sessions.offenders.front().read};
    run.witness_reason = "the second answer is older than what its client knew from the first";
  } else if (!run.sequentially_lost.lost.empty()) {
    run.witness = run.sequentially_lost.lost;
    run.witness_reason = "these writes were acknowledged and lost to writes that had ended before they began";
  } else if (m.linearizability.answer == Linearizable::no) {
    run.witness = m.linearizability.findings.front().witness;
    run.witness_reason = m.linearizability.findings.front().reason;
  } else if (!m.lost.lost.empty()) {
    run.witness = m.lost.lost;
    run.witness_reason = "these writes were acknowledged and are gone";
  } else if (!m.minority.late_done_witness.empty()) {
    run.witness = m.minority.late_done_witness;
    run.witness_reason = "these operations were done on the minority side while it was cut off";
  }
  if (run.witness.size() > witness_max) run.witness.resize(witness_max);
}

// For one key: the revisions at which it is known to have changed.
using Changes = std::map<std::string_view, std::set<std::uint64_t>>;

std::uint64_t revision_of(const Operation& read) {
  std::uint64_t revision = 0;
  const char* const last = read.version.data() + read.version.size();
  const bool is_one = std::from_chars(read.version.data(), last, revision).ptr == last;
  return is_one ? revision : 0;  // 0: the key was absent
}

}  // namespace

std::string_view to_string(Service service) {
  switch (service) {
    case Service::any:
      return "A~";
    case Service::high:
      return "A+";
    case Service::none:
      return "A0";
  }
  return "A~";
}

bool wants_a_violation(const RowDemands& demands) {
  const auto rules = {demands.not_linearizable, demands.stale,           demands.lost,
                      demands.sessions,         demands.sequential_lost, demands.elements_lost};
  return std::find(rules.begin(), rules.end(), Violation::must_show) != rules.end();
}

RowRun judge_row(const Evidence& evidence, const RowFacts& facts, const RowDemands& demands) {
  RowRun run;
  const Timeline& timeline = evidence.timeline;
  run.measured = measure(evidence);
  run.write_p50 = write_p50(evidence);
  run.gap = of_all(evidence.operations, evidence, timeline.cut, timeline.heal).longest_gap;
  const auto after_heal =
      only(evidence.operations, [&](const Operation& op) { return op.scheduled < timeline.end - facts.timeout; });
  const SideAvailability healed = of_all(after_heal, evidence, timeline.heal, timeline.end);
  run.healed = healed.all;
  measure_more(run, evidence, demands);

  Notes notes;
  judge_adequacy(notes, evidence, facts, demands, run.measured);
  for (const std::string& rule : facts.broken) notes.fail_if(demands.keeps_its_promises, "{}", rule);
  judge_answers(notes, evidence, demands, run.measured);
  if (evidence.mode == Mode::ap) judge_ap_answers(notes, run, demands);
  judge_side(notes, run, evidence, Side::majority, facts, demands);
  judge_side(notes, run, evidence, Side::minority, facts, demands);
  judge_times(notes, run, facts, demands, timeline.heal - timeline.cut, healed.first_success);
  notes.need(healed.all.attempts > 0, "no attempts after the heal");
  notes.fail_if(
      demands.healed == Service::high && healed.all.attempts > 0 && healed.all.ratio() < demands.availability_min,
      "after the heal {} of {} were answered, {:.0f} % is demanded", healed.all.available, healed.all.attempts,
      demands.availability_min * 100);
  notes.write(run, wants_a_violation(demands) ? Verdict::expected : Verdict::pass);
  choose_witness(run);
  return run;
}

Verdict judge_seeds(std::span<const Verdict> runs) {
  const auto has = [&](Verdict verdict) { return std::find(runs.begin(), runs.end(), verdict) != runs.end(); };
  for (const Verdict grave : {Verdict::fail, Verdict::error, Verdict::inconclusive, Verdict::skipped}) {
    if (has(grave)) return grave;
  }
  if (has(Verdict::expected)) return Verdict::expected;
  if (has(Verdict::not_shown)) return Verdict::not_shown;
  return runs.empty() ? Verdict::inconclusive : Verdict::pass;
}

std::vector<std::uint64_t> find_reads_that_go_back(std::span<const Operation> operations, std::string_view keyspace) {
  Changes changes;
  std::map<std::uint64_t, std::vector<const Operation*>> readers;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || op.outcome != Outcome::done) continue;
    const std::uint64_t revision = is_write(op) ? op.revision : revision_of(op);
    if (revision != 0) changes[op.key].insert(revision);
    if (op.kind == Kind::read && (revision != 0 || !op.value)) readers[op.client].push_back(&op);
  }
  std::vector<std::uint64_t> broken;
  for (auto& [client, reads] : readers) {
    std::stable_sort(reads.begin(), reads.end(),
                     [](const Operation* a, const Operation* b) { return a->invoke < b->invoke; });
    std::map<Time, std::uint64_t> ended;  // when a read ended, and the least point that it fits
    std::uint64_t least = 0;
    for (const Operation* read : reads) {
      while (!ended.empty() && ended.begin()->first < read->invoke) {
        least = std::max(least, ended.begin()->second);
        ended.erase(ended.begin());
      }
      const std::uint64_t from = revision_of(*read);
      const std::uint64_t at = std::max(from, least);
      const auto& of_key = changes[read->key];
      const auto next = of_key.upper_bound(from);
      if (next != of_key.end() && *next <= at) {
        if (broken.size() < witness_max) broken.push_back(read->index);
        continue;
      }
      std::uint64_t& end = ended[read->complete];
      end = std::max(end, at);
    }
  }
  return broken;
}

}  // namespace rift::chaos::check
