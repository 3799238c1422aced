// The port for messages between nodes: moves frames of bytes, decides nothing. A frame may be lost, repeated with its connection, or arrive
// late; it is never corrupted and never reordered inside one connection. A node sends only on connections that it dialled itself, one
// per (peer, lane), so that a directed link can be cut alone (DESIGN 8). Implemented by transport (gRPC) and chaos/sim.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace rift::env {

// control: drops the oldest when full. data: refuses the newest and tells the sender. bulk: pulled, so never more than asked for.
enum class Lane : std::uint8_t { control = 0, data = 1, bulk = 2 };
constexpr std::size_t lane_count = 3;

// One accepted connection, unique while the process lives.
using ConnectionId = Id<struct ConnectionIdTag, std::uint64_t>;

// What arrives. Every call is made on the shard's thread.
class NetworkEvents {
 public:
  virtual ~NetworkEvents() = default;
  // A peer has opened a connection; `hello` is its first message. True: frames of this connection are wanted. False: close it.
  virtual bool accept(ConnectionId connection, Lane lane, ByteView hello) = 0;
  virtual void receive(ConnectionId connection, Lane lane, Bytes frame) = 0;
  virtual void closed(ConnectionId connection) = 0;
  // One's own connection to `peer` came up or went down.
  virtual void link_up(NodeId peer, Lane lane) = 0;
  virtual void link_down(NodeId peer, Lane lane) = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // Must be called once, before anything else.
  virtual void start(NetworkEvents& events) = 0;
  // The first message on every connection opened from now on; connections that are already open stay.
  virtual void set_hello(Bytes hello) = 0;
  // Keeps connections to `peer` at `address` ("host:port") on every lane, redialling for ever; a new address replaces the old.
  virtual void dial(NodeId peer, const std::string& address) = 0;
  virtual void forget(NodeId peer) = 0;
  // False: refused (no connection, or the data lane's queue is full) and certainly not sent. True promises nothing.
  virtual bool send(NodeId peer, Lane lane, Bytes frame) = 0;
};

}  // namespace rift::env
