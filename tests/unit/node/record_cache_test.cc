#include "node/record_cache.h"

#include <gtest/gtest.h>

#include "tests/kit/map_store.h"
#include "wire/keys.h"

namespace rift::node {
namespace {

using env::Table;

struct Fixture {
  explicit Fixture(std::size_t bytes = 1 << 20) : cache(store, bytes) {}
  void apply(const env::WriteBatch& batch) {
    MUST(store.apply(batch));
    cache.applied(batch);
  }
  void put(const std::string& key, const std::string& value, Table table = Table::state_cp) {
    env::WriteBatch batch;
    batch.put(table, key, Bytes(value));
    apply(batch);
  }
  std::optional<std::string> get(const std::string& key, Table table = Table::state_cp) {
    const auto value = MUST(cache.get(table, key));
    return value ? std::optional(value->to_string()) : std::nullopt;
  }
  kit::MapStore store;
  RecordCache cache;
};

TEST(RecordCache, AnswersWhatWasWrittenWithoutTheStore) {
  Fixture f;
  f.put("k", "1");
  EXPECT_EQ(f.get("k"), "1");
  f.put("k", "2");
  EXPECT_EQ(f.get("k"), "2");
  EXPECT_EQ(f.cache.misses(), 0u);
}

TEST(RecordCache, RemembersAbsenceAndErasure) {
  Fixture f;
  EXPECT_EQ(f.get("k"), std::nullopt);
  EXPECT_EQ(f.get("k"), std::nullopt);
  EXPECT_EQ(f.cache.misses(), 1u);
  f.put("k", "1");
  env::WriteBatch batch;
  batch.erase(Table::state_cp, "k");
  f.apply(batch);
  EXPECT_EQ(f.get("k"), std::nullopt);
  EXPECT_EQ(f.cache.misses(), 1u);
}

// Each entry of a log writes a history record: kept, they would push out the records that puts read again.
TEST(RecordCache, KeepsNoHistory) {
  Fixture f;
  const std::string history = wire::cp_history_key(PartitionId(1), Generation(1), Revision(7));
  EXPECT_EQ(f.get(history), std::nullopt);
  f.put(history, "events");
  EXPECT_EQ(f.get(history), "events");
  EXPECT_EQ(f.cache.hits() + f.cache.misses(), 0u);
}

TEST(RecordCache, ForgetsWhatARangeErased) {
  Fixture f;
  f.put("a", "1");
  f.put("b", "1");
  env::WriteBatch batch;
  batch.erase_range(Table::state_cp, "a", "b");
  batch.put(Table::state_cp, "a2", "2");
  f.apply(batch);
  EXPECT_EQ(f.get("a"), std::nullopt);
  EXPECT_EQ(f.get("a2"), "2");
  EXPECT_EQ(f.get("b"), "1");
}

TEST(RecordCache, KeepsTablesApartAndOnlyStateRecords) {
  Fixture f;
  f.put("k", "cp");
  f.put("k", "ap", Table::state_ap);
  f.put("k", "meta", Table::meta);
  EXPECT_EQ(f.get("k"), "cp");
  EXPECT_EQ(f.get("k", Table::state_ap), "ap");
  EXPECT_EQ(f.get("k", Table::meta), "meta");
  EXPECT_EQ(f.cache.hits(), 2u);
}

TEST(RecordCache, IsBoundedAndNeverWrong) {
  Fixture f(64 * 1024);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2000; ++i) f.put("k" + std::to_string(i), std::to_string(round * i));
  }
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(f.get("k" + std::to_string(i)), std::to_string(2 * i));
  EXPECT_GT(f.cache.misses(), 1000u);
}

// What is used stays: a hot key survives any number of cold ones.
TEST(RecordCache, KeepsWhatIsUsed) {
  Fixture f(64 * 1024);
  f.put("hot", "h");
  for (int i = 0; i < 5000; ++i) {
    f.put("cold" + std::to_string(i), "c");
    ASSERT_EQ(f.get("hot"), "h");
  }
  EXPECT_EQ(f.cache.misses(), 0u);
}

// The same key written over and over takes its place once.
TEST(RecordCache, OverwritingDoesNotPushOthersOut) {
  Fixture f(64 * 1024);
  f.put("other", "o");
  for (int i = 0; i < 5000; ++i) f.put("hot", std::string(100, 'x'));
  EXPECT_EQ(f.get("other"), "o");
  EXPECT_EQ(f.cache.misses(), 0u);
}

TEST(RecordCache, DoesNotKeepAWholeEntryAliveForASlice) {
  Fixture f;
  const Bytes entry(std::string(100'000, 'e'));
  env::WriteBatch batch;
  batch.put(Table::state_cp, "k", entry.slice(10, 20));
  f.apply(batch);
  const auto value = MUST(f.cache.get(Table::state_cp, "k"));
  EXPECT_EQ(value->size(), 20u);
  EXPECT_TRUE(value->is_whole());
}

TEST(RecordCache, LeavesLargeRecordsToTheStore) {
  Fixture f;
  f.put("k", "small");
  f.put("k", std::string(100'000, 'x'));
  EXPECT_EQ(f.get("k")->size(), 100'000u);
  EXPECT_EQ(f.cache.misses(), 1u);
}

}  // namespace
}  // namespace rift::node
