#include "api/port.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace rift::api {

Result<HostPort> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return fail(Code::invalid, fmt::format("'{}' is not an address; write host:port", address));
  }
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return HostPort{std::move(host), address.substr(colon + 1)};
}

Result<void> probe_port(const std::string& address) {
  const HostPort parts = TRY(split_address(address));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found); error != 0) {
    return fail(Code::invalid, fmt::format("cannot listen on {}: {}", address, gai_strerror(error)));
  }
  int reason = 0;
  const int descriptor = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  if (descriptor < 0) reason = errno;
  const int on = 1;
  if (reason == 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) reason = errno;
  if (reason == 0 && bind(descriptor, found->ai_addr, found->ai_addrlen) != 0) reason = errno;
  if (reason == 0 && listen(descriptor, 1) != 0) reason = errno;
  if (descriptor >= 0) close(descriptor);
  freeaddrinfo(found);
  if (reason != 0) return fail(Code::io, fmt::format("cannot listen on {}: {}", address, std::strerror(reason)));
  return {};
}

}  // namespace rift::api
