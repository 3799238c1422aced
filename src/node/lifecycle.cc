// Node: start and stop.
#include <fmt/format.h>

#include "base/node_list.h"
#include "node/node.h"
#include "node/replica_factory.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr Duration stop_patience = std::chrono::seconds(2);
constexpr Duration stop_poll = std::chrono::milliseconds(20);
constexpr Duration mark_patience = std::chrono::milliseconds(100);  // at least, for the sync of the mark

causal::Stamper make_stamper(const StartState& start) {
  return causal::Stamper({.node = start.identity.node,
                          .incarnation = start.identity.incarnation,
                          .last_sequence = start.dot_sequence,
                          .ceiling = causal::Hlc(start.hlc_ceiling)});
}

}  // namespace

Node::Node(Options options, Env env, const StartState& start)
    : options_(std::move(options)),
      env_(std::move(env)),
      identity_(start.identity),
      starts_(start.starts),
      unclean_start_(start.unclean),
      loop_(env_, options_, *this),
      requests_(static_cast<std::uint32_t>(loop_.random().next() | 1)),
      peers_(env_, options_),
      stamper_(make_stamper(start)),
      ledger_(options_.self),
      detector_({.self = options_.self}),
      clock_watch_(options_.self) {}

Result<std::unique_ptr<Node>> Node::create(Options options, Env env) {
  Rng rng(env.seed);
  env::WriteBatch batch;
  const StartState start = TRY(load_identity(env.storage, options.self, rng, batch));
  TRY(env.storage.apply(batch));
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(env), start));
  TRY(node->load());
  return node;
}

// Everything found at start, and the number of this start, is durable before the first message and the first Turn of a replica (DESIGN 1, review 10).
Result<void> Node::load() {
  TRY(peers_.load(env_.storage));
  catalog_store_key_ = TRY(catalog_store_key(env_.storage));
  std::optional<topology::Catalog> known;
  if (!identity_.cluster.is_zero()) {
    const auto stored = TRY(env_.storage.get(env::Table::state_cp, catalog_store_key_));
    const auto founding = TRY(env_.storage.get(env::Table::meta, wire::node_meta_key("founding")));
    if (stored) {
      const auto value = TRY(wire::decode_cp_value(*stored));
      catalog_revision_ = value.modify_revision.value();
      known = TRY(wire::decode_catalog(value.value));
    } else if (founding) {
      known = TRY(wire::decode_catalog(*founding));
    }
    if (auto told = TRY(load_told_map()); told && (!known || told->epoch > known->epoch)) known = std::move(told);
    if (!known) {
      return fail(Code::corruption, "the identity names a cluster, but the record of its founding is missing");
    }
  }
  peers_.set_identity(identity_, starts_, MapEpoch());
  env_.storage.sync([this, known = std::move(known)]() mutable {
    begin();
    if (known) adopt(std::move(*known));
  });
  return {};
}

void Node::begin() {
  ready_ = true;
  env_.network.start(*this);
  LOG_INFO(env_.log, "node.started", "{} disk={} start={:x} incarnation={:x} unclean={}", to_string(options_.self),
           to_string(identity_.disk), starts_.front(), identity_.incarnation, unclean_start_);
  ping();
}

void Node::stop(Task done) {
  stopping_ = true;
  loop_.run([this](Turn& turn) {
    loop_.for_each(turn, [](Replica& replica, Turn& round) { prepare_stop(replica.status().mode, replica, round); });
  });
  const Time now = loop_.now().steady;
  loop_.call_at(now + stop_poll, [this, give_up = now + stop_patience, done = std::move(done)]() mutable {
    wait_until_idle(give_up, std::move(done));
  });
}

// Requests that came before the stop may still wait in the inbox: a pause of the process makes timers and them due together.
bool Node::is_idle() const {
  if (loop_.inbox_requests() > 0) return false;
  const auto statuses = loop_.statuses();
  return std::all_of(statuses.begin(), statuses.end(), [](const ReplicaStatus& status) { return status.pending == 0; });
}

// What was forwarded is answered elsewhere: it is waited for, but owes nothing.
void Node::wait_until_idle(Time give_up, Task done) {
  const Time now = loop_.now().steady;
  if (is_idle() && (now >= give_up || requests_.forwards_due(Time::max()).empty())) {
    leave_clean_mark(give_up, std::move(done));
  } else if (now >= give_up) {
    LOG_WARN(env_.log, "node.unclean_stop",
             "writes are still in flight; the next start compares with the other owners");
    done();
  } else {
    loop_.call_at(now + stop_poll,
                  [this, give_up, done = std::move(done)]() mutable { wait_until_idle(give_up, std::move(done)); });
  }
}

// What a clean start skips (a new incarnation, the dirty marks of ap replicas) must not be owed: every replica of this node has started, and none
// has stopped with writes that it knew of.
bool Node::has_nothing_owed() const {
  if (!catalog_) return identity_.cluster.is_zero();
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      const bool is_owner = holds(partition.owners, options_.self) && !holds(partition.evicted, options_.self);
      if (is_owner && !loop_.runs(partition.id)) return false;
    }
  }
  return true;
}

void Node::leave_clean_mark(Time give_up, Task done) {
  // Once, whichever comes first: a disk that hangs must not keep the process. The mark may still become durable, with everything before it.
  const auto shared = std::make_shared<Task>(std::move(done));
  loop_.run([this, give_up, shared](Turn& turn) {
    if (!is_idle()) {  // jobs run before the replicas of their round: what is in the inbox comes after this mark
      MARK(env_.recorder, "node.stop_had_to_wait");
      wait_until_idle(give_up, std::move(*shared));
      return;
    }
    if (has_nothing_owed()) {
      turn.put(env::Table::meta, wire::node_meta_key("clean_stop"), wire::encode_u64(stamper_.last_sequence()));
    } else {
      MARK(env_.recorder, "node.stop_without_mark");
      LOG_WARN(env_.log, "node.unclean_stop", "not every replica runs; the next start compares with the other owners");
    }
    loop_.when_durable([shared] {
      if (*shared) (*shared)();
    });
    loop_.call_at(std::max(give_up, turn.now().steady + mark_patience), [this, shared] {
      if (!*shared) return;
      LOG_WARN(env_.log, "node.stop_without_disk", "the disk has not taken the mark of a clean stop");
      (*shared)();
    });
  });
}

}  // namespace rift::node
