// The frames that wait for one connection, bounded: control drops the oldest, data and bulk refuse the newest (DESIGN 8). Filled by the
// shard's thread, emptied by the polling thread, read by stats from any: hence the mutex. Knows no gRPC.
#pragma once

#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "env/network.h"
#include "transport/transport.h"

namespace rift::transport {

class LaneQueue {
 public:
  LaneQueue(NodeId peer, env::Lane lane) : peer_(peer), lane_(lane) {}

  enum class Pushed : std::uint8_t {
    refused,  // not sent, and never will be
    queued,   // the polling thread knows already that there is something
    wake,     // the polling thread must be told
  };
  Pushed push(Bytes frame);

  // The frames for one message: the first, and more up to `bytes_max` in all. Empty: the next push asks to be told.
  std::vector<Bytes> take(std::size_t bytes_max);

  void open();   // the peer has accepted: frames are taken from now on
  void close();  // the connection is gone, and what waited for it too

  LinkStats stats() const;

 private:
  bool has_room(std::size_t bytes) REQUIRES_LOCK(mutex_);

  const NodeId peer_;
  const env::Lane lane_;
  mutable Mutex mutex_;
  std::deque<Bytes> frames_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool open_ GUARDED_BY(mutex_) = false;
  bool told_ GUARDED_BY(mutex_) = false;  // the polling thread is at work on this queue or about to be
  LinkStats counters_ GUARDED_BY(mutex_);
};

}  // namespace rift::transport
