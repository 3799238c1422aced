#include "client/lock.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "client/steady.h"

namespace rift {

using client::steady_now;

namespace {

constexpr Duration retry_interval =
    std::chrono::milliseconds(100);  // another process holds it: nothing here can tell when it lets go

caller::Operation operation_of(Verb verb, const std::string& keyspace, const std::string& key,
                               const LockOptions& options) {
  caller::Operation operation{.keyspace = keyspace, .verb = verb, .key = Bytes(key), .value = Bytes(options.holder)};
  if (verb == Verb::lock) operation.operands.emplace().ttl = options.lease;
  return operation;
}

}  // namespace

class HeldLock::Impl {
 public:
  Impl(Client& client, std::string keyspace, std::string key, LockOptions options, const Answer& taken, Time asked)
      : client_(client),
        keyspace_(std::move(keyspace)),
        key_(std::move(key)),
        options_(std::move(options)),
        fence_(taken.version.create_revision),
        sure_until_(asked + options_.lease),
        thread_([this] { keep_alive(); }) {}
  ~Impl() { release(); }

  Revision fence() const { return fence_; }
  bool is_lost() const {
    Lock lock(mutex_);
    return is_lost_;
  }

  std::optional<Answer> release() {
    {
      Lock lock(mutex_);
      is_released_ = true;
      changed_.notify_all();
    }
    if (!thread_.joinable()) return std::nullopt;
    thread_.join();
    if (is_lost()) return std::nullopt;
    return client_.execute(operation_of(Verb::unlock, keyspace_, key_, options_));
  }

 private:
  // The lease counts from the moment an answered request was sent, not from its answer.
  void keep_alive() {
    while (!sleeps_until_released()) {
      const Time asked = steady_now();
      caller::Operation operation = operation_of(Verb::lock, keyspace_, key_, options_);
      operation.deadline = std::max<Duration>(sure_until_ - asked, retry_interval);
      Answer answer = client_.execute(std::move(operation));
      const bool is_mine = answer.is_done() && answer.version.create_revision == fence_;
      if (is_mine) sure_until_ = asked + options_.lease;
      // A refusal that may pass is tried again for as long as the lease surely stands.
      const bool is_taken = answer.is_done() || answer.code == Code::condition_failed;
      if (is_mine || (!is_taken && steady_now() < sure_until_)) continue;
      return lose(std::move(answer));
    }
  }

  bool sleeps_until_released() {
    const Time until = steady_now() + options_.lease / 3;
    Lock lock(mutex_);
    while (!is_released_) {
      const Duration left = until - steady_now();
      if (left <= Duration::zero()) return false;
      changed_.wait_for(mutex_, left);
    }
    return true;
  }

  void lose(Answer answer) {
    {
      Lock lock(mutex_);
      is_lost_ = true;
    }
    if (options_.on_lost) options_.on_lost(std::move(answer));
  }

  Client& client_;
  const std::string keyspace_;
  const std::string key_;
  const LockOptions options_;
  const Revision fence_;
  Time sure_until_;      // the thread's
  mutable Mutex mutex_;  // the user's thread looks and releases
  CondVar changed_;
  bool is_released_ GUARDED_BY(mutex_) = false;
  bool is_lost_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all above
};

HeldLock::Taken HeldLock::take(Client& client, std::string keyspace, std::string key, LockOptions options) {
  const Time give_up = steady_now() + options.wait;
  while (true) {
    const Time asked = steady_now();
    Answer answer = client.execute(operation_of(Verb::lock, keyspace, key, options));
    if (answer.is_done()) {
      auto impl =
          std::make_unique<Impl>(client, std::move(keyspace), std::move(key), std::move(options), answer, asked);
      return {.answer = std::move(answer), .lock = std::unique_ptr<HeldLock>(new HeldLock(std::move(impl)))};
    }
    if (answer.code != Code::condition_failed || steady_now() >= give_up)
      return {.answer = std::move(answer), .lock = {}};
    std::this_thread::sleep_for(retry_interval);
  }
}

HeldLock::HeldLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeldLock::~HeldLock() = default;
Revision HeldLock::fence() const { return impl_->fence(); }
bool HeldLock::is_lost() const { return impl_->is_lost(); }

Answer HeldLock::release() {
  auto answer = impl_->release();
  if (answer) return std::move(*answer);
  Answer lost;
  static_cast<Response&>(lost) = refuse({}, Code::condition_failed, "the lock was not held any more");
  return lost;
}

}  // namespace rift
