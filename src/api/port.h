// Whether an address can be listened on, asked before gRPC is: its own report of a busy port is a page of text on stderr.
#pragma once

#include <string>

#include "base/result.h"

namespace rift::api {

struct HostPort {
  std::string host;
  std::string port;
};

// "host:port", "[v6]:port". Errors: invalid.
Result<HostPort> split_address(const std::string& address);
// Errors: invalid (no such address), io (busy, not permitted).
Result<void> probe_port(const std::string& address);

}  // namespace rift::api
