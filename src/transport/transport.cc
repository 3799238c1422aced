#include "transport/transport.h"

#include <map>

#include "transport/delivery.h"
#include "transport/lane_queue.h"
#include "transport/link.h"
#include "transport/listener.h"
#include "transport/poller.h"

namespace rift::transport {

class Transport::Impl {
 public:
  Impl(const Options& options, std::shared_ptr<Delivery> delivery, std::unique_ptr<Listener> listener)
      : log_(options.log),
        delivery_(std::move(delivery)),
        listener_(std::move(listener)),
        poller_(listener_->poller()) {
    poller_->start();
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start(env::NetworkEvents& events) {
    delivery_->start(events);
    poller_->post([this] { listener_->start(); });
  }

  void set_hello(Bytes hello) {
    poller_->post([this, hello = std::move(hello)] { hello_ = hello; });
  }

  void dial(NodeId peer, const std::string& address) {
    const Lock lock(mutex_);
    Peer& entry = peers_[peer];
    if (entry.address == address) return;
    close_lanes(entry);
    entry.address = address;
    for (std::size_t i = 0; i < env::lane_count; ++i) {
      const auto lane = static_cast<env::Lane>(i);
      auto queue = std::make_shared<LaneQueue>(peer, lane);
      entry.lanes[i] = Lane{.link = ++last_link_, .queue = queue};
      poller_->post([this, id = last_link_, peer, lane, address, queue] { open_link(id, peer, lane, address, queue); });
    }
  }

  void forget(NodeId peer) {
    const Lock lock(mutex_);
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return;
    close_lanes(found->second);
    peers_.erase(found);
  }

  bool send(NodeId peer, env::Lane lane, Bytes frame) {
    const Lock lock(mutex_);
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return false;
    const Lane& to = found->second.lanes[static_cast<std::size_t>(lane)];
    switch (to.queue->push(std::move(frame))) {
      case LaneQueue::Pushed::refused:
        return false;
      case LaneQueue::Pushed::queued:
        return true;
      case LaneQueue::Pushed::wake:
        break;
    }
    poller_->post([this, id = to.link] {
      if (const auto link = links_.find(id); link != links_.end()) link->second->pump();
    });
    return true;
  }

  void stop() {
    {
      const Lock lock(mutex_);
      if (stopped_) return;
      stopped_ = true;
    }
    delivery_->stop();
    poller_->post([this] { begin_stop(); });
    listener_->shut_down();
    {
      const Lock lock(mutex_);
      while (!idle_) idle_changed_.wait(mutex_);
    }
    poller_->finish();
  }

  std::uint16_t port() const { return listener_->port(); }

  Stats stats() const {
    Stats out;
    {
      const Lock lock(mutex_);
      for (const auto& [peer, entry] : peers_) {
        for (const Lane& lane : entry.lanes) out.links.push_back(lane.queue->stats());
      }
    }
    for (std::size_t i = 0; i < env::lane_count; ++i) {
      const ReceiveCounters& counters = listener_->counters()[i];
      out.received[i] = ReceiveStats{.connections = counters.connections,
                                     .frames = counters.frames,
                                     .bytes = counters.bytes,
                                     .malformed = counters.malformed,
                                     .turned_away = counters.turned_away};
    }
    return out;
  }

 private:
  struct Lane {
    std::uint64_t link = 0;  // key in links_
    std::shared_ptr<LaneQueue> queue;
  };
  struct Peer {
    std::string address;
    std::array<Lane, env::lane_count> lanes;
  };

  void close_lanes(const Peer& peer) {
    for (const Lane& lane : peer.lanes) {
      if (!lane.queue) continue;
      poller_->post([this, id = lane.link] {
        if (const auto link = links_.find(id); link != links_.end()) link->second->close();
      });
    }
  }

  // From here on the polling thread.
  void open_link(std::uint64_t id, NodeId peer, env::Lane lane, const std::string& address,
                 std::shared_ptr<LaneQueue> queue) {
    if (stopping_) return;
    links_[id] = Link::open(Link::Options{.peer = peer,
                                          .lane = lane,
                                          .address = address,
                                          .queue = std::move(queue),
                                          .delivery = delivery_,
                                          .poller = *poller_,
                                          .log = log_,
                                          .hello = [this] { return hello_; },
                                          .on_closed =
                                              [this, id] {
                                                links_.erase(id);
                                                check_idle();
                                              }});
  }

  void begin_stop() {
    stopping_ = true;
    for (auto& [id, link] : links_) link->close();
    listener_->stop([this] {
      listener_idle_ = true;
      check_idle();
    });
  }

  void check_idle() {
    if (!stopping_ || !listener_idle_ || !links_.empty()) return;
    const Lock lock(mutex_);
    idle_ = true;
    idle_changed_.notify_all();
  }

  Log& log_;
  std::shared_ptr<Delivery> delivery_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<Poller> poller_;

  mutable Mutex mutex_;  // the shard's thread; stats from others; the end of the polling thread
  CondVar idle_changed_;
  std::map<NodeId, Peer> peers_ GUARDED_BY(mutex_);
  std::uint64_t last_link_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool idle_ GUARDED_BY(mutex_) = false;

  // The polling thread only.
  Bytes hello_;
  std::map<std::uint64_t, std::unique_ptr<Link>> links_;
  bool stopping_ = false;
  bool listener_idle_ = false;
};

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transport::~Transport() = default;

Result<std::unique_ptr<Transport>> Transport::create(const Options& options) {
  auto delivery = std::make_shared<Delivery>(options.executor);
  auto listener = TRY(Listener::create(options.listen, options.hello_patience, delivery));
  LOG_INFO(options.log, "transport.listen", "{} port {}", options.listen, listener->port());
  return std::unique_ptr<Transport>(
      new Transport(std::make_unique<Impl>(options, std::move(delivery), std::move(listener))));
}

void Transport::start(env::NetworkEvents& events) { impl_->start(events); }
void Transport::set_hello(Bytes hello) { impl_->set_hello(std::move(hello)); }
void Transport::dial(NodeId peer, const std::string& address) { impl_->dial(peer, address); }
void Transport::forget(NodeId peer) { impl_->forget(peer); }
bool Transport::send(NodeId peer, env::Lane lane, Bytes frame) { return impl_->send(peer, lane, std::move(frame)); }
void Transport::stop() { impl_->stop(); }
std::uint16_t Transport::port() const { return impl_->port(); }
Stats Transport::stats() const { return impl_->stats(); }

}  // namespace rift::transport
