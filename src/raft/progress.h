// Progress: what a leader knows about one peer and how much it may send it. Flow control only: no messages, no log. Owned by Raft.
#pragma once

#include <cstdint>
#include <deque>

#include "base/ids.h"
#include "base/time.h"

namespace rift::raft {

class Progress {
 public:
  enum class State : std::uint8_t {
    probe,      // the peer's log end is unknown: one append at a time until one is accepted
    replicate,  // appends are pipelined within the in-flight bounds
    snapshot,   // the peer needs entries that are no longer stored: heartbeats only, until it reports a newer log
  };

  Progress(LogIndex next, Time now) : next_(next), last_contact_(now), last_progress_(now) {}

  State state() const { return state_; }
  LogIndex match() const { return match_; }
  LogIndex next() const { return next_; }
  Time last_contact() const { return last_contact_; }
  std::uint64_t read_position() const { return read_position_; }
  LogIndex commit_sent() const { return commit_sent_; }
  Time commit_sent_at() const { return commit_sent_at_; }
  std::size_t in_flight_messages() const { return in_flight_.size(); }
  std::size_t in_flight_bytes() const { return in_flight_bytes_; }

  bool may_send(std::size_t messages_max, std::size_t bytes_max) const;
  bool has_room(std::size_t bytes, std::size_t bytes_max) const;  // an append always fits when nothing is in flight
  void sent(LogIndex last, std::size_t bytes, Time now);          // an append that ends at `last`
  void commit_sent(LogIndex commit, Time now);

  void contacted(Time now) { last_contact_ = now; }
  void echoed(std::uint64_t position);
  void accepted(LogIndex match, LogIndex first_index,
                Time now);                                // first_index: the oldest entry that can still be sent
  bool is_stale_rejection(LogIndex rejected_prev) const;  // answers an append that is no longer in question
  void rejected(LogIndex next);                           // back to probing, from `next` but above match
  void forget() { match_ = LogIndex(0); }                 // what it acknowledged was of another life
  void needs_snapshot();
  void probe(LogIndex next);  // a peer in snapshot state may have got it, or never will: its next answer tells
  // At a heartbeat's answer: the peer lives, yet nothing was acknowledged for a whole interval, or it has verified less of its log
  // than it once acknowledged (it was restarted and cannot use our commit index). True: an empty append must find out. A lost
  // probe is simply allowed again.
  bool suspects_loss(LogIndex verified, Time now, Duration interval);

 private:
  struct Sent {
    LogIndex last{};
    std::size_t bytes = 0;
  };
  State state_ = State::probe;
  LogIndex match_;
  LogIndex next_;
  LogIndex commit_sent_;
  Time commit_sent_at_{};  // of the last one that was news
  bool probe_sent_ = false;
  std::uint64_t read_position_ = 0;
  Time last_contact_;
  Time last_progress_;
  std::deque<Sent> in_flight_;
  std::size_t in_flight_bytes_ = 0;
};

}  // namespace rift::raft
