// What every env::Engine must do, whoever implements it: RocksDB and the simulator's disk run the same cases. A binary includes this
// header once, writes a StorageWorld around its implementation and instantiates the suite:
//   INSTANTIATE_TEST_SUITE_P(RocksDB, StorageContract, ::testing::Values(&make_rocks_world));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "env/storage.h"

namespace rift::contract {

class StorageWorld {
 public:
  virtual ~StorageWorld() = default;
  virtual env::Engine& engine() = 0;
  // Runs the shard's tasks until `done()` holds; false when it never does.
  virtual bool run_until(const std::function<bool()>& done) = 0;
  // The process is killed and started again: everything applied survives.
  virtual void kill_and_reopen() = 0;
  // Ends in good order and is started again.
  virtual void close_and_reopen() = 0;
};
using StorageFactory = std::unique_ptr<StorageWorld> (*)();

class StorageContract : public ::testing::TestWithParam<StorageFactory> {
 protected:
  using Table = env::Table;
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::size_t everything = std::size_t{1} << 40;

  env::Engine& engine() { return world_->engine(); }

  void put(Table table, const std::string& key, const std::string& value) {
    env::WriteBatch batch;
    batch.put(table, key, Bytes(value));
    MUST(engine().apply(batch));
  }
  void sync() {
    bool durable = false;
    engine().sync([&] { durable = true; });
    ASSERT_TRUE(world_->run_until([&] { return durable; }));
  }
  static std::optional<std::string> get(env::Reader& reader, Table table, const std::string& key) {
    const auto value = MUST(reader.get(table, key));
    return value ? std::optional(value->to_string()) : std::nullopt;
  }
  static Pairs scan(env::Reader& reader, Table table, const std::string& first, const std::string& last,
                    std::size_t keys = everything, std::size_t bytes = everything) {
    Pairs out;
    for (auto& pair : MUST(reader.scan(table, env::Range{.first = first, .last = last}, keys, bytes))) {
      out.emplace_back(pair.key, pair.value.to_string());
    }
    return out;
  }

  std::unique_ptr<StorageWorld> world_ = GetParam()();
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StorageContract);

TEST_P(StorageContract, ReadsWhatWasAppliedAtOnceWithoutASync) {
  EXPECT_EQ(get(engine(), Table::meta, "k"), std::nullopt);
  put(Table::meta, "k", "v");
  EXPECT_EQ(get(engine(), Table::meta, "k"), "v");
  put(Table::meta, "k", "");
  EXPECT_EQ(get(engine(), Table::meta, "k"), "");
}

TEST_P(StorageContract, KeepsTablesApart) {
  for (std::size_t i = 0; i < env::table_count; ++i) put(static_cast<Table>(i), "k", std::to_string(i));
  for (std::size_t i = 0; i < env::table_count; ++i) {
    EXPECT_EQ(scan(engine(), static_cast<Table>(i), "", ""), (Pairs{{"k", std::to_string(i)}}));
  }
}

TEST_P(StorageContract, AppliesTheOperationsOfABatchInOrder) {
  put(Table::log, "a", "old");
  env::WriteBatch batch;
  batch.erase_range(Table::log, "a", "z");
  batch.put(Table::log, "b", Bytes("1"));
  batch.put(Table::log, "c", Bytes("1"));
  batch.put(Table::log, "b", Bytes("2"));
  batch.erase(Table::log, "c");
  batch.erase(Table::log, "never there");
  MUST(engine().apply(batch));
  EXPECT_EQ(scan(engine(), Table::log, "", ""), (Pairs{{"b", "2"}}));
}

TEST_P(StorageContract, ErasesARangeWithoutItsEnd) {
  for (const char* key : {"a", "b", "c", "d"}) put(Table::log, key, key);
  env::WriteBatch batch;
  batch.erase_range(Table::log, "b", "d");
  MUST(engine().apply(batch));
  EXPECT_EQ(scan(engine(), Table::log, "", ""), (Pairs{{"a", "a"}, {"d", "d"}}));
  EXPECT_EQ(get(engine(), Table::log, "c"), std::nullopt);
}

TEST_P(StorageContract, ErasesNothingInARangeThatEndsBeforeItBegins) {
  put(Table::log, "b", "1");
  env::WriteBatch batch;
  batch.erase_range(Table::log, "c", "a");
  batch.erase_range(Table::log, "b", "b");
  batch.erase_range(Table::log, "b", "");
  MUST(engine().apply(batch));
  EXPECT_EQ(get(engine(), Table::log, "b"), "1");
}

TEST_P(StorageContract, ScansInKeyOrderFromTheFirstToBeforeTheLast) {
  for (const char* key : {"b", "a", "d", "c"}) put(Table::state_cp, key, key);
  EXPECT_EQ(scan(engine(), Table::state_cp, "b", "d"), (Pairs{{"b", "b"}, {"c", "c"}}));
  EXPECT_EQ(scan(engine(), Table::state_cp, "bb", ""), (Pairs{{"c", "c"}, {"d", "d"}}));
  EXPECT_EQ(scan(engine(), Table::state_cp, "c", "b"), Pairs{});
  EXPECT_EQ(scan(engine(), Table::state_cp, "b", "b"), Pairs{});
}

TEST_P(StorageContract, OrdersKeysAsUnsignedBytes) {
  const std::string zero(1, '\0'), high("\xff"), low("\x7f");
  for (const auto& key : {high, low, zero}) put(Table::state_ap, key, "v");
  EXPECT_EQ(scan(engine(), Table::state_ap, "", ""), (Pairs{{zero, "v"}, {low, "v"}, {high, "v"}}));
}

TEST_P(StorageContract, StopsAScanAtTheBoundsOfItsPage) {
  for (const char* key : {"a", "b", "c"}) put(Table::hint, key, "0123456789");
  EXPECT_EQ(scan(engine(), Table::hint, "", "", 2).size(), 2u);
  EXPECT_EQ(scan(engine(), Table::hint, "", "", 0).size(), 0u);
  EXPECT_EQ(scan(engine(), Table::hint, "", "", everything, 10).size(),
            1u);  // the pair that passes the bound is the last
  EXPECT_EQ(scan(engine(), Table::hint, "", "", everything, 12).size(), 2u);
  EXPECT_EQ(scan(engine(), Table::hint, "", "", everything, 0).size(), 1u);
}

TEST_P(StorageContract, PostsASyncOnlyThroughTheExecutor) {
  put(Table::log, "k", "v");
  bool durable = false;
  engine().sync([&] { durable = true; });
  EXPECT_FALSE(durable);
  EXPECT_TRUE(world_->run_until([&] { return durable; }));
}

TEST_P(StorageContract, AnswersEverySyncInTheOrderAsked) {
  std::vector<int> answered;
  for (int i = 0; i < 20; ++i) {
    put(Table::log, "k" + std::to_string(i), "v");
    engine().sync([&, i] { answered.push_back(i); });
  }
  ASSERT_TRUE(world_->run_until([&] { return answered.size() == 20; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(answered[static_cast<std::size_t>(i)], i);
}

TEST_P(StorageContract, AnswersASyncWithNothingToSync) { sync(); }

TEST_P(StorageContract, ShowsASnapshotTheMomentItWasPinned) {
  put(Table::state_cp, "a", "1");
  put(Table::state_cp, "b", "1");
  const auto snapshot = engine().pin();
  put(Table::state_cp, "a", "2");
  env::WriteBatch batch;
  batch.erase_range(Table::state_cp, "b", "c");
  batch.put(Table::state_cp, "d", Bytes("2"));
  MUST(engine().apply(batch));
  EXPECT_EQ(scan(*snapshot, Table::state_cp, "", ""), (Pairs{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(get(*snapshot, Table::state_cp, "a"), "1");
  EXPECT_EQ(get(*snapshot, Table::state_cp, "d"), std::nullopt);
  EXPECT_EQ(scan(engine(), Table::state_cp, "", ""), (Pairs{{"a", "2"}, {"d", "2"}}));
}

TEST_P(StorageContract, KeepsWhatWasSyncedOverAKill) {
  put(Table::log, "a", "1");
  sync();
  world_->kill_and_reopen();
  EXPECT_EQ(get(engine(), Table::log, "a"), "1");
}

TEST_P(StorageContract, KeepsEverythingAppliedOverAKill) {
  put(Table::log, "a", "1");
  put(Table::state_ap, "b", "2");
  world_->kill_and_reopen();
  EXPECT_EQ(get(engine(), Table::log, "a"), "1");
  EXPECT_EQ(get(engine(), Table::state_ap, "b"), "2");
}

TEST_P(StorageContract, GoesOnAfterManyRestarts) {
  for (int i = 0; i < 6; ++i) {
    put(Table::log, std::to_string(i), "v");
    if (i % 2 == 0) {
      world_->kill_and_reopen();
    } else {
      world_->close_and_reopen();
    }
    EXPECT_EQ(scan(engine(), Table::log, "", "").size(), static_cast<std::size_t>(i) + 1);
  }
}

TEST_P(StorageContract, HoldsTheLargestKeysAndValues) {
  const std::string key(4096, 'k'), value(std::size_t{1} << 20, 'v');
  put(Table::state_cp, key, value);
  sync();
  world_->kill_and_reopen();
  EXPECT_EQ(get(engine(), Table::state_cp, key), value);
}

TEST_P(StorageContract, FeelsNoPressureAtRest) { EXPECT_EQ(engine().pressure(), env::Pressure::none); }

// Against a map: random batches over all tables, with syncs and restarts in between.
TEST_P(StorageContract, AgreesWithAMapUnderRandomBatches) {
  Rng rng(7);
  std::map<std::pair<std::size_t, std::string>, std::string> model;
  const auto random_key = [&] {
    return std::string(1, static_cast<char>('a' + rng.below(6))) + std::to_string(rng.below(10));
  };
  for (int round = 0; round < 120; ++round) {
    env::WriteBatch batch;
    for (std::uint64_t n = rng.below(8); n > 0; --n) {
      const auto table = static_cast<std::size_t>(rng.below(env::table_count));
      const auto kind = rng.below(10);
      const std::string key = random_key();
      if (kind < 7) {
        const std::string value(rng.below(200), static_cast<char>('A' + rng.below(26)));
        batch.put(static_cast<Table>(table), key, Bytes(value));
        model[{table, key}] = value;
      } else if (kind < 9) {
        batch.erase(static_cast<Table>(table), key);
        model.erase({table, key});
      } else {
        const std::string last = random_key();
        batch.erase_range(static_cast<Table>(table), key, last);
        if (key < last) model.erase(model.lower_bound({table, key}), model.lower_bound({table, last}));
      }
    }
    MUST(engine().apply(batch));
    if (rng.chance(0.2)) sync();
    if (rng.chance(0.04)) world_->kill_and_reopen();
  }
  for (std::size_t table = 0; table < env::table_count; ++table) {
    Pairs expected;
    for (const auto& [where, value] : model) {
      if (where.first == table) expected.emplace_back(where.second, value);
    }
    EXPECT_EQ(scan(engine(), static_cast<Table>(table), "", ""), expected);
  }
}

}  // namespace rift::contract
