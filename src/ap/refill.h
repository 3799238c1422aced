// Refill: after an unclean stop this node may lack writes that others have acknowledged: it stamped them, the copies left at once, and its own disk
// never took them. Nobody owes them to it. So it asks each owner to owe it everything above its last low-water stamp, until each has written
// that debt down. The wish is a record of its own: it outlives further stops, clean ones too. Part of ApReplica.
#pragma once

#include <map>
#include <set>

#include "ap/hint_book.h"
#include "wire/messages.h"

namespace rift::ap {

class Refill {
 public:
  Refill(Core& core, HintBook& book) : core_(core), book_(book) {}

  // At the start: takes up the wish of an earlier life, and adds this one's where `unclean`.
  Result<void> open(causal::Hlc low_water, bool unclean, Turn& turn);
  void observe(Turn& turn);  // who owns and who can be reached may have changed
  void tick(Turn& turn);
  Time next() const;

  void on_refill(NodeId from, const wire::Refill& refill, Turn& turn);
  void on_ack(NodeId from, const wire::RefillAck& ack, Turn& turn);

 private:
  bool can_ask() const;
  void end_wish(Turn& turn);

  Core& core_;
  HintBook& book_;
  causal::Hlc since_;
  std::uint64_t token_ = 0;
  std::set<NodeId> silent_;  // have not written it down yet
  Time due_{};
  Duration pause_{};
  std::map<NodeId, std::uint64_t> answered_;  // the last question of each: a repeated one makes no new debt
};

}  // namespace rift::ap
