#include "chaos/sim/sim_executor.h"

namespace rift::chaos::sim {
namespace {

constexpr std::int64_t wall_epoch_ms = 1'700'000'000'000;  // any fixed date will do

}  // namespace

Now SimExecutor::now() {
  const auto elapsed = static_cast<double>(world_.now().time_since_epoch().count());
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(world_.now().time_since_epoch());
  return Now{.steady = Time(Duration(static_cast<std::int64_t>(elapsed * options_.rate)) + options_.steady_offset),
             .wall = WallTime(std::chrono::milliseconds(wall_epoch_ms) + wall + options_.wall_offset)};
}

Time SimExecutor::to_world(Time local) const {
  const auto elapsed = static_cast<double>((local.time_since_epoch() - options_.steady_offset).count());
  return Time(Duration(static_cast<std::int64_t>(elapsed / options_.rate) + 1));
}

void SimExecutor::post(Task task) {
  queue_.push_back(std::move(task));
  schedule();
}

void SimExecutor::schedule() {
  if (scheduled_ || queue_.empty()) return;
  scheduled_ = true;
  world_.at(std::max(world_.now(), busy_until_), [this, alive = alive_] {
    if (*alive) run_one();
  });
}

void SimExecutor::run_one() {
  scheduled_ = false;
  if (world_.now() < busy_until_) {  // paused meanwhile
    schedule();
    return;
  }
  Task task = std::move(queue_.front());
  queue_.pop_front();
  busy_until_ = world_.now() + world_.random().between(options_.service_min, options_.service_max);
  const auto alive = alive_;
  task();
  if (*alive) schedule();
}

void SimExecutor::arm(Time at, Task task) {
  const std::uint64_t timer = ++timer_;
  const auto shared = std::make_shared<Task>(std::move(task));
  world_.at(to_world(at), [this, alive = alive_, timer, shared] {
    if (*alive && timer == timer_) post(std::move(*shared));
  });
}

}  // namespace rift::chaos::sim
