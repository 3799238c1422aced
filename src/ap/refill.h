// Refill: after an unclean stop this node may lack writes that others have acknowledged: it stamped them, the copies left at once, and its own disk
// never took them. Nobody owes them to it. So it asks each owner to owe it everything above its last low-water stamp, until each has written
// that debt down. The wish is a record of its own: it outlives further stops, clean ones too. A forgetful disk (Options) has lost what it
// acknowledged itself: it asks for everything, and is catching up until each other owner has said that all of it was brought, or is no owner
// any more; that too outlives stops (traps T18, T39). Part of ApReplica.
#pragma once

#include <map>
#include <set>

#include "ap/hint_book.h"
#include "wire/messages.h"

namespace rift::ap {

class Refill {
 public:
  Refill(Core& core, HintBook& book) : core_(core), book_(book) {}

  // At the start: takes up what an earlier life wished and awaited, and adds this one's where its stop was unclean or its disk is forgetful.
  Result<void> open(causal::Hlc low_water, Turn& turn);
  void observe(Turn& turn);  // who owns and who can be reached may have changed
  void tick(Turn& turn);
  Time next() const;
  // The other owners that have yet to bring back what they hold; none: this copy counts.
  const std::set<NodeId>& awaited() const { return awaited_; }

  void on_refill(NodeId from, const wire::Refill& refill, Turn& turn);
  void on_ack(NodeId from, const wire::RefillAck& ack, Turn& turn);
  void on_done(NodeId from, const wire::RefillDone& done, Turn& turn);
  // Says so to those who have been brought everything that they asked for.
  void tell_done(Turn& turn);

 private:
  // What this owner owes for the last question of another.
  struct Owed {
    std::uint64_t token = 0;
    std::uint64_t generation = 0;  // of the mark in the hint book
    bool done = false;
  };
  bool can_ask() const;
  void acknowledged(NodeId from, Turn& turn);
  void end_wish(Turn& turn);
  void save_awaited(Turn& turn);

  Core& core_;
  HintBook& book_;
  causal::Hlc since_;
  std::uint64_t token_ = 0;
  std::set<NodeId> silent_;   // have not written the debt down yet
  std::set<NodeId> awaited_;  // have not brought everything yet
  Time due_{};
  Duration pause_{};
  std::map<NodeId, Owed> owed_;  // a repeated question makes no new debt
};

}  // namespace rift::ap
