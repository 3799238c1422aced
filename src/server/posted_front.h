// Front and Admin for other threads: every call is posted to the shard, where the node handles it. What the node calls back (ReplySink, Done)
// runs on the shard's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/executor.h"
#include "replica/front.h"

namespace rift::server {

class PostedFront final : public Front, public Admin {
 public:
  // The node outlives every posted call: server stops the reactor before it destroys the node.
  PostedFront(env::Executor& executor, Front& front, Admin& admin)
      : executor_(executor), front_(front), admin_(admin) {}

  void attach(SinkId id, std::unique_ptr<ReplySink> sink) override;
  void detach(SinkId id) override;
  void submit(SinkId id, std::vector<Request> requests) override;
  void cancel(SinkId id, std::vector<RequestId> requests) override;

  void identity(Done<NodeIdentity> done) override;
  void status(Done<NodeStatus> done) override;
  void found(topology::Catalog first, Done<void> done) override;
  void catalog(Done<topology::Catalog> done) override;
  void create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) override;
  void drop_keyspace(std::string name, Done<topology::Catalog> done) override;
  void alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) override;
  void change_members(topology::MemberChange change, Done<topology::Catalog> done) override;
  void join(topology::Catalog catalog, Done<void> done) override;
  void transfer(PartitionId partition, NodeId to, Done<void> done) override;
  void recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) override;
  void inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) override;
  void inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) override;
  void conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) override;

 private:
  env::Executor& executor_;
  Front& front_;
  Admin& admin_;
};

}  // namespace rift::server
