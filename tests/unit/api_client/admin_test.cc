#include "client/admin.h"

#include "fake_node.h"

namespace rift {
namespace {

TEST(AdminClient, AsksForIdentityStatusAndState) {
  FakeCluster cluster;
  AdminClient admin(cluster.address());
  const auto identity = MUST(admin.identity());
  EXPECT_EQ(identity.identity.node, NodeId(1));
  EXPECT_EQ(identity.identity.disk, (DiskId{7, 7}));
  EXPECT_EQ(identity.identity.incarnation, 5U);
  EXPECT_EQ(identity.client_address, cluster.address());
  EXPECT_EQ(identity.peer_address, "peer:1");

  const auto status = MUST(admin.status());
  EXPECT_TRUE(status.status.ready);
  EXPECT_EQ(status.status.reachable, (std::vector{NodeId(1), NodeId(3)}));
  EXPECT_EQ(status.status.clock_skew,
            (topology::ClockSkew{.ahead = std::chrono::milliseconds(-750), .of = {NodeId(2), NodeId(3)}}));
  EXPECT_EQ(status.status.counters.at("rounds"), 42U);
  ASSERT_EQ(status.status.replicas.size(), 1U);
  EXPECT_EQ(status.status.replicas[0].role, "leader");
  EXPECT_EQ(status.status.replicas[0].term, Term(9));
  EXPECT_EQ(status.client_address, cluster.address());

  const auto page = MUST(admin.inspect("bank", "7", 10));
  ASSERT_EQ(page.keys.size(), 1U);
  EXPECT_EQ(page.keys[0].key, "k7");
  EXPECT_TRUE(page.keys[0].deleted);
  EXPECT_EQ(page.next, "more");
  EXPECT_EQ(admin.inspect("nowhere", "", 10).error().code, Code::unknown_keyspace);
}

TEST(AdminClient, AKeyAndALossSurviveTheWay) {
  FakeCluster cluster;
  AdminClient admin(cluster.address());
  const auto view = MUST(admin.inspect_key("carts", "abc"));
  EXPECT_EQ(view.partition, PartitionId(3));
  EXPECT_EQ(view.owners, (std::vector{NodeId(1), NodeId(2)}));
  EXPECT_EQ(view.role, "owner");
  EXPECT_EQ(view.leader, NodeId(7));
  EXPECT_EQ(view.applied, LogIndex(8));
  EXPECT_EQ(view.pending, 9U);
  EXPECT_TRUE(view.found && view.deleted);
  EXPECT_EQ(view.version, (Version{.hlc = 10, .dot_node = NodeId(1), .dot_incarnation = 11, .dot_sequence = 12}));
  EXPECT_EQ(view.value_bytes, 3U);
  EXPECT_EQ(view.value_hash, 13U);
  EXPECT_EQ(view.expiry, WallTime(std::chrono::milliseconds(14)));
  EXPECT_EQ(view.seen, (std::vector<KeyView::Seen>{{.node = NodeId(2), .incarnation = 15, .sequence = 16}}));
  EXPECT_EQ(view.hinted, std::vector{NodeId(2)});
  EXPECT_EQ(view.dirty, std::vector{NodeId(1)});
  EXPECT_EQ(admin.inspect_key("bank", "k").error().code, Code::unknown_keyspace);

  const auto page = MUST(admin.conflicts("carts", "7", 10));
  ASSERT_EQ(page.losses.size(), 1U);
  const ConcurrentLoss& loss = page.losses[0];
  EXPECT_EQ(loss.partition, PartitionId(10));
  EXPECT_EQ(loss.key, "k7");
  EXPECT_EQ(loss.seen_at, WallTime(std::chrono::milliseconds(5)));
  EXPECT_EQ(loss.seen_by, NodeId(2));
  EXPECT_EQ(loss.loser.version.hlc, 6U);
  EXPECT_EQ(loss.loser.value, Bytes("lost"));
  EXPECT_EQ(loss.winner.version.hlc, 7U);
  EXPECT_TRUE(loss.winner.deleted && loss.winner.omitted);
  EXPECT_EQ(page.next, "more");
  EXPECT_EQ(admin.conflicts("bank", "", 10).error().code, Code::invalid);
}

TEST(AdminClient, TheCatalogSurvivesTheWay) {
  FakeCluster cluster(3);
  AdminClient admin(cluster.address());
  const auto before = MUST(admin.catalog());
  EXPECT_EQ(before.members.size(), 3U);
  const topology::KeyspaceWish wish{.name = "wide",
                                    .mode = Mode::ap,
                                    .copies = 2,
                                    .partitions = 5,
                                    .read = Level::majority,
                                    .write = Level::all,
                                    .durability = topology::Durability::wal};
  const auto made = MUST(admin.create_keyspace(wish));
  EXPECT_EQ(made, MUST(topology::create_keyspace(before, wish)));
  EXPECT_EQ(MUST(admin.catalog()), made);
  EXPECT_EQ(MUST(admin.drop_keyspace("wide")), MUST(topology::drop_keyspace(made, "wide")));
  const topology::KeyspaceWish seats{.name = "seats", .mode = Mode::ap, .copies = 3, .partitions = 1, .atomic = true};
  EXPECT_TRUE(MUST(admin.create_keyspace(seats)).find("seats")->atomic);
  EXPECT_EQ(MUST(admin.drop_keyspace("seats")).find("seats"), nullptr);
  EXPECT_EQ(admin.create_keyspace({.name = "x", .mode = Mode::cp, .atomic = true}).error().code, Code::invalid);
}

TEST(AdminClient, AnAcceptedLossSurvivesTheWay) {
  FakeCluster cluster(3);
  AdminClient admin(cluster.address());
  const auto before = MUST(admin.catalog());
  const topology::AcceptedLoss loss{
      .epoch = before.epoch, .lost = {NodeId(2), NodeId(3)}, .survivors = {{topology::system_partition, NodeId(1)}}};
  const auto after = admin.recover(loss);
  ASSERT_TRUE(after.has_value()) << after.error().detail;
  EXPECT_EQ(*after, MUST(topology::accept_loss(before, loss)));
  EXPECT_EQ(after->member(NodeId(3))->state, topology::MemberState::lost);
  EXPECT_EQ(admin.recover(loss).error().code, Code::invalid) << "of another epoch";
}

TEST(AdminClient, ErrorsCarryTheirCodeAndReason) {
  FakeCluster cluster;
  AdminClient admin(cluster.address());
  EXPECT_EQ(admin.drop_keyspace("nowhere").error().code, Code::unknown_keyspace);
  EXPECT_EQ(admin.create_keyspace({.name = "bank", .mode = Mode::cp}).error().code, Code::already_exists);
  EXPECT_EQ(admin.create_keyspace({.name = "x", .mode = static_cast<Mode>(9)}).error().code, Code::invalid);
  EXPECT_EQ(admin.create_keyspace({.name = "x", .mode = Mode::cp, .read = static_cast<Level>(77)}).error().code,
            Code::invalid);
  const auto full = admin.create_keyspace({.name = "x", .mode = Mode::cp, .copies = 9}).error();
  EXPECT_EQ(full.code, Code::invalid);
  EXPECT_NE(full.detail.find("9 copies"), std::string::npos);
  EXPECT_EQ(AdminClient("127.0.0.1:1", seconds(2)).identity().error().code, Code::unreachable);
}

TEST(AdminClient, FoundsACluster) {
  FakeCluster cluster;
  AdminClient admin(cluster.address());
  const std::vector<topology::Member> members{{NodeId(1), "a:1", "a:2", {1, 2}}, {NodeId(2), "b:1", "b:2", {3, 4}}};
  ASSERT_TRUE(admin.found({8, 9}, members).has_value());
  EXPECT_EQ(MUST(admin.catalog()), MUST(topology::found({8, 9}, members)));
  EXPECT_EQ(admin.found({0, 0}, members).error().code, Code::invalid);
  EXPECT_EQ(admin.found({8, 9}, {}).error().code, Code::invalid);
  EXPECT_EQ(admin.found({8, 9}, {members[0], members[0]}).error().code, Code::invalid);
}

TEST(AdminClient, HealthFollowsReadiness) {
  FakeCluster cluster;
  AdminClient admin(cluster.address());
  EXPECT_FALSE(MUST(admin.healthy()));
  cluster.api().set_ready(true);
  EXPECT_TRUE(MUST(admin.healthy()));
  cluster.api().set_ready(false);
  EXPECT_FALSE(MUST(admin.healthy()));
}

}  // namespace
}  // namespace rift
