// Node: groups founded again after an operator has accepted a loss (topology/loss.h). The map says which, how often and from whom; each node does
// its part when it adopts that map. Only `_system`, when it has lost its own majority, is founded again first, by word of the operator: no map can
// be written without it.
#include <fmt/format.h>

#include "base/node_list.h"
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

// The survivor goes on alone, and its leader brings in the others that the map wants. What those hold is of a group that is no more, but as long as
// the new one has not been heard it may be all that there is: the survivor may fail. So they stop, and begin anew, as learners, when a leader of the new
// group speaks (hear_successor). So does a survivor that has forgotten: whether it has founded the group already, and what it has promised since, it
// cannot tell. Who owns nothing of it any more can be no survivor, and nobody will speak to it.
Result<void> Node::follow_refounding(const topology::Partition& partition, Turn& turn) {
  if (!TRY(is_superseded(partition, turn))) return {};
  if (partition.survivor == options_.self && !TRY(is_forgetful(partition.id, turn))) {
    const auto founded = refound_here(partition, partition.refounded, turn);
    if (!founded) drop_replica(partition.id, Code::no_leader, "the group could not be founded again here");
    return founded;
  }
  if (!holds(partition.owners, options_.self)) return begin_anew(partition, turn);
  drop_replica(partition.id, Code::no_leader, "the group is founded again elsewhere");
  return {};
}

// What this disk holds is of an older group than the map's. Who is born later is born into the new one.
Result<bool> Node::is_superseded(const topology::Partition& partition, Turn& turn) {
  const std::uint64_t stored = TRY(group_generation(partition.id, turn));
  const bool is_done = stored == group_generation(partition) || times_refounded(stored) > partition.refounded;
  return !is_done && TRY(is_born(partition.id, turn));
}

// Only a leader sends these: the new group is there, and what it says is newer than what this disk holds.
void Node::hear_successor(PartitionId id, std::uint64_t generation, const Bytes& bytes) {
  if (!superseded_.contains(id)) return;
  const auto decoded = wire::decode_message(bytes);
  const auto* raft = decoded ? std::get_if<raft::Message>(&*decoded) : nullptr;
  if (raft == nullptr ||
      !(std::holds_alternative<raft::Append>(*raft) || std::holds_alternative<raft::Heartbeat>(*raft)))
    return;
  superseded_.erase(id);
  loop_.run([this, id, generation](Turn& turn) {
    const topology::Partition* partition = catalog_->partition(id);
    const auto followed = [&]() -> Result<void> {
      if (partition == nullptr || generation != group_generation(*partition)) return {};
      if (!TRY(is_superseded(*partition, turn))) return {};
      return begin_anew(*partition, turn);
    }();
    if (!followed) LOG_ERROR(env_.log, "node.refounding_failed", "{}", followed.error().detail);
    start_missing_replicas(turn);
  });
}

Result<void> Node::begin_anew(const topology::Partition& partition, Turn& turn) {
  const bool forgetful = TRY(is_forgetful(partition.id, turn));
  MARK(env_.recorder, "node.began_anew");
  turn.begin(partition.id);
  bury_replica(partition.id, Code::wrong_node, "the group was founded again without this replica", turn);
  if (holds(partition.owners, options_.self)) {
    TRY(give_birth_as_learner(partition, turn));
    if (forgetful) mark_forgetful(partition.id, turn);
  }
  turn.end();
  if (partition.id == topology::system_partition)
    follow_catalog(turn);  // its state begins at its first generation again
  return {};
}

}  // namespace rift::node
