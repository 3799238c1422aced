// What travels to a follower and how much of it at a time: bounds, probes, what was lost, and a follower that is far behind.
#include "cluster.h"

namespace rift::raft::test {
namespace {

TEST(RaftReplication, InFlightMessagesAreBounded) {
  Cluster cluster(3, 1, [](Options& options) { options.peer_in_flight_messages_max = 4; });
  cluster.campaign(1);
  for (int i = 0; i < 20; ++i) {
    MUST(cluster.propose(1, {std::to_string(i)}));
    cluster.flush(1);
  }
  EXPECT_EQ(cluster.take_messages<Append>(1, 2).size(), 4u);
}

TEST(RaftReplication, InFlightBytesAreBounded) {
  Cluster cluster(3, 1, [](Options& options) {
    options.peer_in_flight_bytes_max = 100;
    options.append_bytes_max = 30;
  });
  cluster.campaign(1);
  MUST(cluster.propose(1, std::vector<std::string>(20, std::string(15, 'x'))));
  cluster.flush(1);
  std::size_t bytes = 0;
  auto appends = cluster.take_messages<Append>(1, 2);
  for (const Envelope& append : appends) {
    std::size_t size = 0;
    for (const Entry& entry : std::get<Append>(append.message).entries) size += entry.payload.size();
    EXPECT_LE(size, 30u);
    bytes += size;
  }
  EXPECT_EQ(bytes, 90u);
  for (Envelope& append : appends) cluster.step(std::move(append));
  cluster.settle();
  EXPECT_EQ(cluster.raft(2).last_index(), LogIndex(22)) << "acks open the window again";
}

TEST(RaftReplication, AnEntryAboveEveryBoundTravelsAlone) {
  Cluster cluster(3, 1, [](Options& options) {
    options.peer_in_flight_bytes_max = 50;
    options.append_bytes_max = 20;
  });
  cluster.campaign(1);
  MUST(cluster.propose(1, {"small", std::string(500, 'x'), "small"}));
  cluster.flush(1);
  cluster.settle();
  EXPECT_EQ(cluster.node(2).durable.log, cluster.node(1).durable.log);
}

TEST(RaftReplication, LostAppendsAreSentAgainAfterAHeartbeat) {
  Cluster cluster(3);
  cluster.campaign(1);
  cluster.cut(1, 2);
  MUST(cluster.propose(1, {"a", "b"}));
  cluster.flush(1);
  cluster.settle();
  cluster.heal();
  cluster.advance(400ms);
  EXPECT_EQ(cluster.node(2).durable.log, cluster.node(1).durable.log);
  EXPECT_EQ(cluster.leader(), 1u);
}

// A follower with three terms' worth of junk is brought into line in one round per term, not one per entry (thesis 3.5).
TEST(RaftReplication, RejectHintsSkipWholeTerms) {
  Cluster cluster(3);
  const auto fill = [&](std::uint32_t id, const std::vector<std::uint64_t>& terms) {
    Node& node = cluster.node(id);
    node.raft.reset();
    for (const std::uint64_t term : terms) {
      node.durable.log.push_back(command(node.durable.log.size() + 1, term, "t" + std::to_string(term)));
    }
    node.durable.hard_state = {.term = Term(9), .vote = {}};
    node.visible = node.durable;
    cluster.restart(id);
  };
  fill(1, std::vector<std::uint64_t>(60, 8));
  fill(2, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
  fill(3, std::vector<std::uint64_t>(60, 8));
  cluster.campaign(1);
  int rejections = static_cast<int>(cluster.recorder.marks().at("raft.append_rejected"));
  EXPECT_LE(rejections, 3);
  EXPECT_EQ(cluster.node(2).durable.log, cluster.node(1).durable.log);
  EXPECT_TRUE(cluster.recorder.marks().contains("raft.conflicting_suffix_truncated"));
}

TEST(RaftReplication, AFollowerFarBehindIsFedFromTheStore) {
  Cluster cluster(3, 1, [](Options& options) { options.log_memory_bytes_max = 0; });
  cluster.campaign(1);
  cluster.isolate(3);
  for (int i = 0; i < 50; ++i) {
    MUST(cluster.propose(1, {"entry " + std::to_string(i)}));
    cluster.flush(1);
    cluster.settle();
  }
  const int before = cluster.store_reads(1);
  cluster.heal();
  cluster.advance(500ms);
  EXPECT_GT(cluster.store_reads(1), before);
  EXPECT_EQ(cluster.node(3).durable.log, cluster.node(1).durable.log);
}

}  // namespace
}  // namespace rift::raft::test
