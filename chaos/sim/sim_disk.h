// SimDisk: env::Engine that survives its node. Applied batches are visible at once; a sync takes drawn time; a crash is either a kill (everything
// applied survives, still unsynced) or a power loss (a drawn prefix of the batches, not shorter than the last finished sync survives); one
// may follow the other. Held to the same contract suite as RocksDB.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "causal/version.h"
#include "chaos/sim/fuse.h"
#include "chaos/sim/world.h"
#include "env/executor.h"
#include "env/storage.h"

namespace rift::chaos::sim {

class SimDisk final : public env::Engine {
 public:
  struct Options {
    Duration sync_min = std::chrono::microseconds(80);
    Duration sync_max = std::chrono::milliseconds(2);
  };
  // `fuse` may be null.
  SimDisk(World& world, Options options, Fuse* fuse = nullptr) : world_(world), options_(options), fuse_(fuse) {}

  // The executor of the life that begins; syncs of an earlier life are forgotten.
  void attach(env::Executor& executor);
  enum class Crash { kill, power_loss };
  void crash(Crash kind);
  // Of a node that is down: an empty disk in its place.
  void wipe();
  // From now on a sync takes this much longer; zero ends it.
  void stall(Duration extra) { stall_ = extra; }
  // From now on a finished sync is a lie: what it covers is on the medium only this much later (fsync off, or a drive that ignores it).
  void lie(Duration write_back) { write_back_ = write_back; }
  // What the node is told from now on (full, or behind with its work); it takes whatever is applied nevertheless.
  void press(env::Pressure pressure) { pressure_ = pressure; }

  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override;
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override;
  Result<void> apply(const env::WriteBatch& batch) override;
  void sync(Task done) override;
  env::Pressure pressure() override { return pressure_; }
  std::unique_ptr<env::Snapshot> pin() override;

  // What each version of an ap key that was ever written here stands on: for judges, no crash takes anything of it.
  using Contexts = std::map<causal::Dot, std::vector<causal::Actor>>;
  const Contexts& contexts() const { return contexts_; }

  std::uint64_t batches_lost() const { return batches_lost_; }
  std::uint64_t syncs() const { return syncs_; }

 private:
  using Records = std::map<std::string, Bytes, std::less<>>;
  using Tables = std::array<Records, env::table_count>;
  class Pinned;

  static void carry_out(const env::WriteBatch& batch, Tables& tables);
  static std::vector<env::KeyValue> page(const Records& records, const env::Range& range, std::size_t keys_max,
                                         std::size_t bytes_max);
  void note_contexts(const env::WriteBatch& batch);
  void start_sync();
  void finish_sync(std::uint64_t life, std::uint64_t batches);
  void make_durable(std::uint64_t batches);

  World& world_;
  Options options_;
  Fuse* fuse_;
  env::Executor* executor_ = nullptr;
  Duration stall_{};
  env::Pressure pressure_ = env::Pressure::none;
  Duration write_back_{};  // 0: honest
  Tables live_;
  Tables durable_;
  std::deque<env::WriteBatch> unsynced_;
  std::vector<Task> waiting_;  // syncs asked for while one runs share the next
  std::vector<Task> running_;
  bool syncing_ = false;
  std::uint64_t life_ = 0;
  Contexts contexts_;
  std::uint64_t batches_durable_ = 0;  // of all that were ever applied and not lost
  std::uint64_t batches_lost_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace rift::chaos::sim
