// The env clock and executor on Asio: one io_context and one thread for one shard. Carries tasks and the shard's one timer; knows
// nothing of what they do. Created and stopped by server (main thread); executor().post from any thread, executor().arm from the
// shard's own thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "env/clock.h"
#include "env/executor.h"

namespace rift::reactor {

// The machine's clocks: steady for timers, wall for stamps. From any thread.
std::unique_ptr<env::Clock> make_system_clock();

class Reactor {
 public:
  // `name` names the thread (15 characters are shown by tools). The thread starts with start().
  static Result<std::unique_ptr<Reactor>> create(const std::string& name);
  // Stops and joins.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  Result<void> start();
  // Runs everything posted before this call, then ends the thread; what is posted later is destroyed without being run, and
  // the timer no longer fires. From any thread, any number of times.
  void stop();
  // Waits for the thread's end. Not from the shard's thread.
  void join();

  env::Executor& executor();
  env::Clock& clock();
  bool on_shard_thread() const;

 private:
  class Impl;
  explicit Reactor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::reactor
