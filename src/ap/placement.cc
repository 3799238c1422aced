#include "ap/placement.h"

#include <algorithm>

namespace rift::ap {
namespace {

struct Found {
  const topology::Keyspace* keyspace = nullptr;
  const topology::Partition* partition = nullptr;
};

Found find(const topology::Catalog& catalog, PartitionId partition) {
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const auto& candidate : keyspace.partitions) {
      if (candidate.id == partition) return Found{.keyspace = &keyspace, .partition = &candidate};
    }
  }
  return {};
}

}  // namespace

void Placement::observe(const topology::ViewPtr& view) {
  const bool same_catalog = view_ != nullptr && view_->catalog == view->catalog;
  if (same_catalog) {
    view_ = view;
    return;
  }
  const Found found = find(*view->catalog, partition_);
  const auto self_in = [&](const std::vector<NodeId>& owners) {
    return std::find(owners.begin(), owners.end(), view->self) != owners.end();
  };
  // One that was an owner lets go of what it holds: nothing of that is kept for others.
  const bool was_owner = owner_ || (view_ != nullptr && !stands_in_);
  owner_ = found.partition != nullptr && self_in(found.partition->owners);
  stands_in_ = !owner_ && !was_owner && found.partition != nullptr &&
               topology::may_stand_in(*view->catalog, *found.keyspace, view->self);
  if (!serves()) return;
  view_ = view;
  keyspace_ = found.keyspace;
  if (!owners_ || *owners_ != found.partition->owners)
    owners_ = std::make_shared<const std::vector<NodeId>>(found.partition->owners);
}

Level Placement::level_of(Level asked, Level own) const {
  const Level level = asked == Level::unspecified ? own : asked;
  return keyspace_->atomic ? std::max(level, Level::majority) : level;
}

bool Placement::owns(NodeId node) const { return std::find(owners_->begin(), owners_->end(), node) != owners_->end(); }

bool Placement::may_speak(NodeId node) const {
  return owns(node) || topology::may_stand_in(*view_->catalog, *keyspace_, node);
}

std::size_t Placement::owners_reachable() const { return reachable(*owners_); }

std::size_t Placement::reachable(const std::vector<NodeId>& nodes) const {
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [this](NodeId node) { return reaches(node); }));
}

Owners Placement::counted_nodes() const {
  if (owner_ && (!sloppy() || owners_reachable() == copies())) return owners_;
  auto nodes = std::make_shared<std::vector<NodeId>>(*owners_);
  if (!owner_) nodes->push_back(self());
  while (sloppy() && reachable(*nodes) < copies()) {
    const NodeId next = another_stand_in(*nodes);
    if (next == NodeId()) break;
    nodes->push_back(next);
  }
  return nodes;
}

// From a place that the partition draws: the work of standing in is spread.
NodeId Placement::another_stand_in(const std::vector<NodeId>& nodes) const {
  std::vector<NodeId> members;
  for (const auto& [node, member] : view_->catalog->members) {
    if (member.state == topology::MemberState::active) members.push_back(node);
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const NodeId node = members[(partition_.value() + i) % members.size()];
    if (reaches(node) && std::find(nodes.begin(), nodes.end(), node) == nodes.end()) return node;
  }
  return NodeId();
}

}  // namespace rift::ap
