#include "server/http.h"

#include <map>
#include <thread>

#include <fmt/format.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>

#include "server/metrics.h"

namespace rift::server {
namespace {

using asio::ip::tcp;

constexpr std::size_t request_bytes_max = 8 * 1024;
constexpr std::size_t connections_max = 32;
constexpr std::chrono::seconds connection_time_max{5};
constexpr std::chrono::milliseconds accept_backoff{200};

struct Answer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

std::string render(const Answer& answer) {
  const char* reason = answer.status == 200   ? "OK"
                       : answer.status == 404 ? "Not Found"
                       : answer.status == 503 ? "Service Unavailable"
                                              : "Bad Request";
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                     answer.status, reason, answer.type, answer.body.size(), answer.body);
}

}  // namespace

// Connections are named by number everywhere but here: a status question that is still queued in a stopped shard must not keep a socket alive
// past the context that it belongs to.
class Http::Impl {
 public:
  Impl(tcp::endpoint endpoint, Admin& admin) : acceptor_(context_, endpoint), admin_(admin) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Impl() {
    context_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  struct Connection {
    Connection(tcp::socket s, asio::io_context& context)
        : socket(std::move(s)), timer(context), buffer(request_bytes_max) {}
    tcp::socket socket;
    asio::steady_timer timer;
    asio::streambuf buffer;
    std::string out;
  };
  using Number = std::uint64_t;

  void accept() {
    acceptor_.async_accept([this](const std::error_code& error, tcp::socket socket) {
      if (error) return accept_later();
      if (connections_.size() < connections_max) serve(std::move(socket));
      accept();
    });
  }

  // Out of descriptors, most likely: trying again at once would spin.
  void accept_later() {
    backoff_.expires_after(accept_backoff);
    backoff_.async_wait([this](const std::error_code& error) {
      if (!error) accept();
    });
  }

  void serve(tcp::socket socket) {
    const Number number = ++last_number_;
    const auto connection = std::make_shared<Connection>(std::move(socket), context_);
    connections_.emplace(number, connection);
    connection->timer.expires_after(connection_time_max);
    connection->timer.async_wait([this, number](const std::error_code& error) {
      if (!error) finish(number);
    });
    asio::async_read_until(connection->socket, connection->buffer, "\r\n\r\n",
                           [this, number, connection](const std::error_code& error, std::size_t) {
                             if (error) return finish(number);
                             const auto data = connection->buffer.data();
                             const std::string head(asio::buffers_begin(data), asio::buffers_end(data));
                             respond(number, head.substr(0, head.find("\r\n")));
                           });
  }

  void respond(Number number, const std::string& line) {
    if (!line.starts_with("GET ")) return write(number, Answer{.status = 400, .body = "only GET\n"});
    const std::string path = line.substr(4, line.find(' ', 4) - 4);
    if (path == "/livez") return write(number, Answer{.body = "alive\n"});
    if (path != "/readyz" && path != "/metrics" && path != "/status") {
      return write(number, Answer{.status = 404, .body = "try /livez, /readyz, /metrics or /status\n"});
    }
    admin_.status([this, number, path](Result<NodeStatus> status) {
      asio::post(context_, [this, number, path, status = std::move(status)] {
        if (!status) return write(number, Answer{.status = 503, .body = status.error().detail + "\n"});
        if (path == "/metrics")
          return write(number, Answer{.type = "text/plain; version=0.0.4", .body = metrics_text(*status)});
        if (path == "/status") return write(number, Answer{.type = "application/json", .body = status_json(*status)});
        if (status->ready) return write(number, Answer{.body = "ready\n"});
        write(number, Answer{.status = 503, .body = "not ready: " + status->not_ready_because + "\n"});
      });
    });
  }

  void write(Number number, const Answer& answer) {
    const auto it = connections_.find(number);
    if (it == connections_.end()) return;  // its time was up
    const auto connection = it->second;
    connection->out = render(answer);
    asio::async_write(connection->socket, asio::buffer(connection->out),
                      [this, number, connection](const std::error_code&, std::size_t) { finish(number); });
  }

  void finish(Number number) {
    const auto node = connections_.extract(number);
    if (node.empty()) return;
    Connection& connection = *node.mapped();
    connection.timer.cancel();
    std::error_code ignored;
    connection.socket.shutdown(tcp::socket::shutdown_both, ignored);
    connection.socket.close(ignored);
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  asio::steady_timer backoff_{context_};
  Admin& admin_;
  std::uint16_t port_ = acceptor_.local_endpoint().port();
  std::map<Number, std::shared_ptr<Connection>> connections_;
  Number last_number_ = 0;
  std::thread thread_;
};

Http::Http(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Http::~Http() = default;
std::uint16_t Http::port() const { return impl_->port(); }

Result<std::unique_ptr<Http>> Http::create(const Options& options) {
  try {
    const auto colon = options.listen.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoul(options.listen.substr(colon + 1)));
    const tcp::endpoint endpoint(asio::ip::make_address(options.listen.substr(0, colon)), port);
    return std::unique_ptr<Http>(new Http(std::make_unique<Impl>(endpoint, options.admin)));
  } catch (const std::exception& e) {
    return fail(Code::io, fmt::format("cannot listen for HTTP on {}: {}", options.listen, e.what()));
  }
}

}  // namespace rift::server
