// Who is accepted as a peer, and who is dialled (DESIGN 7, 8).
#include "node/peers.h"

#include <gmock/gmock.h>

#include "tests/unit/node/node_world.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr std::uint64_t start(std::uint64_t counter, std::uint64_t random) { return (counter << 32) | random; }

struct Fixture {
  Fixture() { peers.set_identity(identity, {start(7, 1)}, catalog.epoch); }

  // n2 as it should come.
  wire::Hello hello() const {
    return {.cluster = catalog.cluster,
            .node = NodeId(2),
            .disk = catalog.member(NodeId(2))->disk,
            .protocol_min = wire::protocol_version,
            .protocol_max = wire::protocol_version,
            .epoch = MapEpoch(),
            .starts = {start(4, 44), start(3, 33), start(2, 22)}};
  }
  wire::Hello hello_with(std::vector<std::uint64_t> starts) const {
    wire::Hello said = hello();
    said.starts = std::move(starts);
    return said;
  }
  Peers::Verdict judge(const wire::Hello& said) { return peers.judge(said, &catalog); }
  std::string refusal(const wire::Hello& said) {
    const Peers::Verdict verdict = judge(said);
    EXPECT_FALSE(verdict.raised && !verdict.peer) << "a refused peer teaches nothing";
    return verdict.peer ? "accepted" : verdict.why;
  }

  DiskId disk_of(std::uint32_t n) const {
    const topology::Member* member = catalog.member(NodeId(n));
    return member != nullptr ? member->disk : DiskId{.high = 1, .low = n};
  }
  std::string name_of(std::uint32_t n) const { return Peers::start_name(NodeId(n), disk_of(n)); }
  std::uint64_t known(std::uint32_t n) const { return peers.start_of(NodeId(n), disk_of(n)); }

  kit::MapStore store;
  ManualExecutor executor;
  Post network;
  std::unique_ptr<Log> log = make_null_log();
  Recorder recorder;
  Env env{.clock = executor,
          .executor = executor,
          .storage = store,
          .network = network,
          .log = *log,
          .seed = 1,
          .recorder = &recorder,
          .fatal = {}};
  Options options{.self = NodeId(1), .dial = {}};
  topology::Catalog catalog = kit::catalog_of(3, Mode::cp);
  NodeIdentity identity{
      .node = NodeId(1), .cluster = catalog.cluster, .disk = catalog.member(NodeId(1))->disk, .incarnation = 1};
  Peers peers{env, options};
};

TEST(PeersJudge, AcceptsAMemberWithItsDisk) {
  Fixture f;
  const Peers::Verdict verdict = f.judge(f.hello());
  EXPECT_EQ(verdict.peer, NodeId(2));
  EXPECT_TRUE(verdict.raised) << "seen for the first time: to be stored";
  EXPECT_EQ(f.known(2), start(4, 44));
  EXPECT_FALSE(f.judge(f.hello()).raised);
}

TEST(PeersJudge, RefusesEverybodyBeforeItIsFounded) {
  Fixture f;
  EXPECT_FALSE(f.peers.judge(f.hello(), nullptr).peer);
  f.peers.set_identity(NodeIdentity{.node = NodeId(1), .cluster = {}, .disk = f.identity.disk, .incarnation = 1},
                       {start(1, 1)}, MapEpoch());
  EXPECT_THAT(f.refusal(f.hello()), testing::HasSubstr("not founded"));
  wire::Hello unfounded = f.hello();
  unfounded.cluster = {};
  EXPECT_THAT(f.refusal(unfounded), testing::HasSubstr("not founded")) << "two zero clusters are not the same cluster";
}

TEST(PeersJudge, RefusesAnotherCluster) {
  Fixture f;
  wire::Hello other = f.hello();
  other.cluster.low += 1;
  EXPECT_THAT(f.refusal(other), testing::HasSubstr("belongs to cluster"));
  other.cluster = {};
  EXPECT_THAT(f.refusal(other), testing::HasSubstr("belongs to cluster"));
}

TEST(PeersJudge, RefusesAStranger) {
  Fixture f;
  wire::Hello stranger = f.hello();
  stranger.node = NodeId(9);
  EXPECT_THAT(f.refusal(stranger), testing::HasSubstr("n9 is not a member"));
  stranger.node = NodeId();
  EXPECT_THAT(f.refusal(stranger), testing::HasSubstr("not a member"));
}

// A copied data directory and configuration: it would acknowledge to this node in this node's name.
TEST(PeersJudge, RefusesItsOwnName) {
  Fixture f;
  wire::Hello twin = f.hello();
  twin.node = f.identity.node;
  twin.disk = f.identity.disk;
  EXPECT_THAT(f.refusal(twin), testing::HasSubstr("in this node's own name"));
}

TEST(PeersJudge, RefusesAWipedDisk) {
  Fixture f;
  wire::Hello wiped = f.hello();
  wiped.disk.low += 1;
  EXPECT_THAT(f.refusal(wiped), testing::HasSubstr("another disk"));
  wiped.disk = f.catalog.member(NodeId(3))->disk;  // somebody else's
  EXPECT_THAT(f.refusal(wiped), testing::HasSubstr("another disk"));
  EXPECT_EQ(f.known(2), 0u) << "it must not push the true one out";
}

// The disk was copied in its third start, and its owner has gone on. The copy is refused for good: also when it was stopped cleanly before it was
// copied, and however often it is started again.
TEST(PeersJudge, RefusesAnOldOrCopiedDisk) {
  Fixture f;
  ASSERT_TRUE(f.judge(f.hello()).peer);
  for (const auto& copy :
       std::vector<std::vector<std::uint64_t>>{{start(3, 33), start(2, 22)},
                                               {start(4, 45), start(3, 33), start(2, 22)},
                                               {start(5, 1), start(4, 45), start(3, 33), start(2, 22)},
                                               {start(6, 1), start(5, 1), start(4, 45), start(3, 33), start(2, 22)}})
    EXPECT_THAT(f.refusal(f.hello_with(copy)), testing::HasSubstr("an old or copied disk"));
  EXPECT_EQ(f.known(2), start(4, 44));
  EXPECT_EQ(f.recorder.marks().at("node.old_disk_refused"), 4u);
}

TEST(PeersJudge, FollowsARestart) {
  Fixture f;
  ASSERT_TRUE(f.judge(f.hello()).peer);
  const Peers::Verdict verdict = f.judge(f.hello_with({start(6, 1), start(5, 1), start(4, 44), start(3, 33)}));
  EXPECT_EQ(verdict.peer, NodeId(2));
  EXPECT_TRUE(verdict.raised);
  EXPECT_THAT(f.refusal(f.hello()), testing::HasSubstr("an old or copied disk")) << "the earlier one may not come back";
}

// Of so many restarts, or after a loss of its own, it does not know what it was called when it was last heard.
TEST(PeersJudge, BelievesADiskThatRemembersLaterStartsOnly) {
  Fixture f;
  ASSERT_TRUE(f.judge(f.hello()).peer);
  EXPECT_THAT(f.refusal(f.hello_with({start(5, 1), start(4, 1)})), testing::HasSubstr("an old or copied disk"));
  EXPECT_EQ(f.refusal(f.hello_with({start(1028, 1)})), "accepted");
}

TEST(PeersJudge, RefusesAProtocolItDoesNotSpeak) {
  Fixture f;
  wire::Hello newer = f.hello();
  newer.protocol_min = newer.protocol_max = wire::protocol_version + 1;
  EXPECT_THAT(f.refusal(newer), testing::HasSubstr("protocols"));
  wire::Hello older = f.hello();
  older.protocol_min = older.protocol_max = 0;
  EXPECT_THAT(f.refusal(older), testing::HasSubstr("protocols"));
  wire::Hello wide = f.hello();
  wide.protocol_min = 0;
  wide.protocol_max = 99;
  EXPECT_EQ(f.refusal(wide), "accepted");
}

// A new disk starts to count its lives again: what is known of the old one must not keep it out.
TEST(PeersJudge, AReplacedDiskHasLivesOfItsOwn) {
  Fixture f;
  ASSERT_TRUE(f.judge(f.hello()).peer);
  const wire::Hello old = f.hello();
  wire::Hello fresh = old;
  fresh.disk.low += 77;
  fresh.starts = {start(1, 9)};
  EXPECT_THAT(f.refusal(fresh), testing::HasSubstr("rift members replace n2"));
  f.catalog.members.at(NodeId(2)).disk = fresh.disk;
  EXPECT_EQ(f.refusal(fresh), "accepted");
  EXPECT_THAT(f.refusal(old), testing::HasSubstr("another disk"));
}

TEST(Peers, RememberTheStartsOnTheirDisk) {
  Fixture f;
  f.store.poke(env::Table::meta, wire::node_meta_key(f.name_of(2)), wire::encode_u64(start(9, 9)));
  f.store.poke(env::Table::meta, wire::node_meta_key(f.name_of(12)), wire::encode_u64(start(2, 2)));
  ASSERT_TRUE(f.peers.load(f.store));
  EXPECT_EQ(f.known(2), start(9, 9));
  EXPECT_EQ(f.known(12), start(2, 2));
  EXPECT_EQ(f.known(1), 0u);
  EXPECT_THAT(f.refusal(f.hello()), testing::HasSubstr("an old or copied disk"));
}

TEST(Peers, RefuseADiskWithAnUnreadableStart) {
  Fixture f;
  f.store.poke(env::Table::meta, wire::node_meta_key(f.name_of(2)), Bytes("no number"));
  const auto loaded = f.peers.load(f.store);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::corruption);
}

TEST(Peers, DialWhoIsAMemberAndForgetWhoIsNot) {
  Fixture f;
  f.options.dial[NodeId(3)] = "127.0.0.1:9999";  // a proxy in between
  f.peers.follow(f.catalog);
  EXPECT_EQ(f.network.dialled,
            (std::map<NodeId, std::string>{{NodeId(2), "127.0.0.1:7102"}, {NodeId(3), "127.0.0.1:9999"}}));
  topology::Catalog next = f.catalog;
  next.members.at(NodeId(2)).peer_address = "127.0.0.1:8102";
  next.members.erase(NodeId(3));
  f.peers.follow(next);
  EXPECT_EQ(f.network.dialled, (std::map<NodeId, std::string>{{NodeId(2), "127.0.0.1:8102"}}));
}

TEST(Peers, HearNoLongerWhoseDiskWasReplacedOrWhoHasLeft) {
  Fixture f;
  const env::ConnectionId two(2), three(3);
  f.peers.bind(two, NodeId(2), f.disk_of(2));
  f.peers.bind(three, NodeId(3), f.disk_of(3));
  EXPECT_EQ(f.peers.peer_of(two, &f.catalog), NodeId(2));
  EXPECT_EQ(f.peers.peer_of(three, &f.catalog), NodeId(3));
  EXPECT_EQ(f.peers.peer_of(three, nullptr), std::nullopt);
  topology::Catalog next = f.catalog;
  next.members.at(NodeId(2)).disk.low += 1;
  EXPECT_EQ(f.peers.peer_of(two, &next), std::nullopt);
  EXPECT_EQ(f.peers.peer_of(three, &next), NodeId(3));
  next.members.erase(NodeId(3));
  EXPECT_EQ(f.peers.peer_of(three, &next), std::nullopt);
  EXPECT_EQ(f.peers.peer_of(three, &f.catalog), NodeId(3)) << "over the same connection, once it is let in again";
}

TEST(Peers, SayWhoTheyAre) {
  Fixture f;
  const wire::Hello said = MUST(wire::decode_hello(f.network.hello));
  EXPECT_EQ(said.cluster, f.identity.cluster);
  EXPECT_EQ(said.node, NodeId(1));
  EXPECT_EQ(said.disk, f.identity.disk);
  EXPECT_EQ(said.starts, std::vector<std::uint64_t>{start(7, 1)});
  EXPECT_EQ(said.epoch, f.catalog.epoch);
}

// --- through a Node ------------------------------------------------------------------------------------------------------------------

struct FoundedWorld : NodeWorld {
  FoundedWorld() {
    MUST(found_one(first_catalog(2)));
    pass(std::chrono::milliseconds(50));
  }
};

TEST(PeersOfANode, OnlyAcceptedConnectionsAreHeard) {
  FoundedWorld world;
  env::NetworkEvents& events = *world.seat().network.events;
  wire::Hello stranger = world.hello_of(NodeId(2));
  stranger.disk.low += 1;
  EXPECT_FALSE(world.say_hello(NodeId(2), stranger, env::ConnectionId(70)));
  EXPECT_EQ(world.counter("hellos_refused"), 1u);
  events.receive(env::ConnectionId(70), env::Lane::data, wire::encode_frame({.epoch = MapEpoch(1), .parts = {}}));
  EXPECT_EQ(world.counter("frames_unknown_sender"), 1u);

  EXPECT_TRUE(world.say_hello(NodeId(2), world.hello_of(NodeId(2)), env::ConnectionId(71)));
  events.receive(env::ConnectionId(71), env::Lane::data, Bytes("no frame"));
  EXPECT_EQ(world.counter("frames_malformed"), 1u);
  wire::Frame unreadable{.epoch = MapEpoch(1), .parts = {}};
  unreadable.parts.push_back({.partition = PartitionId(), .message = Bytes("\xff\xff")});
  unreadable.parts.push_back({.partition = PartitionId(4711), .message = Bytes("of a partition that is not here")});
  events.receive(env::ConnectionId(71), env::Lane::data, wire::encode_frame(unreadable));
  EXPECT_EQ(world.counter("messages_malformed"), 1u);
  EXPECT_EQ(world.counter("messages_unknown_partition"), 1u);
  world.say(NodeId(2), PartitionId(), wire::LogDurable{});
  EXPECT_EQ(world.counter("messages_misaddressed"), 1u);
  events.closed(env::ConnectionId(71));
  events.receive(env::ConnectionId(71), env::Lane::data, Bytes("after the end"));
  EXPECT_EQ(world.counter("frames_unknown_sender"), 2u);
  EXPECT_FALSE(events.accept(env::ConnectionId(72), env::Lane::data, "no hello"));
  EXPECT_EQ(world.counter("hellos_malformed"), 1u);
}

TEST(PeersOfANode, AStartOnceSeenIsRememberedOverARestart) {
  FoundedWorld world;
  wire::Hello later = world.hello_of(NodeId(2));
  later.starts.insert(later.starts.begin(), start(5, 5));
  ASSERT_TRUE(world.say_hello(NodeId(2), later, env::ConnectionId(71)));
  world.settle();
  world.kill();
  MUST(world.start());
  world.pass(std::chrono::milliseconds(50));
  EXPECT_FALSE(world.say_hello(NodeId(2), world.hello_of(NodeId(2)), env::ConnectionId(72)));
  EXPECT_TRUE(world.say_hello(NodeId(2), later, env::ConnectionId(73)));
}

TEST(PeersOfANode, ASilentPeerIsNotReachable) {
  FoundedWorld world;
  world.play(NodeId(2));
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 2; }));
  world.silence(NodeId(2));
  ASSERT_TRUE(world.pass_until([&] { return world.status().reachable.size() == 1; }));
  EXPECT_EQ(world.status().reachable, std::vector<NodeId>{NodeId(1)});
}

}  // namespace
}  // namespace rift::node
