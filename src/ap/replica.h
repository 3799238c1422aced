// ApReplica: one partition of an ap keyspace on one of its owners, or on a node that stands in for them: that one keeps what it is given whole
// until each owner has it, then drops it. Coordinates the requests it is given, answers the other owners, and keeps hints until every owner
// holds every write. It has no leader and asks nobody for permission. It cuts its work into parts (Writes, WriteQueries, Reads,
// HintDelivery, Refill, Answers); this class only hands verbs to them. Made by node's replica factory; called by the shard loop.
#pragma once

#include <memory>
#include <optional>

#include "ap/answers.h"
#include "ap/hint_delivery.h"
#include "ap/reads.h"
#include "ap/refill.h"
#include "ap/write_queries.h"
#include "ap/writes.h"
#include "replica/replica.h"

namespace rift::ap {

class ApReplica final : public Replica {
 public:
  // In a round of its own (Turn::begin done). Errors: this node neither owns the partition in `view` nor may stand in; a record that
  // cannot be read.
  static Result<std::unique_ptr<ApReplica>> create(const Options& options, const topology::ViewPtr& view, Turn& turn);

  void submit(std::span<Request> requests, Turn& turn) override;
  void receive(NodeId from, env::Lane lane, const Bytes& message, Turn& turn) override;
  void tick(Turn& turn) override;
  void observe(const topology::ViewPtr& view, Turn& turn) override;
  void cancel(std::span<const RequestId> requests, Turn& turn) override;
  ReplicaStatus status() const override;

  // Before a clean stop: what other owners have not acknowledged becomes hints, and the low-water stamp is written. Once this Turn is
  // durable the node may set its clean-stop mark; without it the next start is an unclean one.
  void drain(Turn& turn);

 private:
  explicit ApReplica(const Options& options);
  Result<void> open(Turn& turn);
  Result<void> submit_one(const Request& request, Turn& turn);
  Result<void> handle(NodeId from, const wire::Message& message, Turn& turn);
  Result<void> on_versions_answer(NodeId from, const wire::VersionsReply& reply, Turn& turn);
  // Why a node that is no owner does not take this, if so.
  std::optional<Response> refuse_to_stand_in(const Request& request) const;
  std::optional<Response> refuse_any(const Request& request) const;
  Result<void> on_store(NodeId from, const wire::Store& store, Turn& turn);
  Result<void> on_marker(const wire::StoreAck& marker, Turn& turn);
  Result<void> on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn);
  causal::Hlc since_low_water() const;
  void owe_everything(Turn& turn);
  Result<void> let_go(Turn& turn);
  Result<void> run_deadlines(Turn& turn);
  // At the end of every verb: the round's marker, the low-water stamp, the next wake-up. An error stops the replica.
  void finish(const Result<void>& result, Turn& turn);
  void mark_round(Turn& turn);
  void save_low_water(Turn& turn, bool now);
  void arm(Turn& turn);

  Core core_;
  HintBook hints_;
  Writes writes_;
  WriteQueries queries_;
  Reads reads_;
  HintDelivery delivery_;
  Refill refill_;
  Answers answers_;
  Time armed_ = Time::max();
  causal::Hlc low_water_;  // as last written
  Time low_water_due_{};
  std::optional<std::string> stopped_;  // why
};

}  // namespace rift::ap
