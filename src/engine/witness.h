// The tail witness: one small file beside the store that says which batch is certainly durable. A store that ends before it has lost
// its tail (a deleted or emptied last log file), which RocksDB cannot see. Two slots in two sectors, written in turn, so a torn write
// leaves the other. Used at open, then by the disk thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace rift::engine {

class Witness {
 public:
  // Absent: nothing. Both slots unreadable: Code::corruption.
  static Result<std::optional<std::uint64_t>> read(const std::string& path);
  // Opens the file, or makes one that says 0; durable when this returns.
  static Result<std::unique_ptr<Witness>> open(const std::string& path);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Durable when this returns.
  Result<void> write(std::uint64_t durable_batch);

 private:
  Witness(int file, std::string path) : file_(file), path_(std::move(path)) {}

  int file_;
  std::string path_;
  std::uint64_t turn_ = 0;
};

}  // namespace rift::engine
