// The clock of the SDK: steady, and the same for all its files. Any thread.
#pragma once

#include <chrono>

#include "base/time.h"

namespace rift::client {

inline Time steady_now() {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace rift::client
