// How many owners a level needs, and who of them has acknowledged one write. Counts owners of the key by name: a repeated acknowledgement
// counts once, one from anybody else never (traps T17, T22, T23); those who stand in for owners are counted where ANY or a sloppy keyspace
// says so, and stand behind the owners. Values; used by Writes.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/limits.h"
#include "base/outcome.h"

namespace rift::ap {

using Owners = std::shared_ptr<const std::vector<NodeId>>;  // never empty

std::size_t owners_needed(Level level, std::size_t copies);
// The highest level that so many owners make; unspecified for none.
Level level_reached(std::size_t owners, std::size_t copies);

class PutQuorum {
 public:
  // `nodes`: the owners, `copies` of them, then who stands in for some.
  PutQuorum(Owners nodes, std::size_t copies, std::size_t needed)
      : nodes_(std::move(nodes)), copies_(copies), needed_(needed) {}
  PutQuorum(Owners owners, std::size_t needed) : PutQuorum(owners, owners->size(), needed) {}

  void acknowledge(NodeId node) { acknowledged_ |= bit(node); }
  // `node` has refused this copy: it will not acknowledge it.
  void reject(NodeId node) { rejected_ |= bit(node); }

  bool met() const { return count() >= needed_; }
  bool impossible() const;  // too many have refused
  bool has(NodeId node) const { return (acknowledged_ & bit(node)) != 0; }
  std::size_t count() const { return static_cast<std::size_t>(std::popcount(acknowledged_)); }
  std::size_t needed() const { return needed_; }
  const std::vector<NodeId>& nodes() const { return *nodes_; }
  void add_stand_in(NodeId node);
  std::vector<NodeId> acknowledged() const;
  std::vector<NodeId> stand_ins() const;  // of those
  // `counts_all`: whoever stands in counts like an owner (sloppy).
  Level reached(bool counts_all) const;

 private:
  static_assert(limits::members_max <= 64);
  std::uint64_t bit(NodeId node) const;  // 0: none of them

  Owners nodes_;
  std::size_t copies_;
  std::size_t needed_;
  std::uint64_t acknowledged_ = 0;  // one bit per node, in their order
  std::uint64_t rejected_ = 0;
};

}  // namespace rift::ap
