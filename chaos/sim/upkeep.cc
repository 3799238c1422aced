// Storm: what administrators do while it rages. One guest at a time joins the founders, gets a copy of the cp keyspace and a vote, is replaced by
// another disk, and leaves; leaders are told to move; a keyspace comes and goes. What was begun is ended, if need be after the storm.
#include "base/node_list.h"
#include "chaos/sim/storm.h"

namespace rift::chaos::sim {
namespace {

constexpr std::size_t guests_max = 3;
constexpr Duration look_again = std::chrono::milliseconds(100);
constexpr const char* passing = "passing";

}  // namespace

// Those that may be asked: a node that the map does not name knows nothing.
std::vector<NodeId> Storm::members() {
  std::vector<NodeId> result;
  const auto map = cluster_.catalog();
  if (!map) return result;
  for (const auto& [id, member] : map->members) {
    if (member.state == topology::MemberState::active) result.push_back(id);
  }
  return result;
}

void Storm::move_guest() {
  if (is_guest_moving_) return;
  if (!guest_) return welcome_guest();
  if (random().chance(0.5)) return replace_guest();
  send_guest_away();
}

void Storm::welcome_guest() {
  if (cluster_.nodes().size() >= founders_ + guests_max) return;
  const NodeId id(cluster_.ids().back().value() + 1);
  cluster_.add_node(id);
  guest_ = id;
  is_guest_moving_ = true;
  administrator_.add(id, [this] {
    administrator_.set_copies(options_.cp_keyspace, founders_ + 1, [this] {
      note("member_added");
      is_guest_moving_ = false;
    });
  });
}

// Some founders lose their copies and are given them again: what they come back with is nothing that they held before.
void Storm::shrink_and_grow() {
  if (is_guest_moving_ || guest_) return;
  const auto copies = static_cast<std::uint32_t>(random().between(std::uint64_t{1}, std::uint64_t{founders_ - 1}));
  is_guest_moving_ = true;
  administrator_.set_copies(options_.cp_keyspace, copies, [this] {
    const Duration pause = random().between(Duration(0), Duration(std::chrono::seconds(1)));
    cluster_.world().after(pause, [this] {
      administrator_.set_copies(options_.cp_keyspace, founders_, [this] {
        note("copies_shrunk_and_grown");
        is_guest_moving_ = false;
      });
    });
  });
}

void Storm::replace_guest() {
  SimNode& node = cluster_.node(*guest_);
  node.wipe();
  stopping_.erase(*guest_);
  down_(*guest_);
  restart(*guest_);
  is_guest_moving_ = true;
  administrator_.replace(*guest_, [this] {
    note("member_replaced");
    is_guest_moving_ = false;
  });
}

void Storm::send_guest_away() {
  is_guest_moving_ = true;
  administrator_.set_copies(options_.cp_keyspace, founders_, [this, id = *guest_] { remove_guest(id); });
}

// A try to give it more copies that was given up as lost may be carried out now: then they are lowered once more.
void Storm::remove_guest(NodeId id) {
  const auto verb = [this, id](Admin& admin, Admin::Done<topology::Catalog> done) {
    const auto bank = cluster_.keyspace(options_.cp_keyspace);
    if (!bank || bank->copies <= founders_)
      return admin.change_members({.kind = topology::MemberChange::Kind::remove, .node = id}, std::move(done));
    MARK(&cluster_.world().recorder(), "sim.late_wish_carried_out");
    admin.alter_keyspace({.name = bank->name, .read = {}, .write = {}, .copies = founders_},
                         [done = std::move(done)](const Result<topology::Catalog>&) {
                           done(fail(Code::not_ready, "its copies had to be lowered once more"));
                         });
  };
  administrator_.change(verb, [this, id] { forget_when_let_go(id); });
}

void Storm::forget_when_let_go(NodeId guest) {
  if (!is_let_go(guest)) {
    cluster_.world().after(look_again, [this, guest] { forget_when_let_go(guest); });
    return;
  }
  administrator_.forget(guest, [this] {
    note("member_removed");
    guest_.reset();
    is_guest_moving_ = false;
  });
}

// No configuration that a founder has names it.
bool Storm::is_let_go(NodeId guest) {
  return std::all_of(cluster_.nodes().begin(), cluster_.nodes().end(), [&](const auto& entry) {
    if (entry.first.value() > founders_) return true;
    const auto replicas = cluster_.status(entry.first).replicas;
    return !replicas.empty() && std::none_of(replicas.begin(), replicas.end(), [&](const ReplicaStatus& replica) {
      return replica.mode == Mode::cp &&
             (!replica.settled || holds(replica.voters, guest) || holds(replica.learners, guest));
    });
  });
}

void Storm::transfer_leadership() {
  const std::string names[] = {options_.cp_keyspace, "things", "_system"};
  const std::string& name = names[random().below(std::size(names))];
  const auto leader = cluster_.leader_of(name);
  if (!leader || !is_usable(*leader)) return;
  const auto keyspace = cluster_.keyspace(name);
  const topology::Partition& partition = keyspace->partitions.front();
  const NodeId to = partition.owners[random().below(partition.owners.size())];
  if (to == *leader) return;
  SimNode& node = cluster_.node(*leader);
  node.executor().post([this, &node, to, id = partition.id] {
    node.node().transfer(id, to, [this](const Result<void>& told) {
      if (told) note("leadership_transferred");
    });
  });
}

void Storm::change_keyspaces() {
  if (is_passing_changing_) return;
  is_passing_changing_ = true;
  if (is_passing_there_) {
    const auto drop = [](Admin& admin, Admin::Done<topology::Catalog> done) {
      admin.drop_keyspace(passing, [done = std::move(done)](Result<topology::Catalog> told) {
        // An earlier try that seemed to fail was carried out.
        if (!told && told.error().code == Code::unknown_keyspace) told = topology::Catalog();
        done(std::move(told));
      });
    };
    administrator_.change(drop, [this] {
      note("keyspace_dropped");
      is_passing_there_ = is_passing_changing_ = false;
    });
    return;
  }
  const topology::KeyspaceWish wish{.name = passing, .mode = Mode::cp, .copies = 3, .partitions = 2};
  const auto create = [wish](Admin& admin, Admin::Done<topology::Catalog> done) {
    admin.create_keyspace(wish, std::move(done));
  };
  administrator_.change(create, [this] {
    note("keyspace_created");
    is_passing_there_ = true;
    is_passing_changing_ = false;
    prober_.put(passing, NodeId(1), "passing" + std::to_string(++passing_keyspaces_), [](bool) {});
  });
}

}  // namespace rift::chaos::sim
