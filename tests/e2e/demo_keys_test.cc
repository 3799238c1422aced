// The interactive demo on a terminal of its own: every key, ctrl-c, a terminal that closes, and no terminal at all.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "cluster/child.h"
#include "tests/e2e/lives.h"

namespace rift {
namespace {

using test::announced_folder;
using test::eventually;
using test::Folder;
using test::processes_of;

// A program whose terminal is in the test's hands.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> command) : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    MUST(is_open());
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string slave = ::ptsname(master_);
    keep_ = ::open(slave.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // so that its settings can be read to the end
    pid_ = ::fork();
    if (pid_ == 0) become(argv.data(), slave);
  }
  ~Terminal() {
    if (pid_ > 0 && !status_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    hang_up();
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void press(std::string_view keys) {
    mark_ = said_.size();
    EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Since the last key.
  bool shows(std::string_view text) { return shows_one_of({text}); }
  bool shows_one_of(const std::vector<std::string_view>& texts) {
    return eventually([&] {
      read();
      return std::any_of(texts.begin(), texts.end(),
                         [&](auto text) { return said_.find(text, mark_) != std::string::npos; });
    });
  }
  // nullopt: it runs for ever.
  std::optional<int> exit_status() {
    eventually([&] {
      read();
      int status = 0;
      if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
      return status_.has_value();
    });
    return status_;
  }
  bool has_echo_and_lines() const {
    termios settings{};
    return ::tcgetattr(keep_, &settings) == 0 && (settings.c_lflag & ICANON) != 0 && (settings.c_lflag & ECHO) != 0;
  }
  void hang_up() {
    if (keep_ >= 0) ::close(keep_);
    if (master_ >= 0) ::close(master_);
    keep_ = master_ = -1;
  }
  const std::string& said() const { return said_; }

 private:
  Result<void> is_open() const {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0)
      return fail(Code::io, "no terminal to be had");
    return {};
  }
  [[noreturn]] static void become(char* const* argv, const std::string& slave) {
    ::setsid();
    const int terminal = ::open(slave.c_str(), O_RDWR);  // the first terminal of a new session becomes its own
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(terminal, fd);
    if (terminal > STDERR_FILENO) ::close(terminal);
    ::execv(argv[0], argv);
    ::_exit(127);
  }
  void read() {
    pollfd entry{.fd = master_, .events = POLLIN, .revents = 0};
    char bytes[4096];
    while (master_ >= 0 && ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN) != 0) {
      const ssize_t n = ::read(master_, bytes, sizeof bytes);
      if (n <= 0) return;
      said_.append(bytes, static_cast<std::size_t>(n));
    }
  }

  int master_;
  int keep_ = -1;
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::string said_;
  std::size_t mark_ = 0;
};

class DemoKeys : public testing::Test {
 protected:
  DemoKeys() : terminal_({RIFT_BINARY_DIR "/rift", "demo", "--nodes", "3"}) {}
  // Until somebody leads `bank` and the demo has shown it.
  void begin() {
    ASSERT_TRUE(terminal_.shows("keys: [c]ut")) << terminal_.said();
    ASSERT_TRUE(terminal_.shows("network whole")) << terminal_.said();
    ASSERT_TRUE(terminal_.shows_one_of({"n1*", "n2*", "n3*"})) << terminal_.said();
    scratch_ = announced_folder(terminal_.said());
    ASSERT_EQ(processes_of(scratch_).size(), 3U) << scratch_;
    EXPECT_FALSE(terminal_.has_echo_and_lines()) << "single keys, unseen";
  }
  void expect_nothing_left() {
    EXPECT_TRUE(processes_of(scratch_).empty());
    EXPECT_FALSE(std::filesystem::exists(scratch_)) << scratch_;
  }

  Terminal terminal_;
  std::string scratch_;
};

TEST_F(DemoKeys, EveryKeyDoesWhatItSays) {
  ASSERT_NO_FATAL_FAILURE(begin());
  terminal_.press("x");  // means nothing
  terminal_.press("c");
  ASSERT_TRUE(terminal_.shows(" led bank")) << terminal_.said();
  EXPECT_TRUE(terminal_.shows("cut {"));
  terminal_.press("c");
  EXPECT_TRUE(terminal_.shows("is cut already")) << terminal_.said();
  terminal_.press("h");
  EXPECT_TRUE(terminal_.shows("links had held")) << terminal_.said();
  EXPECT_TRUE(terminal_.shows("network whole"));
  terminal_.press("h");
  EXPECT_TRUE(terminal_.shows("nothing was cut")) << terminal_.said();
  terminal_.press("k");
  ASSERT_TRUE(terminal_.shows("killed n")) << terminal_.said();
  EXPECT_EQ(processes_of(scratch_).size(), 2U);
  terminal_.press("r");
  EXPECT_TRUE(terminal_.shows("started n")) << terminal_.said();
  EXPECT_EQ(processes_of(scratch_).size(), 3U);
  terminal_.press("r");
  EXPECT_TRUE(terminal_.shows("every node runs")) << terminal_.said();
  terminal_.press("q");
  EXPECT_EQ(terminal_.exit_status(), 0) << terminal_.said();
  EXPECT_TRUE(terminal_.has_echo_and_lines()) << "the terminal is as it was";
  expect_nothing_left();
}

TEST_F(DemoKeys, CtrlCEndsItInOrder) {
  ASSERT_NO_FATAL_FAILURE(begin());
  terminal_.press("\x03");
  EXPECT_EQ(terminal_.exit_status(), 0) << terminal_.said();
  EXPECT_TRUE(terminal_.has_echo_and_lines());
  expect_nothing_left();
}

TEST_F(DemoKeys, ATerminalThatClosesEndsIt) {
  ASSERT_NO_FATAL_FAILURE(begin());
  terminal_.hang_up();
  EXPECT_EQ(terminal_.exit_status(), 0);
  expect_nothing_left();
}

// Whoever tells the story loses its terminal: it must not trip over what it can no longer print.
TEST(Demo, ATellingDemoEndsWithItsTerminal) {
  Folder folder;
  Terminal terminal({RIFT_BINARY_DIR "/rift", "demo", "--auto", "--nodes", "3", "--out", folder.path() + "/out"});
  ASSERT_TRUE(terminal.shows(" requests sent, ")) << terminal.said();
  const std::string scratch = announced_folder(terminal.said());
  ASSERT_EQ(processes_of(scratch).size(), 3U);
  terminal.hang_up();
  EXPECT_EQ(terminal.exit_status(), SIGHUP) << "as wait() tells a death by signal";
  EXPECT_TRUE(processes_of(scratch).empty());
  EXPECT_FALSE(std::filesystem::exists(scratch)) << scratch;
}

TEST(Demo, NeedsATerminalForItsKeysAndLeavesNoFolder) {
  Folder folder;
  const std::string said = folder.path() + "/stderr";
  auto demo = MUST(cluster::Child::start({.command = {RIFT_BINARY_DIR "/rift", "demo"}, .stderr_path = said}));
  ASSERT_TRUE(demo.wait(test::patience));
  EXPECT_EQ(demo.exit_text(), "exit status 1");
  EXPECT_NE(test::text_of(said).find("needs a terminal"), std::string::npos) << test::text_of(said);
  EXPECT_EQ(test::text_of(said).find("/tmp/rift-demo-"), std::string::npos) << "it has nothing to show there";
}

}  // namespace
}  // namespace rift
