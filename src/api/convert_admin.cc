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
  return wish;
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

}  // namespace rift::api
