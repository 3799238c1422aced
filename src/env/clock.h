// The port for time. Read once per shard round, after the inbox is taken. Implemented by reactor and by the simulator.
#pragma once

#include "base/time.h"

namespace rift::env {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() = 0;
};

}  // namespace rift::env
