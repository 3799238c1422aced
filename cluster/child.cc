#include "cluster/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/core.h>

namespace rift::cluster {
namespace {

constexpr std::size_t line_bytes_max = 64 * 1024;

// Between fork and exec of a process with threads only async-signal-safe calls are allowed.
[[noreturn]] void become(char* const* argv, int output, int errors, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::close_range(3, ~0U, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setpgid(0, 0);  // ctrl-c in the terminal is for the supervisor, which then stops its nodes in order
  ::execv(argv[0], argv);
  ::_exit(127);
}

int remaining_ms(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(left.count()) + 1;
}

bool readable(int fd, std::chrono::steady_clock::time_point deadline) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = -1;
  do {
    ready = ::poll(&entry, 1, remaining_ms(deadline));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

tl::unexpected<Error> io_error(const std::string& what) {
  return rift::fail(Code::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<Child> Child::start(const Options& options) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return io_error("cannot make a pipe");
  const int errors = ::open(options.stderr_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (errors < 0) {
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    return io_error("cannot open " + options.stderr_path);
  }
  std::vector<std::string> words = options.command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), pipe_ends[1], errors, parent);
  ::close(pipe_ends[1]);
  ::close(errors);
  if (pid < 0) {
    ::close(pipe_ends[0]);
    return io_error("cannot fork");
  }
  // By number: the header of glibc 2.36 lacks its C linkage.
  return Child(pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), pipe_ends[0]);
}

Child::Child(Child&& other) noexcept { *this = std::move(other); }

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pid_fd_, other.pid_fd_);
  std::swap(output_, other.output_);
  std::swap(ended_, other.ended_);
  exit_text_.swap(other.exit_text_);
  pending_.swap(other.pending_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0) return;
  kill();
  if (output_ >= 0) ::close(output_);
  if (pid_fd_ >= 0) ::close(pid_fd_);
}

bool Child::collect(int options) {
  if (ended_) return true;
  int status = 0;
  pid_t result = -1;
  do {
    result = ::waitpid(pid_, &status, options);
  } while (result < 0 && errno == EINTR);
  if (result == 0) return false;
  ended_ = true;
  if (result == pid_ && WIFSIGNALED(status)) {
    exit_text_ = fmt::format("killed by signal {}", WTERMSIG(status));
  } else if (result == pid_ && WIFEXITED(status)) {
    exit_text_ = fmt::format("exit status {}", WEXITSTATUS(status));
  } else {
    exit_text_ = "ended";
  }
  return true;
}

bool Child::is_running() { return !collect(WNOHANG); }

Result<void> Child::signal(int number) {
  if (!is_running()) return rift::fail(Code::invalid, "the process has ended: " + exit_text_);
  if (::kill(pid_, number) != 0) return io_error(fmt::format("cannot signal process {}", pid_));
  return {};
}

bool Child::wait(Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!collect(WNOHANG)) {
    if (!readable(pid_fd_, deadline)) return !is_running();
  }
  return true;
}

void Child::kill() {
  if (is_running()) ::kill(pid_, SIGKILL);
  collect(0);
}

std::optional<std::string> Child::read_line(Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (pending_.size() < line_bytes_max) {
    const auto end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (!readable(output_, deadline)) return std::nullopt;
    char bytes[4096];
    const ssize_t n = ::read(output_, bytes, sizeof bytes);
    if (n <= 0) return std::nullopt;
    pending_.append(bytes, static_cast<std::size_t>(n));
  }
  return std::nullopt;
}

}  // namespace rift::cluster
