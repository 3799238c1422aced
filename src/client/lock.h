// HeldLock: a lock of a cp keyspace that is kept alive by a thread of its own, a third of its lease at a time, until it is released or lost. The fence
// grows with every new holder: a write that compares it (Condition::Kind::created on the lock's key, in one Txn) cannot follow a loss. A process
// that is paused may hold it no longer without knowing: only the fence protects what it guards.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/client.h"

namespace rift {

struct LockOptions {
  std::string holder{};  // who holds it, for people; must be unique among those who may
  Duration lease = limits::lock_ttl_default;
  Duration wait{};                          // for another holder to let go; 0: one attempt
  std::function<void(Response)> on_lost{};  // on the lock's thread, once; may release or destroy the lock
};

class HeldLock {
 public:
  // condition_failed: another holder has it; `value` says who.
  struct Taken {
    Answer answer;                   // of the last attempt
    std::unique_ptr<HeldLock> lock;  // null unless the answer is done
  };
  static Taken take(Client& client, std::string keyspace, std::string key, LockOptions options);
  // Releases it, if it is still held.
  ~HeldLock();
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

  Revision fence() const;
  bool is_lost()
      const;  // also when it is no longer sure: the lease counts from when the last answered request was sent
  // The answer to the unlock; once. Of a lock that is lost, too, for it may stand all the same: done, it did. condition_failed: it was not held.
  Answer release();

 private:
  class Impl;
  explicit HeldLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift
