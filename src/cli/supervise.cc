#include "cli/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cluster/control.h"
#include "cluster/plan.h"

namespace rift::cli {
namespace {

using nlohmann::json;

constexpr auto answer_limit = std::chrono::seconds(60);  // a restart waits for a clean stop and a start

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  return set;
}

[[noreturn]] void become(char* const* argv, int output, int errors) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::close_range(3, ~0U, 0);
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

Result<std::string> first_line(int fd, Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::string text;
  while (text.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0) return rift::fail(Code::timeout, "it gave no sign of life in time");
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()) + 1);
    if (ready < 0 && errno != EINTR) return rift::fail(Code::io, std::strerror(errno));
    if (ready <= 0) continue;
    char bytes[4096];
    const ssize_t n = ::read(fd, bytes, sizeof bytes);
    if (n <= 0) return rift::fail(Code::io, "it ended at once");
    text.append(bytes, static_cast<std::size_t>(n));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

Code code_named(const std::string& name) {
  for (unsigned value = 0; value < 256; ++value) {
    const auto code = static_cast<Code>(value);
    if (to_string(code) == name) return code;
  }
  return Code::invalid;
}

Result<std::string> ask_supervisor(const std::string& dir, const Ask& ask) {
  json request = {{"do", ask.verb}};
  for (const auto& [name, value] : ask.fields) request[name] = value;
  for (const auto& [name, value] : ask.numbers) request[name] = value;
  for (const auto& name : ask.flags) request[name] = true;
  const std::string answer = TRY(cluster::control_call(
      cluster::control_path(dir), request.dump(-1, ' ', false, json::error_handler_t::replace), answer_limit));
  const json value = json::parse(answer, nullptr, false);
  if (!value.is_object()) return rift::fail(Code::corruption, "the supervisor's answer is no JSON object");
  if (value.value("ok", false)) return answer;
  return rift::fail(code_named(value.value("code", "")), value.value("why", ""));
}

std::string remedy_for(const ClusterChoice& cluster, const std::string& node) {
  const auto answer = ask_supervisor(cluster.folder(), {.verb = "status"});
  if (!answer) return {};
  const json value = json::parse(*answer, nullptr, false);
  for (const json& report : value.value("nodes", json::array())) {
    if (!report.is_object() || report.value("node", "") != node) continue;
    const std::string state = report.value("state", "");
    if (state == "paused") return "rift cluster resume " + node + cluster.flag();
    if (state == "stopped") return "rift cluster restart " + node + cluster.flag();
  }
  return {};
}

void StopSignal::block() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void StopSignal::wait() {
  const sigset_t set = stop_signals();
  int number = 0;
  ::sigwait(&set, &number);
}

int StopSignal::arrived() {
  const sigset_t set = stop_signals();
  const timespec at_once{};
  return std::max(::sigtimedwait(&set, nullptr, &at_once), 0);
}

void StopSignal::request() { ::kill(::getpid(), SIGTERM); }

void StopSignal::die_of(int number) {
  std::fflush(nullptr);
  ::signal(number, SIG_DFL);
  const sigset_t set = stop_signals();
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::_exit(128 + number);
}

void wait_for_exit(int pid, Duration limit) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;  // gone already
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  ::poll(&entry, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()));
  ::close(fd);
}

Result<std::string> start_detached(const std::vector<std::string>& arguments, const std::string& log_path,
                                   Duration limit) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return rift::fail(Code::io, std::strerror(errno));
  const int errors = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), "rift");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t pid = errors < 0 ? -1 : ::fork();
  if (pid == 0) become(argv.data(), pipe_ends[1], errors);
  const std::string failure = pid < 0 ? fmt::format("cannot start in the background: {}", std::strerror(errno)) : "";
  ::close(pipe_ends[1]);
  if (errors >= 0) ::close(errors);
  if (pid < 0) {
    ::close(pipe_ends[0]);
    return rift::fail(Code::io, failure);
  }
  auto line = first_line(pipe_ends[0], limit);
  ::close(pipe_ends[0]);
  return line;
}

}  // namespace rift::cli
