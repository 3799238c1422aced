// What a row of the experiment matrix (research/chaos.md 5) demands of one run, and the judgement of the run by it. The rows
// themselves, with their faults, are data of chaos/fault; the driver (chaos/sim) brings the evidence. A row may demand that a
// violation is seen: without it the run is NOT SHOWN. A fault without proof, or too little load, is INCONCLUSIVE. Pure functions,
// called after a run.
#pragma once

#include "chaos/check/sessions.h"
#include "chaos/check/verdict.h"

namespace rift::chaos::check {

// Of one side during the fault, outside the grace (CONTRACTS 6): A~, A+, A0.
enum class Service : std::uint8_t { any, high, none };
std::string_view to_string(Service service);  // "A~", "A+", "A0"

struct SideDemands {
  Service reads = Service::any;
  Service writes = Service::any;
};

enum class Violation : std::uint8_t { forbidden, must_show, ignored };

struct RowDemands {
  SideDemands majority{.reads = Service::high, .writes = Service::high};
  SideDemands minority;
  Violation not_linearizable = Violation::forbidden;
  Violation stale = Violation::forbidden;
  Violation lost = Violation::forbidden;
  Violation sessions = Violation::ignored;         // read your writes and monotonic reads, by versions: ap
  Violation sequential_lost = Violation::ignored;  // ap, where the clocks of the nodes agree
  Violation elements_lost = Violation::ignored;    // out of documents
  std::optional<Duration> stale_age_min{};         // the worst stale read is at least so old
  std::optional<Duration> first_success_within{};  // majority side, from the cut
  std::optional<Duration> majority_gap_max{};      // between answers, during the fault
  std::optional<Duration> gap_max{};               // between answers of any node, during the fault
  std::optional<Duration> step_down_within{};      // the cut-off leader no longer says that it leads
  std::optional<Duration> caught_up_within{};      // after the heal: every replica has applied what was committed then
  std::optional<Duration> config_equal_within{};   // after the heal: every replica names the same voters
  std::optional<Duration> converged_within{};      // after the heal: the owners agree on what was written before it
  std::optional<Duration> refused_within{};  // where nothing may be done, outside the grace: so soon is it refused
  bool homes_only = false;  // a side is promised only the keys that have an owner on it, and none of the others
  Duration answered_within = std::chrono::milliseconds(2500);  // after the heal, by anybody
  std::optional<Duration> write_p50_min{};
  std::optional<double>
      p99_factor_max{};  // majority side: how much slower 99 of 100 attempts are than before the fault
  std::optional<std::uint64_t> terms_grow_max{};
  bool same_leader = false;
  Service healed = Service::high;  // after the heal, outside the grace, everywhere
  bool keeps_its_promises =
      true;  // false: the fault breaks what Raft is built on, so its rules and equal replicas are not demanded
  std::uint64_t attempts_per_side_min = 500;
  std::uint64_t contended_keys_min = 20;
  double availability_min = 0.99;
};

// Proof that a fault other than a cut was real: pauses, kills, slowed frames.
struct FaultProof {
  std::string what;
  std::uint64_t count = 0;
};

// A node whose way to the leader was jammed: who is pinned to it is on no side that the row promises anything.
struct Jam {
  NodeId node{};
  Time from{};
  Time to{};
};

// What was seen of the cluster itself, beside the history.
struct RowFacts {
  std::optional<Duration> stepped_down_after{};
  std::optional<Duration> caught_up_after{};
  std::optional<Duration> config_equal_after{};
  Duration timeout = std::chrono::seconds(
      1);  // of the clients: an attempt due later than this before a change was not given its whole time
  std::uint64_t terms_grown = 0;
  bool leader_changed = false;
  std::vector<FaultProof> proofs{};
  std::vector<Jam> jams{};
  std::map<std::string, std::vector<NodeId>, std::less<>> homes{};  // the owners of every key; only if demanded
  std::vector<std::string> broken{};  // rules of the protocol seen broken: two leaders in a term, ...
};

struct RowRun {
  Verdict verdict = Verdict::error;  // of this run alone: EXPECTED if a demanded violation was seen
  std::vector<std::string> reasons;
  Measured measured;
  Tally healed;  // attempts after the heal, outside the grace
  std::optional<Duration> write_p50;
  Duration gap{};                // the longest between answers of any node, during the fault
  SessionReport sessions;        // ap
  LostReport sequentially_lost;  // ap
  LostReport elements_lost;
  std::optional<double> p99_factor;
  std::optional<Duration> slowest_refusal;  // where nothing may be done
  double homes = 1;  // with homes_only, the worst side's share of attempts at keys that have an owner on it
  std::vector<std::uint64_t> witness;
  std::string witness_reason;
};
// `evidence.links` may be empty: then facts.proofs must show the fault, unless the row has none.
RowRun judge_row(const Evidence& evidence, const RowFacts& facts, const RowDemands& demands);

// Whether the row is there to show something that a stricter one forbids.
bool wants_a_violation(const RowDemands& demands);

// Over the seeds: FAIL and ERROR count wherever they are seen, then INCONCLUSIVE; a violation that must be shown was shown if any seed did.
Verdict judge_seeds(std::span<const Verdict> runs);

// Reads of one client never go back: each fits a point of the group's order that is not before the point of the client's last read
// (by revisions; every written value and every read carries its own). What is left when stale reads are allowed: with the writes in
// the group's order, a sequentially consistent history of the readers. Only of a cp keyspace: versions that are no revisions say nothing. Returns operation indexes that break it, at most six.
std::vector<std::uint64_t> find_reads_that_go_back(std::span<const Operation> operations, std::string_view keyspace);

}  // namespace rift::chaos::check
