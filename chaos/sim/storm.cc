#include "chaos/sim/storm.h"

#include "base/assert.h"
#include "chaos/fault/rows.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration wall_jump_min = std::chrono::milliseconds(600);
constexpr Duration wall_jump_max = std::chrono::seconds(5);

}  // namespace

void Storm::start(Time end) {
  end_ = end;
  // Once the storm rages, the cluster is seldom whole for long enough: some storms open with a duel, as soon as everybody has a leader.
  if (random().chance(0.4)) {
    cluster_.world().after(std::chrono::milliseconds(1000), [this] {
      if (!is_over_) duel();
    });
    cluster_.world().after(std::chrono::milliseconds(2200), [this] { next(); });
  } else {
    next();
  }
}

void Storm::note(const std::string& what) {
  ++counts_[what];
  cluster_.world().tell("storm: " + what);
}

void Storm::next() {
  cluster_.world().after(random().between(options_.gap_min, options_.gap_max), [this] {
    if (is_over_ || cluster_.world().now() >= end_) return;
    strike();
    next();
  });
}

void Storm::strike() {
  switch (random().below(39)) {
    case 0:
      return split();
    case 1:
      return split();
    case 2:
      return cut_one_way();
    case 3:
      return crash(SimDisk::Crash::kill);
    case 4:
      return crash(SimDisk::Crash::power_loss);
    case 5:
      return crash_inside_a_round();
    case 6:
      return random().chance(0.3) ? lose_all_power() : pause();
    case 7:
      return stall_disk();
    case 8:
      return step_wall_clock();
    case 9:
      return disturb_network();
    case 10:
      return stop_cleanly();
    case 11:
      return disturb_election();
    case 12:
    case 13:
      duel();
      return;
    case 14:
      orphan_a_write();
      return;
    case 15:
    case 16:
      stop_with_debts();
      return;
    case 17:
      write_twins();
      return;
    case 18:
      lose_copies();
      return;
    case 19:
      lose_appends();
      return;
    case 20:
      sleep_through_an_election();
      return;
    case 21:
    case 22:
      return cut_a_shape();
    case 23:
      return slow_links();
    case 24:
    case 25:
    case 26:
    case 32:
    case 33:
      return move_guest();
    case 34:
    case 35:
      return shrink_and_grow();
    case 27:
    case 30:
    case 31:
      return transfer_leadership();
    case 28:
    case 29:
      return change_keyspaces();
    case 36:
    case 37:
      return press_stores();
    case 38:
      return jump_wall_clock();
    default:
      return;
  }
}

NodeId Storm::any_node() {
  const auto ids = cluster_.ids();
  return ids[random().below(ids.size())];
}

bool Storm::is_usable(NodeId id) { return cluster_.node(id).is_up() && !stopping_.contains(id); }

bool Storm::may_take_one_down() const {
  std::size_t down = 0;
  for (const auto& [id, node] : cluster_.nodes()) down += node->is_up() ? 0 : 1;
  return (down + 1) * 2 < cluster_.nodes().size();
}

void Storm::split() {
  note("split");
  std::vector<std::vector<NodeId>> groups(2);
  for (const NodeId id : cluster_.ids()) groups[random().below(2)].push_back(id);
  cluster_.split(groups);
  heal_later();
}

// Unless another cut comes first: then its heal ends both.
void Storm::heal_later(Duration least, Duration most) {
  cluster_.world().after(random().between(least, most), [this, cut = ++cut_number_] {
    if (!is_over_ && cut == cut_number_) cluster_.heal();
  });
}

void Storm::cut_one_way() {
  note("one_way_cut");
  const NodeId from = any_node();
  const NodeId to = any_node();
  if (from == to) return;
  cluster_.network().cut(from, to);
  heal_later();
}

// The partitions of the experiment matrix that are more than two groups: bridges, rings, nodes that only hear or are only heard.
void Storm::cut_a_shape() {
  constexpr fault::Shape shapes[] = {fault::Shape::bridge_at_leader,
                                     fault::Shape::bridge_at_follower,
                                     fault::Shape::ring,
                                     fault::Shape::deaf_leader,
                                     fault::Shape::mute_leader,
                                     fault::Shape::deaf_follower,
                                     fault::Shape::leader_alone,
                                     fault::Shape::shatter};
  const fault::Shape shape = shapes[random().below(std::size(shapes))];
  const NodeId leader = cluster_.leader_of(options_.cp_keyspace).value_or(any_node());
  const auto cut = fault::cut_of(shape, cluster_.ids(), leader, random());
  if (!cut) return;  // three nodes are no ring
  note("shape");
  for (const fault::Link& link : cut->links) cluster_.network().cut(link.from, link.to);
  heal_later();
}

// A few links become slow, lose packets or are jammed.
void Storm::slow_links() {
  note("slow_links");
  for (const NodeId from : cluster_.ids()) {
    for (const NodeId to : cluster_.ids()) {
      if (from == to || random().chance(0.5)) continue;
      SimNetwork::LinkQuality quality;
      quality.delay = random().between(Duration(0), Duration(std::chrono::milliseconds(150)));
      quality.jitter = quality.delay / 3;
      quality.packet_loss = random().chance(0.3) ? random().unit() * 0.3 : 0;
      quality.bytes_per_second = random().chance(0.1) ? 8'000 : 0;
      cluster_.network().set_quality(from, to, quality);
    }
  }
  cluster_.world().after(random().between(options_.fault_min, options_.fault_max),
                         [this] { cluster_.network().reset_qualities(); });
}

void Storm::take_down(NodeId id, SimDisk::Crash kind) {
  cluster_.node(id).crash(kind);
  stopping_.erase(id);
  down_(id);
  restart_after(id, options_.fault_min, options_.fault_max);
}

void Storm::restart_after(NodeId id, Duration least, Duration most) {
  cluster_.world().after(random().between(least, most), [this, id, life = cluster_.node(id).life()] {
    SimNode& node = cluster_.node(id);
    if (node.life() != life || node.is_up()) return;
    // A power cut after a kill takes what the kill had left in the page cache.
    if (random().chance(0.2)) node.disk().crash(SimDisk::Crash::power_loss);
    restart(id);
  });
}

void Storm::restart(NodeId id) {
  const auto started = cluster_.restart(id);
  ASSERT(started.has_value());
}

void Storm::crash(SimDisk::Crash kind) {
  const NodeId id = any_node();
  if (!is_usable(id) || !may_take_one_down()) return;
  note(kind == SimDisk::Crash::kill ? "kill" : "power_loss");
  take_down(id, kind);
}

void Storm::crash_inside_a_round() {
  const NodeId id = any_node();
  if (!is_usable(id) || !may_take_one_down()) return;
  note("crash_inside_a_round");
  cluster_.node(id).crash_soon(static_cast<std::uint32_t>(random().below(200)), any_crash(), [this, id] {
    down_(id);
    restart_after(id, options_.fault_min, options_.fault_max);
  });
}

void Storm::lose_all_power() {
  note("power_loss_of_all");
  for (const NodeId id : cluster_.ids()) {
    if (!cluster_.node(id).is_up()) continue;
    cluster_.node(id).crash(SimDisk::Crash::power_loss);
    stopping_.erase(id);
    down_(id);
  }
  for (const NodeId id : cluster_.ids()) restart_after(id, options_.fault_min, options_.fault_max);
}

void Storm::pause() {
  note("pause");
  cluster_.node(any_node()).pause(random().between(options_.fault_min, options_.fault_max));
}

void Storm::stall_disk() {
  note("disk_stall");
  const NodeId id = any_node();
  cluster_.node(id).disk().stall(
      random().between(Duration(std::chrono::milliseconds(20)), Duration(std::chrono::milliseconds(700))));
  cluster_.world().after(random().between(options_.fault_min, options_.fault_max),
                         [this, id] { cluster_.node(id).disk().stall(Duration(0)); });
}

// Disks that are full, or stores that cannot keep up: of one node (a leader, as often as not), sometimes of a majority.
void Storm::press_stores() {
  note("pressure");
  const auto pressure = random().chance(0.5) ? env::Pressure::stalled : env::Pressure::disk_full;
  std::vector<NodeId> pressed{any_node()};
  if (random().chance(0.5)) pressed[0] = cluster_.leader_of(options_.cp_keyspace).value_or(pressed[0]);
  if (random().chance(0.3)) {
    note("pressure_of_a_majority");
    pressed = cluster_.ids();
    const std::size_t most = topology::majority(static_cast<std::uint32_t>(pressed.size()));
    while (pressed.size() > most)
      pressed.erase(pressed.begin() + static_cast<std::ptrdiff_t>(random().below(pressed.size())));
  }
  const Duration lasts = random().between(Duration(std::chrono::milliseconds(500)), Duration(std::chrono::seconds(3)));
  for (const NodeId id : pressed) {
    cluster_.node(id).disk().press(pressure);
    cluster_.world().after(lasts, [this, id] { cluster_.node(id).disk().press(env::Pressure::none); });
  }
}

void Storm::step_wall_clock() {
  const NodeId id = any_node();
  if (!cluster_.node(id).is_up()) return;
  note("wall_clock_step");
  const auto step = static_cast<std::int64_t>(random().below(800)) - 400;
  cluster_.node(id).executor().step_wall(std::chrono::milliseconds(step));
}

// Beyond what versions of two clocks may differ by, and set right again.
void Storm::jump_wall_clock() {
  const NodeId id = any_node();
  if (!cluster_.node(id).is_up()) return;
  note("wall_clock_jump");
  const Duration far = random().between(wall_jump_min, wall_jump_max);
  const auto by = std::chrono::floor<std::chrono::milliseconds>(random().chance(0.5) ? far : -far);
  cluster_.node(id).executor().step_wall(by);
  cluster_.world().after(random().between(options_.fault_min, options_.fault_max),
                         [this, id] { cluster_.node(id).set_clock_right(); });
}

void Storm::disturb_network() {
  note("lossy_network");
  // A second copy may come long after the first has been answered, and others have written since.
  const Duration late =
      random().chance(0.5) ? Duration(std::chrono::milliseconds(6)) : Duration(std::chrono::milliseconds(400));
  cluster_.network().set_faults({.drop = random().unit() * 0.2,
                                 .repeat = random().unit() * 0.3,
                                 .reorder = random().unit() * 0.2,
                                 .repeat_delay_max = late});
  cluster_.world().after(random().between(options_.fault_min, options_.fault_max),
                         [this] { cluster_.network().set_faults({}); });
}

void Storm::stop_cleanly() {
  const NodeId id = any_node();
  if (!is_usable(id) || !may_take_one_down()) return;
  note("clean_stop");
  stop_cleanly(id);
}

void Storm::stop_cleanly(NodeId id) {
  stopping_.insert(id);
  cluster_.node(id).executor().post([this, id] {
    cluster_.node(id).stop_cleanly([this, id] {
      stopping_.erase(id);
      down_(id);
      restart_after(id, options_.fault_min, options_.fault_max);
    });
  });
}

// The leader starts anew, and while all of them vote they are killed and come back within the same election: what a node has promised in a term must
// outlive it.
void Storm::disturb_election() {
  const auto leader = cluster_.leader_of(random().chance(0.5) ? "bank" : "_system");
  if (!leader || !cluster_.node(*leader).is_up()) return;
  note("disturbed_election");
  cluster_.node(*leader).crash(SimDisk::Crash::kill);
  down_(*leader);
  stopping_.erase(*leader);
  restart(*leader);
  for (const NodeId id : cluster_.ids()) {
    // Slow disks hold vote requests back, so that candidates of one term meet.
    cluster_.node(id).disk().stall(
        random().between(Duration(std::chrono::milliseconds(50)), Duration(std::chrono::milliseconds(400))));
    cluster_.world().after(std::chrono::seconds(2), [this, id] { cluster_.node(id).disk().stall(Duration(0)); });
    for (std::uint64_t times = random().below(10); times > 0; --times) {
      cluster_.world().after(
          random().between(Duration(std::chrono::milliseconds(400)), Duration(std::chrono::milliseconds(1800))),
          [this, id] {
            if (!is_over_) reboot(id, SimDisk::Crash::kill);
          });
    }
  }
}

// Down, and up again before anybody has missed it.
void Storm::reboot(NodeId id, SimDisk::Crash kind) {
  if (!is_usable(id)) return;
  cluster_.node(id).crash(kind);
  down_(id);
  restart_after(id, std::chrono::microseconds(200), std::chrono::milliseconds(4));
}

void Storm::calm() {
  is_over_ = true;
  end_duel();
  cluster_.network().set_faults({});
  cluster_.network().reset_qualities();
  cluster_.heal();
  for (const NodeId id : cluster_.ids()) {
    SimNode& node = cluster_.node(id);
    node.disk().stall(Duration(0));
    node.disk().press(env::Pressure::none);
    node.set_clock_right();
    if (!node.fuse().is_burnt()) node.fuse().renew();
    if (stopping_.contains(id) && node.is_up()) {  // it is on its way out: take it down and start it again
      node.crash(SimDisk::Crash::kill);
      down_(id);
    }
    if (!node.is_up() && !node.fuse().is_burnt()) restart(id);
    if (node.fuse().is_burnt()) {
      node.crash(SimDisk::Crash::kill);
      down_(id);
      restart(id);
    }
  }
  stopping_.clear();
}

}  // namespace rift::chaos::sim
