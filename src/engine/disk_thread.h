// The one thread that waits for the disk. All syncs asked for while one runs share the next; the witness is brought up to date at
// most every 50 ms. Knows no RocksDB: it is handed the call that syncs the log. sync() is called from the shard's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"
#include "engine/failure.h"
#include "engine/witness.h"
#include "env/executor.h"

namespace rift::engine {

class DiskThread {
 public:
  struct Options {
    std::function<Result<void>()> sync_log;
    const std::atomic<std::uint64_t>& applied;  // number of the last batch applied
    Testimony durable;                          // at the start, and what the witness says
    std::string store;                          // the directory whose manifest is watched
    std::unique_ptr<Witness> witness;
    env::Executor& executor;
    Failure& failure;
  };
  explicit DiskThread(Options options);
  // One last sync, then the end.
  ~DiskThread();
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;

  void sync(Task done);
  // RocksDB has changed its list of tables: the witness is to know. From any thread.
  void manifest_changed();
  std::uint64_t durable() const { return durable_.load(std::memory_order_acquire); }
  std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

 private:
  struct Round {
    std::vector<Task> tasks;
    bool last = false;
    bool manifest = false;
  };
  void run();
  Round next_round();
  bool make_durable();
  bool write_witness(const Round& round);
  Result<void> testify(std::uint64_t batch);

  Options options_;
  std::atomic<std::uint64_t> durable_;
  std::atomic<std::uint64_t> syncs_{0};

  Mutex mutex_;  // the shard hands tasks to the disk thread
  CondVar wake_;
  std::vector<Task> waiting_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool manifest_changed_ GUARDED_BY(mutex_) = false;

  // The disk thread only.
  Testimony witnessed_;
  std::chrono::steady_clock::time_point witness_due_{};
  std::thread thread_;
};

}  // namespace rift::engine
