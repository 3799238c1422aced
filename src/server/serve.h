// `rift serve`: one node as a process. Reads the configuration, wires store, reactor, transport, node and API together, prints one JSON
// line once it listens, and stops cleanly on SIGTERM or SIGINT. Called by cli from the main thread.
#pragma once

#include <string>
#include <vector>

namespace rift::server {

struct ServeOptions {
  std::string config_path;
  std::vector<std::string> overrides;  // --set key=value
};

// Exit code: 0 after a clean stop, 1 for a refusal (one line on stderr says why) or a failed store.
int serve(const ServeOptions& options);

}  // namespace rift::server
