// The load generator behind `rift bench`: a closed loop that keeps a fixed number of operations in flight, against RiftKV (unary calls or
// the SDK's pipe) or against etcd with the same client shape. Called by the bench verb on the main thread; blocks for the whole run.
#pragma once

#include <string>
#include <vector>

#include "base/outcome.h"
#include "base/time.h"
#include "cli/output.h"
#include "replica/request.h"

namespace rift::cli {

enum class BenchShape : std::uint8_t { unary, pipe };
enum class BenchTarget : std::uint8_t { rift, etcd };

struct BenchOptions {
  std::vector<std::string> endpoints;  // all nodes, "host:port"
  BenchTarget target = BenchTarget::rift;
  BenchShape shape = BenchShape::pipe;
  Verb verb = Verb::put;           // put or get
  std::string keyspace = "bench";  // created with `mode` if it does not exist
  Mode mode = Mode::cp;
  Level level = Level::unspecified;  // the keyspace's default
  std::uint32_t clients = 1;         // connections
  std::uint32_t in_flight = 64;      // operations, over all clients
  std::uint32_t value_size = 100;
  std::uint32_t keys = 10'000;
  Duration duration = std::chrono::seconds(10);
  Duration warmup = std::chrono::seconds(1);
  Format format = Format::text;
};

// Prints the result; the exit code of the program (CONTRACTS 5): 0 with a result, 1 bad options, 5 nobody there, 2 nothing was done.
int run_bench(const BenchOptions& options);

}  // namespace rift::cli
