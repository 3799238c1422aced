#include "client/timer.h"

#include <algorithm>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

namespace rift::client {

Timer::Timer(rpc::Loop& loop) : loop_(loop), alarm_(std::make_unique<grpc::Alarm>()) {}
Timer::~Timer() = default;

void Timer::ring_at(Time at, Time now) {
  if (armed_) {
    if (at < *armed_) alarm_->Cancel();  // rings at once, and is armed again
    return;
  }
  armed_ = at;
  const Duration left = std::max(at - now, Duration::zero());
  alarm_->Set(loop_.queue(),
              gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(left.count(), GPR_TIMESPAN)),
              static_cast<rpc::Event*>(&rang_));
}

void Timer::cancel() { alarm_->Cancel(); }

void Timer::rang(bool) { armed_.reset(); }

}  // namespace rift::client
