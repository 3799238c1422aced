#include "reactor/reactor.h"

#include <pthread.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace rift::reactor {
namespace {

class SystemClock final : public env::Clock {
 public:
  Now now() override {
    const auto steady = std::chrono::steady_clock::now().time_since_epoch();
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return Now{.steady = Time(std::chrono::duration_cast<Duration>(steady)),
               .wall = WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(wall))};
  }
};

std::chrono::steady_clock::time_point to_steady(Time at) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(at.time_since_epoch()));
}

}  // namespace

std::unique_ptr<env::Clock> make_system_clock() { return std::make_unique<SystemClock>(); }

// Tasks wait in a vector of our own: a post is one lock and a push, and only the first since the last drain wakes the io_context.
class Reactor::Impl final : public env::Executor {
 public:
  explicit Impl(std::string name) : name_(std::move(name)), work_(context_.get_executor()), timer_(context_) {}

  ~Impl() override {
    stop();
    join();
  }

  Result<void> start() {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& e) {
      return fail(Code::io, "cannot start the thread of shard " + name_ + ": " + e.what());
    }
    return {};
  }

  void stop() {
    {
      const Lock lock(mutex_);
      if (closed_) return;
      closed_ = true;
    }
    asio::post(context_, [this] { finish(); });
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  void post(Task task) override {
    bool wake = false;
    {
      const Lock lock(mutex_);
      if (closed_) return;
      wake = queue_.empty() && !draining_;
      queue_.push_back(std::move(task));
    }
    if (wake) asio::post(context_, [this] { drain(); });
  }

  void arm(Time at, Task task) override {
    ASSERT(on_shard_thread());
    timer_task_ = std::move(task);
    timer_.expires_at(to_steady(at));  // cancels the wait before it
    timer_.async_wait([this, generation = ++timer_generation_](const std::error_code& error) {
      // A wait that had already expired when it was replaced still arrives, without an error: the number tells it apart.
      if (error || generation != timer_generation_) return;
      Task due = std::move(timer_task_);
      due();
    });
  }

  env::Clock& clock() { return clock_; }
  bool on_shard_thread() const { return std::this_thread::get_id() == thread_id_.load(std::memory_order_relaxed); }

 private:
  void run() {
    thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    context_.run();
  }

  // Takes what is queued, runs it, and goes back through the io_context when more has come, so that a due timer gets its turn.
  void drain() {
    {
      const Lock lock(mutex_);
      draining_ = true;
      running_.swap(queue_);
    }
    for (Task& task : running_) task();
    running_.clear();
    bool more = false;
    {
      const Lock lock(mutex_);
      more = !queue_.empty();
      draining_ = more;
    }
    if (more) asio::post(context_, [this] { drain(); });
  }

  // After the drain that stop() may have found under way: nothing can be added any more.
  void finish() {
    {
      const Lock lock(mutex_);
      running_.swap(queue_);
    }
    for (Task& task : running_) task();
    running_.clear();
    work_.reset();
    context_.stop();
  }

  const std::string name_;
  SystemClock clock_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};

  Mutex mutex_;  // posts come from gRPC's, the disk's and other shards' threads
  std::vector<Task> queue_ GUARDED_BY(mutex_);
  bool draining_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;

  // The shard's thread only.
  std::vector<Task> running_;
  asio::steady_timer timer_;
  Task timer_task_;
  std::uint64_t timer_generation_ = 0;
};

Reactor::Reactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reactor::~Reactor() = default;

Result<std::unique_ptr<Reactor>> Reactor::create(const std::string& name) {
  try {
    return std::unique_ptr<Reactor>(new Reactor(std::make_unique<Impl>(name)));
  } catch (const std::system_error& e) {  // asio: out of file descriptors
    return fail(Code::io, "cannot create the reactor of shard " + name + ": " + e.what());
  }
}

Result<void> Reactor::start() { return impl_->start(); }
void Reactor::stop() { impl_->stop(); }
void Reactor::join() { impl_->join(); }
env::Executor& Reactor::executor() { return *impl_; }
env::Clock& Reactor::clock() { return impl_->clock(); }
bool Reactor::on_shard_thread() const { return impl_->on_shard_thread(); }

}  // namespace rift::reactor
