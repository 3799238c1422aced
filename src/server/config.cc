#include "server/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <toml++/toml.h>

extern char** environ;

namespace rift::server {
namespace {

constexpr std::array known_keys = {"node.id",  "node.data",      "node.listen",    "node.peer_listen",   "node.http",
                                   "node.log", "node.log_level", "node.advertise", "node.peer_advertise"};

using Settings = std::map<std::string, std::string>;  // dotted key -> text

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

std::string nearest_key(std::string_view key) {
  const auto* best = std::min_element(known_keys.begin(), known_keys.end(), [&](const char* a, const char* b) {
    return edit_distance(a, key) < edit_distance(b, key);
  });
  return *best;
}

std::optional<NodeId> parse_node(std::string_view text) {
  if (text.starts_with('n')) text.remove_prefix(1);
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return std::nullopt;
  return NodeId(id);
}

Result<void> check_key(const std::string& key, const std::string& where) {
  if (std::find(known_keys.begin(), known_keys.end(), key) != known_keys.end()) return {};
  if (key.starts_with("dial.")) {
    if (parse_node(std::string_view(key).substr(5))) return {};
    return fail(Code::invalid, fmt::format("{}: '{}' names no node; write [dial] n2 = \"host:port\"", where, key));
  }
  return fail(Code::invalid, fmt::format("{}: unknown key '{}'; did you mean '{}'?", where, key, nearest_key(key)));
}

Result<void> flatten(const toml::table& table, const std::string& prefix, const std::string& path, Settings& settings) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
    const std::string where = fmt::format("{}:{}:{}", path, node.source().begin.line, node.source().begin.column);
    if (const auto* inner = node.as_table()) {
      if (key != "node" && key != "dial") {
        return fail(Code::invalid, fmt::format("{}: unknown section [{}]; there are [node] and [dial]", where, key));
      }
      TRY(flatten(*inner, key, path, settings));
      continue;
    }
    TRY(check_key(key, where));
    if (const auto text = node.value_exact<std::string>()) {
      settings[key] = *text;
    } else if (const auto number = node.value_exact<std::int64_t>()) {
      settings[key] = std::to_string(*number);
    } else {
      return fail(Code::invalid, fmt::format("{}: '{}' must be a string or a whole number", where, key));
    }
  }
  return {};
}

Result<void> read_file(const std::string& path, Settings& settings) {
  if (path.empty()) return {};
  try {
    return flatten(toml::parse_file(path), "", path, settings);
  } catch (const toml::parse_error& e) {
    return fail(Code::invalid,
                fmt::format("{}:{}:{}: {}", path, e.source().begin.line, e.source().begin.column, e.description()));
  }
}

std::string variable_of(std::string_view key) {
  std::string name = "RIFT_";
  for (char c : key) name.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return name;
}

// RIFT_ENDPOINTS and the like belong to clients: only variables of node keys are read, but a misspelt RIFT_NODE_* is an error.
Result<void> read_environment(const std::map<std::string, std::string>& environment, Settings& settings) {
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("RIFT_NODE_")) continue;
    const auto* key = std::find_if(known_keys.begin(), known_keys.end(),
                                   [&name = name](const char* k) { return variable_of(k) == name; });
    if (key == known_keys.end()) return fail(Code::invalid, fmt::format("environment: {} sets no known key", name));
    settings[*key] = value;
  }
  return {};
}

Result<void> read_overrides(const std::vector<std::string>& overrides, Settings& settings) {
  for (const std::string& text : overrides) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) return fail(Code::invalid, fmt::format("--set {}: write --set key=value", text));
    const std::string key = text.substr(0, equals);
    TRY(check_key(key, "--set"));
    settings[key] = text.substr(equals + 1);
  }
  return {};
}

Result<LogLevel> parse_log_level(const std::string& text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warn") return LogLevel::warn;
  if (text == "error") return LogLevel::error;
  return fail(Code::invalid, fmt::format("node.log_level is '{}'; use debug, info, warn or error", text));
}

Result<void> check_address(const std::string& key, const std::string& address) {
  const auto colon = address.rfind(':');
  std::uint32_t port = 0;
  if (colon != std::string::npos && colon > 0) {
    const char* end = address.data() + address.size();
    const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
    if (parsed.ec == std::errc() && parsed.ptr == end && port <= 65535) return {};
  }
  return fail(Code::invalid, fmt::format("{} is '{}'; write host:port, such as 127.0.0.1:7001", key, address));
}

// The HTTP listener asks no name server.
Result<void> check_ip_address(const std::string& key, const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  in6_addr ignored{};
  if (::inet_pton(AF_INET, host.c_str(), &ignored) == 1 || ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1)
    return {};
  return fail(Code::invalid,
              fmt::format("{} is '{}'; write an IP address and a port, such as 127.0.0.1:8001", key, address));
}

Result<Config> interpret(const Settings& settings) {
  Config config;
  for (const auto& [key, value] : settings) {
    if (key == "node.id") {
      const auto node = parse_node(value);
      if (!node) return fail(Code::invalid, fmt::format("node.id is '{}'; it is a number from 1", value));
      config.node = *node;
    } else if (key == "node.data") {
      config.data = value;
    } else if (key == "node.log") {
      config.log_path = value;
    } else if (key == "node.log_level") {
      config.log_level = TRY(parse_log_level(value));
    } else {
      if (!value.empty()) TRY(check_address(key, value));
      if (key == "node.listen") config.listen = value;
      if (key == "node.peer_listen") config.peer_listen = value;
      if (key == "node.http" && !value.empty()) TRY(check_ip_address(key, value));
      if (key == "node.http") config.http = value;
      if (key == "node.advertise") config.advertise = value;
      if (key == "node.peer_advertise") config.peer_advertise = value;
      if (key.starts_with("dial.")) config.dial[*parse_node(std::string_view(key).substr(5))] = value;
    }
  }
  if (config.node == NodeId()) return fail(Code::invalid, "node.id is missing; give this node a number from 1");
  if (config.data.empty()) return fail(Code::invalid, "node.data is missing; name a directory for this node's data");
  if (config.listen.empty() || config.peer_listen.empty())
    return fail(Code::invalid, "node.listen and node.peer_listen cannot be empty");
  return config;
}

}  // namespace

Result<Config> load_config(const ConfigSource& source) {
  Settings settings;
  TRY(read_file(source.path, settings));
  TRY(read_environment(source.environment, settings));
  TRY(read_overrides(source.overrides, settings));
  return interpret(settings);
}

std::map<std::string, std::string> rift_environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (text.starts_with("RIFT_") && equals != std::string_view::npos) {
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return result;
}

}  // namespace rift::server
