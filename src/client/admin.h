// Administration of one node, by blocking calls with a deadline: founding, keyspaces, status, inspection. Any thread. The outcome of an
// error is outcome_of(its code). No gRPC or protobuf in this header.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "replica/front.h"
#include "topology/catalog.h"

namespace rift {

struct IdentityReply {
  NodeIdentity identity;
  std::string client_address;  // what the node would advertise
  std::string peer_address;
};

struct StatusReply {
  NodeStatus status;
  std::string client_address;
  std::string peer_address;
};

class AdminClient {
 public:
  // No connection is made yet.
  explicit AdminClient(const std::string& endpoint, Duration deadline = std::chrono::seconds(5));
  ~AdminClient();
  AdminClient(AdminClient&&) noexcept;
  AdminClient& operator=(AdminClient&&) noexcept;

  // Waits until the node accepts connections. Errors: unreachable.
  Result<void> wait_until_reachable(Duration limit);
  // gRPC health: true once the node is ready.
  Result<bool> healthy();

  Result<IdentityReply> identity();
  Result<void> found(const ClusterId& cluster, const std::vector<topology::Member>& members,
                     bool allow_teaching = false);
  Result<topology::Catalog> catalog();
  Result<topology::Catalog> create_keyspace(const topology::KeyspaceWish& wish);
  Result<topology::Catalog> drop_keyspace(const std::string& name);
  Result<topology::Catalog> alter_keyspace(const topology::KeyspaceAlteration& wish);
  Result<topology::Catalog> change_members(const topology::MemberChange& change);
  // To the node that shall become a member of the cluster in `catalog`.
  Result<void> join(const topology::Catalog& catalog);
  // To the leader of `partition`; not_leader names it.
  Result<void> transfer(PartitionId partition, NodeId to);
  Result<topology::Catalog> recover(const topology::AcceptedLoss& loss);
  Result<StatusReply> status();
  Result<InspectPage> inspect(const std::string& keyspace, const std::string& cursor, std::uint32_t keys_max);
  Result<KeyView> inspect_key(const std::string& keyspace, const std::string& key);
  Result<LossPage> conflicts(const std::string& keyspace, const std::string& cursor, std::uint32_t losses_max);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift
