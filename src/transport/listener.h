// The server side: the bound port, and the connections that peers have opened. Lives on the polling thread, but for create(), shut_down()
// and the counters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "transport/connection.h"

namespace grpc {
class Server;
}

namespace rift::transport {

class Listener {
 public:
  // Binds `address`.
  static Result<std::unique_ptr<Listener>> create(const std::string& address, Duration hello_patience,
                                                  std::shared_ptr<Delivery> delivery);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const std::shared_ptr<Poller>& poller() const { return poller_; }
  std::uint16_t port() const { return port_; }
  const LaneCounters& counters() const { return counters_; }

  void start();                              // takes connections
  void stop(std::function<void()> on_idle);  // ends them all; on_idle when the last is gone
  // Closes the port. Blocks until every call has ended: not on the polling thread, which must go on meanwhile.
  void shut_down();

 private:
  Listener();
  void await_next();
  bool opened();
  void closed(env::ConnectionId id);

  std::unique_ptr<grpc::AsyncGenericService> service_;
  std::shared_ptr<Poller> poller_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<Delivery> delivery_;
  std::uint16_t port_ = 0;
  Duration hello_patience_{};
  LaneCounters counters_;

  std::map<env::ConnectionId, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_id_ = 0;
  bool stopping_ = false;
  std::function<void()> on_idle_;
};

}  // namespace rift::transport
