// The node's HTTP listener: /metrics (Prometheus text), /livez, /readyz (says why not), /status (JSON). GET only, small strict limits, one
// connection at a time per thread of its own; loopback by default. Reads through Admin, like everybody else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "replica/front.h"

namespace rift::server {

class Http {
 public:
  struct Options {
    std::string listen;
    Admin& admin;  // callable from any thread
  };
  static Result<std::unique_ptr<Http>> create(const Options& options);
  // Closes the listener and joins the thread.
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  std::uint16_t port() const;

 private:
  class Impl;
  explicit Http(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::server
