// A made-up run for the tests of the reports: 35 s, five nodes, the cut from 5 s to 25 s with n1 leading on the minority side.
#pragma once

#include "base/rng.h"
#include "chaos/report/story.h"

namespace rift::chaos::report {

inline Time at_ms(std::int64_t milliseconds) { return Time(Duration(milliseconds * 1'000'000)); }

inline check::Timeline example_timeline() {
  return {.start = at_ms(0),
          .cut = at_ms(5012),
          .heal = at_ms(25020),
          .end = at_ms(35000),
          .majority = {NodeId(2), NodeId(3), NodeId(5)},
          .minority = {NodeId(1), NodeId(4)}};
}

inline check::History example_history() {
  check::History history;
  Rng rng(3);
  const check::Timeline timeline = example_timeline();
  for (std::int64_t now = 0; now < 35000; now += 25) {
    for (NodeId node : timeline.nodes()) {
      for (const char* keyspace : {"bank", "carts"}) {
        check::Operation op;
        op.index = history.operations.size() * 2;
        op.keyspace = keyspace;
        op.node = node;
        op.kind = rng.chance(0.5) ? check::Kind::read : check::Kind::write;
        op.key = "k";
        op.scheduled = op.invoke = at_ms(now);
        op.complete = at_ms(now + 2);
        op.outcome = Outcome::done;
        const bool is_cut = timeline.is_cut_at(op.scheduled) && std::string_view(keyspace) == "bank";
        const bool is_refused = timeline.side_of(node) == check::Side::minority
                                    ? is_cut || (now >= 25000 && now < 25400)
                                    : is_cut && now < 6100;
        if (is_refused && std::string_view(keyspace) == "bank")
          op.outcome = Outcome::not_done, op.code = Code::no_leader;
        if (rng.chance(0.0004)) op.outcome = Outcome::unknown, op.code = Code::timeout;
        history.operations.push_back(op);
      }
    }
  }
  history.faults.push_back({.at = at_ms(0), .name = "leader", .keyspace = "bank", .node = NodeId(1)});
  history.faults.push_back({.at = at_ms(5012), .name = "split"});
  history.faults.push_back({.at = at_ms(6080), .name = "leader", .keyspace = "bank", .node = NodeId(3)});
  return history;
}

inline check::Row example_row(Mode mode) {
  check::Row row;
  row.id = "T1";
  row.mode = mode;
  row.keyspace = mode == Mode::cp ? "bank" : "carts";
  check::Measured& m = row.measured;
  m.linearizability.operations = 14000;
  m.contended_keys = 40;
  m.fault_proof = 14;
  m.has_final_state = true;
  m.has_digests = m.digests_equal = true;
  m.convergence.took = std::chrono::milliseconds(mode == Mode::cp ? 200 : 900);
  for (std::uint32_t a : {2U, 3U, 5U}) {
    for (std::uint32_t b : {1U, 4U}) {
      row.links.push_back({NodeId(a), NodeId(b), 14, 0});
      row.links.push_back({NodeId(b), NodeId(a), 5120, 2});
    }
  }
  m.majority.outcomes = {
      .ok = mode == Mode::cp ? 2293U : 2399U, .not_done = mode == Mode::cp ? 106U : 0U, .unknown = 1};
  m.majority.all = {.attempts = 2100, .available = 2099};
  m.majority.first_success = std::chrono::milliseconds(mode == Mode::cp ? 1087 : 3);
  m.minority.all = {.attempts = 1400, .available = mode == Mode::cp ? 0U : 1399U};
  m.minority.outcomes = {.ok = mode == Mode::cp ? 0U : 1600U,
                         .not_done = mode == Mode::cp ? 1588U : 0U,
                         .unknown = mode == Mode::cp ? 12U : 0U};
  if (mode == Mode::cp) {
    row.verdict = check::Verdict::pass;
    return row;
  }
  row.verdict = check::Verdict::expected;
  m.linearizability.answer = check::Linearizable::no;
  m.staleness.stale = 1212;
  m.staleness.worst = std::chrono::milliseconds(19780);
  m.lost.lost = {11, 12, 13};
  row.witness = {2310, 2388, 2402};
  row.witness_reason =
      "n4's read at 12.301 s returned \"c31,140\", although n2's write had confirmed \"c25,148\" at 12.118 s; n4's "
      "write had confirmed the "
      "older one at 11.960 s, before n2's write of the newer one began at 12.116 s";
  return row;
}

inline Story example_story() {
  const check::History history = example_history();
  Rng rng(4);
  check::Row ap = example_row(Mode::ap);
  for (const check::Operation& op : history.operations) {
    const double age = static_cast<double>((op.scheduled - at_ms(5012)).count()) / 20e9;
    if (op.keyspace != "carts" || op.kind != check::Kind::read || age < 0 || op.scheduled > at_ms(25400)) continue;
    if (rng.chance(std::min(0.75, 8 * age) * (op.scheduled > at_ms(25020) ? 0.4 : 1)))
      ap.measured.staleness.indexes.push_back(op.index);
  }
  ap.measured.staleness.stale = ap.measured.staleness.indexes.size();
  check::Results results{
      .seed = 42, .replay = "rift demo --story split-brain --auto --seed 42", .rows = {example_row(Mode::cp), ap}};
  return make_story("split-brain", results, example_timeline(), history);
}

}  // namespace rift::chaos::report
