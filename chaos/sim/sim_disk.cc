#include "chaos/sim/sim_disk.h"

#include "base/assert.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::chaos::sim {

class SimDisk::Pinned final : public env::Snapshot {
 public:
  explicit Pinned(Tables tables) : tables_(std::move(tables)) {}
  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override {
    const Records& records = tables_[static_cast<std::size_t>(table)];
    const auto it = records.find(key);
    return it == records.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
  }
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override {
    return page(tables_[static_cast<std::size_t>(table)], range, keys_max, bytes_max);
  }

 private:
  Tables tables_;
};

void SimDisk::attach(env::Executor& executor) {
  executor_ = &executor;
  ++life_;
  waiting_.clear();
  running_.clear();
  syncing_ = false;
}

void SimDisk::crash(Crash kind) {
  ++life_;
  executor_ = nullptr;
  waiting_.clear();
  running_.clear();
  syncing_ = false;
  if (kind == Crash::kill) return;
  const std::size_t kept = world_.random().below(unsynced_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) carry_out(unsynced_[i], durable_);
  batches_durable_ += kept;
  batches_lost_ += unsynced_.size() - kept;
  if (kept < unsynced_.size()) MARK(&world_.recorder(), "sim.power_loss_took_batches");
  unsynced_.clear();
  live_ = durable_;
}

void SimDisk::wipe() {
  ASSERT(executor_ == nullptr);
  live_ = {};
  durable_ = {};
  unsynced_.clear();
}

Result<std::optional<Bytes>> SimDisk::get(env::Table table, ByteView key) {
  const Records& records = live_[static_cast<std::size_t>(table)];
  const auto it = records.find(key);
  return it == records.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
}

Result<std::vector<env::KeyValue>> SimDisk::scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                                 std::size_t bytes_max) {
  return page(live_[static_cast<std::size_t>(table)], range, keys_max, bytes_max);
}

std::vector<env::KeyValue> SimDisk::page(const Records& records, const env::Range& range, std::size_t keys_max,
                                         std::size_t bytes_max) {
  std::vector<env::KeyValue> result;
  std::size_t bytes = 0;
  for (auto it = records.lower_bound(range.first);
       it != records.end() && result.size() < keys_max && bytes <= bytes_max; ++it) {
    if (!range.last.empty() && it->first >= range.last) break;
    bytes += it->first.size() + it->second.size();
    result.push_back(env::KeyValue{.key = it->first, .value = it->second});
  }
  return result;
}

void SimDisk::carry_out(const env::WriteBatch& batch, Tables& tables) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    Records& records = tables[static_cast<std::size_t>(entry.table)];
    switch (entry.kind) {
      case env::WriteBatch::Kind::put:
        records.insert_or_assign(std::string(entry.key), batch.value_at(i));
        break;
      case env::WriteBatch::Kind::erase:
        if (const auto it = records.find(entry.key); it != records.end()) records.erase(it);
        break;
      case env::WriteBatch::Kind::erase_range:
        if (entry.key < entry.value) records.erase(records.lower_bound(entry.key), records.lower_bound(entry.value));
        break;
    }
  }
}

Result<void> SimDisk::apply(const env::WriteBatch& batch) {
  if (fuse_ != nullptr && !fuse_->step()) return {};  // the node is dead: it will not live to see this
  carry_out(batch, live_);
  note_contexts(batch);
  unsynced_.push_back(batch);
  return {};
}

void SimDisk::note_contexts(const env::WriteBatch& batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto entry = batch.at(i);
    if (entry.table != env::Table::state_ap || entry.kind != env::WriteBatch::Kind::put) continue;
    if (!wire::parse_ap_data_key(entry.key)) continue;
    auto version = wire::decode_envelope(batch.value_at(i));
    if (version) contexts_.try_emplace(version->stamp.dot, std::move(version->context));
  }
}

void SimDisk::sync(Task done) {
  if (fuse_ != nullptr && !fuse_->step()) return;
  ASSERT(executor_ != nullptr);
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) MARK(&world_.recorder(), "sim.syncs_shared");
  if (!syncing_) start_sync();
}

void SimDisk::start_sync() {
  syncing_ = true;
  running_ = std::exchange(waiting_, {});
  ++syncs_;
  const Duration takes = world_.random().between(options_.sync_min, options_.sync_max) + stall_;
  world_.after(takes,
               [this, life = life_, batches = batches_durable_ + unsynced_.size()] { finish_sync(life, batches); });
}

// Up to the batch with this number; earlier lives and other syncs may have made some of them durable already.
void SimDisk::make_durable(std::uint64_t batches) {
  for (; batches_durable_ < batches && !unsynced_.empty(); ++batches_durable_) {
    carry_out(unsynced_.front(), durable_);
    unsynced_.pop_front();
  }
}

void SimDisk::finish_sync(std::uint64_t life, std::uint64_t batches) {
  if (life != life_) return;
  if (write_back_ == Duration(0)) {
    make_durable(batches);
  } else {
    world_.after(write_back_, [this, life, batches] {
      if (life == life_) make_durable(batches);
    });
  }
  for (Task& task : running_) executor_->post(std::move(task));
  running_.clear();
  syncing_ = false;
  if (!waiting_.empty()) start_sync();
}

std::unique_ptr<env::Snapshot> SimDisk::pin() { return std::make_unique<Pinned>(live_); }

}  // namespace rift::chaos::sim
