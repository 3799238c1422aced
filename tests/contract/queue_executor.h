// An env::Executor whose tasks run on the test's own thread, which plays the shard: run_until() waits for tasks from other threads.
// The timer is not needed by storage and network and is refused.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <deque>

#include "base/mutex.h"
#include "env/executor.h"

namespace rift::contract {

class QueueExecutor final : public env::Executor {
 public:
  void post(Task task) override {
    {
      const Lock lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    arrived_.notify_one();
  }
  void arm(Time, Task) override { FAIL() << "nobody below the shard arms its timer"; }

  // Runs tasks in order until `done()` holds. False: it did not within `limit`.
  template <class Done>
  bool run_until(Done done, std::chrono::nanoseconds limit = std::chrono::seconds(60)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      Task task = take(end);
      if (!task) return done();
      task();
    }
    return true;
  }
  // Runs what is there and what comes within `span`.
  void run_for(std::chrono::nanoseconds span) {
    run_until([] { return false; }, span);
  }

 private:
  Task take(std::chrono::steady_clock::time_point end) {
    const Lock lock(mutex_);
    while (tasks_.empty()) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left <= std::chrono::nanoseconds(0)) return {};
      arrived_.wait_for(mutex_, left);
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  Mutex mutex_;
  CondVar arrived_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
};

}  // namespace rift::contract
