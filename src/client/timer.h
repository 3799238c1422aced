// One timer in the client's loop: when it rings, the queue is drained and what is due is looked for. Polling thread only.
#pragma once

#include <memory>
#include <optional>

#include "base/time.h"
#include "rpc/loop.h"

namespace grpc {
class Alarm;
}

namespace rift::client {

class Timer {
 public:
  explicit Timer(rpc::Loop& loop);
  ~Timer();

  // Or earlier, if that has been asked for.
  void ring_at(Time at, Time now);
  void cancel();

 private:
  void rang(bool ok);

  rpc::Loop& loop_;
  std::unique_ptr<grpc::Alarm> alarm_;
  std::optional<Time> armed_;
  rpc::Tag<Timer> rang_{this, &Timer::rang};
};

}  // namespace rift::client
