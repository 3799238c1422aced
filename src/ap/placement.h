// The part of the view that concerns one partition: its owners, its keyspace's levels, who of the owners can be reached, who may stand in
// for the others, and whether this node's clock may stamp. Follows the View; liveness says where to send and whom to leave a hint, never
// who owns. Used by the parts of one ap replica.
#pragma once

#include "ap/quorum.h"
#include "topology/view.h"

namespace rift::ap {

class Placement {
 public:
  explicit Placement(PartitionId partition) : partition_(partition) {}

  void observe(const topology::ViewPtr& view);
  // This node is an owner of the partition in the newest view.
  bool owner() const { return owner_; }
  // It is one, or a member that may keep copies for the owners; otherwise the rest keeps its last values.
  bool serves() const { return owner_ || stands_in_; }

  NodeId self() const { return view_->self; }
  MapEpoch epoch() const { return view_->catalog->epoch; }
  const topology::Keyspace& keyspace() const { return *keyspace_; }
  // What a request asks for; of an atomic keyspace no less than a majority.
  Level read_level(Level asked) const { return level_of(asked, keyspace_->read); }
  Level write_level(Level asked) const { return level_of(asked, keyspace_->write); }
  bool sloppy() const { return keyspace_->sloppy; }
  bool fsync() const { return keyspace_->durability == topology::Durability::fsync; }
  bool wal() const { return keyspace_->durability == topology::Durability::wal; }
  // `none`, a teaching variant: nothing waits for the operating system, or for a disk.
  bool durable() const { return keyspace_->durability != topology::Durability::none; }
  const Owners& owners() const { return owners_; }
  std::size_t copies() const { return owners_->size(); }
  bool owns(NodeId node) const;
  // An owner, or a member that may keep copies for them: only these have anything to say here.
  bool may_speak(NodeId node) const;
  // Whose acknowledgements a level counts, the owners first. At ANY and in a sloppy keyspace a coordinator that is no owner itself comes
  // next, and in the latter others that can be reached, until as many as there are copies can.
  Owners counted_nodes() const;
  // Up to `most` members in reach that could stand in beside `nodes`, in an order that all nodes share.
  std::vector<NodeId> stand_ins_beside(const std::vector<NodeId>& nodes, std::size_t most) const;
  bool reaches(NodeId node) const { return node == self() || view_->reaches(node); }
  std::size_t reachable(const std::vector<NodeId>& nodes) const;
  const std::optional<topology::ClockSkew>& clock_skew() const { return view_->clock_skew; }

 private:
  Level level_of(Level asked, Level own) const;

  PartitionId partition_;
  topology::ViewPtr view_;
  const topology::Keyspace* keyspace_ = nullptr;  // inside view_'s catalog
  Owners owners_;
  bool owner_ = false;
  bool was_owner_ = false;
  bool stands_in_ = false;
};

}  // namespace rift::ap
