// Node: the cluster map as this node's own `_system` replica has applied it, and what follows from it.
#include <set>

#include <fmt/format.h>

#include "base/node_list.h"
#include "node/amnesia.h"
#include "node/node.h"
#include "node/replica_factory.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

// The map names it a founder, no other disk under its name has been here, and this one has not hosted the group (trap 37). `_system` is founded by word.
Result<bool> may_found(const topology::Catalog& catalog, const topology::Keyspace& keyspace,
                       const topology::Partition& partition, NodeId self, Turn& turn) {
  if (keyspace.mode != Mode::cp || partition.id == topology::system_partition) return false;
  return topology::is_founder(catalog, partition, self) && !TRY(burial(partition.id, turn));
}

}  // namespace

// The watch on `_system` at level ONE (DESIGN 7): its replica's own writes of the catalog key are seen as they become visible. With a snapshot
// the key moves to another generation of the state: what it holds there counts from the batch that switches.
void Node::on_applied(const env::WriteBatch& batch, std::size_t first) {
  static const std::string generation = wire::partition_meta_key(topology::system_partition, "generation");
  for (std::size_t i = first; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    if (entry.kind != env::WriteBatch::Kind::put) continue;
    if (entry.table == env::Table::state_cp && entry.key == catalog_store_key_) read_catalog(batch.value_at(i));
    if (entry.table == env::Table::meta && entry.key == generation) follow_system();
  }
}

// Where `_system` holds the map depends on the generation of its state: a replica that has just begun or ended has another one.
void Node::follow_system() {
  loop_.run([this](Turn& turn) { follow_catalog(turn); });
}

void Node::follow_catalog(Turn& turn) {
  const auto stored = [&]() -> Result<std::optional<Bytes>> {
    catalog_store_key_ = TRY(catalog_store_key(turn));
    return turn.get(env::Table::state_cp, catalog_store_key_);
  }();
  if (!stored) {
    LOG_ERROR(env_.log, "node.catalog_unreadable", "{}; the map stays at its last version", stored.error().detail);
  } else if (*stored) {
    read_catalog(**stored);
  }
  recall(turn);
}

// The map that a sound replica of `_system` holds says what may have been forgotten, and what cannot.
void Node::recall(Turn& turn) {
  const auto recalled = [&]() -> Result<void> {
    if (!TRY(forgets(turn)) || TRY(is_forgetful(topology::system_partition, turn))) return {};
    const auto stored = TRY(turn.get(env::Table::state_cp, catalog_store_key_));
    if (!stored) return {};
    const auto value = TRY(wire::decode_cp_value(*stored));
    MARK(env_.recorder, "node.forgetting_ended");
    end_forgetting(TRY(wire::decode_catalog(value.value)).next_partition, turn);
    return {};
  }();
  if (!recalled) LOG_ERROR(env_.log, "node.forgetting_goes_on", "{}", recalled.error().detail);
}

void Node::read_catalog(const Bytes& stored) {
  const auto value = wire::decode_cp_value(stored);
  if (!value || value->deleted) return;
  auto decoded = wire::decode_catalog(value->value);
  if (!decoded) {
    LOG_ERROR(env_.log, "node.catalog_malformed", "{}; the map stays at its last good version", decoded.error().detail);
    return;
  }
  catalog_revision_ = value->modify_revision.value();
  adopt(std::move(*decoded));
}

void Node::adopt(topology::Catalog catalog) {
  if (catalog_ && catalog.epoch <= catalog_->epoch) return;
  LOG_INFO(env_.log, "node.map", "epoch={} keyspaces={} members={}", catalog.epoch.value(), catalog.keyspaces.size(),
           catalog.members.size());
  loop_.run([this](Turn& turn) {
    recall(turn);
    bury_dropped_replicas(turn);
    follow_refoundings(turn);
    start_missing_replicas(turn);
  });
  catalog_ = std::make_shared<const topology::Catalog>(std::move(catalog));
  std::vector<NodeId> members;
  for (const auto& [node, member] : catalog_->members) {
    if (member.state != topology::MemberState::lost) members.push_back(node);
  }
  if (catalog_->member(options_.self) == nullptr)
    LOG_WARN(env_.log, "node.no_member", "the map does not name this node any more");
  detector_.set_members(members);
  clock_watch_.set_members(members);
  peers_.set_identity(identity_, starts_, catalog_->epoch);
  end_introduction();
  follow_members();
  view_ = nullptr;
  publish_view();
}

void Node::publish_view() {
  if (!catalog_) return;
  std::vector<NodeId> reachable = detector_.reachable();
  const auto& clock_skew = clock_watch_.verdict();
  const bool is_same_clock = view_ && view_->clock_skew == clock_skew;
  if (is_same_clock && view_->catalog == catalog_ && view_->reachable == reachable) return;
  if (view_ && view_->reachable != reachable) {
    LOG_INFO(env_.log, "node.reachable", "{} of {} members", reachable.size(), catalog_->members.size());
  }
  if (!is_same_clock && clock_skew) {
    LOG_WARN(env_.log, "node.clock_skewed", "the clock is {}; this node coordinates no writes of ap keyspaces",
             topology::to_string(*clock_skew));
  }
  view_ = std::make_shared<const topology::View>(topology::View{
      .catalog = catalog_, .self = options_.self, .reachable = std::move(reachable), .clock_skew = clock_skew});
  loop_.observe(view_);
}

// Owners host, and of an ap keyspace who may stand in for them; so does who still has a replica of a group that has not let it go (DESIGN 7), and who has slept through the map of its birth: the other
// founders count its vote, and may need it to let it go. Not yet: an owner whose old disk the group still names.
Result<bool> Node::belongs_here(const topology::Keyspace& keyspace, const topology::Partition& partition, Turn& turn) {
  if (holds(partition.evicted, options_.self)) return false;
  if (holds(partition.owners, options_.self)) return true;
  if (keyspace.mode != Mode::cp) return topology::may_stand_in(*catalog_, keyspace, options_.self);
  return TRY(is_born(partition.id, turn)) || TRY(may_found(*catalog_, keyspace, partition, options_.self, turn));
}

// Born a voter only where the map says founder and this disk has never hosted it; else a learner that the leader adds.
Result<void> Node::ensure_birth(const ReplicaSeed& seed, Turn& turn) {
  const PartitionId partition = seed.partition.id;
  if (TRY(is_born(partition, turn))) return {};
  const auto buried = TRY(burial(partition, turn));
  if (buried && *buried >= catalog_->epoch) return fail(Code::invalid, "it has been buried here");
  // `_system` has more founding entries than its configuration: only who is told to found it writes them. Its other founders learn them.
  const bool founder = TRY(may_found(*catalog_, seed.keyspace, seed.partition, options_.self, turn));
  if (seed.keyspace.mode == Mode::ap || founder) return give_birth(seed, nullptr, turn);
  MARK(env_.recorder, "node.born_as_learner");
  return give_birth_as_learner(seed.partition, turn);
}

void Node::start_missing_replicas(Turn& turn) {
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (!loop_.hosts(partition.id)) start_replica(keyspace, partition, turn);
    }
  }
  turn.begin(PartitionId());
}

void Node::start_replica(const topology::Keyspace& keyspace, const topology::Partition& partition, Turn& turn) {
  ReplicaSeed seed{.keyspace = keyspace,
                   .partition = partition,
                   .self = options_.self,
                   .name = partition_name(keyspace, partition),
                   .stamper = stamper_,
                   .handoff = handoff_,
                   .ledger = ledger_,
                   .hedging = hedging_,
                   .unclean_start = unclean_start_,
                   .check_invariants = options_.check_invariants,
                   .view = view_,
                   .cp = options_.cp};
  std::uint64_t generation = 0;
  const auto started = [&]() -> Result<std::unique_ptr<Replica>> {
    if (!TRY(belongs_here(keyspace, partition, turn))) return nullptr;
    // On another disk than the one it was created on: what the old one held is asked for.
    const topology::Member* self = catalog_->member(options_.self);
    const bool is_replaced = self != nullptr && partition.id < self->first_partition;
    seed.replaced = is_replaced && !TRY(is_born(partition.id, turn));
    TRY(ensure_birth(seed, turn));
    generation = TRY(group_generation(partition.id, turn));
    auto opened = TRY(open_replica(seed, turn));
    if (keyspace.mode == Mode::ap || !TRY(is_superseded(partition, turn))) return opened;
    superseded_[partition.id] = opened->status();
    return nullptr;
  };
  turn.begin(partition.id);  // what a replica writes and sends while it opens is its own, and dies with it
  auto replica = started();
  if (!replica) turn.fail(replica.error().detail);
  turn.end();
  not_started_.erase(partition.id);
  if (replica && *replica) superseded_.erase(partition.id);
  if (!replica) {
    not_started_[partition.id] = {.name = seed.name, .mode = keyspace.mode, .why = replica.error().detail};
    ++counters_["replicas_not_started"];
    LOG_ERROR(env_.log, "node.replica_not_started", "{}: {}", seed.name, replica.error().detail);
  } else if (*replica) {
    loop_.host(partition.id, std::move(*replica), generation);
    if (partition.id == topology::system_partition) follow_system();
  }
}

// The map is committed and partition ids are never reused: what it no longer names is gone for good. The disk says what there is to bury, for the
// node may have died, or been down, between the map and the burial.
void Node::bury_dropped_replicas(Turn& turn) {
  const auto born = born_here(turn);
  if (!born) {
    LOG_ERROR(env_.log, "node.burial_failed", "{}; it is tried again with the next map", born.error().detail);
    return;
  }
  for (const PartitionId partition : *born) {
    if (partition >= catalog_->next_partition) continue;  // born of a newer map than this one
    if (catalog_->partition(partition) == nullptr)
      bury_replica(partition, Code::unknown_keyspace, "the keyspace was dropped", turn);
  }
}

// Those that their groups have let go, where the map agrees; asked of the replicas from time to time.
void Node::bury_released_replicas() {
  if (!catalog_) return;
  std::vector<PartitionId> released;
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (holds(partition.owners, options_.self) || !loop_.runs(partition.id)) continue;
      if (was_let_go(keyspace.mode, *loop_.replica(partition.id))) released.push_back(partition.id);
    }
  }
  if (released.empty()) return;
  loop_.run([this, released](Turn& turn) {
    for (const PartitionId partition : released)
      bury_replica(partition, Code::wrong_node, "this node owns the partition no longer", turn);
  });
}

// What it had begun for others has an unknown end.
void Node::drop_replica(PartitionId partition, Code code, const std::string& why) {
  for (const RequestId id : requests_.of_partition(partition)) {
    const OpenRequest* open = requests_.find(id);
    requests_.finish(refuse(id, is_write(open->verb) ? Code::leadership_lost : code, why));
  }
  loop_.remove(partition);
}

void Node::bury_replica(PartitionId partition, Code code, const std::string& why, Turn& turn) {
  drop_replica(partition, code, why);
  not_started_.erase(partition);
  superseded_.erase(partition);
  bury(partition, *catalog_, turn);
  if (const auto forgotten = ledger_.forget(turn, partition); !forgotten) return turn.fail(forgotten.error().detail);
  if (partition == topology::system_partition) {
    // Its state held the only copy of this map. After a restart an older one would bury what later ones have created.
    const wire::MapPush map{.revision = catalog_revision_, .catalog = wire::encode(*catalog_)};
    keep_told_map(wire::encode_message(map), turn);
    follow_system();
  }
  ++counters_["replicas_buried"];
  LOG_INFO(env_.log, "node.replica_buried", "partition={} because={}", partition.value(), why);
}

void Node::on_stopped(PartitionId partition, const std::string& reason) {
  for (const RequestId id : requests_.of_partition(partition)) {
    const OpenRequest* open = requests_.find(id);
    Response response = refuse(id, Code::corruption, "the replica has stopped: " + reason, "try another node");
    if (!is_write(open->verb)) response.outcome = Outcome::not_done;
    requests_.finish(std::move(response));
  }
}

}  // namespace rift::node
