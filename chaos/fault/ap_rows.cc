// Rows A1 to A15: an ap keyspace under each fault, and what each choice of it costs.
#include "chaos/fault/row_parts.h"

namespace rift::chaos::fault {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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
  MatrixRow r = a11("strict", "ONE and ONE; counted where an owner is in reach");
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

}  // namespace

std::vector<MatrixRow> ap_rows() {
  return {ap_row("A1", "", "no fault, ONE and ONE", {}),
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

}  // namespace rift::chaos::fault
