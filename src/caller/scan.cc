#include "caller/scan.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::caller {

Scan::Scan(ScanWish wish, const topology::Keyspace& keyspace) : wish_(std::move(wish)) {
  for (const topology::Partition& partition : keyspace.partitions) cursors_[partition.id].next = wish_.first;
}

std::vector<Operation> Scan::wanted() const {
  std::vector<Operation> operations;
  for (const auto& [partition, cursor] : cursors_) {
    if (cursor.has_ended || !cursor.items.empty()) continue;
    Operation operation{.keyspace = wish_.keyspace,
                        .verb = Verb::scan,
                        .level = wish_.level,
                        .key = cursor.next,
                        .partition = partition};
    Operands& operands = operation.operands.emplace();
    operands.range_end = wish_.end;
    operands.keys_max = wish_.keys_max;
    operands.keys_only = wish_.keys_only;
    operations.push_back(std::move(operation));
  }
  return operations;
}

void Scan::take(PartitionId partition, Results results) {
  const auto it = cursors_.find(partition);
  ASSERT(it != cursors_.end());
  Cursor& cursor = it->second;
  cursor.has_ended = results.next_key.empty();
  cursor.next = std::move(results.next_key);
  cursor.revision = results.revision;
  std::move(results.items.begin(), results.items.end(), std::back_inserter(cursor.items));
}

std::vector<Item> Scan::page() {
  std::vector<Item> items;
  while (items.size() < wish_.keys_max) {
    Cursor* least = nullptr;
    for (auto& [partition, cursor] : cursors_) {
      if (cursor.items.empty()) {
        if (!cursor.has_ended) return items;  // it may hold a smaller key
        continue;
      }
      if (least == nullptr || cursor.items.front().key.view() < least->items.front().key.view()) least = &cursor;
    }
    if (least == nullptr) break;
    items.push_back(std::move(least->items.front()));
    least->items.pop_front();
  }
  return items;
}

bool Scan::is_over() const {
  return std::all_of(cursors_.begin(), cursors_.end(),
                     [](const auto& pair) { return pair.second.has_ended && pair.second.items.empty(); });
}

std::map<PartitionId, Revision> Scan::revisions() const {
  std::map<PartitionId, Revision> revisions;
  for (const auto& [partition, cursor] : cursors_) revisions[partition] = cursor.revision;
  return revisions;
}

}  // namespace rift::caller
