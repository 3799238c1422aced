// From the evidence of one run to a verdict per keyspace, and the results that the reports print (results.json: chaos/report).
// Definitions: CONTRACTS 6. What a mode forbids and was seen is FAIL. What it allows and was seen is EXPECTED: an ap keyspace
// that shows no stale read under a split has proved nothing and is NOT SHOWN. A fault without proof, or too little load, is
// INCONCLUSIVE, whatever else looks good. A run that broke off is ERROR, unless what it left shows something forbidden: then its
// demands on the service mean nothing, but wrong answers stay wrong. Pure functions; called by chaos/live and cli after a run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chaos/check/availability.h"
#include "chaos/check/convergence.h"
#include "chaos/check/foreign.h"
#include "chaos/check/lost.h"
#include "chaos/check/staleness.h"
#include "chaos/check/zone.h"

namespace rift::chaos::check {

enum class Verdict : std::uint8_t { pass, fail, expected, not_shown, inconclusive, skipped, error };
std::string_view to_string(Verdict verdict);  // "PASS", "NOT SHOWN", ...

// What one run left behind about one keyspace.
struct Evidence {
  std::string id = "T1";
  std::string keyspace;
  Mode mode = Mode::cp;
  bool atomic = false;                    // ap: each key is a linearizable register, as in a cp keyspace
  std::span<const Operation> operations;  // of all keyspaces
  Timeline timeline;
  std::vector<LinkProof> links;           // every directed link that was cut
  std::optional<FinalState> final_state;  // nothing: not all owners could be asked
  std::vector<VersionSample> samples;     // from the heal on
  std::size_t owners = 0;                 // that hold every key
  std::vector<std::string> digests;       // at the end, one per owner
  NewerBy newer_by = NewerBy::time;       // what makes a read stale
  bool wall_clock = false;                // ap: versions go by the bare wall clock, and say nothing of what is newer
  bool by_tokens = false;                 // ap: clients pass on the version of every answer
  std::string trouble;                    // why the run could not be carried or looked at to its end; empty: it was
};

struct Demands {
  double availability_min = 0.99;
  Duration recover_within = std::chrono::milliseconds(2500);  // cp: first success on the majority side after the cut
  Duration converge_within = std::chrono::seconds(5);         // ap
  std::uint64_t attempts_per_side_min = 500;
  std::uint64_t contended_keys_min = 20;
  AvailabilityOptions availability;
};

struct Measured {
  LinearizabilityReport linearizability;
  SideAvailability majority;
  SideAvailability minority;
  StalenessReport staleness;
  bool has_final_state = false;  // else lost and foreign are empty because nobody could look
  LostReport lost;
  std::vector<ForeignValue> foreign;
  Convergence convergence;
  bool digests_equal = false;  // all of them
  bool has_digests = false;    // of every owner
  std::uint64_t contended_keys = 0;
  std::uint64_t fault_proof = 0;  // the minimum over the links; 0 without links
};
Measured measure(const Evidence& evidence, const Demands& demands = {});

struct Row {
  std::string id;
  std::string keyspace;
  Mode mode = Mode::cp;
  Verdict verdict = Verdict::error;
  std::vector<std::string> reasons;  // plain sentences: why this verdict
  Measured measured;
  std::vector<LinkProof> links;
  std::vector<std::uint64_t> witness;  // of FAIL and EXPECTED: operation indexes, at most six
  std::string witness_reason;          // one plain sentence about it
};

// Row T1 of the experiment matrix: C3 for a cp keyspace, A2 for an ap one, from the same storm.
Row judge(const Evidence& evidence, const Demands& demands = {});

struct Results {
  std::uint64_t seed = 0;
  std::string replay;  // the one line that runs it again
  std::vector<Row> rows;
};

// Exit code of a command that ran checks (CONTRACTS 5): 4 FAIL, 1 ERROR, 2 INCONCLUSIVE or NOT SHOWN, else 0.
int exit_code(const Results& results);

}  // namespace rift::chaos::check
