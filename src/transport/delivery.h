// The way to the shard: turns what happens on the polling thread into tasks on the shard's executor, where NetworkEvents is called.
// Shared with those tasks, which may outlive the transport: after stop() they do nothing.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "env/executor.h"
#include "env/network.h"

namespace rift::transport {

class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  explicit Delivery(env::Executor& executor) : executor_(executor) {}

  void start(env::NetworkEvents& events) { events_.store(&events); }  // before anything is delivered
  void stop() { events_.store(nullptr); }

  // `answer` is called on the shard's thread.
  template <class Answer>
  void accept(env::ConnectionId connection, env::Lane lane, Bytes hello, Answer answer) {
    post([=](env::NetworkEvents& events) { answer(events.accept(connection, lane, hello)); });
  }
  // `consumed` is called on the shard's thread when it has seen all frames.
  template <class Consumed>
  void receive(env::ConnectionId connection, env::Lane lane, std::vector<Bytes> frames, Consumed consumed) {
    post([=, frames = std::move(frames)](env::NetworkEvents& events) mutable {
      for (Bytes& frame : frames) events.receive(connection, lane, std::move(frame));
      consumed();
    });
  }
  void closed(env::ConnectionId connection) {
    post([=](env::NetworkEvents& events) { events.closed(connection); });
  }
  void link_up(NodeId peer, env::Lane lane) {
    post([=](env::NetworkEvents& events) { events.link_up(peer, lane); });
  }
  void link_down(NodeId peer, env::Lane lane) {
    post([=](env::NetworkEvents& events) { events.link_down(peer, lane); });
  }

 private:
  template <class F>
  void post(F call) {
    executor_.post([self = shared_from_this(), call = std::move(call)]() mutable {
      if (auto* events = self->events_.load()) call(*events);
    });
  }

  env::Executor& executor_;
  std::atomic<env::NetworkEvents*> events_{nullptr};
};

}  // namespace rift::transport
