// RocksDB's list of table files, as far as the witness needs to know it: which file it is, how long, and a hash. RocksDB takes a manifest
// that ends early for one that was being written, so a cut or a flipped length loses tables with status OK. Called at open and by the
// disk thread. Plain files, no RocksDB.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace rift::engine {

// The first `bytes` bytes of MANIFEST-<number> are on disk and have this hash. Number 0: nothing is known.
struct ManifestMark {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;
  friend bool operator==(const ManifestMark&, const ManifestMark&) = default;
};

// The manifest in use now, made durable; `before` when it has not changed since, or is being replaced at this moment.
Result<ManifestMark> mark_manifest(const std::string& store, const ManifestMark& before);

// Code::corruption when the manifest in use is older than `mark`, shorter, or says something else.
Result<void> check_manifest(const std::string& store, const ManifestMark& mark);

}  // namespace rift::engine
