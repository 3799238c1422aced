// What a damaged store does at open and on read: a typed refusal or Code::corruption, never a crash, and never fewer batches than were
// durable without saying so (traps 15, 16, 53 and the hole that an empty log file leaves).
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

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
  // A store with at least three log files, all of them needed: a child writes faster than it can flush and is killed. Everything but
  // the last few batches was synced.
  void make_store_with_several_logs() {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto small = options();
      small.log_memtable_bytes = small.memtable_bytes = 64 * 1024;
      engine_ = MUST(RocksEngine::create(small));
      for (int i = 0; i < 100'000; ++i) {
        put(Table::log, std::to_string(i), std::string(8 * 1024, 'x'));
        if (i % 4 == 0) sync();
        if (i % 8 == 0 && files(".log").size() >= 4) ::raise(SIGKILL);
      }
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    logs_ = files(".log");
    std::erase_if(logs_, [](const fs::path& log) { return fs::file_size(log) == 0; });
    ASSERT_GE(logs_.size(), 3u);
  }
  std::string copy(const std::string& name) {
    contract::copy_as_killed(root_ / "db", root_ / name);
    return name;
  }
  fs::path in(const std::string& name, const fs::path& file) const { return root_ / name / file.filename(); }

  // A closed store with one log file that holds everything; `durable` of `all` batches were synced.
  void make_store(int durable, int all) {
    open("live");
    for (int i = 1; i <= all; ++i) {
      put(Table::log, "k" + std::to_string(i), std::string(300, 'v'));
      if (i == durable) {
        sync();
        // The witness follows within 50 ms, on the disk thread's own account.
        while (MUST(Witness::read((root_ / "live/witness").string()))->batch != static_cast<std::uint64_t>(durable)) {
        }
      }
    }
    contract::copy_as_killed(root_ / "live", root_ / "db");
    close();
  }

  std::vector<fs::path> logs_;
};

TEST_F(Damage, OpensAKilledStoreWithEveryBatch) {
  make_store_with_several_logs();
  open();
  const auto last = engine_->stats().last_batch;
  EXPECT_GT(last, 8u);
  for (std::uint64_t i = 0; i < last; ++i) EXPECT_EQ(get(Table::log, std::to_string(i)).size(), 8u * 1024) << i;
}

TEST_F(Damage, RefusesADeletedOrEmptiedLogInTheMiddle) {
  make_store_with_several_logs();
  for (std::size_t i = 1; i + 1 < logs_.size(); ++i) {
    fs::remove(in(copy("deleted"), logs_[i]));
    fs::resize_file(in(copy("emptied"), logs_[i]), 0);
    for (const char* name : {"deleted", "emptied"}) {
      const auto before = contract::list_files(root_ / name);
      const Error error = refusal(name);
      EXPECT_EQ(error.code, Code::corruption);
      EXPECT_THAT(error.detail, HasSubstr("are missing from the log before"));
      // The refusal has touched nothing: the evidence is still there.
      for (const auto& [file, size] : before) {
        if (!file.ends_with(".log")) continue;
        EXPECT_EQ(fs::file_size(root_ / name / file), size) << file;
      }
      EXPECT_EQ(refusal(name).code, Code::corruption);
    }
  }
}

TEST_F(Damage, RefusesADeletedFirstLog) {
  make_store_with_several_logs();
  fs::remove(in(copy("first"), logs_.front()));
  EXPECT_THAT(refusal("first").detail, HasSubstr("are missing from the log before"));
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

TEST_F(Damage, DropsATornTailThatWasNotDurable) {
  make_store(10, 14);
  const auto log = files(".log").back();
  fs::resize_file(log, fs::file_size(log) - 20);
  open();
  EXPECT_EQ(engine_->stats().last_batch, 13u);
  EXPECT_EQ(get(Table::log, "k13").size(), 300u);
  EXPECT_EQ(get(Table::log, "k14"), "(absent)");
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
  for (int i = 0; i < 200; ++i) put(Table::log, "k" + std::to_string(i), std::string(300, static_cast<char>('a' + i % 26)));
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
  for (int i = batches / 2 + 1; i <= batches; ++i) put(Table::state_ap, "k" + std::to_string(i), "value" + std::to_string(i));
  sync();
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
        EXPECT_TRUE(opened.error().code == Code::corruption || opened.error().code == Code::io) << opened.error().detail;
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
