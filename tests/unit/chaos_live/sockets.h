// Blocking loopback sockets with a deadline, for tests of the link proxies. Not for product code.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace rift::chaos::live::test {

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { close(); }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  void send(const std::string& text) {
    must(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  // Exactly `size` bytes, or what came before the end, a reset or five seconds of silence.
  std::string receive(std::size_t size) {
    std::string text(size, '\0');
    const ssize_t n = ::recv(fd_, text.data(), size, MSG_WAITALL);
    last_error_ = n < 0 ? errno : 0;
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }
  bool is_silent() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  // Waits for the other side to end the connection; true if it was a reset and not an orderly end.
  bool ends_with_reset() {
    char bytes[4096];
    ssize_t n = 1;
    while (n > 0) n = ::recv(fd_, bytes, sizeof bytes, 0);
    return n < 0 && errno == ECONNRESET;
  }
  int last_error() const { return last_error_; }

 private:
  static void must(bool good) {
    if (!good) std::abort();
  }
  int fd_;
  int last_error_ = 0;
};

inline void set_deadline(int fd) {
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
    if (::listen(socket_.fd(), 16) != 0) std::abort();
    if (::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) std::abort();
    set_deadline(socket_.fd());
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& address() const { return address_; }
  Socket accept() {
    const int fd = ::accept(socket_.fd(), nullptr, nullptr);
    if (fd >= 0) set_deadline(fd);
    return Socket(fd);
  }
  void set_nonblocking_accept() {
    const timeval none{.tv_sec = 0, .tv_usec = 1};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  }
  void close() { socket_.close(); }

 private:
  Socket socket_;
  std::string address_;
};

inline Socket dial(const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::abort();
  set_deadline(fd);
  return Socket(fd);
}

}  // namespace rift::chaos::live::test
