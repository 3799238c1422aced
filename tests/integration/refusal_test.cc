// What `rift serve` refuses to start with: exit code 1 and one line that says why and what to do.
#include <csignal>

#include "cluster/child.h"
#include "tests/integration/nodes.h"
#include "tests/unit/chaos_live/sockets.h"

namespace rift {
namespace {

using cluster::Child;
using test::Folder;
using testing::HasSubstr;

class Serve : public testing::Test {
 protected:
  Child start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {RIFT_BINARY_DIR "/rift", "serve"});
    stderr_path_ = folder_.path() + "/stderr" + std::to_string(++starts_);
    return MUST(Child::start({.command = std::move(arguments), .stderr_path = stderr_path_}));
  }
  std::string said() const {
    std::ifstream file(stderr_path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Its one line, after it has ended with 1.
  std::string refusal(std::vector<std::string> arguments) {
    Child child = start(std::move(arguments));
    EXPECT_TRUE(child.wait(test::patience)) << "it runs";
    EXPECT_EQ(child.exit_text(), "exit status 1");
    EXPECT_EQ(child.read_line(std::chrono::seconds(1)), std::nullopt) << "it said that it listens";
    const std::string text = said();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_TRUE(text.starts_with("rift serve: ")) << text;
    return text;
  }
  std::vector<std::string> node(const std::string& id, const std::string& data,
                                std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "--set", "node.id=" + id, "--set", "node.data=" + folder_.path() + "/" + data, "--set", "node.log_level=error"};
    for (std::string& text : more) arguments.insert(arguments.end(), {"--set", std::move(text)});
    return arguments;
  }
  std::string refused_config(const std::string& text) {
    return refusal({"--config", folder_.write("node.toml", text)});
  }

  // It listens, and ends when it is asked to.
  Child running(std::vector<std::string> arguments) {
    Child child = start(std::move(arguments));
    const auto line = child.read_line(test::patience);
    EXPECT_THAT(line.value_or(said()), HasSubstr("\"event\":\"listening\""));
    return child;
  }
  void stop(Child& child) {
    ASSERT_TRUE(child.signal(SIGTERM));
    ASSERT_TRUE(child.wait(test::patience));
    EXPECT_EQ(child.exit_text(), "exit status 0");
  }

  Folder folder_;

 private:
  std::string stderr_path_;
  int starts_ = 0;
};

TEST_F(Serve, ASecondStartOnADataDirectoryInUse) {
  Child first = running(node("1", "data"));
  EXPECT_THAT(refusal(node("1", "data")), testing::AllOf(HasSubstr("is in use by a running node"), HasSubstr("/data")));
  EXPECT_TRUE(first.is_running());
  stop(first);
  Child again = running(node("1", "data"));  // and what it left behind can be used
  stop(again);
}

TEST_F(Serve, AnotherNodesDataDirectory) {
  Child first = running(node("1", "data"));
  stop(first);
  EXPECT_THAT(refusal(node("2", "data")),
              testing::AllOf(HasSubstr("belongs to n1"), HasSubstr("n2"), HasSubstr("node.data")));
  Child again = running(node("1", "data"));  // the refusal has changed nothing
  stop(again);
}

TEST_F(Serve, ADataDirectoryThatIsAFile) {
  folder_.write("data", "a file");
  EXPECT_THAT(refusal(node("1", "data")), HasSubstr("/data"));
}

TEST_F(Serve, ABusyPort) {
  const chaos::live::test::Listener taken;
  for (const std::string key : {"node.listen", "node.peer_listen", "node.http"}) {
    SCOPED_TRACE(key);
    EXPECT_THAT(refusal(node("1", "data-" + key, {key + "=" + taken.address()})),
                testing::AllOf(HasSubstr(taken.address()), HasSubstr("in use")));
  }
}

TEST_F(Serve, ThePortOfARunningNode) {
  Child first = start(node("1", "data"));
  const auto line = first.read_line(test::patience);
  ASSERT_TRUE(line) << said();
  const std::string field = "\"listen\":\"";
  const std::size_t from = line->find(field) + field.size();
  const std::string address = line->substr(from, line->find('"', from) - from);
  EXPECT_THAT(refusal(node("2", "other", {"node.listen=" + address})), HasSubstr(address));
  EXPECT_THAT(refusal(node("2", "another", {"node.peer_listen=" + address})), HasSubstr(address));
  stop(first);
}

TEST_F(Serve, AConfigurationWithMistakes) {
  const std::string data = "data = \"" + folder_.path() + "/data\"\n";
  EXPECT_THAT(refused_config("[node]\nid = 1\n" + data + "lisen = \"127.0.0.1:0\"\n"),
              testing::AllOf(HasSubstr("node.toml:4"), HasSubstr("'node.lisen'"), HasSubstr("'node.listen'")));
  EXPECT_THAT(refused_config("[node]\n" + data), HasSubstr("node.id is missing"));
  EXPECT_THAT(refused_config("[node]\nid = 1\n"), HasSubstr("node.data is missing"));
  EXPECT_THAT(refused_config("[node]\nid = 0\n" + data), HasSubstr("node.id is '0'"));
  EXPECT_THAT(refused_config("[node]\nid = \"three\"\n" + data), HasSubstr("'three'"));
  EXPECT_THAT(refused_config("[node]\nid = 1.5\n" + data), HasSubstr("node.id"));
  EXPECT_THAT(refused_config("[node\nid = 1\n"), HasSubstr("node.toml:1"));
  EXPECT_THAT(refused_config("\xff\xfe\x00\x01"), HasSubstr("node.toml"));
  EXPECT_THAT(refused_config("[node]\nid = 1\n" + data + "listen = \"nowhere\"\n"), HasSubstr("host:port"));
  EXPECT_THAT(refused_config("[node]\nid = 1\n" + data + "listen = \"127.0.0.1:99999\"\n"),
              HasSubstr("127.0.0.1:99999"));
  EXPECT_THAT(refused_config("[node]\nid = 1\n" + data + "log_level = \"error\"\nlisten = \"192.0.2.1:7001\"\n"),
              HasSubstr("192.0.2.1:7001"));
  EXPECT_THAT(refused_config("[node]\nid = 1\n" + data + "[dial]\nx = \"127.0.0.1:1\"\n"), HasSubstr("dial.x"));
}

}  // namespace
}  // namespace rift
