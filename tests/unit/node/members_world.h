// A cluster whose members come and go, for the tests of that: NodeWorld with a keyspace "bank", and the questions that such tests ask. One thread.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/node/node_world.h"
#include "topology/changes.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {

using std::chrono::seconds;
using topology::MemberChange;

inline const NodeId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};

// n1 to n<founders> are founded, with "bank" on n1, n2 and n3; further seats run and know nothing.
class Members : public testing::Test {
 protected:
  explicit Members(std::uint32_t seats = 4, std::uint32_t founders = 3) : world(seats), seats_(seats) {
    topology::Catalog first = world.first_catalog(founders);
    NodeWorld::add(first, "bank", Mode::cp, {{n1, n2, n3}});
    bank = NodeWorld::partition_of(first, "bank");
    for (std::uint32_t n = 1; n <= founders; ++n) MUST(world.found_one(first, n));
    EXPECT_TRUE(world.pass_until([&] { return leader(bank) != NodeId() && leader(system) != NodeId(); }));
  }

  topology::Catalog catalog(std::uint32_t n = 1) {
    topology::Catalog map;
    world.node(n).catalog([&](Result<topology::Catalog> told) { map = MUST(std::move(told)); });
    return map;
  }
  Result<topology::Catalog> change(const MemberChange& wish, std::uint32_t n = 1) {
    return await<topology::Catalog>([&](auto done) { world.node(n).change_members(wish, std::move(done)); });
  }
  Result<topology::Catalog> alter_keyspace(const topology::KeyspaceAlteration& wish, std::uint32_t n = 1) {
    return await<topology::Catalog>([&](auto done) { world.node(n).alter_keyspace(wish, std::move(done)); });
  }
  Result<topology::Catalog> create_keyspace(const topology::KeyspaceWish& wish, std::uint32_t n = 1) {
    return await<topology::Catalog>([&](auto done) { world.node(n).create_keyspace(wish, std::move(done)); });
  }
  Result<topology::Catalog> drop_keyspace(const std::string& name, std::uint32_t n = 1) {
    return await<topology::Catalog>([&](auto done) { world.node(n).drop_keyspace(name, std::move(done)); });
  }
  Result<void> join(std::uint32_t n, const topology::Catalog& map) {
    return await<void>([&](auto done) { world.node(n).join(map, std::move(done)); });
  }
  topology::Member self(std::uint32_t n) {
    topology::Member member{.node = NodeId(n),
                            .client_address = "127.0.0.1:" + std::to_string(7000 + n),
                            .peer_address = "127.0.0.1:" + std::to_string(7100 + n),
                            .disk = {}};
    world.node(n).identity([&](const Result<NodeIdentity>& identity) { member.disk = MUST(identity).disk; });
    return member;
  }
  void wipe(std::uint32_t n) {
    world.kill(n);
    world.seat(n).store = kit::MapStore();
    MUST(world.start(n));
  }
  std::optional<ReplicaStatus> replica(PartitionId partition, std::uint32_t n) {
    if (!world.seat(n).node) return std::nullopt;
    for (const ReplicaStatus& status : world.status(n).replicas) {
      if (status.partition == partition) return status;
    }
    return std::nullopt;
  }
  NodeId leader(PartitionId partition) {
    NodeId result;
    Term term;
    for (std::uint32_t n = 1; n <= seats_; ++n) {
      const auto status = replica(partition, n);
      if (!status || status->role != "leader" || status->term < term) continue;
      result = NodeId(n);
      term = status->term;
    }
    return result;
  }
  std::vector<NodeId> voters(PartitionId partition) {
    const NodeId leads = leader(partition);
    const auto status = leads == NodeId() ? std::nullopt : replica(partition, leads.value());
    return status && status->settled ? status->voters : std::vector<NodeId>();
  }
  bool has_meta(std::uint32_t n, PartitionId partition, std::string_view name) {
    return MUST(world.seat(n).store.get(env::Table::meta, wire::partition_meta_key(partition, name))).has_value();
  }
  bool put(const std::string& key, std::uint32_t n = 1) {
    const Response done = world.call(in("bank", kit::with_budget(kit::put(key, "value of " + key), seconds(5))), n);
    EXPECT_EQ(done.code, Code::ok) << describe(done);
    return done.code == Code::ok;
  }

  static constexpr PartitionId system = topology::system_partition;
  NodeWorld world;
  PartitionId bank;

 private:
  template <class T, class Ask>
  Result<T> await(Ask ask) {
    const auto told = std::make_shared<std::optional<Result<T>>>();
    ask(Admin::Done<T>([told](Result<T> result) { *told = std::move(result); }));
    if (!world.pass_until([&] { return told->has_value(); })) return fail(Code::timeout, "no answer");
    return **told;
  }

  std::uint32_t seats_;
};

}  // namespace rift::node
