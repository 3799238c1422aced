// Who answers pings: a direct failure detector, one ping per peer and interval, no gossip and no helpers. Its output chooses routes and hints
// and never changes ownership. It sends nothing itself: node turns Ping into wire::Ping, hands acknowledgements in, and publishes
// reachable() in a View when told that it changed. Pure; used on the shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace rift::membership {

class FailureDetector {
 public:
  struct Options {
    NodeId self;
    Duration interval = std::chrono::milliseconds(300);
    Duration down_after = std::chrono::milliseconds(1500);  // without an acknowledgement
  };
  struct Ping {
    NodeId to;
    std::uint64_t sequence = 0;
    Time sent{};
    friend bool operator==(const Ping&, const Ping&) = default;
  };
  struct Ticked {
    std::vector<Ping> pings;
    bool changed = false;  // reachable() is another set than before
  };
  struct Ack {
    NodeId from;
    std::uint64_t sequence = 0;
    Time sent{};  // echoed
  };
  struct Heard {
    bool changed = false;  // reachable() is another set than before
    std::optional<Duration>
        round_trip;  // of the ping that this answers; nothing: it answers none, or came too late to say anything
  };

  explicit FailureDetector(const Options& options) : options_(options) {}

  // A new peer is unreachable until it has answered once. True if reachable() changed.
  bool set_members(std::span<const NodeId> members);
  // Due at next_tick(); calling it more often does no harm.
  Ticked tick(Time now);
  Time next_tick() const { return next_tick_; }
  // Acknowledgements that answer no open ping are ignored.
  Heard on_ack(const Ack& ack, Time now);

  std::vector<NodeId> reachable() const;  // sorted, self included

 private:
  static constexpr std::size_t open_pings_max = 8;
  struct OpenPing {
    std::uint64_t sequence = 0;  // 0: empty
    Time sent{};
  };
  struct Peer {
    bool reachable = false;
    Time heard{};  // when the newest acknowledged ping was answered
    std::array<OpenPing, open_pings_max> open{};
  };
  void forgive_own_pause(Time now);

  Options options_;
  std::map<NodeId, Peer> peers_;
  std::uint64_t sequence_ = 0;
  Time next_tick_{};
  std::optional<Time> last_round_;
};

}  // namespace rift::membership
