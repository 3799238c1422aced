#include "ap/quorum.h"

#include "topology/catalog.h"

namespace rift::ap {

std::size_t owners_needed(Level level, std::size_t copies) {
  switch (level) {
    case Level::unspecified:
    case Level::any:
    case Level::one:
      return 1;
    case Level::majority:
      return topology::majority(static_cast<std::uint32_t>(copies));
    case Level::all:
      return copies;
  }
  return copies;
}

Level level_reached(std::size_t owners, std::size_t copies) {
  if (owners == 0) return Level::unspecified;
  if (owners >= copies) return Level::all;
  return owners >= topology::majority(static_cast<std::uint32_t>(copies)) ? Level::majority : Level::one;
}

bool PutQuorum::impossible() const {
  const auto lost = static_cast<std::size_t>(std::popcount(rejected_ & ~acknowledged_));
  return nodes_->size() - lost < needed_;
}

void PutQuorum::add_stand_in(NodeId node) {
  auto nodes = std::make_shared<std::vector<NodeId>>(*nodes_);
  nodes->push_back(node);
  nodes_ = std::move(nodes);
}

Level PutQuorum::reached(bool counts_all) const {
  const std::uint64_t owners = copies_ < 64 ? (std::uint64_t{1} << copies_) - 1 : ~std::uint64_t{0};
  const auto held = static_cast<std::size_t>(std::popcount(counts_all ? acknowledged_ : acknowledged_ & owners));
  return held == 0 && acknowledged_ != 0 ? Level::any : level_reached(held, copies_);
}

std::vector<NodeId> PutQuorum::stand_ins() const {
  std::vector<NodeId> nodes;
  for (std::size_t i = copies_; i < nodes_->size(); ++i) {
    if (has((*nodes_)[i])) nodes.push_back((*nodes_)[i]);
  }
  return nodes;
}

std::vector<NodeId> PutQuorum::acknowledged() const {
  std::vector<NodeId> nodes;
  nodes.reserve(count());
  for (const NodeId node : *nodes_) {
    if (has(node)) nodes.push_back(node);
  }
  return nodes;
}

std::uint64_t PutQuorum::bit(NodeId node) const {
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    if ((*nodes_)[i] == node) return std::uint64_t{1} << i;
  }
  return 0;
}

}  // namespace rift::ap
