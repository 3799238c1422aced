// The client's side of exactly-once for one partition: sequences, the floor, and the rule that the request that opens the dedup window
// travels alone. No network, no time. Used by Caller only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "base/ids.h"
#include "base/limits.h"
#include "replica/request.h"

namespace rift::caller {

// Operations that ended unknown and may still be asked about. Past it, or when they hold the floor half a window back, the oldest is given
// up: its Resolve will find nothing.
constexpr std::size_t unresolved_max = 1024;
static_assert(unresolved_max < limits::dedup_window_max);

class Session {
 public:
  explicit Session(ClientId client) : client_(client) {}

  ClientId client() const { return client_; }
  bool opened() const { return opened_; }
  // Every sequence below is finished here, and its outcome may be forgotten there.
  std::uint64_t floor() const { return unfinished_.empty() ? next_ : *unfinished_.begin(); }

  // May one more operation start? No while the window is full, or while the opening request is on its way.
  bool has_room() const;
  // A new sequence; has_room() must hold. The first one opens.
  OpId start();
  // The op id as it travels now: current floor, `first` until the window is known to be open.
  OpId stamp(std::uint64_t sequence, bool retry) const;

  // An answer proved that the window is open.
  void open();
  // The operation is over. An unknown one keeps its place, so that it can be resolved.
  void finish(std::uint64_t sequence, Outcome outcome);
  // Resolve has settled it.
  void settle(std::uint64_t sequence);
  // The window is gone at the other side: a new client, counting from 1.
  void renew(ClientId client);

 private:
  void give_up_oldest();

  ClientId client_;
  std::uint64_t next_ = 1;
  std::set<std::uint64_t> unfinished_;    // open, or ended unknown
  std::deque<std::uint64_t> unresolved_;  // ended unknown, oldest first
  std::optional<std::uint64_t> opening_;  // the request that travels alone
  bool opened_ = false;
};

}  // namespace rift::caller
