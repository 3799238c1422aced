// Node: the cluster map as this node's own `_system` replica has applied it, and what follows from it.
#include <set>

#include <fmt/format.h>

#include "node/node.h"
#include "node/replica_factory.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

std::string partition_name(const topology::Keyspace& keyspace, const topology::Partition& partition) {
  return fmt::format("{}/{}", keyspace.name, partition.id.value() - keyspace.partitions.front().id.value());
}

bool owns(const topology::Partition& partition, NodeId node) {
  return std::find(partition.owners.begin(), partition.owners.end(), node) != partition.owners.end();
}

}  // namespace

// The watch on `_system` at level ONE (DESIGN 7): its replica's own writes of the catalog key are seen as they become visible.
void Node::on_applied(const env::WriteBatch& batch, std::size_t first) {
  static const std::string key = wire::cp_data_key(topology::system_partition, Generation(1), topology::catalog_key);
  for (std::size_t i = first; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    if (entry.table != env::Table::state_cp || entry.kind != env::WriteBatch::Kind::put || entry.key != key) continue;
    const auto value = wire::decode_cp_value(batch.value_at(i));
    if (!value || value->deleted) continue;
    auto decoded = wire::decode_catalog(value->value);
    if (!decoded) {
      LOG_ERROR(env_.log, "node.catalog_malformed", "{}; the map stays at its last good version",
                decoded.error().detail);
      continue;
    }
    catalog_revision_ = value->modify_revision.value();
    adopt(std::move(*decoded));
  }
}

void Node::adopt(topology::Catalog catalog) {
  if (catalog_ && catalog.epoch <= catalog_->epoch) return;
  LOG_INFO(env_.log, "node.map", "epoch={} keyspaces={} members={}", catalog.epoch.value(), catalog.keyspaces.size(),
           catalog.members.size());
  loop_.run([this](Turn& turn) {
    bury_dropped_replicas(turn);
    start_missing_replicas(turn);
  });
  catalog_ = std::make_shared<const topology::Catalog>(std::move(catalog));
  std::vector<NodeId> members;
  for (const auto& [node, member] : catalog_->members) members.push_back(node);
  detector_.set_members(members);
  peers_.set_identity(identity_, catalog_->epoch);
  peers_.follow(*catalog_);
  view_ = nullptr;
  publish_view();
}

void Node::publish_view() {
  if (!catalog_) return;
  std::vector<NodeId> reachable = detector_.reachable();
  if (view_ && view_->catalog == catalog_ && view_->reachable == reachable) return;
  if (view_ && view_->reachable != reachable) {
    LOG_INFO(env_.log, "node.reachable", "{} of {} members", reachable.size(), catalog_->members.size());
  }
  view_ = std::make_shared<const topology::View>(
      topology::View{.catalog = catalog_, .self = options_.self, .reachable = std::move(reachable)});
  loop_.observe(view_);
}

void Node::start_missing_replicas(Turn& turn) {
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (!owns(partition, options_.self) || loop_.hosts(partition.id)) continue;
      const ReplicaSeed seed{.keyspace = keyspace,
                             .partition = partition,
                             .self = options_.self,
                             .name = partition_name(keyspace, partition),
                             .stamper = stamper_,
                             .unclean_start = unclean_start_,
                             .check_invariants = options_.check_invariants,
                             .view = view_};
      const auto started = [&]() -> Result<std::unique_ptr<Replica>> {
        if (TRY(is_buried(partition.id, turn))) return fail(Code::invalid, "it has been buried here");
        if (!TRY(is_born(partition.id, turn))) TRY(give_birth(seed, nullptr, turn));
        return open_replica(seed, turn);
      };
      turn.begin(partition.id);  // what a replica writes and sends while it opens is its own, and dies with it
      auto replica = started();
      if (!replica) turn.fail(replica.error().detail);
      turn.end();
      if (!replica) {
        ++counters_["replicas_not_started"];
        LOG_ERROR(env_.log, "node.replica_not_started", "{}: {}", seed.name, replica.error().detail);
        continue;
      }
      loop_.host(partition.id, std::move(*replica));
    }
  }
  turn.begin(PartitionId());
}

// The map is committed and partition ids are never reused: what it no longer names is gone for good. The disk says what there is to bury, for the
// node may have died, or been down, between the map and the burial.
void Node::bury_dropped_replicas(Turn& turn) {
  std::set<PartitionId> alive;
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) alive.insert(partition.id);
  }
  const auto born = born_here(turn);
  if (!born) {
    LOG_ERROR(env_.log, "node.burial_failed", "{}; it is tried again with the next map", born.error().detail);
    return;
  }
  for (const PartitionId partition : *born) {
    if (alive.contains(partition)) continue;
    for (const RequestId id : requests_.of_partition(partition)) {
      const OpenRequest* open = requests_.find(id);
      Response response =
          refuse(id, is_write(open->verb) ? Code::leadership_lost : Code::unknown_keyspace, "the keyspace was dropped");
      requests_.finish(std::move(response));
    }
    loop_.remove(partition);
    bury(partition, catalog_->members, turn);
    ++counters_["replicas_buried"];
    LOG_INFO(env_.log, "node.replica_buried", "partition={}", partition.value());
  }
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
