// The control socket of a local cluster: one JSON request per line, one JSON answer per line, on DIR/control.sock. Moves lines only;
// what they mean is the handler's business. The server answers one request at a time on its own thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace rift::cluster {

class ControlServer {
 public:
  using Handler = std::function<std::string(const std::string& line)>;
  // Replaces a socket file that nobody listens on any more; already_exists if somebody does.
  static Result<std::unique_ptr<ControlServer>> create(const std::string& path, Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  class Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Sends one line and waits for the answer. unreachable: nobody listens there.
Result<std::string> control_call(const std::string& path, const std::string& line, Duration limit);

}  // namespace rift::cluster
