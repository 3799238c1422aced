// Mutex, Lock and CondVar with clang's thread-safety annotations (std::mutex carries none with libstdc++, so -Wthread-safety would see
// nothing). Only for the rooms that may hold a mutex: engine, reactor, transport, client. Everything else posts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define RIFT_THREAD(attribute) __attribute__((attribute))
#else
#define RIFT_THREAD(attribute)
#endif
#undef GUARDED_BY  // a header of gRPC's defines it too, to the same end
#define GUARDED_BY(mutex) RIFT_THREAD(guarded_by(mutex))
#define REQUIRES_LOCK(mutex) RIFT_THREAD(requires_capability(mutex))

namespace rift {

class RIFT_THREAD(capability("mutex")) Mutex {
 public:
  void lock() RIFT_THREAD(acquire_capability()) { mutex_.lock(); }
  void unlock() RIFT_THREAD(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class RIFT_THREAD(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) RIFT_THREAD(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() RIFT_THREAD(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// Wait in a loop that looks at the guarded state: a predicate lambda would escape the analysis.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES_LOCK(mutex) { condition_.wait(mutex); }
  void wait_for(Mutex& mutex, std::chrono::nanoseconds limit) REQUIRES_LOCK(mutex) {
    condition_.wait_for(mutex, limit);
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace rift
