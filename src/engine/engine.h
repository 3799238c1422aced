// The env storage on RocksDB: one database and one write-ahead log for all tables of a node, and one disk thread that shares each
// sync between everybody who asked. Decides nothing about what is stored. Created and destroyed by server; the verbs of env::Engine are
// called from the shard's thread. Snapshots must be dropped before the directory is opened again.
//
// At open nothing is lost silently. A store in which durable batches are missing (a deleted, emptied or damaged log file, a tail that is
// shorter than the witness says) is cut behind the last batch that nothing is missing before, so that what is left is a state that it once
// had, and a record in it says that it has forgotten (Options::amnesia); its owner lets peers refill it. Without a place for that record,
// and with any other damage, it is refused with Code::corruption, and the refusal changes nothing on disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/limits.h"
#include "base/log.h"
#include "env/executor.h"
#include "env/storage.h"

namespace rift::engine {

struct Options {
  std::string path;         // a directory of the engine's own; made if it is absent
  env::Executor& executor;  // of the shard: where the tasks handed to sync() run
  Log& log;
  // Called at most once, from any thread, when the store has failed: a write, a sync or background work. Nothing is retried on
  // the same files (fsync reports a lost page only once). Empty: one line in the log, then the process ends with status 1.
  std::function<void(const Error&)> on_fatal = {};

  // Put in the first batch of a store that has forgotten, durable before anything else is done with it. Whoever has dealt with it erases it.
  struct Amnesia {
    env::Table table = env::Table::meta;
    std::string key;
    Bytes value;
  };
  std::optional<Amnesia> amnesia = std::nullopt;

  std::size_t log_memtable_bytes = 128 * limits::mebi;
  std::size_t memtable_bytes = 32 * limits::mebi;  // each other table
  std::size_t wal_bytes_max = 512 * limits::mebi;  // bounds what a start must replay
  std::size_t block_cache_bytes = 64 * limits::mebi;
  int open_files_max = 1000;                              // the default has no bound and reached the descriptor limit
  std::uint64_t disk_reserve_bytes = 512 * limits::mebi;  // below this much free space: Pressure::disk_full
};

// Counters since the start. From any thread.
struct Stats {
  std::uint64_t batches = 0;
  std::uint64_t batch_bytes = 0;
  std::uint64_t syncs = 0;            // calls to the disk
  std::uint64_t syncs_requested = 0;  // tasks that shared them
  std::uint64_t last_batch = 0;       // running number of the last batch applied
  std::uint64_t durable_batch = 0;
};

class RocksEngine final : public env::Engine {
 public:
  // Everything found is durable when this returns. Code::io: the directory is in use or cannot be used. Code::corruption: see above.
  static Result<std::unique_ptr<RocksEngine>> create(const Options& options);
  // Syncs what was applied; tasks of unfinished syncs are posted.
  ~RocksEngine() override;

  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override;
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override;
  Result<void> apply(const env::WriteBatch& batch) override;
  void sync(Task done) override;
  env::Pressure pressure() override;
  std::unique_ptr<env::Snapshot> pin() override;
  Stats stats() const;

 private:
  class Impl;
  explicit RocksEngine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::engine
