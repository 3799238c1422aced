// The coordinator's side of puts and deletes: stamp above what is here, write locally, send the copies at once, count owners, answer when the
// level is reached. A coordinator that is no owner (ANY, sloppy) owes what it writes to all of them from the start. A write stays in the
// pending table until every owner has acknowledged it durably or is owed a hint, whatever the client was told (DESIGN 3, review 5). It is
// never handed to another coordinator. Part of ApReplica.
#pragma once

#include <deque>
#include <map>

#include "ap/hint_book.h"
#include "ap/quorum.h"
#include "wire/messages.h"

namespace rift::ap {

class Writes {
 public:
  Writes(Core& core, HintBook& hints) : core_(core), hints_(hints) {}

  // Why it is not even begun, if so.
  std::optional<Response> refusal(const Request& request, Turn& turn) const;
  // Stamps it above what is here, above `newest`, which other owners are known to hold, and above what its client has seen.
  Result<void> submit(const Request& request, const causal::Stamp& newest, Turn& turn);
  bool waits(std::uint64_t token) const { return pending_.contains(token); }
  Result<void> on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn);
  // The rounds up to core.rounds' newest marker are on disk.
  Result<void> on_durable(Turn& turn);
  Result<void> on_deadline(std::uint64_t token, Turn& turn);
  void cancel(RequestId request);
  void observe();  // the owners may have changed: nothing is owed to one that is none any more
  // This node is no owner any more: every client that waits gets its last answer, and what others lack stays owed.
  Result<void> let_go(Turn& turn);
  // Leaves a hint for every acknowledgement still missing: before a clean stop.
  Result<void> drain(Turn& turn);

  // Writes with a stamp at or below it are held by every owner, or are owed by hints that are in this Turn's batch or an earlier one.
  causal::Hlc low_water() const;
  std::size_t size() const { return pending_.size(); }

 private:
  struct Pending {
    RequestId request;
    Bytes key;
    causal::Stamp stamp;
    causal::Hlc issued_after;  // no earlier write of this replica has a stamp above it, and this one has
    PutQuorum quorum;
    Level asked = Level::one;
    Level level = Level::one;  // that is what the quorum is of: asked, or more
    Time deadline{};
    bool client_waits = false;
    causal::Stamp newest{};         // known of the key
    std::uint64_t write_count = 0;  // of the key's slot, when it was written here
    std::vector<NodeId> hinted_owners;
  };
  using Entry = std::map<std::uint64_t, Pending>::iterator;

  std::optional<Response> refuse_seen(const Request& request, const causal::Stamp& known, Turn& turn) const;
  // Stamps and writes the record; what it returns has yet to be told to the other owners.
  // The slot holds the winner afterwards: by the wall clock that may be what was there.
  Result<causal::Stamper::Issued> write_here(const Request& request, Slot& slot, causal::Hlc above,
                                             causal::Envelope& envelope, Turn& turn);
  void send_copies(std::uint64_t token, const Pending& pending, const causal::Envelope& envelope, bool covered,
                   bool beyond, Turn& turn);
  Result<void> ask_stand_ins(std::uint64_t token, Pending& pending, Turn& turn);
  Result<void> admit(std::uint64_t token, Pending pending, Duration budget, Turn& turn);
  Result<void> hint(Pending& pending, NodeId target, Turn& turn);
  Result<void> hint_missing(Pending& pending, Turn& turn);
  Result<void> answer_if_decided(Pending& pending, Turn& turn);
  Result<void> answer(Pending& pending, Code code, std::string why, Turn& turn);
  void finish(Entry entry);
  bool finished(const Pending& pending) const;

  Core& core_;
  HintBook& hints_;
  std::map<std::uint64_t, Pending> pending_;  // by token: the order in which they were stamped
  std::size_t bytes_ = 0;
  std::deque<std::pair<std::uint64_t, std::uint64_t>>
      own_disk_;  // round, token: acknowledgements that wait for this node's disk
};

}  // namespace rift::ap
