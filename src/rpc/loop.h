// The one thread that polls a completion queue of gRPC, and the only way into it from outside: post(). Used by the two ends of the public
// API, api and client; the nodes' own transport has a Poller with rules of its own. Data is never handed over inside a tag (Debian's gRPC is
// not instrumented, tsan would call it our race): it goes through a mutex-guarded mailbox that an empty grpc::Alarm wakes. Nothing that runs
// here may block: streams die after 1.5 s.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"

namespace grpc {
class Alarm;
class CompletionQueue;
}  // namespace grpc

namespace rift::rpc {

// A tag of the completion queue. Lives until it has happened.
class Event {
 public:
  virtual void happened(bool ok) = 0;

 protected:
  ~Event() = default;
};

// An Event that calls a method of its owner.
template <class Owner>
class Tag final : public Event {
 public:
  Tag(Owner* owner, void (Owner::*method)(bool)) : owner_(owner), method_(method) {}
  void happened(bool ok) override { (owner_->*method_)(ok); }

 private:
  Owner* owner_;
  void (Owner::*method_)(bool);
};

// Outlives the loop in the hands of sinks: once closed, what is posted is dropped.
class Mailbox final : public Event {
 public:
  explicit Mailbox(grpc::CompletionQueue* queue);
  ~Mailbox();
  void post(Task task);
  void close();
  void happened(bool ok) override;

 private:
  Mutex mutex_;  // tasks cross from other threads to the polling thread
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  grpc::CompletionQueue* queue_ GUARDED_BY(mutex_);  // null: closed
  std::unique_ptr<grpc::Alarm> alarm_ GUARDED_BY(mutex_);
  bool is_armed_ GUARDED_BY(mutex_) = false;
};

class Loop {
 public:
  // `after_each_drain` runs on the thread whenever the queue has been emptied: there what piled up is handed on as one batch.
  Loop(std::unique_ptr<grpc::CompletionQueue> queue, std::function<void()> after_each_drain);
  ~Loop();

  void start();
  // Closes the mailbox, drains the queue, joins. The server must be shut down, every stream of a client cancelled.
  void stop();
  // The same for a server that is shut down: from here on nothing is told of what still happens, for nothing new may begin.
  void drop_and_stop();

  grpc::CompletionQueue* queue() const { return queue_.get(); }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // Is the caller the polling thread itself?
  bool is_inside() const { return std::this_thread::get_id() == thread_id_.load(std::memory_order_relaxed); }

 private:
  void run();

  std::unique_ptr<grpc::CompletionQueue> queue_;
  std::shared_ptr<Mailbox> mailbox_;
  std::function<void()> after_each_drain_;
  bool is_deaf_ = false;  // the polling thread's
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};  // set by the thread itself: thread_ may be assigned after it has begun
};

}  // namespace rift::rpc
