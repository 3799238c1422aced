// The hints of one partition on disk: for each other owner the keys of which it has not acknowledged the newest write, as references, one
// row per key (traps T27, T30), and a dirty mark where rows would pass their bound or an unclean stop may have lost some: then everything
// newer than the mark is owed. Rows are bounded in number, in bytes and, for an owner that cannot be reached, in age; past a bound they become
// the mark, nothing is ever dropped (trap T26). Rows become durable with the batch they are in. A node that is no owner has nothing but what it
// owes to all of them: a record goes with its last debt. Not delivery.
#pragma once

#include <map>
#include <optional>

#include "ap/core.h"
#include "replica/replica.h"
#include "wire/records.h"

namespace rift::ap {

class HintBook {
 public:
  struct Dirty {
    causal::Hlc since;             // every version above it is owed
    std::uint64_t generation = 0;  // changes with each mark, not kept on disk
    // Of the marks since mark_pass(): where the next pass begins.
    std::optional<causal::Hlc> renewed = std::nullopt;
  };
  explicit HintBook(Core& core) : core_(core) {}

  // Reads what is on disk for each owner, and forgets the rest.
  Result<void> open(Turn& turn);
  // Erases what is owed to nodes that are no owners any more (trap T28).
  void observe(Turn& turn);
  // `target` is owed the key's current state, at least `stamp`.
  Result<void> add(Turn& turn, NodeId target, ByteView key, const causal::Stamp& stamp);
  // This node, which is no owner, has stored it: every owner is owed it.
  Result<void> keep_for_owners(Turn& turn, ByteView key, const causal::Stamp& stamp);
  // `target` holds, durably, what the row `seen` stood for: removes it unless a newer write has changed it (trap T30).
  Result<void> settle(Turn& turn, NodeId target, ByteView key, const wire::HintRecord& seen);
  void erase(Turn& turn, NodeId target, ByteView key);
  void mark_dirty(Turn& turn, NodeId target, causal::Hlc since);
  // A pass over everything above the mark begins; what is marked from now on may be missed by it.
  std::uint64_t begin_pass(NodeId target);
  // The pass has taken everything above the mark over. False if it was marked again meanwhile: then that alone is still owed.
  Result<bool> clear_dirty(Turn& turn, NodeId target, std::uint64_t generation);
  // What was marked up to this generation has been taken over by a pass of this life.
  std::uint64_t passed(NodeId target) const;

  bool owes(NodeId target) const;
  std::uint64_t rows(NodeId target) const;
  void no_rows(NodeId target);  // a scan found none
  std::optional<Dirty> dirty(NodeId target) const;
  std::uint64_t total() const;  // rows and dirty marks
  std::vector<HintDebt> debts() const;

 private:
  struct Entry {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  // of the rows
    causal::Hlc oldest;       // no row stands for an older write; it lags behind what is delivered
    std::optional<Dirty> dirty;
    std::uint64_t passed = 0;
    void count(ByteView key, causal::Hlc first);
  };
  Result<void> open_target(Turn& turn, NodeId target);
  Result<void> forget_strangers(Turn& turn);
  void forget(Turn& turn, NodeId target);
  void fold(Turn& turn, NodeId target, Entry& entry);
  void put_mark(Turn& turn, NodeId target, causal::Hlc since);
  Result<void> drop_if_paid(Turn& turn, ByteView key);
  Result<void> drop_the_rest(Turn& turn);
  bool is_marked() const;
  std::string row_key(NodeId target, ByteView key) const;

  Core& core_;
  std::map<NodeId, Entry> entries_;
  std::uint64_t generation_ = 0;
  bool leftovers_ = false;  // no owner, and there may be records that no row stands for
};

}  // namespace rift::ap
