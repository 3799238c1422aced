// Processes as the kernel sees them, and what a demo says of itself. For e2e tests only.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cluster/plan.h"
#include "tests/integration/nodes.h"

namespace rift::test {

inline std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A process that nobody has collected yet is gone as well.
inline bool is_gone(int pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_ends = stat.rfind(") ");
  return name_ends == std::string::npos || stat[name_ends + 2] == 'Z' || stat[name_ends + 2] == 'X';
}

inline std::vector<int> node_pids(const cluster::Plan& plan) {
  std::vector<int> pids;
  for (const auto& node : plan.nodes) {
    if (node.pid != 0) pids.push_back(node.pid);
  }
  return pids;
}

inline bool are_gone(const std::vector<int>& pids) { return std::all_of(pids.begin(), pids.end(), is_gone); }

// Those that live and name this folder on their command line: the nodes of its cluster.
inline std::vector<int> processes_of(const std::string& folder) {
  std::vector<int> pids;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (text_of(entry.path().string() + "/cmdline").find(folder) != std::string::npos) pids.push_back(std::stoi(name));
  }
  return pids;
}

// The folder that a demo of three nodes announces; empty while it has not.
inline std::string announced_folder(const std::string& said) {
  const std::string announced = "starting 3 nodes in ";
  const std::size_t at = said.find(announced);
  const std::size_t end = at == std::string::npos ? at : said.find_first_of("\r\n", at);
  return end == std::string::npos ? "" : said.substr(at + announced.size(), end - at - announced.size());
}

// Of the cluster in this folder; empty before all of them run.
inline std::vector<int> three_pids(const std::string& folder) {
  const auto running = cluster::read_plan(folder);
  const std::vector<int> pids = running ? node_pids(*running) : std::vector<int>();
  return pids.size() == 3 ? pids : std::vector<int>();
}

}  // namespace rift::test
