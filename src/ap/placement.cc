#include "ap/placement.h"

#include <algorithm>

#include "base/node_list.h"
#include "topology/owners.h"

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
  // One that was an owner lets go of what it holds: nothing of that is kept for others.
  was_owner_ = was_owner_ || owner_;
  owner_ = found.partition != nullptr && holds(found.partition->owners, view->self);
  stands_in_ = !owner_ && !was_owner_ && found.partition != nullptr &&
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

bool Placement::owns(NodeId node) const { return holds(*owners_, node); }

bool Placement::may_speak(NodeId node) const {
  return owns(node) || topology::may_stand_in(*view_->catalog, *keyspace_, node);
}

std::size_t Placement::reachable(const std::vector<NodeId>& nodes) const {
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [this](NodeId node) { return reaches(node); }));
}

Owners Placement::counted_nodes() const {
  if (owner_ && (!sloppy() || reachable(*owners_) == copies())) return owners_;
  auto nodes = std::make_shared<std::vector<NodeId>>(*owners_);
  if (!owner_) nodes->push_back(self());
  if (!sloppy()) return nodes;
  const auto beside = stand_ins_beside(*nodes, copies() - std::min(copies(), reachable(*nodes)));
  nodes->insert(nodes->end(), beside.begin(), beside.end());
  return nodes;
}

// From a place that the partition draws: the work of standing in is spread.
std::vector<NodeId> Placement::stand_ins_beside(const std::vector<NodeId>& nodes, std::size_t most) const {
  const std::vector<NodeId> members = topology::active_members(*view_->catalog);
  std::vector<NodeId> chosen;
  for (std::size_t i = 0; i < members.size() && chosen.size() < most; ++i) {
    const NodeId node = members[(partition_.value() + i) % members.size()];
    if (reaches(node) && !holds(nodes, node)) chosen.push_back(node);
  }
  return chosen;
}

}  // namespace rift::ap
