// Node: members that come, go and are replaced; leaders that are asked to move.
#include <fmt/format.h>

#include "node/node.h"
#include "topology/verify.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {

void Node::alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) {
  change_catalog(
      [wish = std::move(wish)](const topology::Catalog& catalog) { return topology::alter_keyspace(catalog, wish); },
      std::move(done));
}

void Node::change_members(topology::MemberChange change, Done<topology::Catalog> done) {
  change_catalog([change = std::move(change)](
                     const topology::Catalog& catalog) { return topology::change_members(catalog, change); },
                 std::move(done));
}

// Identity and map in one batch, durable before the answer: from then on this node refuses every other cluster, and hears of newer maps by its own
// replica of `_system` or from peers that have applied them, not from whoever calls this.
void Node::join(topology::Catalog catalog, Done<void> done) {
  if (!ready_) return done(fail(Code::not_ready, "this node is starting"));
  const topology::Member* self = catalog.member(options_.self);
  if (const auto sound = topology::verify(catalog); catalog.cluster.is_zero() || !sound)
    return done(fail(Code::invalid, "this is not the map of a founded cluster" +
                                        (sound ? std::string() : ": " + sound.error().detail)));
  if (self == nullptr) return done(fail(Code::invalid, "the map does not name " + to_string(options_.self)));
  if (self->disk != identity_.disk)
    return done(fail(Code::invalid, fmt::format("the map names another disk for {0}; `rift members replace {0}` tells "
                                                "the cluster that the old one is gone",
                                                to_string(options_.self))));
  // Compared inside the job: a second call may come while the first is not yet stored, or not yet durable.
  loop_.run([this, catalog = std::move(catalog), done = std::move(done)](Turn& turn) {
    if (!identity_.cluster.is_zero() && identity_.cluster != catalog.cluster)
      return done(
          fail(Code::already_exists, "this node belongs to cluster " + to_string(identity_.cluster) + " already"));
    if (!identity_.cluster.is_zero()) return loop_.when_durable([done] { done({}); });  // told again
    identity_.cluster = catalog.cluster;
    env::WriteBatch identity;
    put_identity(identity_, identity);
    turn.put(env::Table::meta, identity.at(0).key, identity.value_at(0));
    keep_told_map(wire::encode_message(wire::MapPush{.revision = 0, .catalog = wire::encode(catalog)}), turn);
    LOG_INFO(env_.log, "node.joined", "cluster={} members={}", to_string(catalog.cluster), catalog.members.size());
    loop_.when_durable([this, catalog, done] {
      adopt(catalog);
      done({});
    });
  });
}

void Node::transfer(PartitionId partition, NodeId to, Done<void> done) {
  loop_.run([this, partition, to, done = std::move(done)](Turn& turn) {
    std::optional<Result<void>> told;
    loop_.for_each(turn, [&](Replica& replica, Turn& round) {
      const ReplicaStatus status = replica.status();
      if (status.partition == partition) told = node::transfer(status.mode, replica, to, round);
    });
    if (!told)
      told = fail(Code::wrong_node, fmt::format("this node has no replica of partition {}", partition.value()));
    done(std::move(*told));
  });
}

// What a leader's own committed configuration says is written into the map, for its node to start a new replica: the group has let the old one go.
// The disk is said too: until the change is made, the map may have got another one, of which the group has not spoken.
void Node::readmit_departed() {
  if (!catalog_ || stopping_) return;
  std::vector<topology::Departure> departures;
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (partition.evicted.empty() || !loop_.runs(partition.id)) continue;
      for (const NodeId node : departed(keyspace.mode, *loop_.replica(partition.id), loop_.now().steady)) {
        const topology::Member* member = catalog_->member(node);
        if (readmitting_.emplace(partition.id, node).second)
          departures.push_back({partition.id, node, member != nullptr ? member->disk : DiskId()});
      }
    }
  }
  if (departures.empty()) return;
  change_catalog([departures](const topology::Catalog& catalog) { return topology::readmit(catalog, departures); },
                 [this, departures](const Result<topology::Catalog>&) {
                   for (const topology::Departure& departure : departures)
                     readmitting_.erase({departure.partition, departure.node});
                 });
}

}  // namespace rift::node
