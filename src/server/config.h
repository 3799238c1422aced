// A node's configuration: TOML file, RIFT_* environment, --set flags, in rising order of precedence. An unknown key is an error that names the
// nearest spelling and its place. Read once at start by serve; at most 30 keys.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/log.h"
#include "base/result.h"

namespace rift::server {

struct Config {
  NodeId node;
  std::string data;
  std::string listen = "127.0.0.1:0";       // clients (gRPC); port 0 picks a free one and prints it
  std::string peer_listen = "127.0.0.1:0";  // other nodes (gRPC)
  std::string http;                         // metrics and health; empty: off
  std::string log_path;                     // empty: stderr
  LogLevel log_level = LogLevel::info;
  std::string advertise;               // what clients are told; empty: listen
  std::string peer_advertise;          // what nodes are told; empty: peer_listen
  std::map<NodeId, std::string> dial;  // per peer, instead of the advertised address
};

struct ConfigSource {
  std::string path;                                // empty: no file
  std::vector<std::string> overrides;              // "node.listen=127.0.0.1:7001"
  std::map<std::string, std::string> environment;  // RIFT_NODE_LISTEN=...
};

Result<Config> load_config(const ConfigSource& source);
// The RIFT_* variables of this process.
std::map<std::string, std::string> rift_environment();

}  // namespace rift::server
