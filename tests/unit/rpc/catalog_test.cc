#include "rpc/catalog.h"

#include <gtest/gtest.h>

#include "riftkv/v1/admin.pb.h"

namespace rift::rpc {
namespace {

namespace v1 = riftkv::v1;

topology::Catalog sample() {
  topology::Catalog catalog;
  catalog.cluster = {7, 8};
  catalog.epoch = MapEpoch(3);
  catalog.next_keyspace = KeyspaceId(5);
  catalog.next_partition = PartitionId(9);
  for (const std::uint32_t n : {1U, 2U, 3U}) {
    catalog.members[NodeId(n)] = {NodeId(n), "client" + std::to_string(n), "peer" + std::to_string(n), {n, n + 10}};
  }
  topology::Keyspace bank;
  bank.id = KeyspaceId(4);
  bank.name = "bank";
  bank.mode = Mode::ap;
  bank.copies = 3;
  bank.read = Level::one;
  bank.write = Level::all;
  bank.durability = topology::Durability::wal;
  bank.partitions.push_back(
      {.id = PartitionId(8), .owners = {NodeId(3), NodeId(1), NodeId(2)}, .founders = {NodeId(3), NodeId(1)}});
  catalog.keyspaces[bank.name] = bank;
  topology::Keyspace seats = bank;
  seats.id = KeyspaceId(3);
  seats.name = "seats";
  seats.durability = topology::Durability::fsync;
  seats.atomic = true;
  catalog.keyspaces[seats.name] = seats;
  return catalog;
}

v1::Catalog written() {
  v1::Catalog message;
  fill(sample(), message);
  return message;
}

void expect_refused(const v1::Catalog& message, const std::string& because) {
  const auto read = to_catalog(message);
  ASSERT_FALSE(read.has_value()) << because;
  EXPECT_EQ(read.error().code, Code::invalid);
  EXPECT_NE(read.error().detail.find(because), std::string::npos) << read.error().detail;
}

TEST(RpcCatalog, ComesBackAsItWas) { EXPECT_EQ(to_catalog(written()).value(), sample()); }

TEST(RpcCatalog, IsRefusedWhenItContradictsItself) {
  auto nobody = written();
  nobody.mutable_members(0)->set_node(0);
  expect_refused(nobody, "node id 0");
  auto twins = written();
  *twins.add_members() = twins.members(0);
  expect_refused(twins, "two members");
  auto names = written();
  *names.add_keyspaces() = names.keyspaces(0);
  expect_refused(names, "two keyspaces");
  auto empty = written();
  empty.mutable_keyspaces(0)->clear_partitions();
  expect_refused(empty, "no partition");
  auto orphan = written();
  orphan.mutable_keyspaces(0)->mutable_partitions(0)->clear_owners();
  expect_refused(orphan, "no owner");
}

TEST(RpcCatalog, IsRefusedForAValueThatThisVersionDoesNotKnow) {
  auto mode = written();
  mode.mutable_keyspaces(0)->set_mode(static_cast<v1::Mode>(77));
  expect_refused(mode, "cp or ap");
  auto level = written();
  level.mutable_keyspaces(0)->set_read(static_cast<v1::Level>(77));
  expect_refused(level, "unknown level");
  auto durability = written();
  durability.mutable_keyspaces(0)->set_durability(static_cast<v1::Durability>(77));
  expect_refused(durability, "unknown durability");
}

}  // namespace
}  // namespace rift::rpc
