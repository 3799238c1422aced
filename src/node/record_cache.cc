#include "node/record_cache.h"

#include "wire/keys.h"

namespace rift::node {
namespace {

constexpr std::size_t record_overhead_bytes = 96;
constexpr std::size_t cached_value_bytes_max = 64 * 1024;  // larger records would push out many small ones

void make_key(std::string& out, env::Table table, ByteView key) {
  out.clear();
  out.push_back(static_cast<char>(table));
  out.append(key);
}

bool is_state(env::Table table) { return table == env::Table::state_cp || table == env::Table::state_ap; }

// History is written once and read in ranges: it would only push out what is read again.
bool is_cached(env::Table table, ByteView key) {
  return is_state(table) && !(table == env::Table::state_cp && wire::is_cp_history_key(key));
}

std::size_t cost(const std::string& key, const std::optional<Bytes>& value) {
  return key.size() + (value ? value->size() : 0) + record_overhead_bytes;
}

}  // namespace

Result<std::optional<Bytes>> RecordCache::get(env::Table table, ByteView key) {
  if (!is_cached(table, key)) return store_.get(table, key);
  make_key(scratch_, table, key);
  if (const auto it = young_.find(scratch_); it != young_.end()) {
    ++hits_;
    return it->second;
  }
  if (const auto it = old_.find(scratch_); it != old_.end()) {
    ++hits_;
    auto value = std::move(it->second);
    old_.erase(it);
    remember(scratch_, value);
    return value;
  }
  ++misses_;
  auto value = TRY(store_.get(table, key));
  remember(scratch_, value);
  return value;
}

Result<std::vector<env::KeyValue>> RecordCache::scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                                     std::size_t bytes_max) {
  return store_.scan(table, range, keys_max, bytes_max);
}

void RecordCache::applied(const env::WriteBatch& batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    if (entry.kind != env::WriteBatch::Kind::erase_range && !is_cached(entry.table, entry.key)) continue;
    switch (entry.kind) {
      case env::WriteBatch::Kind::put:
        make_key(scratch_, entry.table, entry.key);
        remember(scratch_, batch.value_at(i));
        break;
      case env::WriteBatch::Kind::erase:
        make_key(scratch_, entry.table, entry.key);
        remember(scratch_, std::nullopt);
        break;
      case env::WriteBatch::Kind::erase_range:
        if (is_state(entry.table)) forget_everything();
        break;
    }
  }
}

void RecordCache::remember(const std::string& key, std::optional<Bytes> value) {
  if (value && value->size() > cached_value_bytes_max) {
    forget(key);
    return;
  }
  if (value && !value->is_whole()) value = Bytes(value->view());
  const auto [held, is_new] = young_.try_emplace(key);
  if (is_new) {
    if (!old_.empty()) old_.erase(key);
  } else {
    young_bytes_ -= cost(key, held->second);
  }
  young_bytes_ += cost(key, value);
  held->second = std::move(value);
  if (young_bytes_ * 2 <= bytes_max_) return;
  old_ = std::move(young_);
  young_ = Records();
  young_bytes_ = 0;
}

void RecordCache::forget(const std::string& key) {
  old_.erase(key);
  const auto held = young_.find(key);
  if (held == young_.end()) return;
  young_bytes_ -= cost(held->first, held->second);
  young_.erase(held);
}

void RecordCache::forget_everything() {
  young_.clear();
  old_.clear();
  young_bytes_ = 0;
}

}  // namespace rift::node
