// One connection that a peer has opened: takes its hello, asks the shard, then hands over what arrives. Reads no further while the
// shard is behind by limits::connection_in_flight_bytes_max. Lives on the polling thread.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>

#include "transport/delivery.h"
#include "transport/poller.h"

namespace grpc {
class AsyncGenericService;
}

namespace rift::transport {

// Of one lane; read by stats from any thread.
struct ReceiveCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> frames{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> turned_away{0};
};
using LaneCounters = std::array<ReceiveCounters, env::lane_count>;

class Connection {
 public:
  struct Options {
    env::ConnectionId id;
    grpc::AsyncGenericService& service;
    std::shared_ptr<Poller> poller;
    std::shared_ptr<Delivery> delivery;
    LaneCounters& counters;
    Duration hello_patience{};        // a stream that is not accepted by then ends: it holds one of few places
    std::function<bool()> on_opened;  // a peer has come (another may be awaited); false: there are too many
    std::function<void()> on_closed;  // no operation is under way: destroy it
    // Runs a function on the connection if it still exists; for the shard's answers. Called on the polling thread.
    std::function<void(const std::function<void(Connection*)>&)> with_self;
  };
  // Waits for the next peer.
  static std::unique_ptr<Connection> await(Options options);
  virtual ~Connection() = default;

  virtual void decided(bool accepted) = 0;  // the shard's answer to the hello
  virtual void resume() = 0;                // the shard has caught up
  virtual void end() = 0;                   // the transport stops
};

}  // namespace rift::transport
