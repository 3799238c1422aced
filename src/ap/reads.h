// The coordinator's side of gets. ONE answers from the local copy. MAJORITY and ALL ask the other owners for versions, fetch the value only
// from an owner that holds a newer one, and before they answer make as many owners as the level counts hold what is returned, this one
// included (traps T15, T16, T20). Where that cannot be done in time the value is answered all the same, as degraded, at the level that
// holds it (trap T21); of an atomic keyspace it is not. An owner that is catching up counts for none of these: its versions are heard, its
// absences are not (T39); at ONE such a coordinator asks the others. What the client has seen elsewhere (Request::seen) is asked for at
// every level: nothing older is answered, and where nobody in reach holds it that is told soon. A read has no effect: what misses its level
// is not done. Part of ApReplica; reads.cc has the phases, read_answers.cc what the client is told.
#pragma once

#include <map>

#include "ap/core.h"
#include "ap/hint_book.h"
#include "ap/joint_reads.h"
#include "wire/messages.h"

namespace rift::ap {

class Reads {
 public:
  Reads(Core& core, HintBook& hints) : core_(core), hints_(hints) {}

  Result<void> submit(const Request& request, Turn& turn);  // get, multi_get
  bool waits(std::uint64_t token) const { return pending_.contains(token); }
  Result<void> on_versions(NodeId from, const wire::VersionsReply& reply, Turn& turn);
  Result<void> on_fetched(NodeId from, const wire::FetchReply& reply, Turn& turn);
  Result<void> on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn);
  Result<void> on_durable(Turn& turn);
  Result<void> on_deadline(std::uint64_t token, Turn& turn);
  void cancel(RequestId request);
  void let_go(Turn& turn);  // this node is no owner any more: every client that waits gets its last answer
  std::size_t size() const { return pending_.size(); }
  // Its time has passed: it is absent.
  bool has_ended(const causal::Envelope& envelope, const Turn& turn) const;

 private:
  // What is known of one owner's copy.
  struct Answer {
    NodeId node;
    bool answered = false;
    bool catching_up = false;
    causal::Stamp stamp;  // zero: absent
    bool repair_sent = false;
  };
  // collect: too few versions; fetch: another owner has a newer value; repair: too few owners hold the winner.
  enum class Phase : std::uint8_t { collect, fetch, repair };
  // Of a multi_get: which, and the key's place in it.
  struct Part {
    std::uint64_t joint = 0;  // 0: a get
    std::size_t place = 0;
  };
  struct Pending {
    RequestId request;
    Part part{};
    Bytes key;
    Level asked = Level::one;
    Level level = Level::one;  // it is read at: asked, or more
    std::size_t needed = 1;
    bool write_back = true;
    causal::Stamp seen;        // nothing older is answered
    bool mints_token = false;  // only what is on an owner's disk is answered
    Time sought_until{};       // what has been seen, in owners that are silent
    bool sought_enough = false;
    bool hurried = false;  // at ONE: whoever has not answered by now is waited for no longer
    Time deadline{};
    Phase phase = Phase::collect;
    std::vector<Answer> answers;  // one per owner, then per stand-in (sloppy)
    std::optional<causal::Envelope> best;
    causal::Stamp winner;
    std::uint64_t own_round = 0;  // this node's copy counts once the round is on disk (DESIGN 6)
    NodeId fetched_from{};        // the owner that was asked for the value last
    Time fetched_at{};
    bool hedged = false;  // a second owner was asked
    Time retry_at{};      // whoever is silent is asked once more
    bool repaired = false;
  };
  using Entry = std::map<std::uint64_t, Pending>::iterator;

  void fill_value(Response& response, const std::optional<causal::Envelope>& envelope, const Turn& turn) const;
  Result<void> submit_joint(const Request& request, Turn& turn);
  Result<void> read_key(const Request& request, Part part, Turn& turn);
  void answer_here(const Request& request, Part part, const Slot& slot, Turn& turn);
  // To the client that asked for one key, or to the others of a multi_get.
  void answer(Part part, Response response, bool wait_for_disk, Turn& turn);
  Pending begin(const Request& request, Level level, Slot slot, Turn& turn) const;
  Result<void> advance(Entry entry, Turn& turn);
  bool holds_durably(const Pending& read, const Answer& answer) const;
  bool counts(const Pending& read, const Answer& answer) const;
  std::size_t counted(const Pending& read) const;
  bool may_count(const Answer& answer) const;
  bool has_collected(const Pending& read) const;
  bool meets_level(const Pending& read) const;
  static causal::Stamp newest_of(const Pending& read);  // of all that was heard
  causal::Stamp newest_on_disk(const Pending& read) const;
  bool seeks(const Pending& read) const;
  Result<void> look_again(Pending& read, Turn& turn);
  bool refuse_if_hopeless(const Pending& read, Turn& turn);
  bool holds_winner(const Pending& read, const Answer& answer) const;
  std::size_t holders(const Pending& read) const;
  void ask_again_later(std::uint64_t token, Pending& read, Turn& turn);
  void ask_versions(std::uint64_t token, const Pending& read, Turn& turn);
  std::vector<NodeId> sources_of(const Pending& read) const;  // of the winner's value
  // Asks the sources in turn: one may have gone since it answered.
  void fetch(std::uint64_t token, Pending& read, Turn& turn);
  void hedge(std::uint64_t token, Pending& read, Turn& turn);
  void repair(std::uint64_t token, Pending& read, bool again, Turn& turn);
  void ask_stand_ins(Pending& read);
  void reply(const Pending& read, Turn& turn);
  void reply_degraded(const Pending& read, Turn& turn);
  void end_late(const Pending& read, Turn& turn);
  void give_up(const Pending& read, Turn& turn);
  void refuse_token(const Pending& read, Turn& turn);
  static Answer* answer_of(Pending& read, NodeId node);

  Core& core_;
  HintBook& hints_;
  std::map<std::uint64_t, Pending> pending_;
  JointReads joints_;
};

}  // namespace rift::ap
