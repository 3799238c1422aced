// The one thread that polls the server's completion queue, and the only way into it from outside: post(). Data is never handed over
// inside a tag (Debian's gRPC is not instrumented, tsan would call it our race): it goes through a mutex-guarded mailbox that an empty
// grpc::Alarm wakes. Nothing that runs here may block: streams die after 1.5 s.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"

namespace grpc {
class Alarm;
class ServerCompletionQueue;
}  // namespace grpc

namespace rift::api {

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
  explicit Mailbox(grpc::ServerCompletionQueue* queue);
  ~Mailbox();
  void post(Task task);
  void close();
  void happened(bool ok) override;

 private:
  Mutex mutex_;  // tasks cross from the shard's thread to the polling thread
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  grpc::ServerCompletionQueue* queue_ GUARDED_BY(mutex_);  // null: closed
  std::unique_ptr<grpc::Alarm> alarm_ GUARDED_BY(mutex_);
  bool is_armed_ GUARDED_BY(mutex_) = false;
};

class Loop {
 public:
  // `after_each_drain` runs on the thread whenever the queue has been emptied: there what piled up is handed on as one batch.
  Loop(std::unique_ptr<grpc::ServerCompletionQueue> queue, std::function<void()> after_each_drain);
  ~Loop();

  void start();
  // Closes the mailbox, drains the queue, joins. The server must be shut down.
  void stop();

  grpc::ServerCompletionQueue* queue() const { return queue_.get(); }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

 private:
  void run();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::shared_ptr<Mailbox> mailbox_;
  std::function<void()> after_each_drain_;
  std::thread thread_;
};

}  // namespace rift::api
