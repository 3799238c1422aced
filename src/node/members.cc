// Node: members that come, go and are replaced; leaders that are asked to move.
#include <fmt/format.h>

#include "node/node.h"
#include "topology/verify.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr Duration introduction_patience = std::chrono::seconds(5);  // until its caller is answered
constexpr Duration introduction_limit = std::chrono::seconds(60);

}  // namespace

void Node::alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) {
  change_catalog(
      [wish = std::move(wish)](const topology::Catalog& catalog) { return topology::alter_keyspace(catalog, wish); },
      std::move(done));
}

void Node::change_members(topology::MemberChange change, Done<topology::Catalog> done) {
  change_catalog([change = std::move(change)](
                     const topology::Catalog& catalog) { return topology::change_members(catalog, change); },
                 std::move(done));
}

// Identity and map in one batch, durable before the answer: from then on this node refuses every other cluster, and hears of newer maps by its own
// replica of `_system` or from peers that have applied them, not from whoever calls this. A newer map says only whom to listen to.
void Node::join(topology::Catalog catalog, Done<void> done) {
  if (!ready_) return done(fail(Code::not_ready, "this node is starting"));
  const topology::Member* self = catalog.member(options_.self);
  if (const auto sound = topology::verify(catalog); catalog.cluster.is_zero() || !sound)
    return done(fail(Code::invalid, "this is not the map of a founded cluster" +
                                        (sound ? std::string() : ": " + sound.error().detail)));
  if (self == nullptr) return done(fail(Code::invalid, "the map does not name " + to_string(options_.self)));
  if (self->disk != identity_.disk)
    return done(fail(Code::invalid, fmt::format("the map names another disk for {0}; `rift members replace {0}` tells "
                                                "the cluster that the old one is gone",
                                                to_string(options_.self))));
  // Compared inside the job: a second call may come while the first is not yet stored, or not yet durable.
  loop_.run([this, catalog = std::move(catalog), done = std::move(done)](Turn& turn) {
    if (!identity_.cluster.is_zero() && identity_.cluster != catalog.cluster)
      return done(
          fail(Code::already_exists, "this node belongs to cluster " + to_string(identity_.cluster) + " already"));
    if (catalog_ && catalog.epoch > catalog_->epoch) return be_introduced(catalog, done);
    if (!identity_.cluster.is_zero()) return loop_.when_durable([done] { done({}); });  // told again
    identity_.cluster = catalog.cluster;
    env::WriteBatch identity;
    put_identity(identity_, identity);
    turn.put(env::Table::meta, identity.at(0).key, identity.value_at(0));
    keep_told_map(wire::encode_message(wire::MapPush{.revision = 0, .catalog = wire::encode(catalog)}), turn);
    LOG_INFO(env_.log, "node.joined", "cluster={} members={}", to_string(catalog.cluster), catalog.members.size());
    loop_.when_durable([this, catalog, done] {
      adopt(catalog);
      done({});
    });
  });
}

// Who was away while everybody it knew left or was replaced takes all that are left for strangers, and never hears that they are its cluster now.
// The members of the brought map are listened to as well, for a while; what they have applied is pulled from them, as ever. Nothing else of that map
// is believed: it may never have been committed, and what it leaves out would be buried.
void Node::be_introduced(topology::Catalog catalog, Done<void> done) {
  const Time now = loop_.now().steady;
  const MapEpoch epoch = catalog.epoch;
  MARK(env_.recorder, "node.introduced");
  LOG_INFO(env_.log, "node.introduced", "epoch={} known={}", epoch.value(), catalog_->epoch.value());
  if (!introduced_ || introduced_->epoch < epoch) introduced_ = std::move(catalog);
  introductions_.push_back(std::move(done));
  follow_members();
  loop_.call_at(now + introduction_patience, [this] {
    for (const auto& waiting : std::exchange(introductions_, {}))
      waiting(fail(Code::timeout, "no member of the map that this node was shown has told it of that map yet"));
  });
  loop_.call_at(now + introduction_limit, [this, epoch] {
    if (!introduced_ || introduced_->epoch != epoch) return;
    introduced_.reset();
    follow_members();
  });
}

void Node::end_introduction() {
  if (!introduced_ || introduced_->epoch > catalog_->epoch) return;
  introduced_.reset();
  for (auto& done : std::exchange(introductions_, {})) loop_.when_durable([done] { done({}); });
}

void Node::follow_members() {
  if (!introduced_) return peers_.follow(*catalog_);
  topology::Catalog known = *catalog_;
  for (const auto& [node, member] : introduced_->members) known.members[node] = member;
  peers_.follow(known);
}

Peers::Verdict Node::judge(const wire::Hello& hello) {
  auto verdict = peers_.judge(hello, catalog_.get());
  if (!verdict.peer && introduced_) verdict = peers_.judge(hello, &*introduced_);
  return verdict;
}

std::optional<NodeId> Node::peer_of(env::ConnectionId connection) const {
  const auto peer = peers_.peer_of(connection, catalog_.get());
  return peer || !introduced_ ? peer : peers_.peer_of(connection, &*introduced_);
}

void Node::transfer(PartitionId partition, NodeId to, Done<void> done) {
  loop_.run([this, partition, to, done = std::move(done)](Turn& turn) {
    std::optional<Result<void>> told;
    loop_.for_each(turn, [&](Replica& replica, Turn& round) {
      const ReplicaStatus status = replica.status();
      if (status.partition == partition) told = node::transfer(status.mode, replica, to, round);
    });
    if (!told)
      told = fail(Code::wrong_node, fmt::format("this node has no replica of partition {}", partition.value()));
    done(std::move(*told));
  });
}

// What a leader's own committed configuration says is written into the map, for its node to start a new replica: the group has let the old one go.
// The disk is said too: until the change is made, the map may have got another one, of which the group has not spoken.
void Node::readmit_departed() {
  if (!catalog_ || stopping_) return;
  std::vector<topology::Departure> departures;
  for (const auto& [name, keyspace] : catalog_->keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (partition.evicted.empty() || !loop_.runs(partition.id)) continue;
      for (const NodeId node : departed(keyspace.mode, *loop_.replica(partition.id), loop_.now().steady)) {
        const topology::Member* member = catalog_->member(node);
        if (readmitting_.emplace(partition.id, node).second)
          departures.push_back({partition.id, node, member != nullptr ? member->disk : DiskId()});
      }
    }
  }
  if (departures.empty()) return;
  change_catalog([departures](const topology::Catalog& catalog) { return topology::readmit(catalog, departures); },
                 [this, departures](const Result<topology::Catalog>&) {
                   for (const topology::Departure& departure : departures)
                     readmitting_.erase({departure.partition, departure.node});
                 });
}

}  // namespace rift::node
