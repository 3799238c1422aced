#include "tests/kit/map_store.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::kit {

class MapStore::Pinned final : public env::Snapshot {
 public:
  explicit Pinned(Tables tables) : tables_(std::move(tables)) {}
  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override {
    const Map& map = tables_[static_cast<std::size_t>(table)];
    const auto it = map.find(key);
    return it == map.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
  }
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override {
    return page(tables_[static_cast<std::size_t>(table)], range, keys_max, bytes_max);
  }

 private:
  Tables tables_;
};

std::vector<env::KeyValue> MapStore::page(const Map& map, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) {
  std::vector<env::KeyValue> pairs;
  std::size_t bytes = 0;
  for (auto it = map.lower_bound(range.first); it != map.end() && pairs.size() < keys_max && bytes <= bytes_max; ++it) {
    if (!range.last.empty() && it->first >= range.last) break;
    bytes += it->first.size() + it->second.size();
    pairs.push_back(env::KeyValue{.key = it->first, .value = it->second});
  }
  return pairs;
}

void MapStore::carry_out(const env::WriteBatch& batch, Tables& tables) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    Map& map = tables[static_cast<std::size_t>(entry.table)];
    switch (entry.kind) {
      case env::WriteBatch::Kind::put:
        map.insert_or_assign(std::string(entry.key), batch.value_at(i));
        break;
      case env::WriteBatch::Kind::erase:
        if (const auto it = map.find(entry.key); it != map.end()) map.erase(it);
        break;
      case env::WriteBatch::Kind::erase_range:
        if (entry.key < entry.value) map.erase(map.lower_bound(entry.key), map.lower_bound(entry.value));
        break;
    }
  }
}

Result<std::optional<Bytes>> MapStore::get(env::Table table, ByteView key) {
  const Map& map = live_[static_cast<std::size_t>(table)];
  const auto it = map.find(key);
  return it == map.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
}

Result<std::vector<env::KeyValue>> MapStore::scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                                  std::size_t bytes_max) {
  return page(live_[static_cast<std::size_t>(table)], range, keys_max, bytes_max);
}

Result<void> MapStore::apply(const env::WriteBatch& batch) {
  carry_out(batch, live_);
  unsynced_.push_back(batch);
  return {};
}

void MapStore::sync(Task done) { syncs_.push_back(Sync{.batches = applied(), .done = std::move(done)}); }

std::unique_ptr<env::Snapshot> MapStore::pin() { return std::make_unique<Pinned>(live_); }

void MapStore::make_durable(std::size_t batches) {
  for (; synced_ < batches; ++synced_) {
    carry_out(unsynced_.front(), durable_);
    unsynced_.pop_front();
  }
}

bool MapStore::finish_sync() {
  if (syncs_.empty()) return false;
  Sync sync = std::move(syncs_.front());
  syncs_.pop_front();
  make_durable(sync.batches);
  sync.done();
  return true;
}

void MapStore::finish_syncs() {
  for (std::size_t open = syncs_.size(); open > 0; --open) finish_sync();
}

void MapStore::kill() {
  make_durable(applied());  // what the system's caches hold survives the process
  syncs_.clear();
}

void MapStore::lose_power(std::size_t batches_kept) {
  make_durable(std::clamp(batches_kept, synced_, applied()));
  unsynced_.clear();
  syncs_.clear();
  live_ = durable_;
}

void MapStore::poke(env::Table table, ByteView key, std::optional<Bytes> value) {
  env::WriteBatch change;
  if (value) {
    change.put(table, key, *value);
  } else {
    change.erase(table, key);
  }
  carry_out(change, live_);
  carry_out(change, durable_);
}

}  // namespace rift::kit
