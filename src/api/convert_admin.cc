#include <fmt/format.h>

#include "api/convert.h"
#include "base/limits.h"
#include "riftkv/v1/admin.pb.h"
#include "rpc/catalog.h"

namespace rift::api {

namespace v1 = riftkv::v1;

namespace {

void fill_replica(const ReplicaStatus& status, v1::ReplicaStatus& message) {
  message.set_partition(status.partition.value());
  message.set_mode(static_cast<v1::Mode>(status.mode));
  message.set_role(status.role);
  message.set_leader(status.leader.value());
  message.set_term(status.term.value());
  message.set_commit(status.commit.value());
  message.set_applied(status.applied.value());
  message.set_last(status.last.value());
  message.set_pending(status.pending);
  message.set_hints(status.hints);
  message.set_last_change(status.last_change);
  message.set_name(status.name);
  for (const NodeId node : status.voters) message.add_voters(node.value());
  for (const NodeId node : status.learners) message.add_learners(node.value());
  message.set_settled(status.settled);
  for (const PeerProgress& peer : status.peers) {
    v1::PeerProgress& p = *message.add_peers();
    p.set_node(peer.node.value());
    p.set_match(peer.match.value());
    p.set_lives(peer.lives);
  }
  for (const RoleEvent& event : status.history) {
    v1::RoleEvent& e = *message.add_history();
    e.set_wall_ms(static_cast<std::uint64_t>(event.at.time_since_epoch().count()));
    e.set_role(event.role);
    e.set_term(event.term.value());
    e.set_leader(event.leader.value());
    e.set_reason(event.reason);
  }
  for (const HintDebt& debt : status.debts) {
    v1::HintDebt& d = *message.add_debts();
    d.set_target(debt.target.value());
    d.set_keys(debt.keys);
    d.set_bytes(debt.bytes);
    d.set_oldest_ms(static_cast<std::uint64_t>(debt.oldest.time_since_epoch().count()));
    d.set_dirty_since_ms(static_cast<std::uint64_t>(debt.dirty_since.time_since_epoch().count()));
  }
  for (const auto& [name, count] : status.counters) (*message.mutable_counters())[name] = count;
}

}  // namespace

Result<topology::KeyspaceWish> to_wish(const v1::CreateKeyspaceRequest& message) {
  topology::KeyspaceWish wish;
  wish.name = message.name();
  wish.mode = TRY(rpc::to_mode(message.mode()));
  wish.copies = message.copies();
  wish.partitions = message.partitions();
  wish.read = TRY(rpc::to_level(message.read()));
  wish.write = TRY(rpc::to_level(message.write()));
  wish.durability = TRY(rpc::to_durability(message.durability()));
  wish.atomic = message.atomic();
  wish.sloppy = message.sloppy();
  wish.wall_clock = message.wall_clock();
  return wish;
}

Result<topology::KeyspaceAlteration> to_alteration(const v1::AlterKeyspaceRequest& message) {
  const Level read = TRY(rpc::to_level(message.read()));
  const Level write = TRY(rpc::to_level(message.write()));
  topology::KeyspaceAlteration wish{.name = message.name(), .read = {}, .write = {}, .copies = message.copies()};
  if (read != Level::unspecified) wish.read = read;
  if (write != Level::unspecified) wish.write = write;
  return wish;
}

Result<topology::MemberChange> to_change(const v1::MemberChange& message) {
  using Kind = topology::MemberChange::Kind;
  if (message.kind() == v1::MemberChange::KIND_UNSPECIFIED || !v1::MemberChange::Kind_IsValid(message.kind()))
    return fail(Code::invalid, fmt::format("unknown change {} of the members", static_cast<int>(message.kind())));
  topology::MemberChange change;
  change.kind = static_cast<Kind>(message.kind());
  change.node = NodeId(message.node());
  change.instead_of = NodeId(message.instead_of());
  if (change.kind == Kind::add || change.kind == Kind::replace) change.member = TRY(rpc::to_member(message.member()));
  return change;
}

void fill(const NodeIdentity& identity, v1::IdentityResponse& message) {
  message.set_node(identity.node.value());
  rpc::fill(identity.cluster, *message.mutable_cluster());
  rpc::fill(identity.disk, *message.mutable_disk());
  message.set_incarnation(identity.incarnation);
}

void fill(const NodeStatus& status, v1::StatusResponse& message) {
  fill(status.identity, *message.mutable_identity());
  message.set_ready(status.ready);
  message.set_not_ready_because(status.not_ready_because);
  message.set_epoch(status.epoch.value());
  for (const NodeId node : status.reachable) message.add_reachable(node.value());
  for (const ReplicaStatus& replica : status.replicas) fill_replica(replica, *message.add_replicas());
  for (const auto& [name, count] : status.counters) (*message.mutable_counters())[name] = count;
  if (!status.clock_skew) return;
  v1::ClockSkew& skew = *message.mutable_clock_skew();
  skew.set_ahead_ms(status.clock_skew->ahead.count());
  for (const NodeId node : status.clock_skew->of) skew.add_of(node.value());
}

void fill(const InspectPage& page, v1::InspectResponse& message) {
  for (const InspectedKey& key : page.keys) {
    v1::InspectedKey& k = *message.add_keys();
    k.set_partition(key.partition.value());
    k.set_key(key.key);
    fill(key.version, *k.mutable_version());
    k.set_deleted(key.deleted);
    k.set_value_hash(key.value_hash);
  }
  message.set_next(page.next);
}

void fill(const KeyView& view, v1::InspectKeyResponse& message) {
  message.set_partition(view.partition.value());
  for (const NodeId owner : view.owners) message.add_owners(owner.value());
  message.set_role(view.role);
  message.set_leader(view.leader.value());
  message.set_applied(view.applied.value());
  message.set_pending(view.pending);
  message.set_found(view.found);
  fill(view.version, *message.mutable_version());
  message.set_deleted(view.deleted);
  message.set_value_bytes(view.value_bytes);
  message.set_value_hash(view.value_hash);
  message.set_expiry_ms(static_cast<std::uint64_t>(view.expiry.time_since_epoch().count()));
  for (const KeyView::Seen& seen : view.seen) {
    v1::Seen& s = *message.add_seen();
    s.set_node(seen.node.value());
    s.set_incarnation(seen.incarnation);
    s.set_sequence(seen.sequence);
  }
  for (const NodeId owner : view.hinted) message.add_hinted(owner.value());
  for (const NodeId owner : view.dirty) message.add_dirty(owner.value());
}

namespace {

void fill(const KeptVersion& kept, v1::KeptVersion& message) {
  api::fill(kept.version, *message.mutable_version());
  message.set_deleted(kept.deleted);
  message.set_omitted(kept.omitted);
  message.set_value(kept.value.data(), kept.value.size());
}

}  // namespace

void fill(const LossPage& page, v1::ConflictsResponse& message) {
  for (const ConcurrentLoss& loss : page.losses) {
    v1::ConcurrentLoss& l = *message.add_losses();
    l.set_partition(loss.partition.value());
    l.set_key(loss.key);
    l.set_seen_at_ms(static_cast<std::uint64_t>(loss.seen_at.time_since_epoch().count()));
    l.set_seen_by(loss.seen_by.value());
    fill(loss.loser, *l.mutable_loser());
    fill(loss.winner, *l.mutable_winner());
  }
  message.set_next(page.next);
}

}  // namespace rift::api
