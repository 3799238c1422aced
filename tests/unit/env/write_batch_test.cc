#include <gtest/gtest.h>

#include "env/storage.h"

namespace rift::env {
namespace {

TEST(WriteBatch, KeepsOperationsInOrder) {
  WriteBatch batch;
  EXPECT_TRUE(batch.empty());
  batch.put(Table::meta, "a", "1");
  batch.erase(Table::log, "bb");
  batch.erase_range(Table::hint, "c", "d");
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch.at(0).kind, WriteBatch::Kind::put);
  EXPECT_EQ(batch.at(0).table, Table::meta);
  EXPECT_EQ(batch.at(0).key, "a");
  EXPECT_EQ(batch.at(0).value, "1");
  EXPECT_EQ(batch.at(1).kind, WriteBatch::Kind::erase);
  EXPECT_EQ(batch.at(1).key, "bb");
  EXPECT_EQ(batch.at(2).kind, WriteBatch::Kind::erase_range);
  EXPECT_EQ(batch.at(2).key, "c");
  EXPECT_EQ(batch.at(2).value, "d");
}

TEST(WriteBatch, SharesValuesInsteadOfCopyingThem) {
  WriteBatch batch;
  const Bytes value(std::string(1000, 'v'));
  batch.put(Table::log, "k", value);
  EXPECT_EQ(batch.value_at(0).data(), value.data());
}

TEST(WriteBatch, TruncatesToAMarkAsIfTheRestHadNeverBeen) {
  WriteBatch batch;
  batch.put(Table::meta, "kept", "1");
  const auto mark = batch.mark();
  const std::size_t bytes = batch.bytes();
  for (int i = 0; i < 1000; ++i) batch.put(Table::log, "dropped" + std::to_string(i), "2");
  batch.erase_range(Table::log, "x", "y");
  batch.truncate(mark);
  EXPECT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.bytes(), bytes);
  batch.put(Table::log, "next", "3");
  EXPECT_EQ(batch.at(0).key, "kept");
  EXPECT_EQ(batch.at(1).key, "next");
  EXPECT_EQ(batch.at(1).value, "3");
}

TEST(WriteBatch, TruncatesToNothingAndClears) {
  WriteBatch batch;
  const auto start = batch.mark();
  batch.put(Table::meta, "a", "1");
  batch.truncate(start);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0U);
  batch.put(Table::meta, "a", "1");
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0U);
}

TEST(WriteBatch, AMarkFromTheFutureIsADefect) {
  WriteBatch batch;
  EXPECT_DEATH(batch.truncate(WriteBatch::Mark{.operations = 1}), "operations");
  EXPECT_DEATH(static_cast<void>(batch.at(0)), "size");
}

}  // namespace
}  // namespace rift::env
