#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace rift::server {
namespace {

using ::testing::HasSubstr;

// A file that goes with the test.
class File {
 public:
  explicit File(const std::string& text) {
    path_ = (std::filesystem::temp_directory_path() / ("rift-config-" + std::to_string(::getpid()) + ".toml")).string();
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string refusal(const ConfigSource& source) {
  const auto config = load_config(source);
  EXPECT_FALSE(config.has_value());
  return config ? "" : config.error().detail;
}
ConfigSource with(std::vector<std::string> overrides) {
  overrides.insert(overrides.begin(), {"node.id=3", "node.data=/tmp/x"});
  return {.path = {}, .overrides = std::move(overrides), .environment = {}};
}

TEST(Config, ReadsAFile) {
  const File file(
      "[node]\nid = 3\ndata = \"/var/lib/rift\"\nlisten = \"127.0.0.1:7001\"\nlog_level = \"warn\"\n[dial]\nn2 = "
      "\"127.0.0.1:9002\"\n");
  const auto config = load_config({.path = file.path(), .overrides = {}, .environment = {}});
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->node, NodeId(3));
  EXPECT_EQ(config->data, "/var/lib/rift");
  EXPECT_EQ(config->listen, "127.0.0.1:7001");
  EXPECT_EQ(config->log_level, LogLevel::warn);
  EXPECT_EQ(config->dial, (std::map<NodeId, std::string>{{NodeId(2), "127.0.0.1:9002"}}));
  EXPECT_TRUE(config->http.empty());
}

TEST(Config, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const File file("[node]\nid = 1\ndata = \"file\"\nhttp = \"127.0.0.1:1\"\n");
  const auto config = load_config(
      {.path = file.path(),
       .overrides = {"node.id=3"},
       .environment = {{"RIFT_NODE_ID", "2"}, {"RIFT_NODE_DATA", "environment"}, {"RIFT_ENDPOINTS", "not ours"}}});
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->node, NodeId(3));
  EXPECT_EQ(config->data, "environment");
  EXPECT_EQ(config->http, "127.0.0.1:1");
}

TEST(Config, NamesTheNearestSpellingAndThePlace) {
  const File file("[node]\nid = 1\nlissen = \"127.0.0.1:7001\"\n");
  const std::string why = refusal({.path = file.path(), .overrides = {}, .environment = {}});
  EXPECT_THAT(why, HasSubstr("unknown key 'node.lissen'; did you mean 'node.listen'?"));
  EXPECT_THAT(why, HasSubstr(":3:"));
  EXPECT_THAT(refusal(with({"node.dta=x"})), HasSubstr("did you mean 'node.data'?"));
  EXPECT_THAT(refusal({.path = {}, .overrides = {}, .environment = {{"RIFT_NODE_LISTN", "x"}}}),
              HasSubstr("RIFT_NODE_LISTN sets no known key"));
}

TEST(Config, RefusesWhatItCannotMean) {
  EXPECT_THAT(refusal({.path = {}, .overrides = {"node.data=x"}, .environment = {}}), HasSubstr("node.id is missing"));
  EXPECT_THAT(refusal({.path = {}, .overrides = {"node.id=1"}, .environment = {}}), HasSubstr("node.data is missing"));
  EXPECT_THAT(refusal(with({"node.id=0"})), HasSubstr("node.id is '0'"));
  EXPECT_THAT(refusal(with({"node.id=-3"})), HasSubstr("node.id is '-3'"));
  EXPECT_THAT(refusal(with({"node.listen=nowhere"})), HasSubstr("node.listen is 'nowhere'; write host:port"));
  EXPECT_THAT(refusal(with({"node.listen=h:65536"})), HasSubstr("write host:port"));
  EXPECT_THAT(refusal(with({"node.listen="})), HasSubstr("cannot be empty"));
  EXPECT_THAT(refusal(with({"node.log_level=loud"})), HasSubstr("use debug, info, warn or error"));
  EXPECT_THAT(refusal(with({"dial.everybody=h:1"})), HasSubstr("names no node"));
  EXPECT_THAT(refusal(with({"node.id"})), HasSubstr("write --set key=value"));
}

TEST(Config, RefusesASectionThatItDoesNotKnowEvenAnEmptyOne) {
  for (const char* section : {"[extra]\n", "[dial.n2]\n", "[node.more]\n"}) {
    const File file(std::string("[node]\nid = 1\ndata = \"x\"\n") + section);
    EXPECT_THAT(refusal({.path = file.path(), .overrides = {}, .environment = {}}), HasSubstr("unknown section ["))
        << section;
  }
  const File empty("[node]\nid = 1\ndata = \"x\"\n[dial]\n");
  EXPECT_TRUE(load_config({.path = empty.path(), .overrides = {}, .environment = {}}).has_value());
}

TEST(Config, WantsAnIpAddressForHttp) {
  EXPECT_THAT(refusal(with({"node.http=localhost:0"})),
              HasSubstr("node.http is 'localhost:0'; write an IP address and a port"));
  EXPECT_TRUE(load_config(with({"node.http=127.0.0.1:0"})).has_value());
  EXPECT_TRUE(load_config(with({"node.http=::1:8001"})).has_value());
  EXPECT_TRUE(load_config(with({"node.http="})).has_value());
}

TEST(Config, RefusesAFileThatItCannotRead) {
  EXPECT_FALSE(refusal({.path = "/nowhere/at/all.toml", .overrides = {}, .environment = {}}).empty());
  const File broken("[node\nid = 1\n");
  EXPECT_THAT(refusal({.path = broken.path(), .overrides = {}, .environment = {}}), HasSubstr(":1:"));
  const File list("[node]\nid = [1]\n");
  EXPECT_THAT(refusal({.path = list.path(), .overrides = {}, .environment = {}}),
              HasSubstr("must be a string or a whole number"));
}

}  // namespace
}  // namespace rift::server
