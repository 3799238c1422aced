#include "client/convert.h"
#include "riftkv/v1/admin.pb.h"
#include "rpc/catalog.h"

namespace rift::client {
namespace {

namespace v1 = riftkv::v1;

ReplicaStatus to_replica(const v1::ReplicaStatus& message) {
  ReplicaStatus status;
  status.partition = PartitionId(message.partition());
  status.mode = message.mode() == v1::MODE_AP ? Mode::ap : Mode::cp;
  status.role = message.role();
  status.leader = NodeId(message.leader());
  status.term = Term(message.term());
  status.commit = LogIndex(message.commit());
  status.applied = LogIndex(message.applied());
  status.last = LogIndex(message.last());
  status.pending = message.pending();
  status.hints = message.hints();
  status.last_change = message.last_change();
  status.name = message.name();
  for (const std::uint32_t node : message.voters()) status.voters.emplace_back(node);
  for (const std::uint32_t node : message.learners()) status.learners.emplace_back(node);
  status.settled = message.settled();
  for (const v1::PeerProgress& peer : message.peers())
    status.peers.push_back({.node = NodeId(peer.node()), .match = LogIndex(peer.match()), .lives = peer.lives()});
  for (const v1::RoleEvent& event : message.history()) {
    status.history.push_back({.at = WallTime(std::chrono::milliseconds(event.wall_ms())),
                              .role = event.role(),
                              .term = Term(event.term()),
                              .leader = NodeId(event.leader()),
                              .reason = event.reason()});
  }
  for (const v1::HintDebt& debt : message.debts()) {
    status.debts.push_back({.target = NodeId(debt.target()),
                            .keys = debt.keys(),
                            .bytes = debt.bytes(),
                            .oldest = WallTime(std::chrono::milliseconds(debt.oldest_ms())),
                            .dirty_since = WallTime(std::chrono::milliseconds(debt.dirty_since_ms()))});
  }
  for (const auto& [name, count] : message.counters()) status.counters[name] = count;
  return status;
}

}  // namespace

void fill(const topology::KeyspaceWish& wish, v1::CreateKeyspaceRequest& message) {
  message.set_name(wish.name);
  message.set_mode(static_cast<v1::Mode>(wish.mode));
  message.set_copies(wish.copies);
  message.set_partitions(wish.partitions);
  message.set_read(static_cast<v1::Level>(wish.read));
  message.set_write(static_cast<v1::Level>(wish.write));
  message.set_durability(static_cast<v1::Durability>(wish.durability));
  message.set_atomic(wish.atomic);
  message.set_sloppy(wish.sloppy);
  message.set_wall_clock(wish.wall_clock);
}

void fill(const topology::KeyspaceAlteration& wish, v1::AlterKeyspaceRequest& message) {
  message.set_name(wish.name);
  message.set_read(static_cast<v1::Level>(wish.read.value_or(Level::unspecified)));
  message.set_write(static_cast<v1::Level>(wish.write.value_or(Level::unspecified)));
  message.set_copies(wish.copies);
}

void fill(const topology::MemberChange& change, v1::MemberChange& message) {
  message.set_kind(static_cast<v1::MemberChange::Kind>(change.kind));
  rpc::fill(change.member, *message.mutable_member());
  message.set_node(change.node.value());
  message.set_instead_of(change.instead_of.value());
}

Result<topology::Catalog> to_catalog(const v1::Catalog& message) {
  auto catalog = rpc::to_catalog(message);
  if (!catalog) return fail(Code::corruption, "the node's map: " + catalog.error().detail);
  return catalog;
}

NodeIdentity to_identity(const v1::IdentityResponse& message) {
  return {.node = NodeId(message.node()),
          .cluster = rpc::to_uuid(message.cluster()),
          .disk = rpc::to_uuid(message.disk()),
          .incarnation = message.incarnation()};
}

NodeStatus to_node_status(const v1::StatusResponse& message) {
  NodeStatus status;
  status.identity = to_identity(message.identity());
  status.ready = message.ready();
  status.not_ready_because = message.not_ready_because();
  status.epoch = MapEpoch(message.epoch());
  for (const std::uint32_t node : message.reachable()) status.reachable.push_back(NodeId(node));
  for (const v1::ReplicaStatus& replica : message.replicas()) status.replicas.push_back(to_replica(replica));
  for (const auto& [name, count] : message.counters()) status.counters[name] = count;
  if (message.has_clock_skew()) {
    topology::ClockSkew& skew = status.clock_skew.emplace();
    skew.ahead = std::chrono::milliseconds(message.clock_skew().ahead_ms());
    for (const std::uint32_t node : message.clock_skew().of()) skew.of.emplace_back(node);
  }
  return status;
}

InspectPage to_page(const v1::InspectResponse& message) {
  InspectPage page;
  for (const v1::InspectedKey& key : message.keys()) {
    page.keys.push_back({.partition = PartitionId(key.partition()),
                         .key = key.key(),
                         .version = to_version(key.version()),
                         .deleted = key.deleted(),
                         .value_hash = key.value_hash()});
  }
  page.next = message.next();
  return page;
}

KeyView to_key_view(const v1::InspectKeyResponse& message) {
  KeyView view;
  view.partition = PartitionId(message.partition());
  for (const std::uint32_t owner : message.owners()) view.owners.emplace_back(owner);
  view.role = message.role();
  view.leader = NodeId(message.leader());
  view.applied = LogIndex(message.applied());
  view.pending = message.pending();
  view.found = message.found();
  view.version = to_version(message.version());
  view.deleted = message.deleted();
  view.value_bytes = message.value_bytes();
  view.value_hash = message.value_hash();
  view.expiry = WallTime(std::chrono::milliseconds(message.expiry_ms()));
  for (const v1::Seen& seen : message.seen())
    view.seen.push_back({.node = NodeId(seen.node()), .incarnation = seen.incarnation(), .sequence = seen.sequence()});
  for (const std::uint32_t owner : message.hinted()) view.hinted.emplace_back(owner);
  for (const std::uint32_t owner : message.dirty()) view.dirty.emplace_back(owner);
  return view;
}

LossPage to_loss_page(const v1::ConflictsResponse& message) {
  const auto to_kept = [](const v1::KeptVersion& kept) {
    return KeptVersion{.version = to_version(kept.version()),
                       .deleted = kept.deleted(),
                       .omitted = kept.omitted(),
                       .value = Bytes(kept.value())};
  };
  LossPage page;
  for (const v1::ConcurrentLoss& loss : message.losses()) {
    page.losses.push_back({.partition = PartitionId(loss.partition()),
                           .key = loss.key(),
                           .seen_at = WallTime(std::chrono::milliseconds(loss.seen_at_ms())),
                           .seen_by = NodeId(loss.seen_by()),
                           .loser = to_kept(loss.loser()),
                           .winner = to_kept(loss.winner())});
  }
  page.next = message.next();
  return page;
}

}  // namespace rift::client
