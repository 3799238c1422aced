#include "engine/engine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/engine/store.h"

namespace rift::engine {
namespace {

using ::testing::HasSubstr;

class EngineTest : public Store {};

TEST_F(EngineTest, SharesOneCallToTheDiskBetweenSyncs) {
  open();
  constexpr std::uint64_t rounds = 500;
  std::uint64_t answered = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    put(Table::log, std::to_string(i), "v");
    engine_->sync([&] { ++answered; });
  }
  ASSERT_TRUE(executor_.run_until([&] { return answered == rounds; }));
  const Stats stats = engine_->stats();
  EXPECT_EQ(stats.syncs_requested, rounds);
  EXPECT_LE(stats.syncs, rounds);
  EXPECT_EQ(stats.last_batch, rounds);
  EXPECT_EQ(stats.durable_batch, rounds);
}

TEST_F(EngineTest, DoesNotTouchTheDiskForASyncWithNothingNew) {
  open();
  put(Table::log, "k", "v");
  sync();
  const auto before = engine_->stats().syncs;
  sync();
  EXPECT_EQ(engine_->stats().syncs, before);
}

TEST_F(EngineTest, CountsNoEmptyBatch) {
  open();
  MUST(engine_->apply(env::WriteBatch{}));
  EXPECT_EQ(engine_->stats().last_batch, 0u);
}

TEST_F(EngineTest, GoesOnWithTheNextBatchNumberAfterARestart) {
  open();
  put(Table::log, "a", "1");
  put(Table::log, "b", "2");
  close();
  open();
  EXPECT_EQ(engine_->stats().last_batch, 2u);
  EXPECT_EQ(engine_->stats().durable_batch, 2u);
  put(Table::log, "c", "3");
  EXPECT_EQ(engine_->stats().last_batch, 3u);
}

TEST_F(EngineTest, KeepsLargeValuesThroughFlushesAndRestarts) {
  auto small = options();
  small.log_memtable_bytes = small.memtable_bytes = 2 * limits::mebi;
  engine_ = MUST(RocksEngine::create(small));
  const std::string value(limits::value_bytes_max, 'v');
  for (int i = 0; i < 12; ++i) put(Table::state_cp, "k" + std::to_string(i), value + std::to_string(i));
  close();
  open();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(get(Table::state_cp, "k" + std::to_string(i)), value + std::to_string(i));
}

TEST_F(EngineTest, ClosesInTheMiddleOfAFlushWithoutAnAlarm) {
  int alarms = 0;
  auto small = options();
  small.log_memtable_bytes = small.memtable_bytes = 256 * limits::kibi;
  small.on_fatal = [&](const Error&) { ++alarms; };
  int written = 0;
  for (int round = 0; round < 15; ++round) {
    engine_ = MUST(RocksEngine::create(small));
    for (int i = 0; i < 12; ++i) put(Table::log, std::to_string(written++), std::string(100 * limits::kibi, 'v'));
    close();
  }
  EXPECT_EQ(alarms, 0);
  open();
  for (int i = 0; i < written; ++i) EXPECT_EQ(get(Table::log, std::to_string(i)).size(), 100 * limits::kibi);
}

TEST_F(EngineTest, RefusesADirectoryThatIsInUse) {
  open();
  const Error error = refusal();
  EXPECT_EQ(error.code, Code::io);
  EXPECT_THAT(error.detail, HasSubstr("is in use by a running node"));
  EXPECT_THAT(error.detail, HasSubstr(options().path));
  EXPECT_EQ(error.detail.find('\n'), std::string::npos);
  put(Table::log, "k", "v");  // the first is not disturbed
  close();
  open();
  EXPECT_EQ(get(Table::log, "k"), "v");
}

// The other process only holds the lock: a child of a process with threads must not do much more.
TEST_F(EngineTest, RefusesADirectoryThatAnotherProcessUses) {
  open();
  close();
  int ready[2], end[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(end), 0);
  const std::string path = options().path + "/IN_USE";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    struct flock all {};
    all.l_type = F_WRLCK;
    const int file = ::open(path.c_str(), O_RDWR);
    char byte = ::fcntl(file, F_SETLK, &all) == 0 ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(end[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_THAT(refusal().detail, HasSubstr("is in use by a running node"));
  ASSERT_EQ(::write(end[1], &byte, 1), 1);
  ::waitpid(child, nullptr, 0);
  open();
}

TEST_F(EngineTest, RefusesAPathThatIsNoDirectory) {
  std::ofstream(root_ / "db") << "a file";
  EXPECT_EQ(refusal().code, Code::io);
}

TEST_F(EngineTest, SaysWhenTheDiskIsBelowTheReserve) {
  auto hungry = options();
  hungry.disk_reserve_bytes = std::uint64_t{1} << 60;
  engine_ = MUST(RocksEngine::create(hungry));
  EXPECT_EQ(engine_->pressure(), env::Pressure::disk_full);
  put(Table::log, "k", "v");  // deletes and votes must still be possible
  sync();
}

TEST_F(EngineTest, KeepsASnapshotReadableAfterTheEngineIsClosed) {
  open();
  put(Table::log, "k", "v");
  const auto snapshot = engine_->pin();
  close();
  EXPECT_EQ(MUST(snapshot->get(Table::log, "k"))->to_string(), "v");
}

// A disk that takes no more bytes: the soft limit on file sizes makes write() fail as a full or broken disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(EngineTest, ReportsAFailedWriteOnceAndAppliesNothingAfterIt) {
  std::vector<Error> fatal;
  auto watched = options();
  watched.on_fatal = [&](const Error& error) { fatal.push_back(error); };
  engine_ = MUST(RocksEngine::create(watched));
  put(Table::log, "a", "1");
  {
    const FileSizeLimit limit(64 * 1024);
    env::WriteBatch batch;
    batch.put(Table::log, "big", Bytes(std::string(200 * 1024, 'x')));
    EXPECT_FALSE(engine_->apply(batch).has_value());
  }
  ASSERT_EQ(fatal.size(), 1u);
  env::WriteBatch batch;
  batch.put(Table::log, "b", Bytes("2"));
  EXPECT_FALSE(engine_->apply(batch).has_value());
  bool answered = false;
  engine_->sync([&] { answered = true; });
  executor_.run_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(answered);
  EXPECT_EQ(fatal.size(), 1u);
}

TEST_F(EngineTest, EndsTheProcessWithOneLineWhenAWriteFails) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const auto log = MUST(make_process_log(LogLevel::error, "n1", ""));
        contract::QueueExecutor executor;
        auto engine = MUST(RocksEngine::create(
            Options{.path = (root_ / "doomed").string(), .executor = executor, .log = *log, .disk_reserve_bytes = 0}));
        const FileSizeLimit limit(64 * 1024);
        env::WriteBatch batch;
        batch.put(Table::log, "big", Bytes(std::string(200 * 1024, 'x')));
        (void)engine->apply(batch);
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(1), "engine.fatal .* failed: IO error");
}

}  // namespace
}  // namespace rift::engine
