// The witness: one small file beside the store that says what is certainly durable: which batch, and which manifest. A store that ends
// before it has lost its tail (a deleted or emptied last log file), which RocksDB cannot see. Two slots in two sectors, written in
// turn, so a torn write leaves the other. Used at open, then by the disk thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/manifest.h"

namespace rift::engine {

struct Testimony {
  std::uint64_t batch = 0;
  ManifestMark manifest;
  friend bool operator==(const Testimony&, const Testimony&) = default;
};

class Witness {
 public:
  // Absent: nothing. Both slots unreadable: Code::corruption.
  static Result<std::optional<Testimony>> read(const std::string& path);
  // Opens the file, or makes one that testifies to nothing; durable when this returns.
  static Result<std::unique_ptr<Witness>> open(const std::string& path);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Durable when this returns.
  Result<void> write(const Testimony& testimony);

 private:
  Witness(int file, std::string path) : file_(file), path_(std::move(path)) {}

  int file_;
  std::string path_;
  std::uint64_t turn_ = 0;
};

}  // namespace rift::engine
