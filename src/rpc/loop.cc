#include "rpc/loop.h"

#include <future>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include "base/assert.h"

namespace rift::rpc {
namespace {

constexpr int events_per_drain_max = 512;  // then the batch goes on its way, whatever still waits

}  // namespace

Mailbox::Mailbox(grpc::CompletionQueue* queue) : queue_(queue), alarm_(std::make_unique<grpc::Alarm>()) {}
Mailbox::~Mailbox() = default;

void Mailbox::post(Task task) {
  Lock lock(mutex_);
  if (queue_ == nullptr) return;
  tasks_.push_back(std::move(task));
  if (is_armed_) return;
  is_armed_ = true;
  alarm_->Set(queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<Event*>(this));
}

void Mailbox::close() {
  std::vector<Task> dropped;  // destroyed outside the lock
  Lock lock(mutex_);
  queue_ = nullptr;
  dropped.swap(tasks_);
}

void Mailbox::happened(bool) {
  std::vector<Task> tasks;
  {
    Lock lock(mutex_);
    is_armed_ = false;
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) task();
}

Loop::Loop(std::unique_ptr<grpc::CompletionQueue> queue, std::function<void()> after_each_drain)
    : queue_(std::move(queue)),
      mailbox_(std::make_shared<Mailbox>(queue_.get())),
      after_each_drain_(std::move(after_each_drain)) {}

Loop::~Loop() { ASSERT(!thread_.joinable()); }

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  mailbox_->close();
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
    return;
  }
  run();  // never started: the queue must be empty before it is destroyed
}

void Loop::drop_and_stop() {
  std::promise<void> deaf;
  mailbox_->post([this, &deaf] {
    is_deaf_ = true;
    deaf.set_value();
  });
  deaf.get_future().wait();
  stop();
}

void Loop::run() {
  thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    if (is_deaf_) continue;
    static_cast<Event*>(tag)->happened(ok);
    for (int i = 1; i < events_per_drain_max; ++i) {
      if (queue_->AsyncNext(&tag, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) != grpc::CompletionQueue::GOT_EVENT) break;
      if (!is_deaf_) static_cast<Event*>(tag)->happened(ok);
    }
    after_each_drain_();
  }
}

}  // namespace rift::rpc
