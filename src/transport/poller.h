// One completion queue of gRPC and the one thread that polls it. Everything that touches a stream runs on that thread; other threads
// hand it tasks through a mailbox and an empty alarm (data inside a gRPC tag would look like our race to tsan). Nothing run here may
// block: peers close a stream after 1.5 s of silence.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"
#include "base/time.h"

namespace grpc {
class Alarm;
class CompletionQueue;
class ServerCompletionQueue;
}  // namespace grpc

namespace rift::transport {

// What a tag points to. complete() is called on the polling thread, once for each operation that was started with it.
class Event {
 public:
  virtual ~Event() = default;
  virtual void complete(bool ok) = 0;
};

// An event that calls a member function of its owner.
template <class Owner>
class Completion final : public Event {
 public:
  Completion(Owner& owner, void (Owner::*handler)(bool)) : owner_(owner), handler_(handler) {}
  void complete(bool ok) override { (owner_.*handler_)(ok); }

 private:
  Owner& owner_;
  void (Owner::*handler_)(bool);
};

// Waits on the polling thread.
class Timer {
 public:
  Timer();
  ~Timer();
  // `due` completes with true after `delay`, or with false when cancelled.
  void arm(grpc::CompletionQueue& queue, Duration delay, Event& due);
  void cancel();

 private:
  std::unique_ptr<grpc::Alarm> alarm_;
};

class Poller final : private Event {
 public:
  explicit Poller(std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~Poller() override;  // after finish()
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  grpc::ServerCompletionQueue& queue() { return *queue_; }
  void start();
  // Runs `task` on the polling thread. From any thread; after finish() the task is destroyed.
  void post(Task task);
  // Runs `task` when the event at hand has been handled. From the polling thread.
  void defer(Task task) { deferred_.push_back(std::move(task)); }
  // Ends the thread. No operation may be under way or be started any more.
  void finish();

 private:
  void run();
  void run_deferred();
  void complete(bool ok) override;  // mail has arrived

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Alarm> alarm_;
  Mutex mutex_;  // the mailbox: the shard's thread and the polling thread
  std::vector<Task> mail_ GUARDED_BY(mutex_);
  bool ringing_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::vector<Task> reading_;   // polling thread
  std::vector<Task> deferred_;  // polling thread
  std::thread thread_;
};

}  // namespace rift::transport
