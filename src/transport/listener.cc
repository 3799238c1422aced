#include "transport/listener.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/limits.h"
#include "transport/channel.h"

namespace rift::transport {
namespace {

// Far more than a full cluster needs, also while old connections linger.
constexpr std::size_t connections_max = 4 * limits::members_max * env::lane_count;

bool is_port(const std::string& text) {
  unsigned value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value <= 65535;
}

// Why `address` cannot be bound, in the words of the system: gRPC only says that it cannot. Empty: it can.
std::string why_not(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return "no port given; write host:port";
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port = address.substr(colon + 1);
  if (!is_port(port)) return "'" + port + "' is no port";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
      error != 0) {
    return ::gai_strerror(error);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  const int probe = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return std::strerror(errno);
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(probe, found->ai_addr, found->ai_addrlen) == 0;
  const std::string reason = bound ? "" : std::strerror(errno);
  ::close(probe);
  return reason;
}

tl::unexpected<Error> cannot_listen(const std::string& address, const std::string& why) {
  return fail(Code::io, "cannot listen for other nodes on " + address + ": " + why +
                            "; stop what uses the address or set another peer_listen");
}

}  // namespace

Listener::Listener() : service_(std::make_unique<grpc::AsyncGenericService>()) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::create(const std::string& address, Duration hello_patience,
                                                   std::shared_ptr<Delivery> delivery) {
  quiet_grpc_log();
  if (const std::string why = why_not(address); !why.empty()) return cannot_listen(address, why);
  std::unique_ptr<Listener> listener(new Listener());
  listener->delivery_ = std::move(delivery);
  listener->hello_patience_ = hello_patience;
  grpc::ServerBuilder builder;
  configure(builder);
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(listener->service_.get());
  listener->poller_ = std::make_shared<Poller>(builder.AddCompletionQueue());
  listener->server_ = builder.BuildAndStart();
  if (!listener->server_ || port == 0) return cannot_listen(address, "taken at this moment");
  listener->port_ = static_cast<std::uint16_t>(port);
  return listener;
}

void Listener::start() { await_next(); }

void Listener::await_next() {
  if (stopping_) return;
  const env::ConnectionId id(++last_id_);
  connections_[id] = Connection::await(Connection::Options{
      .id = id,
      .service = *service_,
      .poller = poller_,
      .delivery = delivery_,
      .counters = counters_,
      .hello_patience = hello_patience_,
      .on_opened = [this] { return opened(); },
      .on_closed = [this, id] { closed(id); },
      .with_self =
          [this, id](const std::function<void(Connection*)>& call) {
            const auto found = connections_.find(id);
            call(found == connections_.end() ? nullptr : found->second.get());
          },
  });
}

bool Listener::opened() {
  const bool welcome = connections_.size() <= connections_max;
  await_next();
  return welcome;
}

void Listener::closed(env::ConnectionId id) {
  connections_.erase(id);
  if (stopping_ && connections_.empty()) on_idle_();
}

void Listener::stop(std::function<void()> on_idle) {
  stopping_ = true;
  on_idle_ = std::move(on_idle);
  for (auto& [id, connection] : connections_) connection->end();
  if (connections_.empty()) on_idle_();
}

void Listener::shut_down() { server_->Shutdown(std::chrono::system_clock::now()); }

}  // namespace rift::transport
