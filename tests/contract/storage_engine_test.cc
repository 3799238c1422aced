// The storage contract on RocksDB.
#include <filesystem>

#include "engine/engine.h"
#include "tests/contract/copy_directory.h"
#include "tests/contract/queue_executor.h"
#include "tests/contract/storage_suite.h"

namespace rift::contract {
namespace {

namespace fs = std::filesystem;

class RocksWorld final : public StorageWorld {
 public:
  RocksWorld() {
    std::string pattern = (fs::temp_directory_path() / "rift-contract-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    open(path_ / "0");
  }
  ~RocksWorld() override {
    engine_.reset();
    fs::remove_all(path_);
  }

  env::Engine& engine() override { return *engine_; }
  bool run_until(const std::function<bool()>& done) override { return executor_.run_until(done); }
  void close_and_reopen() override {
    engine_.reset();
    open(path_ / std::to_string(life_));
  }
  // A killed process leaves the files as they are at that moment: a copy of them is opened, the original is thrown away.
  void kill_and_reopen() override {
    const fs::path before = path_ / std::to_string(life_);
    const fs::path after = path_ / std::to_string(life_ + 1);
    copy_as_killed(before, after);
    engine_.reset();
    fs::remove_all(before);
    ++life_;
    open(after);
  }

 private:
  void open(const fs::path& path) {
    engine_ = MUST(engine::RocksEngine::create(
        engine::Options{.path = path.string(), .executor = executor_, .log = *log_, .disk_reserve_bytes = 0}));
  }

  QueueExecutor executor_;
  std::unique_ptr<Log> log_ = make_null_log();
  fs::path path_;
  int life_ = 0;
  std::unique_ptr<engine::RocksEngine> engine_;
};

std::unique_ptr<StorageWorld> make_rocks_world() { return std::make_unique<RocksWorld>(); }

INSTANTIATE_TEST_SUITE_P(RocksDB, StorageContract, ::testing::Values(&make_rocks_world));

}  // namespace
}  // namespace rift::contract
