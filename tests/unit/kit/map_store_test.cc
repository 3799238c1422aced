#include "tests/kit/map_store.h"

#include <gtest/gtest.h>

namespace rift::kit {
namespace {

using env::Range;
using env::Table;

env::WriteBatch put(const char* key, const char* value) {
  env::WriteBatch batch;
  batch.put(Table::log, key, value);
  return batch;
}

std::string keys(MapStore& store) {
  std::string all;
  for (const auto& pair : MUST(store.scan(Table::log, Range{}, 100, 1000))) all += pair.key;
  return all;
}

TEST(MapStore, APowerLossKeepsWhatWasSyncedWhenItWasAsked) {
  MapStore store;
  bool done = false;
  MUST(store.apply(put("a", "1")));
  store.sync([&] { done = true; });
  MUST(store.apply(put("b", "1")));
  EXPECT_FALSE(done);
  EXPECT_TRUE(store.finish_sync());
  EXPECT_TRUE(done);
  EXPECT_EQ(keys(store), "ab");
  store.lose_power();
  EXPECT_EQ(keys(store), "a");
}

TEST(MapStore, APowerLossMayKeepALongerPrefixButNeverAShorterOne) {
  MapStore store;
  for (const char* key : {"a", "b", "c", "d"}) {
    MUST(store.apply(put(key, "1")));
    if (*key == 'b') store.sync([] {});
  }
  store.finish_syncs();
  MapStore shorter = std::move(store);
  shorter.lose_power(3);
  EXPECT_EQ(keys(shorter), "abc");
  MUST(shorter.apply(put("e", "1")));
  shorter.lose_power(0);
  EXPECT_EQ(keys(shorter), "abc");
}

TEST(MapStore, AKillKeepsEverythingAndForgetsOpenSyncs) {
  MapStore store;
  MUST(store.apply(put("a", "1")));
  store.sync([] { FAIL() << "the process that asked is gone"; });
  store.kill();
  EXPECT_FALSE(store.finish_sync());
  store.lose_power();
  EXPECT_EQ(keys(store), "a");
}

TEST(MapStore, APinnedViewStandsStill) {
  MapStore store;
  MUST(store.apply(put("a", "1")));
  const auto pinned = store.pin();
  MUST(store.apply(put("a", "2")));
  EXPECT_EQ(MUST(pinned->get(Table::log, "a")), Bytes("1"));
  EXPECT_EQ(MUST(store.get(Table::log, "a")), Bytes("2"));
}

TEST(MapStore, RangesAndLimits) {
  MapStore store;
  for (const char* key : {"a", "b", "c", "d"}) MUST(store.apply(put(key, "12345")));
  EXPECT_EQ(MUST(store.scan(Table::log, Range{"b", "d"}, 10, 100)).size(), 2U);
  EXPECT_EQ(MUST(store.scan(Table::log, Range{}, 3, 100)).size(), 3U);
  EXPECT_EQ(MUST(store.scan(Table::log, Range{}, 10, 7)).size(), 2U);
  EXPECT_TRUE(MUST(store.scan(Table::meta, Range{}, 10, 100)).empty());
  env::WriteBatch batch;
  batch.erase_range(Table::log, "b", "d");
  MUST(store.apply(batch));
  EXPECT_EQ(keys(store), "ad");
}

}  // namespace
}  // namespace rift::kit
