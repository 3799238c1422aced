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
  owner_ = found.partition != nullptr && self_in(found.partition->owners);
  if (!owner_) return;
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

std::size_t Placement::owners_reachable() const {
  return static_cast<std::size_t>(
      std::count_if(owners_->begin(), owners_->end(), [this](NodeId node) { return reaches(node); }));
}

}  // namespace rift::ap
