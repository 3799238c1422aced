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
  return owners_->size() - lost < needed_;
}

std::vector<NodeId> PutQuorum::acknowledged() const {
  std::vector<NodeId> nodes;
  nodes.reserve(count());
  for (const NodeId node : *owners_) {
    if (has(node)) nodes.push_back(node);
  }
  return nodes;
}

std::uint64_t PutQuorum::bit(NodeId node) const {
  for (std::size_t i = 0; i < owners_->size(); ++i) {
    if ((*owners_)[i] == node) return std::uint64_t{1} << i;
  }
  return 0;
}

}  // namespace rift::ap
