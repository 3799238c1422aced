#include "chaos/fault/rows.h"

#include <algorithm>

#include "base/overloaded.h"

namespace rift::chaos::fault {
namespace {

using check::Service;
using check::Violation;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr check::SideDemands refused{.reads = Service::none, .writes = Service::none};
constexpr check::SideDemands served{.reads = Service::high, .writes = Service::high};
constexpr check::SideDemands whatever{.reads = Service::any, .writes = Service::any};
constexpr Duration fault_begins = seconds(5);
constexpr Duration fault_ends = seconds(25);
constexpr Duration recovery = milliseconds(2500);
constexpr Duration election_max = seconds(1);
constexpr Duration catch_up = seconds(3);

// One cut for the whole of the fault.
std::vector<RowStep> cut_and_heal(Shape shape) { return {{fault_begins, CutLinks{shape}}, {fault_ends, HealLinks{}}}; }

MatrixRow row(std::string id, std::string form, std::string title, std::vector<RowStep> steps) {
  MatrixRow made;
  made.id = std::move(id);
  made.form = std::move(form);
  made.title = std::move(title);
  made.steps = std::move(steps);
  return made;
}

MatrixRow c1() { return row("C1", "", "no fault", {}); }

MatrixRow c2() {
  MatrixRow r = row("C2", "", "3|2, leader in 3", cut_and_heal(Shape::leader_with_majority));
  r.demands.minority = refused;
  r.demands.majority_gap_max = milliseconds(500);
  r.demands.same_leader = true;
  r.demands.caught_up_within = catch_up;
  return r;
}

// Rows in which the old leader is cut off and another must be found.
MatrixRow loses_its_leader(std::string id, std::string title, Shape shape) {
  MatrixRow r = row(std::move(id), "", std::move(title), cut_and_heal(shape));
  r.demands.minority = refused;
  r.demands.first_success_within = recovery;
  r.demands.step_down_within = election_max;
  r.demands.caught_up_within = catch_up;
  return r;
}

MatrixRow c4() {
  MatrixRow r = loses_its_leader("C4", "leader alone, 1|4", Shape::leader_alone);
  r.cas_share = 0.7;
  return r;
}

MatrixRow c5(std::string form, std::string title, Shape shape, std::uint32_t nodes) {
  MatrixRow r = row("C5", std::move(form), std::move(title), cut_and_heal(shape));
  r.nodes = nodes;
  r.cas_share = 0;
  r.demands.minority = refused;
  r.demands.step_down_within = election_max;
  return r;
}

MatrixRow c6_middle() {
  MatrixRow r = row("C6", "middle", "bridge, leader in its middle", cut_and_heal(Shape::bridge_at_leader));
  r.cas_share = 0;
  r.demands.terms_grow_max = 1;
  return r;
}

MatrixRow c6_end() {
  MatrixRow r = row("C6", "end", "bridge, leader at one end", cut_and_heal(Shape::bridge_at_follower));
  r.cas_share = 0;
  r.demands.minority = refused;
  r.demands.terms_grow_max = 1;
  return r;
}

MatrixRow c7() {
  MatrixRow r = row("C7", "", "ring of majorities", cut_and_heal(Shape::ring));
  r.demands.minority = refused;
  r.demands.terms_grow_max = 1;
  return r;
}

MatrixRow c8_or_c9(std::string id, std::string title, Shape shape) {
  MatrixRow r = loses_its_leader(std::move(id), std::move(title), shape);
  r.cas_share = 0.7;
  return r;
}

MatrixRow c10() {
  MatrixRow r = row("C10", "", "deaf follower", cut_and_heal(Shape::deaf_follower));
  r.cas_share = 0;
  r.demands.minority = refused;
  r.demands.same_leader = true;
  r.demands.terms_grow_max = 0;
  r.demands.caught_up_within = catch_up;
  return r;
}

MatrixRow c11_flapping() {
  constexpr std::uint64_t flaps = 10;
  MatrixRow r = row("C11", "flapping", "3|2 drawn anew, 1 s on and 1 s off", {});
  for (std::uint64_t i = 0; i < flaps; ++i) {
    const Duration at = fault_begins + i * seconds(2);
    r.steps.push_back({at, CutLinks{Shape::any_minority}});
    r.steps.push_back({at + seconds(1), HealLinks{}});
  }
  r.demands.majority = whatever;
  r.demands.terms_grow_max = flaps + 2;
  return r;
}

MatrixRow c11_swizzle() {
  MatrixRow r = row("C11", "swizzle", "nodes drop out one by one and come back in another order", {});
  for (int i = 0; i < 4; ++i) r.steps.push_back({fault_begins + i * seconds(5), Swizzle{milliseconds(4500)}});
  r.steps.push_back({fault_ends, HealLinks{}});
  r.demands.majority = whatever;
  return r;
}

MatrixRow c12(std::string form, std::string title, Deed deed) {
  MatrixRow r =
      row("C12", std::move(form), std::move(title), {{fault_begins, std::move(deed)}, {fault_ends, ClearLinks{}}});
  r.timeout = seconds(3);
  r.retries = true;
  return r;
}

MatrixRow c12_delay() {
  MatrixRow r =
      c12("delay", "100±50 ms on all links", SlowLinks{.delay = milliseconds(100), .jitter = milliseconds(50)});
  r.demands.write_p50_min = milliseconds(150);
  return r;
}

MatrixRow c13_kill() {
  MatrixRow r = row("C13", "kill", "kill -9 of the leader, twice",
                    {{fault_begins, KillLeader{}},
                     {fault_begins + seconds(8), RestartDown{}},
                     {fault_begins + seconds(10), KillLeader{}},
                     {fault_ends, RestartDown{}}});
  r.retries = true;
  r.demands.minority = whatever;
  r.demands.majority_gap_max = recovery;
  return r;
}

MatrixRow c13_rolling() {
  MatrixRow r = row("C13", "rolling", "rolling restart",
                    {{fault_begins, RestartInTurn{.down = milliseconds(500), .every = seconds(4)}}});
  r.retries = true;
  r.demands.majority = whatever;  // whoever is pinned to the node that is down waits for it
  r.demands.gap_max = milliseconds(300);
  return r;
}

// etcd#20418: a paused leader, slow links and one jammed link, over and over.
MatrixRow c14() {
  constexpr int rounds = 10;
  MatrixRow r = row("C14", "", "paused leader, slow links, one jammed, 10 times", {});
  for (int i = 0; i < rounds; ++i) {
    const Duration at = fault_begins + i * seconds(12);
    r.steps.push_back({at, PauseLeader{milliseconds(2500)}});
    r.steps.push_back({at + milliseconds(500), SlowLinks{.delay = milliseconds(150), .jitter = milliseconds(50)}});
    r.steps.push_back({at + seconds(1), JamLink{8'000}});
    r.steps.push_back({at + seconds(5), JamLink{0}});
    r.steps.push_back({at + milliseconds(6500), ClearLinks{}});
  }
  r.fault_ends = fault_begins + rounds * seconds(12);
  r.length = r.fault_ends + seconds(10);
  r.keys = 1;
  r.cas_share = 0;
  r.set_share = 0;
  return r;
}

MatrixRow c15() {
  MatrixRow r = row("C15", "", "wall clocks 60 s off",
                    {{fault_begins, StepWallClock{.of_leader = true, .by = seconds(60)}},
                     {fault_begins + seconds(4), StepWallClock{.of_leader = false, .by = -seconds(60)}},
                     {fault_begins + seconds(8), StepWallClock{.of_leader = true, .by = -seconds(120)}},
                     {fault_begins + seconds(12), StepWallClock{.of_leader = false, .by = seconds(120)}}});
  r.cas_share = 0;
  r.demands.same_leader = true;
  r.demands.terms_grow_max = 0;
  return r;
}

MatrixRow c16() {
  constexpr Duration down = milliseconds(500);
  MatrixRow r = row("C16", "power", "power loss of all, three times",
                    {{fault_begins, LosePowerOfAll{down}},
                     {fault_begins + seconds(7), LosePowerOfAll{down}},
                     {fault_begins + seconds(14), LosePowerOfAll{down}}});
  r.demands.majority = whatever;
  r.demands.gap_max = down + seconds(5);
  return r;
}

MatrixRow c16_fsync_off() {
  MatrixRow r =
      row("C16", "fsync-off", "power loss of all with fsync off",
          {{fault_begins, TurnFsyncOff{seconds(2)}}, {fault_begins + seconds(10), LosePowerOfAll{milliseconds(500)}}});
  r.demands.majority = whatever;
  r.demands.lost = Violation::must_show;
  r.demands.stale = Violation::ignored;
  r.demands.not_linearizable = Violation::ignored;
  r.demands.keeps_its_promises = false;
  r.demands.healed = Service::any;
  return r;
}

// What C3 cuts, and the side with the majority changes its members meanwhile.
MatrixRow c18(MemberMove move, std::string title) {
  MatrixRow r = loses_its_leader("C18", std::move(title), Shape::leader_with_minority);
  r.form = to_string(move);
  r.steps.insert(r.steps.begin() + 1, {fault_begins + seconds(5), ChangeMembers{move}});
  r.spares = move == MemberMove::remove ? 1 : 0;
  r.cas_share = 0.7;
  r.demands.config_equal_within = seconds(5);
  return r;
}

MatrixRow c20() {
  MatrixRow r = row("C20", "", "C2, read at ONE", cut_and_heal(Shape::leader_with_majority));
  r.read_level = Level::one;
  r.demands.minority = {.reads = Service::high, .writes = Service::none};
  r.demands.not_linearizable = Violation::must_show;
  r.demands.stale = Violation::must_show;
  r.demands.stale_age_min = seconds(15);
  r.demands.caught_up_within = catch_up;
  return r;
}

// An ap keyspace, where a cut stops nobody who asks for ONE: registers, keys that several race for, and documents for what is lost.
MatrixRow ap_row(std::string id, std::string form, std::string title, std::vector<RowStep> steps) {
  MatrixRow r = row(std::move(id), std::move(form), std::move(title), std::move(steps));
  r.mode = Mode::ap;
  r.write_level = Level::one;
  r.read_level = Level::one;
  r.wall_offset_max = milliseconds(0);
  r.cas_share = 0;
  r.set_stretch = milliseconds(5);
  r.still_keys = 8;
  r.documents = 8;
  r.edit_share = 0.05;
  r.demands.minority = served;
  r.demands.not_linearizable = Violation::ignored;
  r.demands.stale = Violation::ignored;
  r.demands.lost = Violation::ignored;
  r.demands.sessions = Violation::forbidden;
  r.demands.sequential_lost = Violation::forbidden;
  r.demands.converged_within = seconds(5);
  return r;
}

MatrixRow a2(std::string form, std::string title) {
  MatrixRow r = ap_row("A2", std::move(form), std::move(title), cut_and_heal(Shape::leader_with_majority));
  r.demands.not_linearizable = Violation::must_show;
  r.demands.stale = Violation::must_show;
  r.demands.lost = Violation::must_show;
  r.demands.elements_lost = Violation::must_show;
  return r;
}

// Clients that do not stay with one node see what it costs, where none of them has a token.
MatrixRow a2_roaming() {
  MatrixRow r = a2("roaming", "3|2, ONE and ONE, clients go to any node");
  r.roams = true;
  r.demands.sessions = Violation::must_show;
  return r;
}

// With them no client goes back behind what it has seen; what is on the other side then fails to be read.
MatrixRow a2_tokens() {
  MatrixRow r = a2("tokens", "3|2, ONE and ONE, clients go to any node and carry tokens");
  r.roams = true;
  r.tokens = true;
  r.demands.sessions = Violation::forbidden;
  r.demands.majority.reads = r.demands.minority.reads = Service::any;
  return r;
}

MatrixRow a5() {
  MatrixRow r = ap_row("A5", "", "3|2, MAJORITY and MAJORITY", cut_and_heal(Shape::leader_with_majority));
  r.write_level = Level::majority;
  r.read_level = Level::majority;
  r.demands.minority = refused;
  r.demands.refused_within = milliseconds(200);
  r.demands.stale = Violation::forbidden;
  return r;
}

// No clock orders an atomic keyspace: each write asks a majority what it must stand above.
MatrixRow a7(std::string form, std::string title, std::vector<RowStep> steps) {
  MatrixRow r = ap_row("A7", std::move(form), std::move(title), std::move(steps));
  r.atomic = true;
  r.wall_offset_max = milliseconds(200);
  r.write_level = Level::majority;
  r.read_level = Level::majority;
  r.demands.not_linearizable = Violation::forbidden;
  r.demands.stale = Violation::forbidden;
  r.demands.lost = Violation::forbidden;
  return r;
}

MatrixRow a7_cut() {
  MatrixRow r = a7("", "3|2, an atomic keyspace, clocks up to 200 ms off", cut_and_heal(Shape::leader_with_majority));
  r.demands.minority = refused;
  r.demands.refused_within = milliseconds(200);
  return r;
}

// One node hears of the others' writes late: where its clock is behind, it does not learn it from them.
MatrixRow a7_skew() {
  return a7("skew", "one node 150 ms away, an atomic keyspace, clocks up to 200 ms off",
            {{fault_begins, SlowNode{.delay = milliseconds(150)}}, {fault_ends, ClearLinks{}}});
}

MatrixRow a8() {
  MatrixRow r = ap_row("A8", "", "3|2, writes at ALL, reads at ONE", cut_and_heal(Shape::leader_with_majority));
  r.write_level = Level::all;
  r.demands.majority = r.demands.minority = {.reads = Service::high, .writes = Service::none};
  r.demands.stale = Violation::forbidden;
  return r;
}

MatrixRow a9() {
  MatrixRow r = ap_row("A9", "", "3|2, writes at ONE, reads at ALL", cut_and_heal(Shape::leader_with_majority));
  r.read_level = Level::all;
  r.demands.majority = r.demands.minority = {.reads = Service::none, .writes = Service::high};
  r.demands.stale = Violation::forbidden;
  r.demands.lost = Violation::must_show;
  return r;
}

MatrixRow a10(std::string form, std::string title, Shape shape) {
  MatrixRow r = ap_row("A10", std::move(form), std::move(title), cut_and_heal(shape));
  r.demands.lost = shape == Shape::shatter ? Violation::must_show : Violation::ignored;
  r.demands.elements_lost = r.demands.lost;
  return r;
}

// Levels count nodes that stand in for owners: both sides have a majority, and the two do not meet.
MatrixRow a6() {
  MatrixRow r = ap_row("A6", "", "3|2, sloppy, three copies of 16 partitions, MAJORITY and MAJORITY",
                       cut_and_heal(Shape::leader_with_majority));
  r.sloppy = true;
  r.copies = 3;
  r.partitions = 16;
  r.write_level = Level::majority;
  r.read_level = Level::majority;
  r.demands.sessions =
      Violation::ignored;  // at the heal a majority of owners need not know yet what others kept for them
  r.demands.not_linearizable = Violation::must_show;
  r.demands.stale = Violation::must_show;
  r.demands.lost = Violation::must_show;
  r.demands.elements_lost = Violation::must_show;
  return r;
}

MatrixRow a11(std::string form, std::string title) {
  MatrixRow r = ap_row("A11", std::move(form), "3|2, three copies of 16 partitions, " + title,
                       cut_and_heal(Shape::leader_with_majority));
  r.copies = 3;
  r.partitions = 16;
  r.demands.sessions = Violation::ignored;  // who owns no copy asks any owner: without a token no client stays with one
  r.demands.not_linearizable = Violation::must_show;
  r.demands.stale = Violation::must_show;
  r.demands.lost = Violation::must_show;
  r.demands.elements_lost = Violation::must_show;
  return r;
}

MatrixRow a11_strict() {
  MatrixRow r = a11("strict", "ONE and ONE");
  r.demands.homes_only = true;
  return r;
}

// A write needs no owner; a read does, and one key in ten has none on the smaller side.
MatrixRow a11_any() {
  MatrixRow r = a11("any", "writes at ANY, reads at ONE");
  r.write_level = Level::any;
  r.demands.minority = {.reads = Service::any, .writes = Service::high};
  return r;
}

MatrixRow a11_sloppy() {
  MatrixRow r = a11("sloppy", "sloppy, ONE and ONE");
  r.sloppy = true;
  return r;
}

// The same clock where the bare wall clock orders versions: whoever writes a key after that node writes in vain, without any cut.
MatrixRow a12_wall() {
  MatrixRow r = ap_row("A12", "wall", "one clock 60 s ahead, versions by the wall clock, ONE and ONE",
                       {{fault_begins, StepWallClock{.of_leader = true, .by = seconds(60)}},
                        {fault_ends, StepWallClock{.of_leader = true, .by = -seconds(60)}}});
  r.wall_clock = true;
  r.demands.not_linearizable = Violation::must_show;
  r.demands.stale = Violation::must_show;
  r.demands.sessions = Violation::must_show;
  r.demands.lost = Violation::must_show;
  r.demands.sequential_lost = Violation::must_show;
  return r;
}

// One clock is a minute ahead, and set right again: its node stamps nothing, and nobody else notices.
MatrixRow a12_hlc() {
  MatrixRow r = ap_row("A12", "hlc", "one clock 60 s ahead, ONE and ONE",
                       {{fault_begins, StepWallClock{.of_leader = true, .by = seconds(60)}},
                        {fault_ends, StepWallClock{.of_leader = true, .by = -seconds(60)}}});
  r.demands.minority = {.reads = Service::high, .writes = Service::none};
  r.demands.refused_within = milliseconds(200);
  return r;
}

constexpr Duration slow_by = milliseconds(100);
constexpr SlowNode slow_node{.delay = slow_by};
constexpr PauseNode paused_node{.length = fault_ends - fault_begins};

// One node that is late holds up those who wait for all, and nobody else.
MatrixRow a15(std::string form, std::string title, Level level, Deed deed) {
  const bool is_paused = std::holds_alternative<PauseNode>(deed);
  MatrixRow r = ap_row("A15", std::move(form), std::move(title), {{fault_begins, std::move(deed)}});
  if (!is_paused) r.steps.push_back({fault_ends, ClearLinks{}});
  r.write_level = level;
  r.read_level = level;
  r.demands.minority = is_paused ? refused : served;
  if (level == Level::one) {
    r.demands.p99_factor_max = 2;
  } else if (is_paused) {
    r.demands.majority = refused;
    r.demands.stale = Violation::forbidden;
  } else {
    r.demands.stale = Violation::forbidden;
    r.demands.write_p50_min = 2 * slow_by;
  }
  return r;
}

std::vector<MatrixRow> make_rows() {
  return {c1(),
          c2(),
          loses_its_leader("C3", "3|2, leader in 2", Shape::leader_with_minority),
          c4(),
          c5("shatter", "everybody alone", Shape::shatter, 5),
          c5("halves", "2|2 of 4", Shape::halves, 4),
          c6_middle(),
          c6_end(),
          c7(),
          c8_or_c9("C8", "deaf leader", Shape::deaf_leader),
          c8_or_c9("C9", "mute leader", Shape::mute_leader),
          c10(),
          c11_flapping(),
          c11_swizzle(),
          c12_delay(),
          c12("loss", "20 % of packets lost", SlowLinks{.packet_loss = 0.2}),
          c12("garble", "5 % of messages twice, 5 % out of order", GarbleLinks{.repeat = 0.05, .reorder = 0.05}),
          c13_kill(),
          c13_rolling(),
          c14(),
          c15(),
          c16(),
          c16_fsync_off(),
          c18(MemberMove::add, "C3, and a sixth copy on a node that joins"),
          c18(MemberMove::remove, "C3, and a node beyond the cut is removed"),
          c18(MemberMove::replace, "C3, and a node beyond the cut is replaced"),
          c20(),
          ap_row("A1", "", "no fault, ONE and ONE", {}),
          a2("sticky", "3|2, ONE and ONE"),
          a2_roaming(),
          a2_tokens(),
          a5(),
          a6(),
          a7_cut(),
          a7_skew(),
          a8(),
          a9(),
          a10("shatter", "everybody alone, ONE and ONE", Shape::shatter),
          a10("bridge", "two and two, and one between them", Shape::bridge_at_leader),
          a10("ring", "ring of majorities", Shape::ring),
          a10("deaf", "one hears nobody", Shape::deaf_leader),
          a10("mute", "nobody hears one", Shape::mute_leader),
          a11_strict(),
          a11_any(),
          a11_sloppy(),
          a12_hlc(),
          a12_wall(),
          a15("one-slow", "one node 100 ms away each way, ONE and ONE", Level::one, slow_node),
          a15("one-paused", "one node paused, ONE and ONE", Level::one, paused_node),
          a15("all-slow", "one node 100 ms away each way, ALL and ALL", Level::all, slow_node),
          a15("all-paused", "one node paused, ALL and ALL", Level::all, paused_node)};
}

}  // namespace

std::string_view name_of(const Deed& deed) {
  return std::visit(
      overloaded{
          [](const CutLinks&) { return "cut"; }, [](const HealLinks&) { return "heal"; },
          [](const KillLeader&) { return "kill_leader"; }, [](const RestartDown&) { return "restart"; },
          [](const RestartInTurn&) { return "rolling_restart"; }, [](const PauseLeader&) { return "pause_leader"; },
          [](const SlowLinks&) { return "slow_links"; }, [](const JamLink&) { return "jam_link"; },
          [](const GarbleLinks&) { return "garble_links"; }, [](const ClearLinks&) { return "clear_links"; },
          [](const StepWallClock&) { return "step_wall_clock"; }, [](const TurnFsyncOff&) { return "fsync_off"; },
          [](const SlowNode&) { return "slow_node"; }, [](const PauseNode&) { return "pause_node"; },
          [](const LosePowerOfAll&) { return "power_loss_of_all"; }, [](const Swizzle&) { return "swizzle"; },
          [](const ChangeMembers&) { return "change_members"; }},
      deed);
}

std::string_view to_string(MemberMove move) {
  switch (move) {
    case MemberMove::add:
      return "add";
    case MemberMove::remove:
      return "remove";
    case MemberMove::replace:
      return "replace";
  }
  return "";
}

const std::vector<MatrixRow>& matrix_rows() {
  static const std::vector<MatrixRow> rows = make_rows();
  return rows;
}

std::vector<const MatrixRow*> find_rows(std::string_view name) {
  std::vector<const MatrixRow*> found;
  for (const MatrixRow& row : matrix_rows()) {
    if (row.id == name || row.name() == name) found.push_back(&row);
  }
  return found;
}

}  // namespace rift::chaos::fault
