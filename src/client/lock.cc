#include "client/lock.h"

#include <algorithm>
#include <memory>
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
      : state_(std::make_shared<State>(client, std::move(keyspace), std::move(key), std::move(options), taken, asked)),
        thread_([state = state_] { state->keep_alive(); }) {}
  ~Impl() {
    release();
    if (thread_.joinable())
      thread_.detach();  // on_lost destroys its lock: its thread ends with the state that it holds
  }

  Revision fence() const { return state_->fence; }
  bool is_lost() const { return state_->is_lost(); }

  // Nothing: no node need be asked, for the lock is not held. Once.
  std::optional<Answer> release() {
    state_->end();
    const bool was_released = std::exchange(is_released_, true);
    const bool is_in_on_lost = thread_.get_id() == std::this_thread::get_id();  // no thread joins itself
    if (!is_in_on_lost && thread_.joinable()) thread_.join();
    if (was_released || state_->is_gone()) return std::nullopt;
    if (auto freed = state_->freed()) return freed;
    return state_->unlock();
  }

 private:
  struct State {
    State(Client& owner, std::string space, std::string name, LockOptions wish, const Answer& taken, Time asked)
        : fence(taken.version.create_revision),
          client(owner),
          keyspace(std::move(space)),
          key(std::move(name)),
          options(std::move(wish)),
          sure_until(asked + options.lease) {}

    // Once lost it stays so, whatever answer is still on its way.
    bool is_lost() {
      Lock lock(mutex);
      has_lost = has_lost || steady_now() >= sure_until;
      return has_lost;
    }
    void end() {
      Lock lock(mutex);
      is_released = true;
      changed.notify_all();
    }
    Answer unlock() { return client.execute(operation_of(Verb::unlock, keyspace, key, options)); }

    // The lease counts from the moment an answered request was sent, not from its answer.
    void keep_alive() {
      while (!sleeps_until_released()) {
        if (is_lost()) return lose(refuse({}, Code::timeout, "the lease has run out"));
        const Time asked = steady_now();
        caller::Operation operation = operation_of(Verb::lock, keyspace, key, options);
        // Only kept: a copy of this that comes after the unlock must not take it for nobody.
        operation.condition.kind = Condition::Kind::created;
        operation.condition.version = fence.value();
        operation.deadline = std::max<Duration>(left(), retry_interval);
        Answer answer = client.execute(std::move(operation));
        const bool is_mine = answer.is_done() && answer.version.create_revision == fence;
        if (is_mine) extend(asked + options.lease);
        // A refusal that may pass is tried again for as long as the lease surely stands.
        const bool is_taken = answer.is_done() || answer.code == Code::condition_failed;
        if (!is_lost() && (is_mine || !is_taken)) continue;
        return lose(std::move(answer));
      }
    }
    // Of all answers only this one proves that nothing is held: another holds it, or nobody does.
    bool is_gone() {
      Lock lock(mutex);
      return has_gone;
    }
    std::optional<Answer> freed() {
      Lock lock(mutex);
      return answer_of_free;
    }
    // A third of the lease at a time, and more often near its end.
    bool sleeps_until_released() {
      const Time until = steady_now() + std::min<Duration>(options.lease / 3, left() / 2);
      Lock lock(mutex);
      while (!is_released) {
        const Duration rest = until - steady_now();
        if (rest <= Duration::zero()) return false;
        changed.wait_for(mutex, rest);
      }
      return true;
    }
    Duration left() {
      Lock lock(mutex);
      return sure_until - steady_now();
    }
    void extend(Time until) {
      Lock lock(mutex);
      if (!has_lost && steady_now() < sure_until) sure_until = until;
    }
    void lose(Response why) {
      {
        Lock lock(mutex);
        has_lost = true;
        has_gone = why.code == Code::condition_failed;
      }
      if (options.on_lost) options.on_lost(std::move(why));
      free_what_may_stand();
    }
    // A keep-alive whose answer was lost may have renewed it: it would stand for a lease with nobody to let it go. No other holder has this name,
    // so that an unlock takes nothing from anybody. Whoever releases it does that himself, and the client may be gone by then.
    void free_what_may_stand() {
      {
        Lock lock(mutex);
        if (is_released || has_gone) return;
      }
      Answer answer = unlock();
      Lock lock(mutex);
      answer_of_free = std::move(answer);
    }

    const Revision fence;
    Client& client;
    const std::string keyspace;
    const std::string key;
    const LockOptions options;
    Mutex mutex;  // the user's thread looks and releases
    CondVar changed;
    Time sure_until GUARDED_BY(mutex);
    bool is_released GUARDED_BY(mutex) = false;
    bool has_lost GUARDED_BY(mutex) = false;
    bool has_gone GUARDED_BY(mutex) = false;                 // known not to be held under this fence
    std::optional<Answer> answer_of_free GUARDED_BY(mutex);  // to the unlock of what was lost
  };

  std::shared_ptr<State> state_;
  std::thread thread_;
  bool is_released_ = false;
};

HeldLock::Taken HeldLock::take(Client& client, std::string keyspace, std::string key, LockOptions options) {
  const Time give_up = steady_now() + options.wait;
  while (true) {
    const Time asked = steady_now();
    Answer answer = client.execute(operation_of(Verb::lock, keyspace, key, options));
    const bool is_late = answer.is_done() && steady_now() >= asked + options.lease;
    if (answer.is_done() && !is_late) {
      auto impl =
          std::make_unique<Impl>(client, std::move(keyspace), std::move(key), std::move(options), answer, asked);
      return {.answer = std::move(answer), .lock = std::unique_ptr<HeldLock>(new HeldLock(std::move(impl)))};
    }
    if (is_late) {
      const Answer freed = client.execute(operation_of(Verb::unlock, keyspace, key, options));
      static_cast<Response&>(answer) = refuse({}, Code::timeout, "the answer came when the lease had run out");
      if (freed.outcome != Outcome::unknown) answer.outcome = Outcome::not_done;
    }
    const bool may_pass = is_late || answer.code == Code::condition_failed;
    if (!may_pass || steady_now() >= give_up) return {.answer = std::move(answer), .lock = {}};
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
