#include "engine/settings.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include "base/coding.h"

namespace rift::engine {

std::string encode(const Marker& marker) {
  std::string out;
  out.reserve(16);
  put_u64(out, marker.number);
  put_u64(out, marker.durable);
  return out;
}

std::optional<Marker> decode_marker(ByteView bytes) {
  KeyReader reader(bytes);
  const auto number = reader.u64();
  const auto durable = reader.u64();
  if (!number || !durable || !reader.rest().empty()) return std::nullopt;
  return Marker{.number = *number, .durable = *durable};
}

const char* table_name(env::Table table) {
  switch (table) {
    case env::Table::meta:
      return "meta";
    case env::Table::log:
      return "log";
    case env::Table::state_cp:
      return "state_cp";
    case env::Table::state_ap:
      return "state_ap";
    case env::Table::hint:
      return "hint";
    case env::Table::ledger:
      return "ledger";
  }
  return "?";
}

rocksdb::DBOptions database_options(const Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.max_open_files = options.open_files_max;
  db.max_total_wal_size = options.wal_bytes_max;
  db.max_background_jobs = 2;
  db.bytes_per_sync = limits::mebi;
  db.keep_log_file_num = 2;
  db.max_manifest_file_size = 4 * limits::mebi;  // the witness hashes it at each change
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.dump_malloc_stats = false;
  db.stats_dump_period_sec = 0;
  // All families are flushed together, so what the marker in the tables says holds for every table: the log must begin at
  // the next number or before. (Trap 54 is about atomic flushes with the log switched off; here it is always on.)
  db.atomic_flush = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // What a killed process left in the page cache is written out before the first Turn (DESIGN 1).
  db.avoid_flush_during_recovery = false;
  db.avoid_flush_during_shutdown = true;
  db.max_bgerror_resume_count = 0;
  // Traps 53 and 55: false alarms and lost families with SyncWAL in this version.
  db.track_and_verify_wals_in_manifest = false;
  db.manual_wal_flush = false;
  db.recycle_log_file_num = 0;
  return db;
}

rocksdb::ColumnFamilyOptions default_family_options() {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = 16 * limits::mebi;
  family.max_write_buffer_number = 8;
  family.compression = rocksdb::kNoCompression;
  return family;
}

rocksdb::ColumnFamilyOptions family_options(const Options& options, env::Table table,
                                            const std::shared_ptr<void>& cache) {
  const bool is_state = table == env::Table::state_cp || table == env::Table::state_ap;
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = table == env::Table::log ? options.log_memtable_bytes : options.memtable_bytes;
  // Stalls are bounded by sizing: a slow flush or compaction meets these far behind the normal state, and pressure() says so.
  family.max_write_buffer_number = 8;
  family.level0_slowdown_writes_trigger = 40;
  family.level0_stop_writes_trigger = 60;
  family.soft_pending_compaction_bytes_limit = std::uint64_t{256} * 1024 * limits::mebi;
  family.hard_pending_compaction_bytes_limit = std::uint64_t{512} * 1024 * limits::mebi;
  family.compression = is_state ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = std::static_pointer_cast<rocksdb::Cache>(cache);
  blocks.format_version = 5;
  if (is_state) blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  return family;
}

std::shared_ptr<void> make_block_cache(const Options& options) {
  return rocksdb::NewLRUCache(options.block_cache_bytes);
}

}  // namespace rift::engine
