#include "chaos/sim/row_faults.h"

#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"
#include "chaos/sim/row_run.h"

namespace rift::chaos::sim {
namespace {

constexpr Duration look_again = std::chrono::milliseconds(10);
constexpr const char* keyspace = "bank";

}  // namespace

RowFaults::RowFaults(Cluster& cluster, Observer& observer, load::Recorder& recorder, const fault::MatrixRow& row,
                     Time start, std::function<void(NodeId)> down)
    : cluster_(cluster),
      observer_(observer),
      recorder_(recorder),
      row_(row),
      start_(start),
      down_(std::move(down)),
      partition_(cluster.keyspace(keyspace)->partitions.front().id),
      administrator_(cluster, [this] { return timeline_.majority; }) {
  timeline_.cut = Time(row.fault_begins);
  timeline_.heal = Time(row.fault_ends);
  timeline_.end = Time(row.length);
  timeline_.majority = cluster.ids();
  if (row.mode == Mode::ap) centre_ = timeline_.majority[random().below(timeline_.majority.size())];
}

void RowFaults::schedule() {
  World& world = cluster_.world();
  world.at(start_ + row_.fault_begins, [this] { note_begin(); });
  for (const fault::RowStep& step : row_.steps) {
    // A change of members is to be felt by nobody.
    const bool is_felt = !std::holds_alternative<fault::ChangeMembers>(step.deed);
    if (is_felt && step.at != row_.fault_begins && step.at != row_.fault_ends)
      timeline_.changes.push_back(Time(step.at));
    world.at(start_ + step.at, [this, &step] {
      check::FaultRecord record;
      record.at = now();
      record.name = std::string(fault::name_of(step.deed));
      recorder_.fault(std::move(record));
      carry_out(step.deed);
    });
  }
  world.at(start_ + row_.fault_ends, [this] { note_end(); });
  std::sort(timeline_.changes.begin(), timeline_.changes.end());
}

void RowFaults::carry_out(const fault::Deed& deed) {
  std::visit(
      overloaded{[&](const fault::CutLinks& d) { cut(d); }, [&](const fault::HealLinks&) { heal(); },
                 [&](const fault::KillLeader&) { kill_leader(); }, [&](const fault::RestartDown&) { restart_down(); },
                 [&](const fault::RestartInTurn& d) { restart_in_turn(d); },
                 [&](const fault::PauseLeader& d) { pause_leader(d.length); },
                 [&](const fault::SlowLinks& d) { slow_links(d); },
                 [&](const fault::JamLink& d) {
                   if (d.bytes_per_second == 0) return end_jam();
                   proved("jammed links", 0);
                   jam_link(d.bytes_per_second, jam_number_);
                 },
                 [&](const fault::GarbleLinks& d) {
                   cluster_.network().set_faults({.repeat = d.repeat, .reorder = d.reorder});
                 },
                 [&](const fault::ClearLinks&) {
                   for (const auto& [link, quality] : qualities_) {
                     proved("slowed frames on every link", 0);
                     const auto slowed = cluster_.network().slowed(link.from, link.to);
                     if (slowed == 0) trouble_ = "a link that was to be slow carried nothing";
                     proved("slowed frames on every link", slowed);
                   }
                   end_jam();
                   cluster_.network().reset_qualities();
                   cluster_.network().set_faults({});
                   qualities_.clear();
                 },
                 [&](const fault::StepWallClock& d) { step_wall_clock(d); },
                 [&](const fault::TurnFsyncOff& d) {
                   for (auto& [id, node] : cluster_.nodes()) node->disk().lie(d.write_back);
                 },
                 [&](const fault::LosePowerOfAll& d) { lose_power_of_all(d.down); },
                 [&](const fault::Swizzle& d) { swizzle(d.length); },
                 [&](const fault::SlowNode& d) { slow_node(d.delay); },
                 [&](const fault::PauseNode& d) { pause_node(d.length); },
                 [&](const fault::ChangeMembers& d) { change_members(d.move); }},
      deed);
}

std::optional<NodeId> RowFaults::leader() { return centre_ ? centre_ : cluster_.leader_of(keyspace); }

NodeId RowFaults::any_but(NodeId excluded) {
  auto ids = cluster_.ids();
  std::erase(ids, excluded);
  return ids[random().below(ids.size())];
}

bool RowFaults::says_it_leads(NodeId id) {
  const auto status = cluster_.status(id);
  return std::any_of(status.replicas.begin(), status.replicas.end(), [this](const ReplicaStatus& replica) {
    return replica.partition == partition_ && replica.role == "leader";
  });
}

// Set before the first step, which is due at the same time.
void RowFaults::note_begin() {
  if (row_.mode == Mode::ap) return;  // nobody leads, and nothing is committed
  first_leader_ = leader();
  first_term_ = observer_.highest_term(partition_);
  if (!first_leader_) trouble_ = "nobody led when the fault was due";
  watch();
}

void RowFaults::note_end() {
  if (row_.mode == Mode::ap) return;
  LogIndex committed;
  for (const NodeId id : cluster_.ids()) {
    for (const ReplicaStatus& replica : cluster_.status(id).replicas) {
      if (replica.partition == partition_) committed = std::max(committed, replica.commit);
    }
  }
  committed_at_heal_ = committed;
  if (!row_.demands.config_equal_within) return;
  const auto leads = leader();
  const bool has_changed = leads && administrator_.open_count() == 0 && is_as_wished({*leads});
  proved("members changed during the cut", has_changed ? 1 : 0);
}

// What has to be noticed when it happens.
void RowFaults::watch() {
  if (first_leader_ && !facts_.stepped_down_after && !says_it_leads(*first_leader_))
    facts_.stepped_down_after = now() - timeline_.cut;
  if (const auto now_leads = leader(); now_leads && now_leads != first_leader_) facts_.leader_changed = true;
  if (committed_at_heal_ && !facts_.caught_up_after) {
    const auto owners = cluster_.owners(keyspace);
    const bool all = std::all_of(owners.begin(), owners.end(), [this](NodeId id) {
      const auto status = cluster_.status(id);
      return std::any_of(status.replicas.begin(), status.replicas.end(), [this](const ReplicaStatus& replica) {
        return replica.partition == partition_ && replica.applied >= *committed_at_heal_;
      });
    });
    if (all) facts_.caught_up_after = now() - timeline_.heal;
  }
  if (committed_at_heal_ && !facts_.config_equal_after && row_.demands.config_equal_within &&
      is_as_wished(cluster_.ids()))
    facts_.config_equal_after = now() - timeline_.heal;
  if (now() < timeline_.end) after(look_again, [this] { watch(); });
}

void RowFaults::cut(const fault::CutLinks& deed) {
  const auto leads = leader();
  const NodeId leader = leads ? *leads : cluster_.ids().front();
  if (!leads && deed.shape != fault::Shape::any_minority) trouble_ = "nobody led when links were to be cut";
  auto cut =
      fault::cut_of(deed.shape, row_.mode == Mode::cp ? cluster_.owners(keyspace) : cluster_.ids(), leader, random());
  if (!cut) {
    trouble_ = cut.error().detail;
    return;
  }
  for (const fault::Link& link : cut->links) {
    cluster_.network().cut(link.from, link.to);
    cut_links_.insert(link);
  }
  if (deed.shape == fault::Shape::any_minority) return;
  timeline_.majority = cut->majority;
  timeline_.minority = cut->minority;
  for (const NodeId id : cluster_.ids()) {
    if (timeline_.side_of(id) == check::Side::none) part_from_minority(id);
  }
  recorder_.set_sides(timeline_.majority, timeline_.minority);
}

void RowFaults::heal() {
  cluster_.heal();
  isolated_.clear();
  recorder_.set_sides({}, {});
}

void RowFaults::kill_leader() {
  const auto leads = leader();
  if (!leads) {
    trouble_ = "nobody led when the leader was to be killed";
    return;
  }
  std::erase(timeline_.majority, *leads);
  if (timeline_.side_of(*leads) == check::Side::none) timeline_.minority.push_back(*leads);
  cluster_.node(*leads).crash(SimDisk::Crash::kill);
  down_(*leads);
  proved("killed leaders", 1);
}

void RowFaults::restart_down() {
  for (auto& [id, node] : cluster_.nodes()) {
    if (!node->is_up()) MUST(cluster_.restart(id));
  }
}

void RowFaults::restart_in_turn(const fault::RestartInTurn& deed) {
  Duration at{};
  proved("clean stops", 0);
  for (const NodeId id : cluster_.ids()) {
    after(at, [this, id, down = deed.down] { stop_one(id, down); });
    at += deed.every;
  }
}

void RowFaults::stop_one(NodeId id, Duration down) {
  cluster_.node(id).executor().post([this, id, down] {
    cluster_.node(id).stop_cleanly([this, id, down] {
      proved("clean stops", 1);
      down_(id);
      after(down, [this, id] { MUST(cluster_.restart(id)); });
    });
  });
}

void RowFaults::pause_leader(Duration length) {
  const auto leads = leader();
  proved("paused leaders", leads ? 1 : 0);
  if (!leads) return;
  cluster_.node(*leads).pause(length);
  paused_ = leads;
  after(length, [this] { paused_.reset(); });
}

// Who is late stands alone, and the others with each other.
NodeId RowFaults::set_apart() {
  const NodeId id = leader().value_or(cluster_.ids().front());
  std::erase(timeline_.majority, id);
  timeline_.minority = {id};
  recorder_.set_sides(timeline_.majority, timeline_.minority);
  return id;
}

void RowFaults::pause_node(Duration length) {
  cluster_.node(set_apart()).pause(length);
  proved("paused nodes", 1);
}

void RowFaults::slow_node(Duration delay) {
  const NodeId late = set_apart();
  for (const NodeId other : timeline_.majority) {
    for (const auto& [from, to] : {std::pair(late, other), std::pair(other, late)}) {
      qualities_[{from, to}].delay = delay;
      cluster_.network().set_quality(from, to, qualities_[{from, to}]);
    }
  }
}

void RowFaults::slow_links(const fault::SlowLinks& deed) {
  for (const NodeId from : cluster_.ids()) {
    for (const NodeId to : cluster_.ids()) {
      if (from == to) continue;
      auto& quality = qualities_[{from, to}];
      quality = {.delay = deed.delay, .jitter = deed.jitter, .packet_loss = deed.packet_loss};
      cluster_.network().set_quality(from, to, quality);
    }
  }
}

// Not before somebody leads who is not asleep: the way to a paused leader is slow already.
void RowFaults::jam_link(std::uint64_t bytes_per_second, std::uint64_t number) {
  if (number != jam_number_) return;
  const auto to = leader();
  if (!to || to == paused_) return after(look_again, [=, this] { jam_link(bytes_per_second, number); });
  jammed_ = fault::Link{any_but(*to), *to};
  facts_.jams.push_back({.node = jammed_->from, .from = now(), .to = timeline_.end});
  proved("jammed links", 1);
  set_jam(bytes_per_second);
}

void RowFaults::end_jam() {
  ++jam_number_;
  if (!jammed_) return;
  set_jam(0);
  facts_.jams.back().to = now();
  jammed_.reset();
}

void RowFaults::set_jam(std::uint64_t bytes_per_second) {
  auto& quality = qualities_[*jammed_];
  quality.bytes_per_second = bytes_per_second;
  cluster_.network().set_quality(jammed_->from, jammed_->to, quality);
}

void RowFaults::step_wall_clock(const fault::StepWallClock& deed) {
  const auto leads = leader();
  NodeId whose = deed.of_leader && leads ? *leads : any_but(leads.value_or(NodeId()));
  if (row_.mode == Mode::ap && timeline_.minority.empty()) whose = set_apart();
  cluster_.node(whose).executor().step_wall(deed.by);
  proved("wall clock steps", 1);
}

void RowFaults::lose_power_of_all(Duration down) {
  for (auto& [id, node] : cluster_.nodes()) {
    if (!node->is_up()) continue;
    node->crash(SimDisk::Crash::power_loss);
    down_(id);
  }
  proved("power losses of all", 1);
  after(down, [this] { restart_down(); });
}

void RowFaults::swizzle(Duration length) {
  auto ids = cluster_.ids();
  const std::size_t count = 2 + random().below(ids.size() - 1);
  while (ids.size() > count) ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(random().below(ids.size())));
  for (const NodeId id : ids) {
    after(random().between(Duration(0), length / 2), [this, id] { isolate(id); });
    after(random().between(length / 2, length), [this, id] { release(id); });
  }
  proved("swizzled nodes", ids.size());
}

// Whoever has no copy, or is new, stands with the majority.
void RowFaults::part_from_minority(NodeId id) {
  for (const NodeId other : timeline_.minority) {
    cluster_.network().cut(id, other);
    cluster_.network().cut(other, id);
  }
}

// No leader of before the cut, so that the cut stays what it is.
NodeId RowFaults::one_beyond_the_cut() {
  auto candidates = timeline_.minority;
  if (first_leader_) std::erase(candidates, *first_leader_);
  return candidates[random().below(candidates.size())];
}

void RowFaults::change_members(fault::MemberMove move) {
  switch (move) {
    case fault::MemberMove::add: {
      const NodeId id(cluster_.ids().back().value() + 1);
      cluster_.add_node(id);
      part_from_minority(id);
      administrator_.add(id, [this, copies = row_.nodes + 1] { administrator_.set_copies(keyspace, copies, {}); });
      return;
    }
    case fault::MemberMove::remove:
      administrator_.remove(one_beyond_the_cut(), {});
      return;
    case fault::MemberMove::replace: {
      const NodeId id = one_beyond_the_cut();
      std::erase(timeline_.minority, id);  // it is on no side: it changes it
      cluster_.node(id).wipe();
      down_(id);
      MUST(cluster_.restart(id));
      std::set<std::pair<NodeId, NodeId>> links;
      for (const NodeId other : timeline_.majority) {
        links.insert({id, other});
        links.insert({other, id});
      }
      cluster_.network().restore(links);
      part_from_minority(id);
      recorder_.set_sides(timeline_.majority, timeline_.minority);
      administrator_.replace(id, {});
      return;
    }
  }
}

// Every owner of the newest map votes, knows so, and nobody else has a replica left.
bool RowFaults::is_as_wished(const std::vector<NodeId>& asked) {
  auto owners = cluster_.owners(keyspace);
  std::sort(owners.begin(), owners.end());
  return std::all_of(asked.begin(), asked.end(), [&](NodeId id) {
    const auto replicas = cluster_.status(id).replicas;
    const auto mine = std::find_if(replicas.begin(), replicas.end(),
                                   [this](const ReplicaStatus& replica) { return replica.partition == partition_; });
    const bool is_owner = std::binary_search(owners.begin(), owners.end(), id);
    if (mine == replicas.end()) return !is_owner;
    auto voters = mine->voters;
    std::sort(voters.begin(), voters.end());
    return is_owner && mine->settled && voters == owners;
  });
}

void RowFaults::isolate(NodeId id) {
  isolated_.insert(id);
  for (const NodeId other : cluster_.ids()) {
    if (other == id) continue;
    cluster_.network().cut(id, other);
    cluster_.network().cut(other, id);
    cut_links_.insert({id, other});
    cut_links_.insert({other, id});
  }
}

void RowFaults::release(NodeId id) {
  isolated_.erase(id);
  std::set<std::pair<NodeId, NodeId>> links;
  for (const NodeId other : cluster_.ids()) {
    if (other == id || isolated_.contains(other)) continue;
    links.insert({id, other});
    links.insert({other, id});
  }
  cluster_.network().restore(links);
}

std::vector<check::LinkProof> RowFaults::links() const {
  std::vector<check::LinkProof> links;
  for (const fault::Link& link : cut_links_) {
    check::LinkProof& proof = links.emplace_back();
    proof.from = link.from;
    proof.to = link.to;
    proof.connections = cluster_.network().held(link.from, link.to);
  }
  return links;
}

check::RowFacts RowFaults::facts() {
  check::RowFacts facts = facts_;
  facts.terms_grown = observer_.highest_term(partition_).value() - first_term_.value();
  for (const auto& [what, count] : proofs_) facts.proofs.push_back({.what = what, .count = count});
  for (const fault::RowStep& step : row_.steps) {
    if (std::holds_alternative<fault::GarbleLinks>(step.deed))
      facts.proofs.push_back({.what = "frames repeated or out of order", .count = cluster_.network().garbled()});
  }
  return facts;
}

}  // namespace rift::chaos::sim
