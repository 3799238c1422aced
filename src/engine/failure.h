// What happens when the store has failed: said once, then the process ends (trap 12: after a failed fsync a retry reports success for
// pages that are gone). Called from the shard's, the disk's and RocksDB's threads.
#pragma once

#include <atomic>
#include <functional>

#include "base/log.h"
#include "base/result.h"

namespace rocksdb {
class Status;
}

namespace rift::engine {

// A status of RocksDB as an Error; `what` says who did what, where.
Error to_error(const rocksdb::Status& status, const std::string& what);

class Failure {
 public:
  Failure(Log& log, std::function<void(const Error&)> on_fatal) : log_(log), on_fatal_(std::move(on_fatal)) {}
  // Returns only when on_fatal was given (tests), or to threads that come after the first.
  void report(const Error& error);
  bool failed() const { return failed_.load(std::memory_order_acquire); }

 private:
  Log& log_;
  const std::function<void(const Error&)> on_fatal_;
  std::atomic<bool> failed_{false};
};

}  // namespace rift::engine
