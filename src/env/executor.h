// The port for running code on one shard: tasks run one after the other, in the order posted, on the shard's only thread.
// post may be called from any thread; arm only from the shard's thread.
#pragma once

#include "base/task.h"
#include "base/time.h"

namespace rift::env {

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `task` after everything posted before it. Never runs it inline.
  virtual void post(Task task) = 0;

  // Runs `task` once at `at` or as soon after as the shard is free; replaces what was armed before. One timer per shard: its
  // owner keeps a heap of its own deadlines.
  virtual void arm(Time at, Task task) = 0;
};

}  // namespace rift::env
