// What is on the disk, and what happens when the disk refuses (traps 10, 12, 13 and 16).
#include <functional>
#include <mutex>

#include <gmock/gmock.h>

#include "engine/witness.h"
#include "store.h"
#include "sync_fault.h"

namespace rift::engine {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

constexpr const char* witness_name = "witness";

class SyncTest : public Store {
 protected:
  ~SyncTest() override {
    fail_syncs("", 0);
    let_all_through();
    engine_.reset();  // before what it reports to
  }

  // The engine tells instead of ending the process.
  void open_watched() { open_watched(options()); }
  void open_watched(Options watched) {
    watched.on_fatal = [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      fatal_.push_back(error);
    };
    engine_ = MUST(RocksEngine::create(watched));
  }
  std::vector<Error> fatal() const {
    const std::lock_guard lock(mutex_);
    return fatal_;
  }
  // What becomes true on another thread, without a task for this one.
  void run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 6000 && !done(); ++i) executor_.run_for(std::chrono::milliseconds(10));
  }

 private:
  mutable std::mutex mutex_;  // the store's threads report
  std::vector<Error> fatal_;
};

// After a failed sync the kernel may drop the pages and report the next one as a success: nothing may be believed that comes after it.
TEST_F(SyncTest, AFailedSyncIsFatalOnceAndNoLaterOneSucceeds) {
  open_watched();
  put(Table::log, "a", "1");
  sync();
  put(Table::log, "b", "2");
  fail_syncs(".log", 1);
  std::vector<int> answered;
  engine_->sync([&] { answered.push_back(1); });
  run_until([&] { return !fatal().empty(); });
  ASSERT_EQ(failed_syncs(), 1);
  ASSERT_EQ(fatal().size(), 1U);
  EXPECT_THAT(fatal().front().detail, HasSubstr("Input/output error"));
  // The disk would take the next one.
  engine_->sync([&] { answered.push_back(2); });
  executor_.run_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(answered.empty());
  EXPECT_EQ(fatal().size(), 1U);
  env::WriteBatch batch;
  batch.put(Table::log, "c", Bytes("3"));
  EXPECT_FALSE(engine_->apply(batch).has_value());
}

// What is applied while the disk is at it may have come too late for it: whoever waits for that waits for the next one (trap 10).
TEST_F(SyncTest, ASyncCoversOnlyWhatWasAppliedBeforeItBegan) {
  open_watched();
  std::vector<int> answered;
  put(Table::log, "a", "1");
  hold_syncs(".log");
  engine_->sync([&] { answered.push_back(1); });
  run_until([&] { return held_syncs() == 1; });
  put(Table::log, "b", "2");
  engine_->sync([&] { answered.push_back(2); });
  EXPECT_EQ(engine_->stats().durable_batch, 0U);
  let_one_through();
  run_until([&] { return answered.size() > 1 || (!answered.empty() && held_syncs() == 1); });
  EXPECT_EQ(answered, std::vector<int>{1});
  EXPECT_EQ(held_syncs(), 1);
  EXPECT_EQ(engine_->stats().durable_batch, 1U);
  let_all_through();
  run_until([&] { return answered.size() > 1; });
  EXPECT_EQ(answered, (std::vector<int>{1, 2}));
  EXPECT_EQ(engine_->stats().durable_batch, 2U);
}

// Of what happens on the store's own threads nobody waits for an answer.
TEST_F(SyncTest, AFailureBehindTheScenesIsFatalOnce) {
  auto small = options();
  small.log_memtable_bytes = small.memtable_bytes = 64 * 1024;
  open_watched(small);
  fail_syncs(".sst", 1);
  for (int i = 0; i < 12; ++i) {  // enough for a flush; nothing is written after that it could be noticed by
    env::WriteBatch batch;
    batch.put(Table::log, std::to_string(i), Bytes(std::string(16 * 1024, 'x')));
    if (!engine_->apply(batch)) break;
  }
  run_until([&] { return failed_syncs() == 1; });
  for (int i = 0; i < 300 && fatal().empty(); ++i) executor_.run_for(std::chrono::milliseconds(10));
  ASSERT_EQ(fatal().size(), 1U);
  EXPECT_THAT(fatal().front().detail, HasSubstr("background work of the store failed"));
  bool answered = false;
  engine_->sync([&] { answered = true; });
  executor_.run_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(answered);
  EXPECT_EQ(fatal().size(), 1U);
}

TEST_F(SyncTest, AFailedSyncEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const auto log = MUST(make_process_log(LogLevel::error, "n1", ""));
        contract::QueueExecutor executor;
        auto engine = MUST(RocksEngine::create(
            Options{.path = (root_ / "doomed").string(), .executor = executor, .log = *log, .disk_reserve_bytes = 0}));
        env::WriteBatch batch;
        batch.put(Table::log, "k", Bytes("v"));
        MUST(engine->apply(batch));
        fail_syncs(".log", 1);
        bool answered = false;
        engine->sync([&] { answered = true; });
        executor.run_until([&] { return answered; });
        std::_Exit(answered ? 2 : 0);
      },
      ::testing::ExitedWithCode(1), "engine.fatal .*Input/output error");
}

// The witness says what the log must reach: if it cannot be kept, a later loss would go unseen.
TEST_F(SyncTest, AWitnessThatCannotBeSyncedIsFatal) {
  open_watched();
  fail_syncs(witness_name, 1);
  put(Table::log, "a", "1");
  sync();
  run_until([&] { return !fatal().empty(); });
  ASSERT_EQ(fatal().size(), 1U);
  EXPECT_THAT(fatal().front().detail, HasSubstr(witness_name));
}

// No later write or sync has to push it: what can be lost unseen is bounded by time (traps 15 and 16).
TEST_F(SyncTest, TheWitnessFollowsTheLastSyncByItself) {
  open_watched();
  for (std::uint64_t batch = 1; batch <= 5; ++batch) {
    put(Table::log, "k", "v");
    sync();
    if (batch % 2 == 0) continue;  // two at once
    const auto witnessed = [&] { return MUST(Witness::read((root_ / "db" / witness_name).string()))->batch; };
    for (int i = 0; i < 300 && witnessed() < batch; ++i) executor_.run_for(std::chrono::milliseconds(10));
    EXPECT_EQ(witnessed(), batch);
  }
}

// A synced file whose name was never synced is gone after a power loss. Many small logs: each is a new file.
TEST_F(SyncTest, EveryFileThatIsReliedUponHasItsNameOnTheDisk) {
  auto small = options();
  small.log_memtable_bytes = 64 * 1024;
  small.memtable_bytes = 64 * 1024;
  engine_ = MUST(RocksEngine::create(small));
  const std::string path = (root_ / "db").string();
  std::set<std::string> logs_seen;
  for (int i = 0; i < 60; ++i) {
    put(Table::log, "k" + std::to_string(i), std::string(16 * 1024, 'x'));
    sync();
    std::set<std::string> relied_upon;
    for (const std::string& name : synced_files(path)) {
      if (!name.ends_with(".log") && name != witness_name) continue;
      relied_upon.insert(name);
      if (name.ends_with(".log")) logs_seen.insert(name);
    }
    EXPECT_THAT(relied_upon, Contains(witness_name));
    EXPECT_THAT(relied_upon, IsSubsetOf(kept_names(path))) << "after batch " << i;
  }
  EXPECT_GE(logs_seen.size(), 5U);
}

}  // namespace
}  // namespace rift::engine
