// MapStore: env::Engine over ordered maps, for unit tests. Applied batches are visible at once; a sync is finished when the test says so;
// a crash keeps everything applied (kill) or a prefix of the batches not shorter than the last finished sync (power loss). It has no
// threads, no failures of its own and no notion of time. Used by one test, on its thread.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <string>

#include "env/storage.h"

namespace rift::kit {

class MapStore final : public env::Engine {
 public:
  // env::Engine.
  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override;
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override;
  Result<void> apply(const env::WriteBatch& batch) override;
  void sync(Task done) override;
  env::Pressure pressure() override { return pressure_; }
  std::unique_ptr<env::Snapshot> pin() override;

  // The disk, as the test wants it.
  std::size_t syncs_open() const { return syncs_.size(); }
  bool finish_sync();   // the oldest open sync: its batches become durable, then its `done` runs. False: none was open
  void finish_syncs();  // those open now; not those that their `done` asks for
  std::size_t applied() const { return synced_ + unsynced_.size(); }  // batches so far
  std::size_t synced() const { return synced_; }                      // batches that a power loss keeps
  void set_pressure(env::Pressure pressure) { pressure_ = pressure; }

  // Crashes. Open syncs are forgotten: their `done` never runs.
  void kill();
  void lose_power() { lose_power(synced_); }
  void lose_power(std::size_t batches_kept);  // clamped to [synced(), applied()]

  // Changes a stored value behind everybody's back, durably: bit rot, or a state to start from. nullopt: erases.
  void poke(env::Table table, ByteView key, std::optional<Bytes> value);
  std::size_t size(env::Table table) const { return live_[static_cast<std::size_t>(table)].size(); }

 private:
  using Map = std::map<std::string, Bytes, std::less<>>;
  using Tables = std::array<Map, env::table_count>;
  struct Sync {
    std::size_t batches;  // applied when it was asked for
    Task done;
  };
  class Pinned;

  static void carry_out(const env::WriteBatch& batch, Tables& tables);
  static std::vector<env::KeyValue> page(const Map& map, const env::Range& range, std::size_t keys_max,
                                         std::size_t bytes_max);
  void make_durable(std::size_t batches);

  Tables live_;
  Tables durable_;
  std::deque<env::WriteBatch> unsynced_;
  std::size_t synced_ = 0;
  std::deque<Sync> syncs_;
  env::Pressure pressure_ = env::Pressure::none;
};

}  // namespace rift::kit
