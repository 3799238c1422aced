// A temporary directory with a store in it, and what the engine tests do to it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/contract/queue_executor.h"

namespace rift::engine {

class Store : public ::testing::Test {
 protected:
  using Table = env::Table;

  Store() {
    if (const char* given = std::getenv(root_variable)) {
      root_ = given;
      return;
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "rift-engine-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~Store() override {
    engine_.reset();
    std::filesystem::remove_all(root_);
  }

  Options options(const std::string& name = "db") {
    return Options{.path = (root_ / name).string(), .executor = executor_, .log = *log_, .disk_reserve_bytes = 0};
  }
  void open(const std::string& name = "db") {
    auto opened = RocksEngine::create(options(name));
    if (!opened) FAIL() << opened.error().detail;
    engine_ = std::move(*opened);
  }
  void close() { engine_.reset(); }
  // The error with which the store is refused; fails the test when it opens.
  Error refusal(const std::string& name = "db") {
    auto opened = RocksEngine::create(options(name));
    if (opened) ADD_FAILURE() << "the store was opened, with " << (*opened)->stats().last_batch << " batches";
    return opened ? Error{Code::ok, ""} : opened.error();
  }

  void put(Table table, const std::string& key, const std::string& value) {
    env::WriteBatch batch;
    batch.put(table, key, Bytes(value));
    MUST(engine_->apply(batch));
  }
  void sync() {
    bool durable = false;
    engine_->sync([&] { durable = true; });
    ASSERT_TRUE(executor_.run_until([&] { return durable; }));
  }
  std::string get(Table table, const std::string& key) {
    const auto value = MUST(engine_->get(table, key));
    return value ? value->to_string() : "(absent)";
  }

  std::vector<std::filesystem::path> files(const std::string& extension, const std::string& name = "db") const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(root_ / name)) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  static void flip_byte(const std::filesystem::path& file, std::uintmax_t offset, unsigned char mask = 0x40) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ mask));
  }

  // A process that is started again for a death test works in the directory of its parent.
  static constexpr const char* root_variable = "RIFT_ENGINE_TEST_ROOT";

  contract::QueueExecutor executor_;
  std::unique_ptr<Log> log_ =
      std::move(*make_process_log(LogLevel::error, "engine", ""));  // a store that fails says why
  std::filesystem::path root_;
  std::unique_ptr<RocksEngine> engine_;
};

}  // namespace rift::engine
