// Settings of RocksDB 7.8 that are right only in certain company (traps 53-55), each with a default that would be wrong here.
#include "engine/settings.h"

#include <rocksdb/options.h>

#include "tests/contract/copy_directory.h"
#include "tests/unit/engine/store.h"

namespace rift::engine {
namespace {

class Settings : public Store {};

// SyncWAL together with logs that the manifest tracks reports logs as missing that are not (trap 53).
TEST_F(Settings, SyncedLogsAreNotTrackedInTheManifest) {
  EXPECT_FALSE(database_options(options()).track_and_verify_wals_in_manifest);
}

// A flush of all tables together loses what was written past the log (trap 54): nothing is, so every batch has its number in the log.
TEST_F(Settings, EveryBatchGoesThroughTheLogAndTheTablesAreFlushedTogether) {
  EXPECT_TRUE(database_options(options()).atomic_flush);
  open();
  for (int i = 0; i < 20; ++i) put(i % 2 == 0 ? Table::log : Table::state_cp, "k" + std::to_string(i), "v");
  contract::copy_as_killed(root_ / "db", root_ / "copy");  // nothing was flushed: what is found comes out of the log
  close();
  open("copy");
  EXPECT_EQ(engine_->stats().last_batch, 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(i % 2 == 0 ? Table::log : Table::state_cp, "k" + std::to_string(i)), "v");
}

// Logs that are written by hand and recovery that goes on after an error let tables drift apart (trap 55); a recycled log may hold old records
// behind its end.
TEST_F(Settings, LogsAreNeitherWrittenByHandNorRecycledAndNoErrorIsRecoveredFrom) {
  const auto db = database_options(options());
  EXPECT_FALSE(db.manual_wal_flush);
  EXPECT_EQ(db.recycle_log_file_num, 0u);
  EXPECT_EQ(db.max_bgerror_resume_count, 0);
}

// What a killed process has written is replayed into tables at the open, and so durable before anybody acts on it (DESIGN 1).
TEST_F(Settings, WhatIsFoundAtTheOpenIsFlushed) {
  EXPECT_FALSE(database_options(options()).avoid_flush_during_recovery);
}

}  // namespace
}  // namespace rift::engine
