#include "server/posted_front.h"

namespace rift::server {

void PostedFront::attach(SinkId id, std::unique_ptr<ReplySink> sink) {
  executor_.post([this, id, sink = std::move(sink)]() mutable { front_.attach(id, std::move(sink)); });
}
void PostedFront::detach(SinkId id) {
  executor_.post([this, id] { front_.detach(id); });
}
void PostedFront::submit(SinkId id, std::vector<Request> requests) {
  executor_.post([this, id, requests = std::move(requests)]() mutable { front_.submit(id, std::move(requests)); });
}
void PostedFront::cancel(SinkId id, std::vector<RequestId> requests) {
  executor_.post([this, id, requests = std::move(requests)]() mutable { front_.cancel(id, std::move(requests)); });
}
void PostedFront::identity(Done<NodeIdentity> done) {
  executor_.post([this, done = std::move(done)]() mutable { admin_.identity(std::move(done)); });
}
void PostedFront::status(Done<NodeStatus> done) {
  executor_.post([this, done = std::move(done)]() mutable { admin_.status(std::move(done)); });
}
void PostedFront::found(topology::Catalog first, Done<void> done) {
  executor_.post([this, first = std::move(first), done = std::move(done)]() mutable {
    admin_.found(std::move(first), std::move(done));
  });
}
void PostedFront::catalog(Done<topology::Catalog> done) {
  executor_.post([this, done = std::move(done)]() mutable { admin_.catalog(std::move(done)); });
}
void PostedFront::create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) {
  executor_.post([this, wish = std::move(wish), done = std::move(done)]() mutable {
    admin_.create_keyspace(std::move(wish), std::move(done));
  });
}
void PostedFront::drop_keyspace(std::string name, Done<topology::Catalog> done) {
  executor_.post([this, name = std::move(name), done = std::move(done)]() mutable {
    admin_.drop_keyspace(std::move(name), std::move(done));
  });
}
void PostedFront::alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) {
  executor_.post([this, wish = std::move(wish), done = std::move(done)]() mutable {
    admin_.alter_keyspace(std::move(wish), std::move(done));
  });
}
void PostedFront::change_members(topology::MemberChange change, Done<topology::Catalog> done) {
  executor_.post([this, change = std::move(change), done = std::move(done)]() mutable {
    admin_.change_members(std::move(change), std::move(done));
  });
}
void PostedFront::join(topology::Catalog catalog, Done<void> done) {
  executor_.post([this, catalog = std::move(catalog), done = std::move(done)]() mutable {
    admin_.join(std::move(catalog), std::move(done));
  });
}
void PostedFront::transfer(PartitionId partition, NodeId to, Done<void> done) {
  executor_.post(
      [this, partition, to, done = std::move(done)]() mutable { admin_.transfer(partition, to, std::move(done)); });
}
void PostedFront::recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) {
  executor_.post([this, loss = std::move(loss), done = std::move(done)]() mutable {
    admin_.recover(std::move(loss), std::move(done));
  });
}

void PostedFront::inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) {
  executor_.post(
      [this, keyspace = std::move(keyspace), cursor = std::move(cursor), keys_max, done = std::move(done)]() mutable {
        admin_.inspect(std::move(keyspace), std::move(cursor), keys_max, std::move(done));
      });
}

void PostedFront::inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) {
  executor_.post([this, keyspace = std::move(keyspace), key = std::move(key), done = std::move(done)]() mutable {
    admin_.inspect_key(std::move(keyspace), std::move(key), std::move(done));
  });
}

void PostedFront::conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) {
  executor_.post(
      [this, keyspace = std::move(keyspace), cursor = std::move(cursor), losses_max, done = std::move(done)]() mutable {
        admin_.conflicts(std::move(keyspace), std::move(cursor), losses_max, std::move(done));
      });
}

}  // namespace rift::server
