#include "env/storage.h"

#include "base/assert.h"

namespace rift::env {

void WriteBatch::add(Table table, Kind kind, ByteView key, Bytes value) {
  bytes_ += key.size() + value.size();
  operations_.push_back(Operation{.table = table,
                                  .kind = kind,
                                  .key_offset = static_cast<std::uint32_t>(keys_.size()),
                                  .key_size = static_cast<std::uint32_t>(key.size()),
                                  .value = std::move(value)});
  keys_.append(key);
}

void WriteBatch::put(Table table, ByteView key, Bytes value) { add(table, Kind::put, key, std::move(value)); }
void WriteBatch::erase(Table table, ByteView key) { add(table, Kind::erase, key, Bytes()); }
void WriteBatch::erase_range(Table table, ByteView first, ByteView last) {
  add(table, Kind::erase_range, first, Bytes(last));
}

WriteBatch::Entry WriteBatch::at(std::size_t i) const {
  ASSERT(i < operations_.size());
  const Operation& operation = operations_[i];
  return Entry{.table = operation.table,
               .kind = operation.kind,
               .key = ByteView(keys_).substr(operation.key_offset, operation.key_size),
               .value = operation.value.view()};
}

void WriteBatch::truncate(Mark mark) {
  ASSERT(mark.operations <= operations_.size());
  while (operations_.size() > mark.operations) {
    const Operation& last = operations_.back();
    bytes_ -= last.key_size + last.value.size();
    keys_.resize(last.key_offset);
    operations_.pop_back();
  }
}

void WriteBatch::clear() {
  keys_.clear();
  operations_.clear();
  bytes_ = 0;
}

}  // namespace rift::env
