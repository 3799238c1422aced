// An owner's answers to its peers, and those of a node that stands in for one: it stores what wins, says what it holds, and gives it out.
// What a peer counts or deletes upon leaves here when it is durable; a version leaves at once unless its key was written since the last
// durable point (DESIGN 6). With durability none an acknowledgement that a level counts does not wait; one that frees a hint always does.
// Part of ApReplica.
#pragma once

#include "ap/core.h"
#include "wire/messages.h"

namespace rift::ap {

class Answers {
 public:
  explicit Answers(Core& core) : core_(core) {}

  // True: the copy was stored here.
  Result<bool> on_store(NodeId from, const wire::Store& store, Turn& turn);
  Result<void> on_versions(NodeId from, const wire::Versions& versions, Turn& turn);
  Result<void> on_fetch(NodeId from, const wire::Fetch& fetch, Turn& turn);
  Result<void> on_offer(NodeId from, const wire::HintOffer& offer, Turn& turn);

 private:
  // What a copy meets before the record is read: refused, or nothing.
  std::optional<wire::StoreResult> obstacle(const wire::Store& store, Turn& turn);
  void answer(NodeId to, bool wait_for_disk, const wire::Message& message, Turn& turn);

  Core& core_;
};

}  // namespace rift::ap
