// Everything outside a node, handed in: the simulator supplies all of it from one seed, server the real things. References outlive the
// node. All calls happen on the shard's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/log.h"
#include "base/marks.h"
#include "cp/tuning.h"
#include "env/clock.h"
#include "env/executor.h"
#include "env/network.h"
#include "env/storage.h"

namespace rift::node {

struct Env {
  env::Clock& clock;
  env::Executor& executor;
  env::Engine& storage;
  env::Network& network;
  Log& log;
  std::uint64_t seed = 0;
  Recorder* recorder = nullptr;
  // The store has failed: the process (or the simulated node) must end. Nothing is retried (DESIGN 1).
  std::function<void(const Error&)> fatal;
};

struct Options {
  NodeId self;
  std::map<NodeId, std::string> dial;  // overrides of the catalog's peer addresses: how proxies get in between
  std::size_t cache_bytes_max = 64 * 1024 * 1024;
  cp::Tuning cp{};
  bool check_invariants = false;  // after every verb; tests and simulator
};

}  // namespace rift::node
