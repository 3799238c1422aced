// Scan: the keys of a range, over all partitions of a keyspace, page by page, without I/O. Of a cp keyspace in their order; of an ap keyspace in
// the order of partitions and hashes, where a cursor says how to go on, in another process too. Each partition has a cursor of its own and
// a page of items that waits; a key is given out once every partition that is not through has one to compare it with. Each page of a partition
// is of one revision; pages together are not a snapshot. Used by the SDK and by simulated clients; not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "caller/operation.h"
#include "topology/catalog.h"

namespace rift::caller {

struct ScanWish {
  std::string keyspace{};
  Bytes first{};
  Bytes end{};                                          // empty: to the end of the keyspace
  std::uint32_t keys_max = limits::scan_page_keys_max;  // of a page
  bool keys_only = false;
  Level level = Level::unspecified;
  std::string cursor{};  // ap: of an earlier scan with the same wish
};

class Scan {
 public:
  Scan(ScanWish wish, const topology::Keyspace& keyspace) : Scan(std::move(wish), keyspace, Position()) {}
  // Errors: invalid, a cursor that no scan of this keyspace has given.
  static Result<Scan> create(ScanWish wish, const topology::Keyspace& keyspace);

  // What must be asked before the next page can be given: nothing, or one operation for each partition that has run dry.
  std::vector<Operation> wanted() const;
  // The answer to one of them, which is done.
  void take(PartitionId partition, Results results);
  // Of the pages from now on; above 0.
  void limit_page(std::uint32_t keys_max) { wish_.keys_max = keys_max; }
  // ap: where the next page begins; empty at the end.
  std::string cursor() const;
  // The next keys in order. Nothing of it may be wanted().
  std::vector<Item> page();
  bool is_over() const;
  // The revision that each partition's latest page is of.
  std::map<PartitionId, Revision> revisions() const;

 private:
  struct Position {
    PartitionId partition{};
    Bytes key{};
  };
  Scan(ScanWish wish, const topology::Keyspace& keyspace, Position from);
  static Result<Position> parse_cursor(const std::string& text, const topology::Keyspace& keyspace);
  struct Cursor {
    Bytes next{};
    bool has_ended = false;
    std::deque<Item> items{};
    Revision revision{};
  };
  ScanWish wish_;
  bool by_hash_ = false;
  std::map<PartitionId, Cursor> cursors_;
};

}  // namespace rift::caller
