// Where other threads (the SDK's, the observer's) leave work for the thread that drives a story. The mutex is the whole point: values
// are moved across it, and everything else of the story belongs to one thread.
#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"

namespace rift::chaos::live {

class Mailbox {
 public:
  void post(Task task) {
    const Lock lock(mutex_);
    tasks_.push_back(std::move(task));
    arrived_.notify_one();
  }
  // What has arrived; waits for something until `limit` has passed.
  std::vector<Task> take(std::chrono::nanoseconds limit) {
    const Lock lock(mutex_);
    if (tasks_.empty() && limit.count() > 0) arrived_.wait_for(mutex_, limit);
    return std::exchange(tasks_, {});
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
};

}  // namespace rift::chaos::live
