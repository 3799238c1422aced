// What a damaged store does at open and on read: a typed refusal or Code::corruption, never a crash, and never fewer batches than were
// durable without saying so (traps 15, 16, 53 and the hole that an empty log file leaves).
#include <gmock/gmock.h>
#include <signal.h>
#include <array>

#include <set>

#include "base/rng.h"
#include "engine/witness.h"
#include "tests/contract/copy_directory.h"
#include "tests/unit/engine/store.h"

namespace rift::engine {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Damage : public Store {
 protected:
  // Writes faster than it can flush, and dies when four log files are there. Everything but the last few batches was synced.
  void write_several_logs_and_die() {
    auto small = options();
    small.log_memtable_bytes = small.memtable_bytes = 64 * 1024;
    engine_ = MUST(RocksEngine::create(small));
    for (int i = 0; i < 100'000; ++i) {
      put(Table::log, std::to_string(i), std::string(8 * 1024, 'x'));
      if (i % 4 == 0) sync();
      if (i % 8 == 0 && files(".log").size() >= 4) ::raise(SIGKILL);
    }
  }
  // A store with at least three log files, all of them needed.
  void make_store_with_several_logs() {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    ::setenv(root_variable, root_.c_str(), 1);
    EXPECT_EXIT(write_several_logs_and_die(), ::testing::KilledBySignal(SIGKILL), "");
    ::unsetenv(root_variable);
    logs_ = files(".log");
    std::erase_if(logs_, [](const fs::path& log) { return fs::file_size(log) == 0; });
    ASSERT_GE(logs_.size(), 3u);
  }
  void expect_every_batch(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ(get(Table::log, std::to_string(i)).size(), 8u * 1024) << i;
  }
  std::string copy(const std::string& name) {
    contract::copy_as_killed(root_ / "db", root_ / name);
    return name;
  }
  fs::path in(const std::string& name, const fs::path& file) const { return root_ / name / file.filename(); }

  // Everything so far is durable, and the witness says so: it follows within 50 ms, on the disk thread's own account, and until then a loss
  // goes unseen (DESIGN 5).
  void sync_and_witness(const std::string& name) {
    sync();
    const auto durable = engine_->stats().durable_batch;
    while (MUST(Witness::read((root_ / name / "witness").string()))->batch < durable) {
    }
  }

  // A closed store with one log file that holds everything; `durable` of `all` batches were synced.
  void make_store(int durable, int all) {
    open("live");
    for (int i = 1; i <= all; ++i) {
      put(Table::log, "k" + std::to_string(i), std::string(300, 'v'));
      if (i == durable) sync_and_witness("live");
    }
    contract::copy_as_killed(root_ / "live", root_ / "db");
    close();
  }

  std::vector<fs::path> logs_;
};

TEST_F(Damage, OpensAKilledStoreWithEveryBatch) {
  make_store_with_several_logs();
  open();
  EXPECT_GT(engine_->stats().last_batch, 8u);
  expect_every_batch(engine_->stats().last_batch);
}

// A log file whose batches are in tables already may be gone (RocksDB deletes it a moment later); any other is missed.
TEST_F(Damage, RefusesADeletedOrEmptiedLogUnlessItWasNotNeeded) {
  make_store_with_several_logs();
  open(copy("whole"));
  const auto all = engine_->stats().last_batch;
  close();
  logs_.pop_back();  // the end is the witness's business, below
  int refused = 0;
  for (const fs::path& log : logs_) {
    fs::remove(in(copy("deleted"), log));
    fs::resize_file(in(copy("emptied"), log), 0);
    for (const char* name : {"deleted", "emptied"}) {
      const auto before = contract::list_files(root_ / name);
      auto opened = RocksEngine::create(options(name));
      if (opened) {
        engine_ = std::move(*opened);
        EXPECT_EQ(engine_->stats().last_batch, all);
        expect_every_batch(all);
        close();
        continue;
      }
      ++refused;
      EXPECT_EQ(opened.error().code, Code::corruption);
      EXPECT_THAT(opened.error().detail, HasSubstr("was durable; nothing was changed"));
      // The evidence is still there.
      for (const auto& [file, size] : before) {
        if (!file.ends_with(".log")) continue;
        EXPECT_EQ(fs::file_size(root_ / name / file), size) << file;
      }
      EXPECT_EQ(refusal(name).code, Code::corruption);
    }
  }
  EXPECT_GE(refused, 2);
}

TEST_F(Damage, RefusesALostTail) {
  make_store(10, 10);
  fs::resize_file(files(".log").back(), 0);
  const Error error = refusal();
  EXPECT_EQ(error.code, Code::corruption);
  EXPECT_THAT(error.detail, HasSubstr("the log ends at batch 0, but batch 10 was durable"));
}

TEST_F(Damage, RefusesALogThatEndsBeforeItsWitness) {
  make_store(10, 10);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  EXPECT_THAT(refusal().detail, HasSubstr("the log ends at batch 9, but batch 10 was durable"));
}

// Where its owner can be told, the store is cut where the first durable batch is missing, and says so once and durably.
class Amnesia : public Damage {
 protected:
  Options forgetful(const std::string& name = "db") {
    auto made = options(name);
    made.amnesia = Options::Amnesia{.table = Table::meta, .key = "node/amnesia", .value = Bytes("\1")};
    return made;
  }
  void open_forgetful() { engine_ = MUST(RocksEngine::create(forgetful())); }
};

TEST_F(Amnesia, ALostTailIsCutAndSaidSo) {
  make_store(10, 10);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  open_forgetful();
  EXPECT_EQ(get(Table::meta, "node/amnesia"), "\1");
  EXPECT_EQ(get(Table::log, "k9").size(), 300u);
  EXPECT_EQ(get(Table::log, "k10"), "(absent)");
  EXPECT_EQ(engine_->stats().durable_batch, 10u);  // the tenth is now the one that says it
  put(Table::log, "k10", "new");
  close();
  open();  // a whole store: nobody needs to be told again
  EXPECT_EQ(get(Table::log, "k10"), "new");
  EXPECT_EQ(get(Table::meta, "node/amnesia"), "\1");
}

TEST_F(Amnesia, AHoleBeforeDurableBatchesIsCutInFrontOfIt) {
  make_store(14, 14);
  const auto log = files(".log").back();
  const auto record = fs::file_size(log) / 14;
  flip_byte(log, record * 12 - record / 2);
  open_forgetful();
  EXPECT_EQ(get(Table::meta, "node/amnesia"), "\1");
  EXPECT_EQ(get(Table::log, "k11").size(), 300u);
  for (const char* key : {"k12", "k13", "k14"}) EXPECT_EQ(get(Table::log, key), "(absent)");
}

// A crash right after the cut: the record is durable before the witness is told of the shorter store.
TEST_F(Amnesia, IsRememberedByAStoreThatDiesAtOnce) {
  make_store(10, 10);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  open_forgetful();
  contract::copy_as_killed(root_ / "db", root_ / "copy");
  close();
  engine_ = MUST(RocksEngine::create(forgetful("copy")));
  EXPECT_EQ(get(Table::meta, "node/amnesia"), "\1");
  EXPECT_EQ(get(Table::log, "k9").size(), 300u);
}

TEST_F(Amnesia, ATornTailThatWasNotDurableIsNoAmnesia) {
  make_store(10, 14);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  open_forgetful();
  EXPECT_EQ(get(Table::meta, "node/amnesia"), "(absent)");
  EXPECT_EQ(get(Table::log, "k13").size(), 300u);
}

TEST_F(Damage, DropsATornTailThatWasNotDurable) {
  make_store(10, 14);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  open();
  EXPECT_EQ(engine_->stats().last_batch, 13u);
  EXPECT_EQ(get(Table::log, "k13").size(), 300u);
  EXPECT_EQ(get(Table::log, "k14"), "(absent)");
}

// Data, log and what is written about them are one batch: a crash keeps all of it or none, whichever tables it spans (trap 18).
TEST_F(Damage, ATornBatchIsInEveryTableOrInNone) {
  open("live");
  put(Table::log, "first", "1");
  sync();
  const auto intact = fs::file_size(files(".log", "live").back());
  constexpr std::array tables = {Table::log, Table::meta, Table::state_cp};
  env::WriteBatch batch;
  for (const Table table : tables) batch.put(table, "k", Bytes("v"));
  MUST(engine_->apply(batch));
  contract::copy_as_killed(root_ / "live", root_ / "db");
  close();
  const auto log = files(".log").back();
  const auto whole = fs::file_size(log);
  ASSERT_GT(whole, intact);
  for (auto size = intact; size <= whole; ++size) {
    const std::string name = copy("torn" + std::to_string(size));
    fs::resize_file(in(name, log), size);
    engine_ = MUST(RocksEngine::create(options(name)));
    const std::string expected = size == whole ? "v" : "(absent)";
    for (const Table table : tables) EXPECT_EQ(get(table, "k"), expected) << size << " of " << whole;
    EXPECT_EQ(get(Table::log, "first"), "1");
    close();
    fs::remove_all(root_ / name);
  }
}

// Sectors of an unsynced tail may reach the disk in any order: what stands behind the hole goes too, so that a prefix survives.
TEST_F(Damage, DropsWhatStandsBehindAHoleInATailThatWasNotDurable) {
  make_store(10, 14);
  const auto log = files(".log").back();
  const auto record = fs::file_size(log) / 14;
  flip_byte(log, record * 12 - record / 2);
  open();
  EXPECT_EQ(engine_->stats().last_batch, 11u);
  EXPECT_EQ(get(Table::log, "k11").size(), 300u);
  for (const char* key : {"k12", "k13", "k14"}) EXPECT_EQ(get(Table::log, key), "(absent)");
  put(Table::log, "k12", "new");
  close();
  open();
  EXPECT_EQ(engine_->stats().last_batch, 12u);
  EXPECT_EQ(get(Table::log, "k12"), "new");
}

TEST_F(Damage, RefusesAFlippedBitInTheDurablePartOfTheLog) {
  make_store(10, 14);
  const auto log = files(".log").back();
  flip_byte(log, fs::file_size(log) / 3);
  const Error error = refusal();
  EXPECT_EQ(error.code, Code::corruption);
  EXPECT_THAT(error.detail, HasSubstr("nothing was changed"));
}

TEST_F(Damage, RefusesAStoreWithoutItsWitnessOrItsCurrentFile) {
  make_store(10, 10);
  fs::remove(in(copy("witness"), "witness"));
  EXPECT_THAT(refusal("witness").detail, HasSubstr("the file 'witness' is missing"));
  fs::remove(in(copy("current"), "CURRENT"));
  EXPECT_THAT(refusal("current").detail, HasSubstr("the file CURRENT is missing"));
}

TEST_F(Damage, RefusesAManifestThatIsCutOrFlipped) {
  make_store(10, 10);
  for (const auto& [name, size] : contract::list_files(root_ / "db")) {
    if (!name.starts_with("MANIFEST")) continue;
    for (std::uintmax_t left = 0; left < size; left += 1 + size / 40) {
      fs::resize_file(in(copy("cut"), name), left);
      EXPECT_THAT(refusal("cut").detail, HasSubstr("has lost its end"));
      flip_byte(in(copy("flipped"), name), left);
      EXPECT_THAT(refusal("flipped").detail, HasSubstr("is damaged"));
    }
  }
}

TEST_F(Damage, RefusesAMissingTableFile) {
  make_store(10, 10);
  open();  // writes what it replays to tables
  close();
  fs::remove(files(".sst").front());
  EXPECT_EQ(refusal().code, Code::corruption);
}

TEST_F(Damage, AnswersReadsOfADamagedTableWithCorruption) {
  open();
  for (int i = 0; i < 200; ++i)
    put(Table::log, "k" + std::to_string(i), std::string(300, static_cast<char>('a' + i % 26)));
  contract::copy_as_killed(root_ / "db", root_ / "copy");
  open("copy");  // writes what it replays to tables
  close();
  fs::path largest;
  for (const auto& table : files(".sst", "copy")) {
    if (largest.empty() || fs::file_size(table) > fs::file_size(largest)) largest = table;
  }
  flip_byte(largest, fs::file_size(largest) / 4);
  open("copy");
  const auto all = engine_->scan(Table::log, env::Range{}, 1000, std::size_t{1} << 30);
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().code, Code::corruption);
  int damaged = 0;
  for (int i = 0; i < 200; ++i) {
    const auto value = engine_->get(Table::log, "k" + std::to_string(i));
    if (value) {
      EXPECT_EQ((*value)->view()[0], 'a' + i % 26);
    } else {
      EXPECT_EQ(value.error().code, Code::corruption);
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 0);
}

// Every file, many places, flipped or cut: refused, or opened with nothing durable missing but what a read reports.
TEST_F(Damage, NeverCrashesOrLosesSilentlyWhateverByteIsDamaged) {
  constexpr int batches = 60;
  open("live");
  for (int i = 1; i <= batches / 2; ++i) put(Table::state_ap, "k" + std::to_string(i), "value" + std::to_string(i));
  close();
  open("live");  // the first half is in tables, the second in the log
  for (int i = batches / 2 + 1; i <= batches; ++i)
    put(Table::state_ap, "k" + std::to_string(i), "value" + std::to_string(i));
  sync_and_witness("live");
  contract::copy_as_killed(root_ / "live", root_ / "db");
  close();

  Rng rng(11);
  std::set<std::string> names;
  for (const auto& [name, size] : contract::list_files(root_ / "db")) {
    if (size > 0 && !name.starts_with("LOG")) names.insert(name);
  }
  ASSERT_GE(names.size(), 6u);
  int refused = 0, reported = 0;
  for (const auto& name : names) {
    for (int variant = 0; variant < 12; ++variant) {
      const fs::path file = in(copy("hurt"), name);
      const auto size = fs::file_size(file);
      if (variant % 4 == 3) {
        fs::resize_file(file, rng.below(size));
      } else {
        flip_byte(file, rng.below(size), static_cast<unsigned char>(1u << rng.below(8)));
      }
      Error fatal{Code::ok, ""};
      auto watched = options("hurt");
      watched.on_fatal = [&](const Error& error) { fatal = error; };
      auto opened = RocksEngine::create(watched);
      if (!opened) {
        EXPECT_TRUE(opened.error().code == Code::corruption || opened.error().code == Code::io)
            << opened.error().detail;
        ++refused;
        continue;
      }
      for (int i = 1; i <= batches; ++i) {
        const auto value = (*opened)->get(Table::state_ap, "k" + std::to_string(i));
        if (!value) {
          EXPECT_EQ(value.error().code, Code::corruption) << value.error().detail;
          ++reported;
        } else {
          ASSERT_TRUE(value->has_value()) << name << " variant " << variant << ": key " << i << " was lost silently";
          EXPECT_EQ((*value)->view(), "value" + std::to_string(i));
        }
      }
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(reported + refused, 10);
}

}  // namespace
}  // namespace rift::engine
