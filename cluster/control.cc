#include "cluster/control.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <istream>
#include <memory>
#include <set>
#include <thread>

#include <fmt/core.h>
#include <asio.hpp>

namespace rift::cluster {
namespace {

using asio::local::stream_protocol;

constexpr std::size_t line_bytes_max = 1024 * 1024;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(stream_protocol::socket socket, const ControlServer::Handler& handler)
      : socket_(std::move(socket)), buffer_(line_bytes_max), handler_(handler) {}

  void read() {
    asio::async_read_until(socket_, buffer_, '\n', [self = shared_from_this()](asio::error_code error, std::size_t) {
      if (error) return;
      std::string line;
      std::istream stream(&self->buffer_);
      std::getline(stream, line);
      self->answer_ = self->handler_(line) + '\n';
      asio::async_write(self->socket_, asio::buffer(self->answer_), [self](asio::error_code failed, std::size_t) {
        if (!failed) self->read();
      });
    });
  }
  void close() {
    asio::error_code ignored;
    socket_.close(ignored);
  }

 private:
  stream_protocol::socket socket_;
  asio::streambuf buffer_;
  std::string answer_;
  const ControlServer::Handler& handler_;
};

bool somebody_listens(const std::string& path) {
  asio::io_context io;
  stream_protocol::socket probe(io);
  asio::error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  return !error;
}

Result<void> check_path(const std::string& path) {
  if (path.size() < sizeof(sockaddr_un::sun_path)) return {};
  return rift::fail(Code::invalid, fmt::format("{} is too long for a socket: choose a shorter --dir", path));
}

}  // namespace

class ControlServer::Impl {
 public:
  Impl(const std::string& path, Handler handler)
      : path_(path), handler_(std::move(handler)), acceptor_(io_, stream_protocol::endpoint(path)) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    asio::post(io_, [this] {
      asio::error_code ignored;
      acceptor_.close(ignored);
      for (const auto& weak : sessions_) {
        if (const auto session = weak.lock()) session->close();
      }
    });
    thread_.join();
    ::unlink(path_.c_str());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

 private:
  void accept() {
    acceptor_.async_accept([this](asio::error_code error, stream_protocol::socket socket) {
      if (error) return;
      const auto session = std::make_shared<Session>(std::move(socket), handler_);
      std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
      sessions_.insert(session);
      session->read();
      accept();
    });
  }

  std::string path_;
  Handler handler_;
  asio::io_context io_{1};
  stream_protocol::acceptor acceptor_;
  std::set<std::weak_ptr<Session>, std::owner_less<>> sessions_;
  std::thread thread_;
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::create(const std::string& path, Handler handler) {
  TRY(check_path(path));
  if (somebody_listens(path)) return rift::fail(Code::already_exists, "a supervisor already runs here: " + path);
  ::unlink(path.c_str());
  try {
    return std::unique_ptr<ControlServer>(new ControlServer(std::make_unique<Impl>(path, std::move(handler))));
  } catch (const std::exception& error) {  // asio: bind refused; std::thread
    return rift::fail(Code::io, fmt::format("cannot listen on {}: {}", path, error.what()));
  }
}

Result<std::string> control_call(const std::string& path, const std::string& line, Duration limit) {
  TRY(check_path(path));
  asio::io_context io;
  stream_protocol::socket socket(io);
  asio::error_code failed;
  socket.connect(stream_protocol::endpoint(path), failed);
  if (failed)
    return rift::fail(Code::unreachable, fmt::format("no supervisor answers on {}: {}", path, failed.message()));

  const std::string request = line + '\n';
  asio::streambuf buffer(line_bytes_max);
  bool answered = false;
  asio::async_write(socket, asio::buffer(request), [&](asio::error_code write_error, std::size_t) {
    failed = write_error;
    if (failed) return;
    asio::async_read_until(socket, buffer, '\n', [&](asio::error_code read_error, std::size_t) {
      failed = read_error;
      answered = !read_error;
    });
  });
  io.run_for(limit);
  if (!answered) {
    socket.close(failed);
    io.run();
    return rift::fail(Code::disconnected, fmt::format("the supervisor on {} gave no answer", path));
  }
  std::string answer;
  std::istream stream(&buffer);
  std::getline(stream, answer);
  return answer;
}

}  // namespace rift::cluster
