// Storm: the directed faults. Blind faults reach these moments once in thousands of seeds; here the simulator, which sees every frame and owns every
// node, brings them about.
#include <algorithm>

#include "chaos/sim/storm.h"
#include "wire/frame.h"
#include "wire/messages.h"

namespace rift::chaos::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration duel_length = milliseconds(1600);
constexpr int key_tries_max = 64;

bool grants_a_vote(const Bytes& bytes, PartitionId partition) {
  const auto frame = wire::decode_frame(bytes);
  if (!frame) return false;
  return std::any_of(frame->parts.begin(), frame->parts.end(), [&](const wire::FramePart& part) {
    if (part.partition != partition) return false;
    const auto message = wire::decode_message(part.message);
    if (!message) return false;
    const auto* raft = std::get_if<raft::Message>(&*message);
    const auto* reply = raft == nullptr ? nullptr : std::get_if<raft::VoteReply>(raft);
    return reply != nullptr && reply->granted;
  });
}

}  // namespace

std::optional<NodeId> Storm::leader_of_a_whole_cluster(const std::string& name) {
  const auto ids = cluster_.ids();
  const bool whole = std::all_of(ids.begin(), ids.end(), [this](NodeId id) { return is_usable(id); });
  return whole ? cluster_.leader_of(name) : std::nullopt;
}

// Two candidates of one term: neither hears the other, and the disks hold their vote requests back for different times. All others have just been
// started, so that they do not stand themselves. Whoever grants the first candidate its vote is started anew as the grant arrives, and the
// winner is cut off before it can say so: when the second request comes, nothing but the disk still knows of the vote.
bool Storm::duel() {
  const std::string name = random().chance(0.7) ? options_.cp_keyspace : "_system";
  const auto leader = leader_of_a_whole_cluster(name);
  if (!leader || duel_) return false;
  note("election_duel");
  auto candidates = cluster_.ids();
  std::erase(candidates, *leader);
  while (candidates.size() > 2)
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(random().below(candidates.size())));
  duel_ =
      Duel{.partition = cluster_.keyspace(name)->partitions.front().id, .duellists = {candidates[0], candidates[1]}};

  cluster_.heal();
  cluster_.network().cut(candidates[0], candidates[1]);
  cluster_.network().cut(candidates[1], candidates[0]);
  heal_later(milliseconds(1500), milliseconds(2500));
  const Duration first = random().between(Duration(milliseconds(60)), Duration(milliseconds(200)));
  const Duration second = first + random().between(Duration(milliseconds(300)), Duration(milliseconds(420)));
  const bool swapped = random().chance(0.5);
  cluster_.node(candidates[swapped ? 1 : 0]).disk().stall(first);
  cluster_.node(candidates[swapped ? 0 : 1]).disk().stall(second);
  for (const NodeId id : cluster_.ids()) {
    if (duel_->duellists.contains(id)) continue;
    cluster_.node(id).crash(any_crash());
    down_(id);
    restart_after(id, milliseconds(250), milliseconds(350));
  }
  cluster_.network().watch([this](NodeId from, NodeId to, const Bytes& frame) { on_frame_in_duel(from, to, frame); });
  cluster_.world().after(duel_length, [this] { end_duel(); });
  return true;
}

void Storm::on_frame_in_duel(NodeId from, NodeId to, const Bytes& frame) {
  if (!duel_->duellists.contains(to) || !grants_a_vote(frame, duel_->partition)) return;
  if (duel_->winner == NodeId()) duel_->winner = to;
  if (duel_->winner != to || !duel_->granted_by.insert(from).second) return;
  cluster_.world().after(Duration(0), [this, from] { reboot(from, any_crash()); });
  const auto ids = cluster_.ids();
  if (duel_->granted_by.size() + 1 < topology::majority(static_cast<std::uint32_t>(ids.size()))) return;
  cut_off_what_it_sends(to);
  note("election_duel_won");
}

void Storm::end_duel() {
  if (!duel_) return;
  for (const NodeId id : duel_->duellists) cluster_.node(id).disk().stall(Duration(0));
  cluster_.network().watch({});
  duel_.reset();
}

// A key of its own, of which `owner` holds a copy.
std::optional<std::string> Storm::lonely_key(NodeId owner) {
  for (int i = 0; i < key_tries_max; ++i) {
    std::string key = "lonely" + std::to_string(++lonely_keys_);
    const auto owners = cluster_.owners(options_.ap_keyspace, key);
    if (std::find(owners.begin(), owners.end(), owner) != owners.end()) return key;
  }
  return std::nullopt;
}

void Storm::cut_off_what_it_sends(NodeId id) {
  for (const NodeId other : cluster_.ids()) {
    if (other != id) cluster_.network().cut(id, other);
  }
}

// A coordinator dies with a write that it has acknowledged and nobody else has, before the write's deadline would have left a hint.
bool Storm::orphan_a_write() {
  const NodeId id = any_node();
  const auto key = is_usable(id) && may_take_one_down() ? lonely_key(id) : std::nullopt;
  if (!key) return false;
  note("orphaned_write");
  cut_off_what_it_sends(id);
  heal_later(milliseconds(1100), milliseconds(1600));
  prober_.put(options_.ap_keyspace, id, *key, [this, id, life = cluster_.node(id).life()](bool acknowledged) {
    if (!acknowledged) return;
    cluster_.world().after(random().between(Duration(0), Duration(milliseconds(900))), [this, id, life] {
      if (!is_over_ && is_usable(id) && cluster_.node(id).life() == life && may_take_one_down())
        take_down(id, any_crash());
    });
  });
  return true;
}

// A coordinator is told to stop while a write of its has reached nobody else: what the clean mark says must be true.
bool Storm::stop_with_debts() {
  const NodeId id = any_node();
  const auto key = is_usable(id) && may_take_one_down() ? lonely_key(id) : std::nullopt;
  if (!key) return false;
  note("stop_with_debts");
  cut_off_what_it_sends(id);
  heal_later(milliseconds(1100), milliseconds(1600));
  const auto stop = [this, id, life = cluster_.node(id).life()] {
    if (!is_over_ && is_usable(id) && cluster_.node(id).life() == life && may_take_one_down()) stop_cleanly(id);
  };
  if (random().chance(0.5)) {
    prober_.put(options_.ap_keyspace, id, *key, [this, stop](bool acknowledged) {
      if (acknowledged) cluster_.world().after(random().between(Duration(0), Duration(milliseconds(30))), stop);
    });
    return true;
  }
  // The write and the order to stop lie in one inbox when the node wakes.
  cluster_.node(id).pause(random().between(Duration(milliseconds(3)), Duration(milliseconds(10))));
  prober_.put(options_.ap_keyspace, id, *key, [](bool) {});
  cluster_.world().after(random().between(Duration(0), Duration(microseconds(900))), stop);
  return true;
}

// One key, one instant by everybody's clock, one write through each owner: stamps that differ in nothing but the node.
bool Storm::write_twins() {
  const auto key = lonely_key(any_node());
  if (!key) return false;
  const auto owners = cluster_.owners(options_.ap_keyspace, *key);
  if (!std::all_of(owners.begin(), owners.end(), [this](NodeId id) { return is_usable(id); })) return false;
  note("twin_writes");
  for (const NodeId id : owners) cluster_.node(id).executor().set_wall_offset({});
  for (const NodeId id : owners) prober_.put(options_.ap_keyspace, id, *key, [](bool) {});
  return true;
}

void Storm::lose_power_after(NodeId id, Duration delay) {
  cluster_.world().after(delay, [this, id, life = cluster_.node(id).life()] {
    if (is_over_ || !is_usable(id) || cluster_.node(id).life() != life) return;
    cluster_.node(id).disk().stall(Duration(0));
    reboot(id, SimDisk::Crash::power_loss);
  });
}

// The other owners lose power with copies of a write that their disks have not yet taken: whoever said that it had them must have meant the disk.
bool Storm::lose_copies() {
  const NodeId id = any_node();
  const auto key = lonely_key(id);
  if (!key || !is_usable(id)) return false;
  note("lost_copies");
  for (const NodeId owner : cluster_.owners(options_.ap_keyspace, *key)) {
    if (owner == id) continue;
    cluster_.node(owner).disk().stall(milliseconds(300));
    lose_power_after(owner, random().between(Duration(milliseconds(8)), Duration(milliseconds(80))));
  }
  prober_.put(options_.ap_keyspace, id, *key, [](bool) {});
  return true;
}

// The leader reaches just enough followers for a majority. They lose power with appends that their disks have not yet taken, and the leader is cut off
// from everybody: those who are left elect another, who knows only what the disks know.
bool Storm::lose_appends() {
  const auto leader = leader_of_a_whole_cluster(options_.cp_keyspace);
  if (!leader) return false;
  note("lost_appends");
  auto followers = cluster_.ids();
  std::erase(followers, *leader);
  const std::size_t needed = topology::majority(static_cast<std::uint32_t>(followers.size() + 1)) - 1;
  cluster_.heal();
  for (std::size_t i = needed; i < followers.size(); ++i) cluster_.network().cut(*leader, followers[i]);
  heal_later(milliseconds(1500), milliseconds(2000));
  const Duration strike = random().between(Duration(milliseconds(100)), Duration(milliseconds(250)));
  for (std::size_t i = 0; i < needed; ++i) {
    cluster_.node(followers[i]).disk().stall(milliseconds(400));
    lose_power_after(followers[i], strike);
  }
  cluster_.world().after(strike, [this, leader = *leader] {
    if (!is_over_) cut_off_what_it_sends(leader);
  });
  return true;
}

// A leader that is stopped in its tracks, and deaf when it goes on: it still thinks that it leads, and answers what has queued up meanwhile.
bool Storm::sleep_through_an_election() {
  const auto leader = leader_of_a_whole_cluster(options_.cp_keyspace);
  if (!leader) return false;
  note("slept_through_an_election");
  cluster_.heal();
  for (const NodeId other : cluster_.ids()) {
    if (other != *leader) cluster_.network().cut(other, *leader);
  }
  cluster_.node(*leader).pause(random().between(Duration(milliseconds(900)), Duration(milliseconds(1600))));
  heal_later(milliseconds(1700), milliseconds(2200));
  return true;
}

}  // namespace rift::chaos::sim
