// Node: groups founded again after an operator has accepted a loss (topology/loss.h). The map says which, how often and from whom; each node does
// its part when it adopts that map. Only `_system`, when it has lost its own majority, is founded again first, by word of the operator: no map can
// be written without it.
#include <algorithm>

#include <fmt/format.h>

#include "node/node.h"

namespace rift::node {

void Node::recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) {
  if (!ready_ || !catalog_) return done(fail(Code::not_ready, "this node is not part of a cluster yet"));
  if (auto next = topology::accept_loss(*catalog_, loss); !next) return done(std::move(next));
  const auto survivor = loss.survivors.find(topology::system_partition);
  if (survivor == loss.survivors.end()) return write_loss(std::move(loss), std::move(done));
  if (survivor->second != options_.self) {
    return done(fail(Code::invalid,
                     fmt::format("_system is founded again by its survivor: ask {}", to_string(survivor->second))));
  }
  loop_.run([this, loss = std::move(loss), done = std::move(done)](Turn& turn) {
    if (auto founded = refound_system(turn); !founded) return done(tl::unexpected<Error>(founded.error()));
    loop_.when_durable([this, loss, done] { write_loss(loss, done); });
  });
}

void Node::write_loss(topology::AcceptedLoss loss, Done<topology::Catalog> done) {
  change_catalog(
      [loss = std::move(loss)](const topology::Catalog& catalog) { return topology::accept_loss(catalog, loss); },
      std::move(done));
}

// Once for the next map: an interrupted recovery goes on with the group that it has founded.
Result<void> Node::refound_system(Turn& turn) {
  const topology::Keyspace& system = *catalog_->find(topology::system_keyspace_name);
  const topology::Partition& partition = system.partitions.front();
  const std::uint32_t times = partition.refounded + 1;
  if (times_refounded(TRY(group_generation(partition.id, turn))) >= times) return {};
  const Replica* replica = loop_.replica(partition.id);
  if (replica != nullptr && replica->status().leader != NodeId())
    return fail(Code::invalid, "_system has a leader: it has not lost its majority");
  TRY(refound_here(partition, times, turn));
  start_replica(system, partition, turn);
  turn.begin(PartitionId());
  return {};
}

Result<void> Node::refound_here(const topology::Partition& partition, std::uint32_t times, Turn& turn) {
  turn.begin(partition.id);
  auto founded = refound(partition.id, options_.self, times, turn);
  if (!founded) turn.abandon();  // everything stays as it was
  turn.end();
  if (!founded) return founded;
  drop_replica(partition.id, Code::no_leader, "the group is founded again");
  MARK(env_.recorder, "node.refounded");
  ++counters_["refoundings"];
  return {};
}

void Node::follow_refoundings(Turn& turn) {
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (partition.refounded == 0) continue;
      const auto followed = follow_refounding(partition, turn);
      if (followed) continue;
      ++counters_["refoundings_failed"];
      LOG_ERROR(env_.log, "node.refounding_failed", "{}: {}", topology::partition_name(keyspace, partition),
                followed.error().detail);
    }
  }
  turn.begin(PartitionId());
}

// The survivor goes on alone, and its leader brings in the others that the map wants. What those hold is of a group that is no more: they begin
// anew, as learners. So does a survivor that has forgotten: whether it has founded the group already, and what it has promised since, it cannot tell.
Result<void> Node::follow_refounding(const topology::Partition& partition, Turn& turn) {
  const std::uint64_t stored = TRY(group_generation(partition.id, turn));
  const bool is_done = stored == group_generation(partition) || times_refounded(stored) > partition.refounded;
  if (is_done || !TRY(is_born(partition.id, turn))) return {};  // who is born later is born into the new group
  const bool is_next = times_refounded(stored) + 1 == partition.refounded;
  if (partition.survivor == options_.self && is_next && !TRY(is_forgetful(partition.id, turn)))
    return refound_here(partition, partition.refounded, turn);
  return begin_anew(partition, turn);
}

Result<void> Node::begin_anew(const topology::Partition& partition, Turn& turn) {
  const bool forgetful = TRY(is_forgetful(partition.id, turn));
  MARK(env_.recorder, "node.began_anew");
  turn.begin(partition.id);
  bury_replica(partition.id, Code::wrong_node, "the group was founded again without this replica", turn);
  if (std::find(partition.owners.begin(), partition.owners.end(), options_.self) != partition.owners.end()) {
    TRY(give_birth_as_learner(partition, turn));
    if (forgetful) mark_forgetful(partition.id, turn);
  }
  turn.end();
  if (partition.id == topology::system_partition)
    follow_catalog(turn);  // its state begins at its first generation again
  return {};
}

}  // namespace rift::node
