#include <nlohmann/json.hpp>

#include "chaos/report/story.h"

namespace rift::chaos::report {
namespace {

using Json = nlohmann::ordered_json;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string milliseconds(Duration duration) {
  return number(static_cast<std::uint64_t>(
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(duration).count(), 0)));
}

Json or_null(const std::optional<Duration>& duration) { return duration ? Json(milliseconds(*duration)) : Json(); }

double rounded(double ratio) { return std::floor(ratio * 1e4 + 1e-9) / 1e4; }

Json linearizable(check::Linearizable answer) {
  switch (answer) {
    case check::Linearizable::yes:
      return true;
    case check::Linearizable::no:
      return false;
    case check::Linearizable::inconclusive:
      break;
  }
  return nullptr;
}

Json side(const check::SideAvailability& side) {
  return {{"ok", number(side.outcomes.ok)},
          {"not_done", number(side.outcomes.not_done)},
          {"unknown", number(side.outcomes.unknown)},
          {"first_success_ms", or_null(side.first_success)},
          {"longest_gap_ms", milliseconds(side.longest_gap)},
          {"late_done", number(side.late_done)}};
}

Json links(const std::vector<check::LinkProof>& proofs) {
  Json out = Json::array();
  for (const check::LinkProof& link : proofs) {
    out.push_back({{"from", to_string(link.from)},
                   {"to", to_string(link.to)},
                   {"bytes_held", number(link.bytes_held)},
                   {"connections", number(link.connections)}});
  }
  return out;
}

Json witness(const std::vector<std::uint64_t>& indexes) {
  Json out = Json::array();
  for (std::uint64_t index : indexes) out.push_back(number(index));
  return out;
}

Json row_json(const check::Row& row) {
  const check::Measured& m = row.measured;
  Json out = {
      {"id", row.id}, {"keyspace", row.keyspace}, {"mode", to_string(row.mode)}, {"verdict", to_string(row.verdict)}};
  out["reasons"] = Json(row.reasons);
  out["linearizable"] = linearizable(m.linearizability.answer);
  out["operations"] = number(m.linearizability.operations);
  out["contended_keys"] = number(m.contended_keys);
  out["sides"] = {{"majority", side(m.majority)}, {"minority", side(m.minority)}};
  out["availability"] = {{"majority", rounded(m.majority.all.ratio())}, {"minority", rounded(m.minority.all.ratio())}};
  out["stale_reads"] = number(m.staleness.stale);
  out["worst_staleness_ms"] = milliseconds(m.staleness.worst);
  out["phantom_reads"] = number(m.staleness.phantoms.size());
  out["lost_writes"] = m.has_final_state ? Json(number(m.lost.lost.size())) : Json();
  out["foreign_values"] = m.has_final_state ? Json(number(m.foreign.size())) : Json();
  out["converged_ms"] = or_null(m.convergence.took);
  out["digests_equal"] = m.has_digests ? Json(m.digests_equal) : Json();
  out["fault_proof"] = number(m.fault_proof);
  out["links"] = links(row.links);
  if (!row.witness.empty()) {
    out["witness"] = witness(row.witness);
    out["witness_reason"] = row.witness_reason;
  }
  return out;
}

}  // namespace

std::string results_json(const check::Results& results) {
  Json out = {{"schema", "rift.results/1"},
              {"seed", number(results.seed)},
              {"replay", results.replay},
              {"rows", Json::array()}};
  for (const check::Row& row : results.rows) out["rows"].push_back(row_json(row));
  // Keyspace names and reasons may hold anything: bytes that are not UTF-8 are replaced, not refused.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace rift::chaos::report
