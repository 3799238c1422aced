// The env network on gRPC: one stream per (peer, lane), each on its own TCP connection, one polling thread for everything. Moves bytes and
// decides nothing; who may connect is the NetworkEvents' decision. Created and stopped by server; the verbs of env::Network are called
// from the shard's thread, stats() from any. Events arrive as tasks on the shard's executor and need `events` to live until that
// executor has ended.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "env/executor.h"
#include "env/network.h"

namespace rift::transport {

struct Options {
  std::string listen;  // "host:port" for other nodes; port 0 picks a free one
  env::Executor& executor;
  Log& log;
  Duration hello_patience = std::chrono::seconds(5);  // for a connection's first message, and the shard's word on it
};

// Counters since the start.
struct LinkStats {  // one's own connection to a peer
  NodeId peer;
  env::Lane lane = env::Lane::control;
  bool up = false;
  std::uint64_t connects = 0;  // times the peer has accepted
  std::uint64_t frames_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t dropped = 0;  // queued, then pushed out by newer frames or lost with the connection
  std::uint64_t refused = 0;  // send() said false
  std::uint64_t queued_bytes = 0;
};
struct ReceiveStats {             // of one lane, all peers
  std::uint64_t connections = 0;  // accepted and open
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t malformed = 0;    // connections closed for what they sent
  std::uint64_t turned_away = 0;  // connections whose hello was not accepted
};
struct Stats {
  std::vector<LinkStats> links;
  std::array<ReceiveStats, env::lane_count> received;
};

class Transport final : public env::Network {
 public:
  // Listens at once; connections are taken from start() on. Code::io: the port is in use or the address is not ours.
  static Result<std::unique_ptr<Transport>> create(const Options& options);
  // stop()
  ~Transport() override;

  void start(env::NetworkEvents& events) override;
  void set_hello(Bytes hello) override;
  void dial(NodeId peer, const std::string& address) override;
  void forget(NodeId peer) override;
  bool send(NodeId peer, env::Lane lane, Bytes frame) override;

  // Closes every connection and joins the polling thread; no event is delivered afterwards. Not from the shard's thread while tasks that
  // use this object may still be queued behind it.
  void stop();
  std::uint16_t port() const;  // the bound one
  Stats stats() const;

 private:
  class Impl;
  explicit Transport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::transport
