// How RocksDB is set up, and the names of what it stores: a column family per table, and the default family for the engine's own
// record, the batch marker. Values only; used by engine.cc and inspect.cc.
#pragma once

#include <optional>
#include <string>

#include "engine/engine.h"

namespace rocksdb {
struct DBOptions;
struct ColumnFamilyOptions;
}  // namespace rocksdb

namespace rift::engine {

// First record of every batch, in the default family: the batch's running number (from 1) and the last number that was durable when it
// was written. A gap in the numbers is a hole in the log; the second number tells a torn tail (allowed by the crash model) from damage.
struct Marker {
  std::uint64_t number = 0;
  std::uint64_t durable = 0;
  friend bool operator==(const Marker&, const Marker&) = default;
};
inline constexpr const char* marker_key = "batch";
std::string encode(const Marker& marker);
std::optional<Marker> decode_marker(ByteView bytes);

const char* table_name(env::Table table);
rocksdb::DBOptions database_options(const Options& options);
// Families in order: default, then each Table by number.
rocksdb::ColumnFamilyOptions default_family_options();
// `cache` is shared: an opaque std::shared_ptr<rocksdb::Cache>.
rocksdb::ColumnFamilyOptions family_options(const Options& options, env::Table table,
                                            const std::shared_ptr<void>& cache);
std::shared_ptr<void> make_block_cache(const Options& options);

}  // namespace rift::engine
