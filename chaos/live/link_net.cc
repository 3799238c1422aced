#include "chaos/live/link_net.h"

#include <poll.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <asio.hpp>

namespace rift::chaos::live {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t delayed_bytes_max = 8 * 1024 * 1024;  // above it the source is not read: back-pressure
constexpr std::size_t connections_per_link_max = 512;       // above it new ones are reset
constexpr auto accept_retry = std::chrono::milliseconds(100);
constexpr auto held_check_period = std::chrono::milliseconds(100);

class Link;

// One way through a connection: read, wait out the delay, write. A blocked way keeps what it has and reads no more.
struct Way {
  Way(asio::io_context& io, tcp::socket& source, tcp::socket& target) : from(source), to(target), timer(io) {}
  struct Chunk {
    Clock::time_point due;
    std::string bytes;
  };
  tcp::socket& from;
  tcp::socket& to;
  asio::steady_timer timer;
  std::array<char, read_bytes> buffer{};
  std::deque<Chunk> queue;
  std::string writing_now;
  std::size_t queued_bytes = 0;
  bool reading = false;
  bool writing = false;
  bool timer_armed = false;
  bool ended = false;  // the source sent its last byte
  bool shut = false;   // and the target was told
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& io, Link& link, tcp::socket near)
      : link_(link), near_(std::move(near)), far_(io), forward_(io, near_, far_), back_(io, far_, near_) {}

  void dial(const tcp::endpoint& target);
  void kick();   // after a change of the shape
  void reset();  // both sides see a reset
  void hold() { held_ = true; }
  bool is_held() const { return held_; }
  bool peer_is_gone();
  std::uint64_t bytes_held();

 private:
  bool blocked(const Way& way) const;
  Duration delay(const Way& way) const;
  void read(Way& way);
  void write(Way& way);
  void arm(Way& way, Clock::time_point due);
  void end(Way& way);
  void fail();

  Link& link_;
  tcp::socket near_;  // of the side that dialled
  tcp::socket far_;
  Way forward_;
  Way back_;
  bool held_ = false;  // accepted during a cut
  bool connected_ = false;
  bool closed_ = false;
};

class Link {
 public:
  Link(asio::io_context& io, tcp::acceptor acceptor, tcp::endpoint target)
      : io_(io), acceptor_(std::move(acceptor)), target_(std::move(target)), timer_(io), retry_(io) {}

  void accept();
  void set_shape(const LinkShape& shape);
  void forget(const std::shared_ptr<Connection>& connection) { connections_.erase(connection); }
  const LinkShape& shape() const { return shape_; }
  LinkCounters& counters() { return counters_; }
  LinkCounters snapshot() const;
  void close();

 private:
  void admit(tcp::socket socket);
  void reset_all();
  void watch_held();
  void drop(const std::shared_ptr<Connection>& connection);

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  tcp::endpoint target_;
  asio::steady_timer timer_;
  asio::steady_timer retry_;
  bool watching_ = false;
  LinkShape shape_;
  LinkCounters counters_;
  std::set<std::shared_ptr<Connection>> connections_;
};

std::uint64_t waiting_bytes(tcp::socket& socket) {
  asio::error_code error;
  const std::size_t bytes = socket.is_open() ? socket.available(error) : 0;
  return error ? 0 : bytes;
}

void close_with_reset(tcp::socket& socket) {
  asio::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

void Connection::dial(const tcp::endpoint& target) {
  far_.async_connect(target, [self = shared_from_this()](asio::error_code error) {
    if (self->closed_) return;
    if (error) {
      ++self->link_.counters().connections_refused;
      self->reset();
      self->link_.forget(self);
      return;
    }
    self->connected_ = true;
    asio::error_code ignored;
    self->near_.set_option(tcp::no_delay(true), ignored);
    self->far_.set_option(tcp::no_delay(true), ignored);
    self->kick();
  });
}

void Connection::kick() {
  if (closed_ || !connected_) return;
  for (Way* way : {&forward_, &back_}) {
    write(*way);
    read(*way);
  }
}

void Connection::reset() {
  if (closed_) return;
  closed_ = true;
  forward_.timer.cancel();
  back_.timer.cancel();
  close_with_reset(near_);
  close_with_reset(far_);
}

// A held connection is never read, so its end has to be asked for.
bool Connection::peer_is_gone() {
  pollfd entry{.fd = near_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::uint64_t Connection::bytes_held() {
  std::uint64_t held = 0;
  if (link_.shape().cut_forward) held += waiting_bytes(near_) + forward_.queued_bytes;
  if (link_.shape().cut_back) held += waiting_bytes(far_) + back_.queued_bytes;
  return held;
}

bool Connection::blocked(const Way& way) const {
  return &way == &forward_ ? link_.shape().cut_forward : link_.shape().cut_back;
}

Duration Connection::delay(const Way& way) const {
  return &way == &forward_ ? link_.shape().delay_forward : link_.shape().delay_back;
}

void Connection::read(Way& way) {
  if (closed_ || way.reading || way.ended || blocked(way) || way.queued_bytes >= delayed_bytes_max) return;
  way.reading = true;
  way.from.async_read_some(
      asio::buffer(way.buffer), [self = shared_from_this(), &way](asio::error_code error, std::size_t bytes) {
        way.reading = false;
        if (self->closed_) return;
        if (error == asio::error::eof) {
          way.ended = true;
          self->write(way);
          return;
        }
        if (error) {
          self->fail();
          return;
        }
        // A read that was open when the cut came ends here: its bytes are kept, and counted as held.
        way.queue.push_back({.due = Clock::now() + self->delay(way), .bytes = std::string(way.buffer.data(), bytes)});
        way.queued_bytes += bytes;
        self->write(way);
        self->read(way);
      });
}

void Connection::write(Way& way) {
  if (closed_ || way.writing || blocked(way)) return;
  if (way.queue.empty()) {
    end(way);
    return;
  }
  if (way.queue.front().due > Clock::now()) {
    arm(way, way.queue.front().due);
    return;
  }
  way.writing_now = std::move(way.queue.front().bytes);
  way.queue.pop_front();
  way.queued_bytes -= way.writing_now.size();
  way.writing = true;
  asio::async_write(way.to, asio::buffer(way.writing_now),
                    [self = shared_from_this(), &way](asio::error_code error, std::size_t bytes) {
                      way.writing = false;
                      if (self->closed_) return;
                      LinkCounters& counters = self->link_.counters();
                      (&way == &self->forward_ ? counters.bytes_forward : counters.bytes_back) += bytes;
                      if (error) {
                        self->fail();
                        return;
                      }
                      self->write(way);
                      self->read(way);
                    });
}

void Connection::arm(Way& way, Clock::time_point due) {
  if (way.timer_armed) return;
  way.timer_armed = true;
  way.timer.expires_at(due);
  way.timer.async_wait([self = shared_from_this(), &way](asio::error_code) {
    way.timer_armed = false;
    if (!self->closed_) self->write(way);
  });
}

// The source has ended and everything was delivered: pass the end on; after both ends the connection is over.
void Connection::end(Way& way) {
  if (!way.ended || way.shut) return;
  way.shut = true;
  asio::error_code ignored;
  way.to.shutdown(tcp::socket::shutdown_send, ignored);
  if (!forward_.shut || !back_.shut) return;
  closed_ = true;
  near_.close(ignored);
  far_.close(ignored);
  link_.forget(shared_from_this());
}

// One side is gone. During a cut the other side must not learn of it before the heal.
void Connection::fail() {
  if (link_.shape().cut_forward || link_.shape().cut_back) return;
  reset();
  link_.forget(shared_from_this());
}

void Link::accept() {
  acceptor_.async_accept([this](asio::error_code error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      admit(std::move(socket));
      accept();
      return;
    }
    retry_.expires_after(accept_retry);  // out of descriptors: without a pause this would spin
    retry_.async_wait([this](asio::error_code stopped) {
      if (!stopped && acceptor_.is_open()) accept();
    });
  });
}

void Link::admit(tcp::socket socket) {
  ++counters_.accepted;
  if (connections_.size() >= connections_per_link_max) {
    ++counters_.connections_refused;
    close_with_reset(socket);
    return;
  }
  auto connection = std::make_shared<Connection>(io_, *this, std::move(socket));
  connections_.insert(connection);
  if (!shape_.cut_forward) {
    connection->dial(target_);
    return;
  }
  ++counters_.connections_held;
  connection->hold();
  watch_held();
}

void Link::drop(const std::shared_ptr<Connection>& connection) {
  const auto keep = connection;
  counters_.bytes_held += keep->bytes_held();
  keep->reset();
  connections_.erase(keep);
}

// Dialling sides give up on connections that nobody answers; without this their sockets would pile up here.
void Link::watch_held() {
  if (watching_) return;
  watching_ = true;
  timer_.expires_after(held_check_period);
  timer_.async_wait([this](asio::error_code error) {
    watching_ = false;
    if (error) return;
    bool any = false;
    for (const auto& connection : std::set(connections_)) {
      if (!connection->is_held()) continue;
      if (connection->peer_is_gone()) {
        drop(connection);
      } else {
        any = true;
      }
    }
    if (any) watch_held();
  });
}

void Link::set_shape(const LinkShape& shape) {
  const bool ends_a_cut = (shape_.cut_forward && !shape.cut_forward) || (shape_.cut_back && !shape.cut_back);
  if (ends_a_cut) reset_all();
  shape_ = shape;
  for (const auto& connection : std::set(connections_)) connection->kick();
}

void Link::reset_all() {
  for (const auto& connection : std::exchange(connections_, {})) {
    counters_.bytes_held += connection->bytes_held();
    ++counters_.connections_reset;
    connection->reset();
  }
}

LinkCounters Link::snapshot() const {
  LinkCounters result = counters_;
  result.open = connections_.size();
  for (const auto& connection : connections_) result.bytes_held += connection->bytes_held();
  return result;
}

void Link::close() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  retry_.cancel();
  for (const auto& connection : std::exchange(connections_, {})) connection->reset();
}

Result<tcp::endpoint> parse(const std::string& address) {
  const auto colon = address.rfind(':');
  asio::error_code error;
  const auto host = asio::ip::make_address(address.substr(0, colon), error);
  unsigned long port = 0;
  if (colon != std::string::npos && !error) port = std::strtoul(address.c_str() + colon + 1, nullptr, 10);
  if (port == 0 || port > 65535)
    return rift::fail(Code::invalid, fmt::format("'{}' is no address like 127.0.0.1:7101", address));
  return tcp::endpoint(host, static_cast<unsigned short>(port));
}

// Two descriptors per connection, three lanes per directed link: more than the usual soft limit of 1,024 during a cut.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string to_string(LinkId link) {
  return fmt::format("{}>{}", link.from == NodeId() ? "c" : to_string(link.from), to_string(link.to));
}

class LinkNet::Impl {
 public:
  Impl() : work_(asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}
  ~Impl() {
    asio::post(io_, [this] {
      for (auto& [id, link] : links_) link->close();
      work_.reset();
    });
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Runs `function` on the thread of the proxies and waits for its value.
  template <class F>
  auto ask(F function) {
    std::promise<decltype(function())> answer;
    auto future = answer.get_future();
    asio::post(io_, [&] { answer.set_value(function()); });
    return future.get();
  }

  Result<std::string> add(LinkId id, const tcp::endpoint& target) {
    if (links_.contains(id)) return rift::fail(Code::already_exists, "link " + to_string(id) + " exists");
    asio::error_code error;
    const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    tcp::acceptor acceptor(io_);
    acceptor.open(tcp::v4(), error);
    if (!error) acceptor.bind(any, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      return rift::fail(Code::io, fmt::format("cannot listen for link {}: {}", to_string(id), error.message()));
    const auto port = acceptor.local_endpoint(error).port();
    auto link = std::make_unique<Link>(io_, std::move(acceptor), target);
    link->accept();
    links_.emplace(id, std::move(link));
    return fmt::format("127.0.0.1:{}", port);
  }

  Link* find(LinkId id) {
    const auto found = links_.find(id);
    return found == links_.end() ? nullptr : found->second.get();
  }
  const std::map<LinkId, std::unique_ptr<Link>>& links() const { return links_; }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::map<LinkId, std::unique_ptr<Link>> links_;  // touched by the thread only
  std::thread thread_;
};

LinkNet::LinkNet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkNet::~LinkNet() = default;

Result<std::unique_ptr<LinkNet>> LinkNet::create() {
  raise_descriptor_limit();
  try {
    return std::unique_ptr<LinkNet>(new LinkNet(std::make_unique<Impl>()));
  } catch (const std::exception& error) {  // asio: no descriptor left, no thread
    return rift::fail(Code::io, fmt::format("cannot start the link proxies: {}", error.what()));
  }
}

Result<std::string> LinkNet::add(LinkId link, const std::string& target) {
  const tcp::endpoint endpoint = TRY(parse(target));
  return impl_->ask([&] { return impl_->add(link, endpoint); });
}

Result<void> LinkNet::shape(LinkId id, const LinkShape& shape) {
  return impl_->ask([&]() -> Result<void> {
    Link* link = impl_->find(id);
    if (link == nullptr) return rift::fail(Code::invalid, "there is no link " + to_string(id));
    link->set_shape(shape);
    return {};
  });
}

Result<LinkCounters> LinkNet::counters(LinkId id) const {
  return impl_->ask([&]() -> Result<LinkCounters> {
    const Link* link = impl_->find(id);
    if (link == nullptr) return rift::fail(Code::invalid, "there is no link " + to_string(id));
    return link->snapshot();
  });
}

std::vector<LinkId> LinkNet::links() const {
  return impl_->ask([&] {
    std::vector<LinkId> result;
    for (const auto& [id, link] : impl_->links()) result.push_back(id);
    return result;
  });
}

}  // namespace rift::chaos::live
