#include "engine/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace rift::engine {
namespace {

using ::testing::ElementsAre;

struct DirectoryTest : testing::Test {
  DirectoryTest() {
    char name[] = "/tmp/rift-test-XXXXXX";
    base = ::mkdtemp(name);
  }
  ~DirectoryTest() override { std::filesystem::remove_all(base); }

  // What make_directories synced, in order; what a sync is for must be there already.
  Result<void> make(const std::string& path) {
    return make_directories(path, [this, path](const std::string& directory) -> Result<void> {
      EXPECT_TRUE(std::filesystem::exists(path));
      synced.push_back(directory.substr(base.size()));
      return sync_directory(directory);
    });
  }

  std::string base;
  std::vector<std::string> synced;
};

TEST_F(DirectoryTest, SyncsTheParentOfEachThatItMakesFromTheTop) {
  ASSERT_TRUE(make(base + "/a/b/c/"));
  EXPECT_TRUE(std::filesystem::is_directory(base + "/a/b/c"));
  EXPECT_THAT(synced, ElementsAre("", "/a", "/a/b"));
}

TEST_F(DirectoryTest, SyncsTheParentOfOneThatExists) {
  std::filesystem::create_directories(base + "/a/b");
  ASSERT_TRUE(make(base + "/a/b"));
  EXPECT_THAT(synced, ElementsAre("/a"));
}

TEST_F(DirectoryTest, FailsIfItCannotMakeOrSync) {
  std::ofstream(base + "/file") << "x";
  EXPECT_EQ(make(base + "/file/a").error().code, Code::io);
  const auto refuse = [](const std::string&) -> Result<void> { return fail(Code::io, "no"); };
  EXPECT_EQ(make_directories(base + "/b", refuse).error().code, Code::io);
  EXPECT_EQ(sync_directory(base + "/nowhere").error().code, Code::io);
}

}  // namespace
}  // namespace rift::engine
