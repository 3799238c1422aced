// Which nodes a verb talks to: --endpoints or RIFT_ENDPOINTS, else those of a local cluster; --via pins it to one node. Main thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "client/client.h"

namespace CLI {
class Option;
}

namespace rift::cli {

struct Target {
  ClusterChoice cluster;
  std::vector<std::string> endpoints;
  std::string via;  // "n3" or "host:port"
  std::string deadline = "5s";
  CLI::Option* has_deadline = nullptr;
  // " --endpoints A,B", or the flag of the local cluster: for the commands that we print.
  std::string flag() const;
};

void add_target(CLI::App& app, Target& target);

Result<std::vector<std::string>> endpoints_of(const Target& target);
Result<std::unique_ptr<Client>> connect(const Target& target);
// For the administration of one node: the node of --via, or the first that answers.
Result<std::string> admin_endpoint(const Target& target);

}  // namespace rift::cli
