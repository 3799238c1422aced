// Node: what administrators ask. Changes of the map are compare-and-set operations on the one catalog key of `_system`.
#include <fmt/format.h>

#include "base/limits.h"
#include "node/node.h"
#include "node/replica_factory.h"
#include "topology/verify.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr int catalog_attempts_max = 64;
constexpr Duration catalog_budget = std::chrono::seconds(5);
constexpr Duration catalog_retry_after = std::chrono::milliseconds(50);
constexpr Duration claim_patience = std::chrono::seconds(10);  // members dial every half second

bool is_worth_retrying(Code code) {
  return code == Code::condition_failed || code == Code::no_leader || code == Code::not_leader ||
         code == Code::wrong_node || code == Code::not_ready || code == Code::overloaded ||
         code == Code::superseded_entry;
}

}  // namespace

struct Node::CatalogAttempt {
  CatalogChange change;
  Done<topology::Catalog> done;
  int attempts = 0;
  Time deadline{};
};

void Node::identity(Done<NodeIdentity> done) { done(identity_); }

void Node::catalog(Done<topology::Catalog> done) {
  if (!catalog_) {
    done(fail(Code::not_ready,
              why_claimed().value_or("this node is not part of a cluster yet; found one with `rift cluster init`")));
    return;
  }
  done(*catalog_);
}

void Node::status(Done<NodeStatus> done) {
  NodeStatus status{.identity = identity_,
                    .ready = ready_ && catalog_ != nullptr && !stopping_,
                    .not_ready_because = {},
                    .epoch = catalog_ ? catalog_->epoch : MapEpoch(),
                    .reachable = view_ ? view_->reachable : std::vector<NodeId>(),
                    .clock_skew = clock_watch_.verdict(),
                    .replicas = loop_.statuses(),
                    .counters = counters_};
  if (!ready_) status.not_ready_because = "starting";
  if (ready_ && !catalog_)
    status.not_ready_because = why_claimed().value_or("not founded: no `rift cluster init` has named this node");
  if (stopping_) status.not_ready_because = "stopping";
  for (const auto& [partition, replica] : not_started_) {
    ReplicaStatus stopped;
    stopped.partition = partition;
    stopped.name = replica.name;
    stopped.mode = replica.mode;
    stopped.role = "stopped";
    stopped.last_change = replica.why;
    status.replicas.push_back(std::move(stopped));
  }
  for (auto [partition, replica] : superseded_) {
    const bool is_sound = replica.role != "repair" && replica.role != "quarantined";
    if (is_sound) replica.role = "superseded";
    replica.leader = NodeId();
    replica.last_change = "its group was founded again elsewhere, and the new one has not been heard";
    replica.counters["superseded"] = 1;
    status.replicas.push_back(std::move(replica));
  }
  const LoopCounters& loop = loop_.counters();
  status.counters["rounds"] = loop.rounds;
  status.counters["syncs"] = loop.syncs;
  status.counters["batches"] = loop.batches;
  status.counters["store_keys"] = loop.store_keys;
  status.counters["requests"] = loop.requests;
  status.counters["messages"] = loop.messages;
  status.counters["messages_dropped"] = loop.messages_dropped;
  status.counters["open_requests"] = requests_.size();
  status.counters["timers"] = loop_.timers();
  status.counters["slow_rounds"] = loop.slow_rounds;
  status.counters["stopped_replicas"] = loop.stopped_replicas;
  status.counters["cache_hits"] = loop_.cache().hits();
  status.counters["cache_misses"] = loop_.cache().misses();
  status.counters["frames_sent"] = loop_.outbox().frames_sent();
  status.counters["frames_refused"] = loop_.outbox().frames_refused();
  done(std::move(status));
}

std::optional<std::string> Node::why_claimed() const {
  if (!claim_ || loop_.now().steady - claim_->at > claim_patience) return std::nullopt;
  return fmt::format(
      "not founded, but {0} dials this node: cluster {1} knows {2} with another disk; "
      "`rift members replace {2}` gives it this one",
      to_string(claim_->by), to_string(claim_->cluster), to_string(options_.self));
}

void Node::found(topology::Catalog first, Done<void> done) {
  const topology::Member* self = first.member(options_.self);
  if (!ready_) return done(fail(Code::not_ready, "this node is starting"));
  if (self == nullptr)
    return done(fail(Code::invalid, to_string(options_.self) + " is not among the founding members"));
  if (self->disk != identity_.disk)
    return done(fail(Code::invalid, "the founding record names another disk for this node"));
  if (first.find(topology::system_keyspace_name) == nullptr)
    return done(fail(Code::invalid, "the founding record has no _system"));
  if (const auto sound = topology::verify(first); !sound)
    return done(fail(Code::invalid, "the founding record cannot be: " + sound.error().detail));
  // Compared inside the job: a second call may come while the first is not yet stored, or not yet durable.
  loop_.run([this, first = std::move(first), done = std::move(done)](Turn& turn) {
    const Bytes record = wire::encode(first);
    const auto stored = turn.get(env::Table::meta, wire::node_meta_key("founding"));
    if (!stored) return done(fail(stored.error().code, stored.error().detail));
    const bool has_joined = !*stored && !identity_.cluster.is_zero();
    if (has_joined || (*stored && **stored != record)) {
      return done(
          fail(Code::already_exists, "this node belongs to cluster " + to_string(identity_.cluster) + " already"));
    }
    if (!*stored) {
      if (auto written = write_founding(first, record, turn); !written) return done(std::move(written));
    }
    loop_.when_durable([this, first, done] {
      adopt(first);
      done({});
    });
  });
}

// Identity, founding record and the birth of `_system` in one batch: a crash leaves all of it or nothing, and so does a record that cannot be.
Result<void> Node::write_founding(const topology::Catalog& first, const Bytes& record, Turn& turn) {
  const topology::Keyspace& system = *first.find(topology::system_keyspace_name);
  if (system.partitions.size() != 1) return fail(Code::invalid, "_system has one partition");
  const ReplicaSeed seed{.keyspace = system,
                         .partition = system.partitions.front(),
                         .self = options_.self,
                         .name = "_system/0",
                         .stamper = stamper_,
                         .handoff = handoff_,
                         .ledger = ledger_,
                         .hedging = hedging_,
                         .unclean_start = false,
                         .check_invariants = options_.check_invariants,
                         .view = nullptr,
                         .cp = options_.cp};
  TRY(give_birth(seed, &first, turn));
  identity_.cluster = first.cluster;
  env::WriteBatch identity;
  put_identity(identity_, identity);
  turn.put(env::Table::meta, identity.at(0).key, identity.value_at(0));
  turn.put(env::Table::meta, wire::node_meta_key("founding"), record);
  LOG_INFO(env_.log, "node.founded", "cluster={} members={}", to_string(first.cluster), first.members.size());
  return {};
}

void Node::create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) {
  change_catalog(
      [wish = std::move(wish)](const topology::Catalog& catalog) { return topology::create_keyspace(catalog, wish); },
      std::move(done));
}

void Node::drop_keyspace(std::string name, Done<topology::Catalog> done) {
  change_catalog(
      [name = std::move(name)](const topology::Catalog& catalog) { return topology::drop_keyspace(catalog, name); },
      std::move(done));
}

void Node::change_catalog(CatalogChange change, Done<topology::Catalog> done) {
  try_change(std::make_shared<CatalogAttempt>(CatalogAttempt{.change = std::move(change),
                                                             .done = std::move(done),
                                                             .attempts = 0,
                                                             .deadline = loop_.now().steady + catalog_budget}));
}

void Node::try_change(std::shared_ptr<CatalogAttempt> attempt) {
  if (!catalog_) {
    attempt->done(fail(Code::not_ready, "this node is not part of a cluster yet; found one with `rift cluster init`"));
    return;
  }
  if (catalog_revision_ == 0) {  // founded, and `_system` has not applied its first entry here yet
    retry_change(attempt, Error{Code::not_ready, "this node has not applied the cluster map yet"});
    return;
  }
  auto changed = attempt->change(*catalog_);
  if (!changed || changed->epoch == catalog_->epoch) return confirm(std::move(attempt), std::move(changed));
  Request request;
  request.keyspace = topology::system_keyspace_name;
  request.level = Level::majority;  // whatever the map says: it must stay changeable
  request.verb = Verb::cas;
  request.key = Bytes(topology::catalog_key);
  request.value = wire::encode(*changed);
  request.condition = Condition{.kind = Condition::Kind::version, .version = catalog_revision_, .value = {}};
  request.budget = std::max(attempt->deadline - loop_.now().steady, Duration(1));
  route(ResponseCallback([this, attempt, changed = std::move(*changed)](Response response) {
          if (response.code == Code::ok) {
            attempt->done(changed);
            return;
          }
          const std::string_view what = response.outcome == Outcome::unknown
                                            ? "the cluster map may or may not have been changed"
                                            : "the cluster map was not changed";
          Error error{response.code, fmt::format("{}: {}", what, response.why)};
          if (is_worth_retrying(response.code)) {
            retry_change(attempt, std::move(error));
          } else {
            attempt->done(tl::unexpected<Error>(std::move(error)));
          }
        }),
        std::move(request));
  loop_.schedule_round();
}

// A refusal, or the map as it is, since there is nothing to change: of the map that this node has applied. Another node may have changed it since,
// so it stands when `_system` knows no newer one. A refusal stands also when nobody can say so.
void Node::confirm(std::shared_ptr<CatalogAttempt> attempt, Result<topology::Catalog> answer) {
  Request request;
  request.keyspace = topology::system_keyspace_name;
  request.verb = Verb::get;
  request.key = Bytes(topology::catalog_key);
  request.level = Level::majority;
  request.budget = std::max(attempt->deadline - loop_.now().steady, Duration(1));
  const auto answered = [this, attempt, answer = std::move(answer),
                         seen = catalog_revision_](const Response& response) {
    const bool is_read = response.code == Code::ok;
    const bool is_old = is_read && response.version.modify_revision.value() > seen;
    if (!is_old && (is_read || !answer)) return attempt->done(answer);
    if (!answer) return retry_change(attempt, answer.error());
    if (is_old) return retry_change(attempt, Error{Code::not_ready, "this node's map lags behind"});
    Error error{took_no_effect(response.code) ? response.code : Code::no_leader,  // a read changes nothing
                "nobody confirms that there is nothing to change: " + response.why};
    if (is_worth_retrying(error.code)) return retry_change(attempt, std::move(error));
    attempt->done(tl::unexpected<Error>(std::move(error)));
  };
  route(ResponseCallback(answered), std::move(request));
  loop_.schedule_round();
}

void Node::retry_change(std::shared_ptr<CatalogAttempt> attempt, Error error) {
  const Time again = loop_.now().steady + catalog_retry_after;
  if (++attempt->attempts >= catalog_attempts_max || again >= attempt->deadline) {
    attempt->done(tl::unexpected<Error>(std::move(error)));
    return;
  }
  loop_.call_at(again, [this, attempt] { try_change(attempt); });
}

}  // namespace rift::node
