#include "cluster/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <thread>

#include <fmt/core.h>
#include <asio.hpp>
#include <nlohmann/json.hpp>

#include "cluster/child.h"

namespace rift::cluster {
namespace {

struct Node {
  NodePlan plan;
  std::optional<Child> child;
  bool paused = false;
};

std::string log_path(const Plan& plan, NodeId node) { return node_folder(plan, node) + "/log"; }

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

std::string this_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "/proc/self/exe" : path.string();
}

// The one line that `rift serve` prints: {"event":"listening","node":3,...}
bool says_listening(const std::string& line) {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  return value.is_object() && value.value("event", "") == "listening";
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) return rift::fail(Code::io, "cannot write " + path);
  return {};
}

}  // namespace

std::string_view to_string(NodeState state) {
  switch (state) {
    case NodeState::stopped:
      return "stopped";
    case NodeState::running:
      return "running";
    case NodeState::paused:
      return "paused";
  }
  return "?";
}

class Supervisor::Impl {
 public:
  // Runs `function` on the supervisor's thread and waits for its value.
  template <class F>
  auto ask(F function) {
    std::promise<decltype(function())> answer;
    auto future = answer.get_future();
    asio::post(io_, [&] { answer.set_value(function()); });
    return future.get();
  }

  explicit Impl(SupervisorOptions options) : options_(std::move(options)), work_(asio::make_work_guard(io_)) {
    for (const NodePlan& plan : options_.plan.nodes) nodes_[plan.node].plan = plan;
    if (options_.binary.empty()) options_.binary = this_program();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    ask([this] {
      nodes_.clear();
      return true;
    });
    work_.reset();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<Node*> find(NodeId id) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return rift::fail(Code::invalid, "there is no node " + to_string(id));
    return &found->second;
  }

  Result<void> prepare() {
    for (const auto& [id, node] : nodes_) {
      const std::string folder = node_folder(options_.plan, id);
      std::error_code error;
      std::filesystem::create_directories(folder, error);
      if (error) return rift::fail(Code::io, fmt::format("cannot make {}: {}", folder, error.message()));
      TRY(write_file(folder + "/node.toml", config_text(options_.plan, node.plan, options_.log_level)));
    }
    return {};
  }

  Result<void> launch(NodeId id) {
    Node& node = *TRY(find(id));
    if (node.child && node.child->is_running()) return rift::fail(Code::already_exists, to_string(id) + " is running");
    const std::string config = node_folder(options_.plan, id) + "/node.toml";
    node.child = TRY(Child::start(
        {.command = {options_.binary, "serve", "--config", config}, .stderr_path = log_path(options_.plan, id)}));
    node.paused = false;
    return {};
  }

  Result<void> await_listening(NodeId id) {
    Node& node = *TRY(find(id));
    const auto line = node.child->read_line(options_.start_limit);
    if (line && says_listening(*line)) return {};
    const bool ended = node.child->wait(std::chrono::milliseconds(line ? 0 : 200));
    const std::string state = ended ? node.child->exit_text() : "it does not listen";
    node.child->kill();
    return rift::fail(Code::io, fmt::format("{} did not start ({}); its log {} ends with: {}", to_string(id), state,
                                            log_path(options_.plan, id), last_line(log_path(options_.plan, id))));
  }

  Result<void> start(NodeId id) {
    TRY(launch(id));
    return await_listening(id);
  }

  Result<void> start_all() {
    for (const auto& [id, node] : nodes_) {
      TRY(launch(id));
    }
    for (const auto& [id, node] : nodes_) {
      TRY(await_listening(id));
    }
    return {};
  }

  Result<void> signal(NodeId id, int number) {
    Node& node = *TRY(find(id));
    if (!node.child) return rift::fail(Code::invalid, to_string(id) + " was never started");
    const auto sent = node.child->signal(number);
    if (!sent) return rift::fail(sent.error().code, to_string(id) + ": " + sent.error().detail);
    return {};
  }

  Result<void> kill(NodeId id) {
    TRY(signal(id, SIGKILL));
    nodes_.at(id).child->wait(options_.stop_limit);
    return {};
  }

  Result<void> stop(NodeId id) {
    TRY(signal(id, SIGTERM));
    TRY(signal(id, SIGCONT));  // a paused process gets its SIGTERM only when it runs again
    Node& node = nodes_.at(id);
    if (!node.child->wait(options_.stop_limit)) node.child->kill();
    return {};
  }

  Result<void> pause(NodeId id) {
    TRY(signal(id, SIGSTOP));
    nodes_.at(id).paused = true;
    return {};
  }

  Result<void> resume(NodeId id) {
    TRY(signal(id, SIGCONT));
    nodes_.at(id).paused = false;
    return {};
  }

  Result<void> restart(NodeId id) {
    Node& node = *TRY(find(id));
    if (node.child && node.child->is_running()) TRY(stop(id));
    return start(id);
  }

  bool stop_all() {
    for (auto& [id, node] : nodes_) {
      if (!node.child || !node.child->is_running()) continue;
      (void)node.child->signal(SIGTERM);
      (void)node.child->signal(SIGCONT);
    }
    for (auto& [id, node] : nodes_) {
      if (node.child && !node.child->wait(options_.stop_limit)) node.child->kill();
    }
    return true;
  }

  std::vector<NodeReport> report() {
    std::vector<NodeReport> result;
    for (auto& [id, node] : nodes_) {
      NodeReport report{.node = id, .exit_text = {}};
      if (node.child && node.child->is_running()) {
        report.state = node.paused ? NodeState::paused : NodeState::running;
        report.pid = node.child->pid();
      } else if (node.child) {
        report.exit_text = node.child->exit_text();
      }
      result.push_back(std::move(report));
    }
    return result;
  }

  Plan plan() {
    Plan result = options_.plan;
    result.supervisor_pid = ::getpid();
    for (NodePlan& node : result.nodes) {
      auto& child = nodes_.at(node.node).child;
      node.pid = child && child->is_running() ? child->pid() : 0;
    }
    return result;
  }

 private:
  SupervisorOptions options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::map<NodeId, Node> nodes_;  // touched by the thread only, once it runs
  std::thread thread_;
};

Supervisor::Supervisor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::create(SupervisorOptions options) {
  try {
    auto impl = std::make_unique<Impl>(std::move(options));
    TRY(impl->ask([&] { return impl->prepare(); }));
    return std::unique_ptr<Supervisor>(new Supervisor(std::move(impl)));
  } catch (const std::exception& error) {  // asio, std::thread
    return rift::fail(Code::io, fmt::format("cannot start the supervisor: {}", error.what()));
  }
}

Result<void> Supervisor::start(NodeId node) {
  return impl_->ask([&] { return impl_->start(node); });
}
Result<void> Supervisor::start_all() {
  return impl_->ask([&] { return impl_->start_all(); });
}
Result<void> Supervisor::kill(NodeId node) {
  return impl_->ask([&] { return impl_->kill(node); });
}
Result<void> Supervisor::stop(NodeId node) {
  return impl_->ask([&] { return impl_->stop(node); });
}
Result<void> Supervisor::pause(NodeId node) {
  return impl_->ask([&] { return impl_->pause(node); });
}
Result<void> Supervisor::resume(NodeId node) {
  return impl_->ask([&] { return impl_->resume(node); });
}
Result<void> Supervisor::restart(NodeId node) {
  return impl_->ask([&] { return impl_->restart(node); });
}
void Supervisor::stop_all() {
  impl_->ask([&] { return impl_->stop_all(); });
}
std::vector<NodeReport> Supervisor::report() const {
  return impl_->ask([&] { return impl_->report(); });
}
Plan Supervisor::plan() const {
  return impl_->ask([&] { return impl_->plan(); });
}

}  // namespace rift::cluster
