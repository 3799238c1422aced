// How long the disk under a trial takes to sync a small file, sampled beside the trial: a figure is the product's only where the disk was
// quiet. A thread of its own.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace rift::cli {

class DiskProbe {
 public:
  static Result<std::unique_ptr<DiskProbe>> start(const std::string& folder);
  ~DiskProbe();
  DiskProbe(const DiskProbe&) = delete;
  DiskProbe& operator=(const DiskProbe&) = delete;

  // Since the start, or the last call.
  std::vector<Duration> take();
  // Since the start.
  std::vector<Duration> all();

 private:
  explicit DiskProbe(int file) : file_(file) {}
  void run();

  const int file_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // the probe reports, the main thread looks
  std::vector<Duration> syncs_;
  std::size_t taken_ = 0;
  std::thread thread_;
};

}  // namespace rift::cli
