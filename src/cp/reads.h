// Reads: linearizable reads between their arrival and the moment when the applied state may serve them. On the leader a round's reads share one
// read position of the core; on a follower they share one token of a question to the leader. A table of who waits for what: it sends and
// decides nothing. Owned by CpReplica, on the shard's thread.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "raft/effects.h"
#include "replica/request.h"

namespace rift::cp {

struct PendingRead {
  RequestId id{};
  Verb verb = Verb::get;  // get, multi_get or scan
  Bytes key{};
  Boxed<Operands> operands{};
  Level asked = Level::unspecified;  // ALL: every voter must have echoed the position
  Time deadline{};
};

// A question without an answer is asked again after so long, then after twice as long.
constexpr Duration question_patience_min = std::chrono::milliseconds(150);
constexpr Duration question_patience_max = std::chrono::milliseconds(1200);

// Answers are large beside what asks for them: a round begins no further one past so many bytes of them (a tick counts as a round of its own).
constexpr std::size_t read_bytes_per_round_max = 2 * limits::mebi;

// The reads of one round.
struct ReadBatch {
  std::vector<PendingRead> reads{};
  raft::ReadPosition position{};  // on the leader; number 0 elsewhere
  std::uint64_t token = 0;        // on a follower: the question that is open
  NodeId asked_of{};              // only its answer counts
  Time asked{};                   // the last time
  Duration patience = question_patience_min;
  bool needs_all = false;
  bool is_local = false;            // of level ONE; `index` is its token, or what was applied when it came
  std::optional<LogIndex> index{};  // known: serve when applied up to here
};

class Reads {
 public:
  void add(ReadBatch batch);

  // The core confirmed a position; the leader answered a question.
  void confirm(raft::ReadPosition position, LogIndex index);
  void answer(NodeId from, std::uint64_t token, LogIndex index);

  // Batches whose index is known and at or below `applied`; of ALL only those up to `echoed_by_all`.
  std::vector<ReadBatch> take_servable(LogIndex applied, raft::ReadPosition echoed_by_all);
  // Those among them that were not served after all: they stay the first.
  void put_back(std::vector<ReadBatch> batches);
  // Leadership is lost: what only this leader's position could confirm.
  std::vector<PendingRead> take_positioned();
  // A follower's reads whose question is open.
  std::vector<PendingRead> take_asked();
  // The tokens of the questions to ask `of` once more: the same ones, for a grant was computed after the reads had come, whenever it arrives.
  // A new token each time would never be answered where the answer takes longer than the patience.
  std::vector<std::uint64_t> repeat_questions(NodeId of, Time now);
  std::vector<PendingRead> take_expired(Time now);
  std::vector<PendingRead> take_all_level();
  std::vector<PendingRead> take_all();
  void cancel(RequestId id);

  bool waits_for_all() const { return waiting_for_all_ > 0; }
  std::size_t waiting() const { return waiting_; }
  std::size_t waiting_local() const { return waiting_local_; }
  Time next_deadline() const { return next_deadline_; }
  Time next_repeat() const;  // max: no question is open

 private:
  template <class Predicate>
  std::vector<PendingRead> take_if(Predicate predicate);
  void count(const ReadBatch& batch);
  void forget(const ReadBatch& batch);

  std::deque<ReadBatch> batches_;
  std::size_t waiting_ = 0;
  std::size_t waiting_local_ = 0;
  std::size_t waiting_for_all_ = 0;  // batches
  Time next_deadline_ = Time::max();
};

}  // namespace rift::cp
