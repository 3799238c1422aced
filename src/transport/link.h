// One's own connection to one lane of one peer: dials, says hello, waits to be accepted, then writes what its queue holds; redials for
// ever. Lives on the polling thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "transport/delivery.h"
#include "transport/lane_queue.h"
#include "transport/poller.h"

namespace rift::transport {

class Link {
 public:
  struct Options {
    NodeId peer;
    env::Lane lane = env::Lane::control;
    std::string address;
    std::shared_ptr<LaneQueue> queue;
    std::shared_ptr<Delivery> delivery;
    Poller& poller;
    Log& log;
    std::function<Bytes()> hello;     // the one in force now
    std::function<void()> on_closed;  // after close(), when no operation is under way: destroy it
  };
  static std::unique_ptr<Link> open(Options options);
  virtual ~Link() = default;

  virtual void pump() = 0;  // there is something in the queue
  virtual void close() = 0;
};

}  // namespace rift::transport
