#include "cluster/plan.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace rift::cluster {
namespace {

using nlohmann::json;

// Below Linux's default range of ephemeral ports (32768-60999).
constexpr unsigned port_first = 20000;
constexpr unsigned port_last = 31999;

bool is_free(unsigned port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
               sizeof on);  // a port in TIME_WAIT is free; one that is listened on is not
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

std::vector<unsigned> free_ports(std::size_t count) {
  std::vector<unsigned> ports;
  constexpr unsigned range = port_last - port_first + 1;
  const unsigned start =
      std::random_device{}() % range;  // so that clusters started together do not race for the same ports
  for (unsigned i = 0; i < range && ports.size() < count; ++i) {
    const unsigned port = port_first + (start + i) % range;
    if (is_free(port)) ports.push_back(port);
  }
  return ports;
}

std::string loopback(unsigned port) { return fmt::format("127.0.0.1:{}", port); }

// TOML basic strings escape as JSON does.
std::string quoted(const std::string& text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

// The files of a plan are JSON and TOML: a folder with other bytes would come back as another folder.
Result<void> check_folder(const std::string& dir) {
  if (json::parse(quoted(dir)) == json(dir)) return {};
  return rift::fail(Code::invalid,
                    fmt::format("the folder of a local cluster must be UTF-8, and {} is not", quoted(dir)));
}

constexpr std::size_t name_max = 64;

// Not isalnum(): what a letter is must not depend on the locale.
bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

json to_json(const NodePlan& node) {
  json dial = json::object();
  for (const auto& [peer, address] : node.dial) dial[to_string(peer)] = address;
  return {{"node", node.node.value()},
          {"listen", node.listen},
          {"peer_listen", node.peer_listen},
          {"http", node.http},
          {"client_proxy", node.client_proxy},
          {"dial", dial},
          {"pid", node.pid}};
}

NodePlan node_from_json(const json& value) {
  NodePlan node{.node = NodeId(value.at("node").get<std::uint32_t>()),
                .listen = value.at("listen").get<std::string>(),
                .peer_listen = value.at("peer_listen").get<std::string>(),
                .http = value.at("http").get<std::string>(),
                .client_proxy = value.at("client_proxy").get<std::string>(),
                .dial = {},
                .pid = value.at("pid").get<int>()};
  for (const auto& [name, address] : value.at("dial").items()) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(name.c_str() + 1, nullptr, 10));
    node.dial[NodeId(number)] = address.get<std::string>();
  }
  return node;
}

}  // namespace

const NodePlan* Plan::find(NodeId node) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [node](const NodePlan& n) { return n.node == node; });
  return found == nodes.end() ? nullptr : &*found;
}

Result<void> check_name(const std::string& name) {
  if (!name.empty() && name.size() <= name_max && name.front() != '.' &&
      std::all_of(name.begin(), name.end(), is_name_letter)) {
    return {};
  }
  return rift::fail(Code::invalid,
                    fmt::format("{} cannot name a local cluster: a name is 1 to {} of the letters a-z, A-Z, digits, "
                                "'.', '_' and '-', and does not start with '.'",
                                quoted(name), name_max));
}

Result<Plan> make_plan(std::string name, std::string dir, std::uint32_t nodes) {
  if (nodes == 0 || nodes > limits::members_max) {
    return rift::fail(Code::invalid, fmt::format("a cluster has 1 to {} nodes, not {}", limits::members_max, nodes));
  }
  TRY(check_name(name));
  TRY(check_folder(dir));
  const auto ports = free_ports(std::size_t{nodes} * 3);
  if (ports.size() < std::size_t{nodes} * 3) return rift::fail(Code::io, "too few free ports on 127.0.0.1");
  Plan plan{.name = std::move(name), .dir = std::move(dir), .nodes = {}};
  for (std::uint32_t i = 0; i < nodes; ++i) {
    plan.nodes.push_back({.node = NodeId(i + 1),
                          .listen = loopback(ports[i]),
                          .peer_listen = loopback(ports[nodes + i]),
                          .http = loopback(ports[2 * nodes + i]),
                          .client_proxy = {},
                          .dial = {}});
  }
  return plan;
}

std::string node_folder(const Plan& plan, NodeId node) { return plan.dir + "/" + to_string(node); }

std::string config_text(const Plan& plan, const NodePlan& node, const std::string& log_level) {
  std::string text =
      fmt::format("[node]\nid = {}\ndata = {}\nlisten = {}\npeer_listen = {}\nhttp = {}\nlog_level = {}\n",
                  node.node.value(), quoted(node_folder(plan, node.node) + "/data"), quoted(node.listen),
                  quoted(node.peer_listen), quoted(node.http), quoted(log_level));
  if (node.dial.empty()) return text;
  text += "\n[dial]\n";
  for (const auto& [peer, address] : node.dial) text += fmt::format("{} = {}\n", to_string(peer), quoted(address));
  return text;
}

Result<void> write_plan(const Plan& plan) {
  json document = {{"schema", "rift.cluster/1"}, {"name", plan.name}, {"supervisor_pid", plan.supervisor_pid}};
  document["nodes"] = json::array();
  for (const NodePlan& node : plan.nodes) document["nodes"].push_back(to_json(node));
  const std::string path = plan.dir + "/cluster.json";
  const std::string fresh = path + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << document.dump(2) << '\n';
    if (!file.flush()) return rift::fail(Code::io, "cannot write " + fresh);
  }
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) return rift::fail(Code::io, fmt::format("cannot write {}: {}", path, error.message()));
  return {};
}

Result<Plan> read_plan(const std::string& dir) {
  TRY(check_folder(dir));
  const std::string path = dir + "/cluster.json";
  std::ifstream file(path);
  if (!file) return rift::fail(Code::invalid, fmt::format("there is no local cluster in {}", dir));
  std::ostringstream text;
  text << file.rdbuf();
  try {
    const json document = json::parse(text.str());
    Plan plan{.name = document.at("name").get<std::string>(),
              .dir = dir,
              .supervisor_pid = document.at("supervisor_pid").get<int>(),
              .nodes = {}};
    for (const json& node : document.at("nodes")) plan.nodes.push_back(node_from_json(node));
    return plan;
  } catch (const json::exception& error) {
    return rift::fail(Code::invalid, fmt::format("{} is damaged: {}", path, error.what()));
  }
}

std::string default_folder(const std::string& name) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = state != nullptr && *state != '\0' ? state
                           : home != nullptr                  ? std::string(home) + "/.local/state"
                                                              : "/tmp";
  return base + "/rift/" + name;
}

std::string control_path(const std::string& dir) { return dir + "/control.sock"; }

}  // namespace rift::cluster
