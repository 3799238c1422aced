// One shard's thread in virtual time: tasks run in order, and each takes drawn service time, so that inboxes fill while one runs and batches
// form (review 12). Also the node's clock: steady with drift, wall with an offset. Dies with its node's life; tasks of a dead life never run.
#pragma once

#include <deque>
#include <memory>

#include "chaos/sim/world.h"
#include "env/clock.h"
#include "env/executor.h"

namespace rift::chaos::sim {

class SimExecutor final : public env::Executor, public env::Clock {
 public:
  struct Options {
    Duration service_min = std::chrono::microseconds(5);
    Duration service_max = std::chrono::microseconds(150);
    double rate = 1.0;  // of the steady clock
    Duration steady_offset{};
    std::chrono::milliseconds wall_offset{};
  };
  SimExecutor(World& world, const Options& options)
      : world_(world), options_(options), alive_(std::make_shared<bool>(true)) {}
  ~SimExecutor() override { *alive_ = false; }

  void post(Task task) override;
  void arm(Time at, Task task) override;
  Now now() override;

  // SIGSTOP: nothing runs before `until`; arrivals queue.
  void pause(Time until) { busy_until_ = std::max(busy_until_, until); }
  void step_wall(std::chrono::milliseconds by) { set_wall_offset(options_.wall_offset + by); }
  void set_wall_offset(std::chrono::milliseconds offset) {
    options_.wall_offset = offset;
    wall_stepped_ = world_.now();
  }
  Time wall_stepped() const { return wall_stepped_; }  // when the wall clock last jumped

 private:
  Time to_world(Time local) const;
  void schedule();
  void run_one();

  World& world_;
  Options options_;
  std::shared_ptr<bool> alive_;
  std::deque<Task> queue_;
  Time busy_until_{};
  Time wall_stepped_{};
  bool scheduled_ = false;
  std::uint64_t timer_ = 0;  // only the latest arm counts
};

}  // namespace rift::chaos::sim
