#include "cli/play.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>

#include <fmt/core.h>

#include "chaos/live/playground.h"
#include "cli/output.h"

namespace rift::cli {
namespace {

constexpr auto frame = std::chrono::milliseconds(500);
constexpr auto key_period = std::chrono::milliseconds(50);

// Single keys without echo; ctrl-c stays a signal.
class RawTerminal {
 public:
  RawTerminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() { ::tcsetattr(STDIN_FILENO, TCSANOW, &before_); }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
};

// '\0': no key was pressed; 'q' at the end of input.
char pressed_key() {
  pollfd entry{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, 0) <= 0) return '\0';
  char key = 'q';
  return ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}

std::string keyspace_line(const std::string& name, const std::map<NodeId, chaos::live::Numbers>& nodes,
                          std::optional<NodeId> leader) {
  std::string line = fmt::format("{:<6}", name);
  for (const auto& [node, numbers] : nodes) {
    const auto total = numbers.answered + numbers.refused + numbers.unknown;
    line += fmt::format("  {}{} {:>3} %", to_string(node), leader == node ? "*" : " ",
                        total == 0 ? 0 : 100 * numbers.answered / total);
  }
  return line;
}

void draw(chaos::live::Playground& playground, chaos::live::LocalCluster& cluster,
          const chaos::live::StoryOptions& options, const std::string& note, bool is_first) {
  const auto numbers = playground.take_numbers();
  const auto of = [&](const std::string& keyspace) {
    const auto found = numbers.find(keyspace);
    return found == numbers.end() ? std::map<NodeId, chaos::live::Numbers>{} : found->second;
  };
  std::string cuts;
  for (const auto& cut : cluster.network().cuts())
    cuts += (cuts.empty() ? "cut " : "   ") + chaos::live::to_string(cut.groups);
  std::string text = is_first ? "" : "\x1b[4A";
  for (const std::string& line : {keyspace_line(options.cp_keyspace, of(options.cp_keyspace), playground.leader()),
                                  keyspace_line(options.ap_keyspace, of(options.ap_keyspace), std::nullopt),
                                  cuts.empty() ? "network whole" : cuts, note}) {
    text += fmt::format("\x1b[2K{}\n", line);
  }
  say(stdout, text);
}

Result<std::string> act(chaos::live::Playground& playground, char key) {
  if (key == 'c') return playground.cut();
  if (key == 'h') return playground.heal();
  if (key == 'k') return playground.kill();
  if (key == 'r') return playground.restart();
  return std::string();
}

}  // namespace

Result<void> play_by_keys(chaos::live::LocalCluster& cluster, const chaos::live::StoryOptions& options) {
  const auto playground = TRY(chaos::live::Playground::create(cluster, options));
  say(stdout, fmt::format("keys: [c]ut  [h]eal  [k]ill the leader  [r]estart  [q]uit      per node: share of requests "
                          "answered, * leads {}\n\n",
                          options.cp_keyspace));
  const RawTerminal terminal;
  std::string note;
  bool is_first = true;
  auto next_frame = std::chrono::steady_clock::now() + frame;
  while (!options.is_stopped || !options.is_stopped()) {
    playground->run_for(key_period);
    const char key = pressed_key();
    if (key == 'q') break;
    const auto done = act(*playground, key);
    if (!done) note = done.error().detail;
    if (done && !done->empty()) note = *done;
    if (std::chrono::steady_clock::now() < next_frame) continue;
    next_frame += frame;
    draw(*playground, cluster, options, note, is_first);
    is_first = false;
  }
  return {};
}

}  // namespace rift::cli
