#include "chaos/check/verdict.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace rift::chaos::check {
namespace {

// Rounded down, as in every report: 98.96 % is not 99 %.
std::string percent(double ratio) { return fmt::format("{:.1f} %", std::floor(ratio * 1000 + 1e-9) / 10); }
std::string seconds(const std::optional<Duration>& duration) {
  return duration ? fmt::format("{:.1f} s", to_seconds(*duration)) : std::string("never");
}

// Collects what speaks against a row; the gravest word wins.
class Judgement {
 public:
  template <class... Args>
  void forbid(bool is_seen, fmt::format_string<Args...> format, Args&&... args) {
    note(is_seen, Verdict::fail, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void need(bool is_given, fmt::format_string<Args...> format, Args&&... args) {
    note(!is_given, Verdict::inconclusive, fmt::format(format, std::forward<Args>(args)...));
  }
  // A demand that means something only if the fault was real and the only one: no use in blaming a minority that was never cut
  // off, or nodes for what died beside the story.
  template <class... Args>
  void demand(bool holds, fmt::format_string<Args...> format, Args&&... args) {
    if (is_proven_ && is_whole_) forbid(!holds, format, std::forward<Args>(args)...);
  }
  // A demand on how much is answered, and how soon: nothing wrong was said where it is missed.
  template <class... Args>
  void demand_service(bool holds, fmt::format_string<Args...> format, Args&&... args) {
    const std::size_t before = notes_.size();
    demand(holds, format, std::forward<Args>(args)...);
    missed_ += notes_.size() - before;
  }
  void trouble(const std::string& why) {
    note(!why.empty(), Verdict::error, why);
    is_whole_ = why.empty();
  }
  template <class... Args>
  void show(bool is_seen, fmt::format_string<Args...> format, Args&&... args) {
    note(!is_seen, Verdict::not_shown, fmt::format(format, std::forward<Args>(args)...));
  }
  void set_proven(bool is_proven) { is_proven_ = is_proven; }

  void write(Row& row, Verdict good) const {
    row.verdict = good;
    for (Verdict grave : {Verdict::fail, Verdict::error, Verdict::inconclusive, Verdict::not_shown}) {
      if (row.verdict != good) break;
      for (const auto& [verdict, text] : notes_) {
        if (verdict == grave) row.verdict = grave;
      }
    }
    for (const auto& [verdict, text] : notes_) row.reasons.push_back(text);
    if (missed_ > 0 && missed_ == count(Verdict::fail)) {
      row.reasons.emplace_back(
          "no answer was wrong, only too few or too late: a machine that is busy with other work does that; run it "
          "again when it is quiet");
    }
  }

 private:
  void note(bool is_bad, Verdict verdict, std::string text) {
    if (is_bad) notes_.emplace_back(verdict, std::move(text));
  }
  std::size_t count(Verdict verdict) const {
    return static_cast<std::size_t>(
        std::count_if(notes_.begin(), notes_.end(), [&](const auto& note) { return note.first == verdict; }));
  }
  std::vector<std::pair<Verdict, std::string>> notes_;
  std::size_t missed_ = 0;  // demands on the service
  bool is_proven_ = true;
  bool is_whole_ = true;  // nothing broke the run off
};

void judge_adequacy(Judgement& judgement, const Measured& m, const Evidence& evidence, const Demands& demands) {
  judgement.set_proven(m.fault_proof > 0);
  judgement.need(!evidence.links.empty(), "no link was cut");
  for (const LinkProof& link : evidence.links) {
    judgement.need(link.proof() > 0, "nothing shows that the cut from {} to {} did bite", to_string(link.from),
                   to_string(link.to));
  }
  const auto enough = [&](const SideAvailability& side, Side name) {
    judgement.need(side.outcomes.total() >= demands.attempts_per_side_min,
                   "only {} attempts on the {} side during the cut, {} are needed", side.outcomes.total(),
                   to_string(name), demands.attempts_per_side_min);
    judgement.need(side.all.attempts > 0, "no attempts on the {} side outside the grace", to_string(name));
  };
  enough(m.majority, Side::majority);
  enough(m.minority, Side::minority);
  judgement.need(m.contended_keys >= demands.contended_keys_min,
                 "only {} keys were contended across the sides, {} are needed", m.contended_keys,
                 demands.contended_keys_min);
}

void judge_cp(Judgement& judgement, const Measured& m, const Demands& demands) {
  const LinearizabilityReport& order = m.linearizability;
  judgement.forbid(order.answer == Linearizable::no, "not linearizable: {}",
                   order.findings.empty() ? "" : order.findings.front().reason);
  judgement.need(order.answer != Linearizable::inconclusive, "linearizability could not be decided: {}",
                 order.findings.empty() ? "" : order.findings.front().reason);
  judgement.forbid(m.staleness.stale > 0, "{} reads were stale, the worst by {:.0f} ms", m.staleness.stale,
                   to_milliseconds(m.staleness.worst));
  judgement.forbid(!m.lost.lost.empty(), "{} acknowledged writes were lost", m.lost.lost.size());
  judgement.demand(m.minority.late_done == 0,
                   "the minority side did {} operations begun more than {:.1f} s after the cut", m.minority.late_done,
                   to_seconds(demands.availability.last_words));
  judgement.demand_service(m.majority.all.attempts == 0 || m.majority.all.ratio() >= demands.availability_min,
                           "the majority side answered {}, {} is demanded", percent(m.majority.all.ratio()),
                           percent(demands.availability_min));
  judgement.demand_service(m.majority.first_success && *m.majority.first_success <= demands.recover_within,
                           "the majority side did its first operation {} after the cut, {:.1f} s is allowed",
                           seconds(m.majority.first_success), to_seconds(demands.recover_within));
}

void judge_ap(Judgement& judgement, const Measured& m, const Demands& demands) {
  for (const auto& [side, name] : {std::pair(&m.majority, Side::majority), std::pair(&m.minority, Side::minority)}) {
    judgement.demand_service(side->all.attempts == 0 || side->all.ratio() >= demands.availability_min,
                             "the {} side answered {}, {} is demanded", to_string(name), percent(side->all.ratio()),
                             percent(demands.availability_min));
  }
  judgement.need(m.convergence.samples > 0 && m.convergence.keys > 0, "no samples of the replicas after the heal");
  judgement.demand_service(
      m.convergence.keys == 0 || (m.convergence.took && *m.convergence.took <= demands.converge_within),
      "the replicas agreed {} after the heal, {:.1f} s is allowed", seconds(m.convergence.took),
      to_seconds(demands.converge_within));
  judgement.show(m.staleness.stale > 0, "no stale read was seen, so the price of staying available is not shown");
}

void choose_witness(Row& row) {
  const Measured& m = row.measured;
  if (!m.staleness.phantoms.empty()) {
    row.witness = {m.staleness.phantoms.front()};
    row.witness_reason = "this read returned a value that no write can have produced";
  } else if (!m.foreign.empty() && m.foreign.front().refused) {
    row.witness = {*m.foreign.front().refused};
    row.witness_reason = "this write was reported as not done, and its value is there at the end";
  } else if (m.linearizability.answer == Linearizable::no) {
    row.witness = m.linearizability.findings.front().witness;
    row.witness_reason = m.linearizability.findings.front().reason;
  } else if (!m.lost.lost.empty()) {
    row.witness = m.lost.lost;
    row.witness_reason = "these writes were acknowledged and are gone";
  } else if (row.mode == Mode::cp && !m.minority.late_done_witness.empty()) {
    row.witness = m.minority.late_done_witness;
    row.witness_reason = "these operations were done on the minority side while it was cut off";
  }
  if (row.witness.size() > 6) row.witness.resize(6);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "PASS";
    case Verdict::fail:
      return "FAIL";
    case Verdict::expected:
      return "EXPECTED";
    case Verdict::not_shown:
      return "NOT SHOWN";
    case Verdict::inconclusive:
      return "INCONCLUSIVE";
    case Verdict::skipped:
      return "SKIPPED";
    case Verdict::error:
      return "ERROR";
  }
  return "ERROR";
}

Measured measure(const Evidence& evidence, const Demands& demands) {
  const auto& operations = evidence.operations;
  const auto& timeline = evidence.timeline;
  const auto side = [&](Side which) {
    return availability_of(operations, evidence.keyspace, which, timeline, demands.availability);
  };
  Measured m;
  m.has_final_state = evidence.final_state.has_value();
  // What is left of a register at the end is a last read of it.
  const Mode order = evidence.atomic ? Mode::cp : evidence.mode;  // by which writes come after each other
  m.linearizability = order == Mode::cp && m.has_final_state
                          ? check_linearizable(operations, evidence.keyspace, *evidence.final_state)
                          : check_linearizable(operations, evidence.keyspace);
  m.majority = side(Side::majority);
  m.minority = side(Side::minority);
  m.staleness = find_stale_reads(operations, evidence.keyspace, evidence.newer_by);
  if (evidence.final_state) {
    m.lost = find_lost_writes(operations, evidence.keyspace, order, *evidence.final_state);
    m.foreign = find_foreign_values(operations, evidence.keyspace, *evidence.final_state);
  }
  m.convergence = find_convergence(operations, evidence.keyspace, timeline.heal, evidence.samples);
  m.has_digests = evidence.owners > 0 && evidence.digests.size() == evidence.owners;
  m.digests_equal = m.has_digests && digests_agree(evidence.digests);
  m.contended_keys = contended_keys(operations, evidence.keyspace, timeline);
  const auto weakest = std::min_element(evidence.links.begin(), evidence.links.end(),
                                        [](const LinkProof& a, const LinkProof& b) { return a.proof() < b.proof(); });
  m.fault_proof = weakest == evidence.links.end() ? 0 : weakest->proof();
  return m;
}

Row judge(const Evidence& evidence, const Demands& demands) {
  Row row;
  row.id = evidence.id;
  row.keyspace = evidence.keyspace;
  row.mode = evidence.mode;
  row.measured = measure(evidence, demands);
  row.links = evidence.links;
  const Measured& m = row.measured;
  Judgement judgement;
  judgement.trouble(evidence.trouble);
  judge_adequacy(judgement, m, evidence, demands);
  judgement.forbid(!m.staleness.phantoms.empty(), "{} reads returned a value that no write can have produced",
                   m.staleness.phantoms.size());
  judgement.forbid(!m.foreign.empty(), "{} values found at the end cannot have been written, such as \"{}\" of {}",
                   m.foreign.size(), m.foreign.empty() ? "" : m.foreign.front().value,
                   m.foreign.empty() ? "" : m.foreign.front().key);
  judgement.need(m.has_final_state, "nobody could look at what the replicas hold at the end");
  judgement.need(m.has_digests, "digests of {} replicas at the end, {} are needed", evidence.digests.size(),
                 evidence.owners);
  judgement.forbid(!digests_agree(evidence.digests), "the replicas differ at the end");
  switch (evidence.mode) {
    case Mode::cp:
      judge_cp(judgement, m, demands);
      break;
    case Mode::ap:
      judge_ap(judgement, m, demands);
      break;
  }
  judgement.write(row, evidence.mode == Mode::cp ? Verdict::pass : Verdict::expected);
  choose_witness(row);
  return row;
}

int exit_code(const Results& results) {
  const auto has = [&](Verdict verdict) {
    return std::any_of(results.rows.begin(), results.rows.end(),
                       [&](const Row& row) { return row.verdict == verdict; });
  };
  if (has(Verdict::fail)) return 4;
  if (has(Verdict::error) || results.rows.empty()) return 1;
  return has(Verdict::inconclusive) || has(Verdict::not_shown) ? 2 : 0;
}

}  // namespace rift::chaos::check
