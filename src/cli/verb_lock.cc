// rift lock|unlock: a lease on a name, and a command that runs under it.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "cli/target.h"
#include "cli/verbs.h"
#include "client/lock.h"

namespace rift::cli {
namespace {

struct LockCommand {
  Target target;
  std::string keyspace;
  std::string key;
  std::string holder;
  std::string lease = "10s";
  std::string wait = "0s";
  std::vector<std::string> command;
};

constexpr auto look_again = std::chrono::milliseconds(100);  // while somebody else holds it

std::string default_holder() {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return fmt::format("{}:{}", host, ::getpid());
}

Exit refuse_usage(const Context& context, const Error& error) {
  show_error(context.format, error);
  return Exit::usage;
}

Exit show(const Context& context, std::string_view verb, const LockCommand& options, const Answer& answer,
          std::chrono::steady_clock::time_point start) {
  return show_response({.format = context.format, .verb = verb, .took = std::chrono::steady_clock::now() - start},
                       options.key, answer);
}

// The command that runs under the lock; 0: none. What ends us is told to it, and the lock is let go when it has ended.
std::atomic<pid_t> running{0};
std::atomic<int> told{0};  // a signal that came first
static_assert(std::atomic<pid_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void pass_on(int signal) {
  const pid_t pid = running;
  if (pid > 0) {
    ::kill(pid, signal);
  } else {
    told = signal;
  }
}

// Ctrl-C reaches the command itself, in the terminal's group: we only outlive it.
void outlive(int) {}

void stay_for_the_command() {
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = pass_on;  // the command begins with the default again: it is caught, not ignored
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = ::isatty(STDIN_FILENO) != 0 ? outlive : pass_on;
  ::sigaction(SIGINT, &action, nullptr);
}

// The child gets the fence in RIFT_FENCE, and a SIGTERM when the lock is lost: what it writes from then on may come too late.
Exit run_under(const Context& context, const LockCommand& options, const HeldLock& lock) {
  std::vector<char*> words;
  std::vector<std::string> copy = options.command;
  for (std::string& word : copy) words.push_back(word.data());
  words.push_back(nullptr);
  std::string fence = "RIFT_FENCE=" + std::to_string(lock.fence().value());
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  variables.push_back(fence.data());
  variables.push_back(nullptr);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, words.front(), nullptr, nullptr, words.data(), variables.data());
  if (failed != 0) {
    return refuse_usage(context,
                        {Code::invalid, fmt::format("cannot run {}: {}", words.front(), std::strerror(failed))});
  }
  running = pid;
  if (const int signal = told; signal != 0) ::kill(pid, signal);
  if (lock.is_lost()) ::kill(pid, SIGTERM);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  running = 0;
  return static_cast<Exit>(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// Until nobody else holds it, or `give_up`.
Answer wait_for_lock(Client& client, const caller::Operation& operation,
                     std::chrono::steady_clock::time_point give_up) {
  while (true) {
    Answer answer = client.execute(operation);
    const auto left = give_up - std::chrono::steady_clock::now();
    if (answer.code != Code::condition_failed || left <= Duration::zero()) return answer;
    std::this_thread::sleep_for(std::min<Duration>(left, look_again));
  }
}

Exit lock(const Context& context, LockCommand& options) {
  const auto lease = parse_duration(options.lease);
  const auto wait = parse_duration(options.wait);
  if (!lease || !wait) return refuse_usage(context, lease ? wait.error() : lease.error());
  if (options.holder.empty()) options.holder = default_holder();
  const auto start = std::chrono::steady_clock::now();
  const auto client = connect(options.target);
  if (!client) return show_error(context.format, client.error(), "rift cluster up" + options.target.cluster.flag());
  if (options.command.empty()) {
    caller::Operation operation{
        .keyspace = options.keyspace, .verb = Verb::lock, .key = Bytes(options.key), .value = Bytes(options.holder)};
    operation.operands.emplace().ttl = *lease;
    return show(context, "lock", options, wait_for_lock(**client, operation, start + *wait), start);
  }
  stay_for_the_command();
  const auto on_lost = [](const Response& response) {
    fmt::print(stderr, "rift lock: the lock is lost: {}: {}\n", to_string(response.code), response.why);
    if (const pid_t pid = running; pid > 0) ::kill(pid, SIGTERM);
  };
  auto taken = HeldLock::take(**client, options.keyspace, options.key,
                              {.holder = options.holder, .lease = *lease, .wait = *wait, .on_lost = on_lost});
  if (!taken.lock) return show(context, "lock", options, taken.answer, start);
  const Exit exit = run_under(context, options, *taken.lock);
  taken.lock->release();
  return exit;
}

Exit unlock(const Context& context, const LockCommand& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto client = connect(options.target);
  if (!client) return show_error(context.format, client.error(), "rift cluster up" + options.target.cluster.flag());
  const caller::Operation operation{
      .keyspace = options.keyspace, .verb = Verb::unlock, .key = Bytes(options.key), .value = Bytes(options.holder)};
  return show(context, "unlock", options, (*client)->execute(operation), start);
}

}  // namespace

void add_lock(CLI::App& app, Context& context) {
  auto options = std::make_shared<LockCommand>();
  CLI::App* take = app.add_subcommand("lock", "Take a lock, or run a command while it is held (cp keyspaces)");
  take->footer(
      "With a command the lock is kept alive until the command ends, whose exit code is ours; RIFT_FENCE is the "
      "fence.\n"
      "Without one it stands for the lease: once more with the same --holder keeps it, rift unlock lets it go.\n"
      "Example:  rift lock --ks bank jobs/nightly --wait 30s -- ./nightly.sh");
  take->add_option("--ks", options->keyspace, "Keyspace")->required();
  take->add_option("key", options->key, "The lock's name")->required();
  take->add_option("command", options->command, "Command to run, after --");
  take->add_option("--holder", options->holder, "Who holds it (default: host and process)");
  take->add_option("--lease", options->lease, "How long it stands without us")->capture_default_str();
  take->add_option("--wait", options->wait, "How long to wait for another holder")->capture_default_str();
  add_target(*take, options->target);
  add_format(*take, context);
  take->callback([&context, options] { context.exit = lock(context, *options); });

  auto freed = std::make_shared<LockCommand>();
  CLI::App* free = app.add_subcommand("unlock", "Let a lock go (cp keyspaces)");
  free->footer("Example:  rift unlock --ks bank jobs/nightly --holder me");
  free->add_option("--ks", freed->keyspace, "Keyspace")->required();
  free->add_option("key", freed->key, "The lock's name")->required();
  free->add_option("--holder", freed->holder, "Who holds it")->required();
  add_target(*free, freed->target);
  add_format(*free, context);
  free->callback([&context, freed] { context.exit = unlock(context, *freed); });
}

}  // namespace rift::cli
