// The hints of one partition on disk: for each other owner the keys of which it has not acknowledged the newest write, as references, one
// row per key (traps T27, T30), and a dirty mark where rows would pass their bound or an unclean stop may have lost some: then everything
// newer than the mark is owed. Nothing is ever dropped for age (trap T26). Rows become durable with the batch they are in. Not delivery.
#pragma once

#include <map>
#include <optional>

#include "ap/core.h"
#include "wire/records.h"

namespace rift::ap {

class HintBook {
 public:
  struct Dirty {
    causal::Hlc since;             // every version above it is owed
    std::uint64_t generation = 0;  // changes with each mark, not kept on disk
  };
  explicit HintBook(Core& core) : core_(core) {}

  // Reads what is on disk for each owner, and forgets the rest.
  Result<void> open(Turn& turn);
  // Erases what is owed to nodes that are no owners any more (trap T28).
  void observe(Turn& turn);
  // `target` is owed the key's current state, at least `stamp`.
  Result<void> add(Turn& turn, NodeId target, ByteView key, const causal::Stamp& stamp);
  // `target` holds, durably, what the row `seen` stood for: removes it unless a newer write has changed it (trap T30).
  Result<void> settle(Turn& turn, NodeId target, ByteView key, const wire::HintRecord& seen);
  void erase(Turn& turn, NodeId target, ByteView key);
  void mark_dirty(Turn& turn, NodeId target, causal::Hlc since);
  // Everything above the mark has been taken over; false if it was marked again meanwhile.
  bool clear_dirty(Turn& turn, NodeId target, std::uint64_t generation);

  bool owes(NodeId target) const;
  std::uint64_t rows(NodeId target) const;
  void no_rows(NodeId target) { entries_[target].rows = 0; }  // a scan found none
  std::optional<Dirty> dirty(NodeId target) const;
  std::uint64_t total() const;  // rows and dirty marks

 private:
  struct Entry {
    std::uint64_t rows = 0;
    std::optional<Dirty> dirty;
  };
  Result<void> open_target(Turn& turn, NodeId target);
  Result<void> forget_strangers(Turn& turn);
  void forget(Turn& turn, NodeId target);
  std::string row_key(NodeId target, ByteView key) const;

  Core& core_;
  std::map<NodeId, Entry> entries_;
  std::uint64_t generation_ = 0;
};

}  // namespace rift::ap
