// Rows C1 to C20: one Raft group under each fault.
#include "chaos/fault/row_parts.h"

namespace rift::chaos::fault {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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

}  // namespace

std::vector<MatrixRow> cp_rows() {
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
          c20()};
}

}  // namespace rift::chaos::fault
