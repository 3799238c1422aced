#include "transport/poller.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>
#include <pthread.h>

namespace rift::transport {

Timer::Timer() : alarm_(std::make_unique<grpc::Alarm>()) {}
Timer::~Timer() = default;

void Timer::arm(grpc::CompletionQueue& queue, Duration delay, Event& due) {
  const gpr_timespec span = gpr_time_from_nanos(delay.count(), GPR_TIMESPAN);
  alarm_->Set(&queue, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), span), &due);
}

void Timer::cancel() { alarm_->Cancel(); }

Poller::Poller(std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : queue_(std::move(queue)), alarm_(std::make_unique<grpc::Alarm>()) {}

Poller::~Poller() { finish(); }

void Poller::start() {
  thread_ = std::thread([this] { run(); });
}

void Poller::post(Task task) {
  const Lock lock(mutex_);
  if (closed_) return;
  mail_.push_back(std::move(task));
  if (ringing_) return;
  ringing_ = true;
  // The past, not now: gRPC rounds now up to the next millisecond and would wait for it.
  alarm_->Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<Event*>(this));
}

void Poller::complete(bool) {
  {
    const Lock lock(mutex_);
    reading_.swap(mail_);
    ringing_ = false;
  }
  for (Task& task : reading_) {
    task();
    run_deferred();
  }
  reading_.clear();
}

void Poller::run() {
  pthread_setname_np(pthread_self(), "rift-peers");
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    static_cast<Event*>(tag)->complete(ok);
    run_deferred();
  }
}

void Poller::run_deferred() {
  while (!deferred_.empty()) {
    auto tasks = std::exchange(deferred_, {});
    for (Task& task : tasks) task();
  }
}

void Poller::finish() {
  {
    const Lock lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
    return;
  }
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
  }
}

}  // namespace rift::transport
