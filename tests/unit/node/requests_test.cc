// The table of open requests: ids, origins, deadlines, and where answers go.
#include "node/requests.h"

#include <gtest/gtest.h>

#include "tests/kit/requests.h"

namespace rift::node {
namespace {

constexpr std::uint32_t life = 7;
constexpr Time soon = Time(std::chrono::seconds(1));

RequestId open(Requests& requests, Origin origin, std::uint64_t origin_id, Time deadline = soon,
               std::uint32_t partition = 4) {
  Request request = kit::with_id(kit::put("k", "v"), origin_id);
  request.partition = PartitionId(partition);
  return requests.open(std::move(origin), request, deadline, false);
}

Response done(RequestId id) {
  Response response;
  response.id = id;
  return response;
}

std::vector<std::uint64_t> ids_of(const std::vector<Response>& responses) {
  std::vector<std::uint64_t> ids;
  for (const Response& response : responses) ids.push_back(response.id.value());
  return ids;
}

TEST(Requests, GiveIdsOfThisLifeThatOnlyGrow) {
  Requests requests(life);
  Request request = kit::with_id(kit::put("k", "v"), 5);
  const RequestId first = requests.open(FromSink{SinkId(1)}, request, soon, false);
  EXPECT_EQ(request.id, first) << "it travels under the node's own id";
  const RequestId second = open(requests, FromSink{SinkId(1)}, 5);
  EXPECT_LT(first, second);
  EXPECT_EQ(first.value() >> 32, life);
  EXPECT_EQ(requests.size(), 2u);
}

TEST(Requests, KeepACopyOnlyOfWhatMayBeForwarded) {
  Requests requests(life);
  Request request = kit::with_id(kit::put("k", "v"), 5);
  const RequestId kept = requests.open(FromSink{SinkId(1)}, request, soon, true);
  ASSERT_TRUE(requests.find(kept)->copy.has_value());
  EXPECT_EQ(requests.find(kept)->copy->id, kept);
  EXPECT_EQ(requests.find(kept)->copy->value, Bytes("v"));
  EXPECT_FALSE(requests.find(open(requests, FromSink{SinkId(1)}, 6))->copy.has_value());
}

TEST(Requests, AnswerToWhoeverAskedUnderItsOwnId) {
  Requests requests(life);
  std::vector<std::uint64_t> told;
  const RequestId of_one = open(requests, FromSink{SinkId(1)}, 50);
  const RequestId of_two = open(requests, FromSink{SinkId(2)}, 50);
  const RequestId of_peer = open(requests, FromPeer{NodeId(3)}, 60);
  const RequestId of_node = open(requests, ResponseCallback([&told](Response r) { told.push_back(r.id.value()); }), 70);
  EXPECT_FALSE(requests.has_replies());
  for (const RequestId id : {of_one, of_two, of_peer, of_node}) requests.finish(done(id));
  EXPECT_EQ(told, std::vector<std::uint64_t>{70}) << "the node's own are answered at once";
  EXPECT_TRUE(requests.has_replies());
  const auto sinks = requests.take_sink_replies();
  ASSERT_EQ(sinks.size(), 2u);
  EXPECT_EQ(ids_of(sinks.at(SinkId(1))), std::vector<std::uint64_t>{50});
  EXPECT_EQ(ids_of(sinks.at(SinkId(2))), std::vector<std::uint64_t>{50});
  const auto peers = requests.take_peer_replies();
  ASSERT_EQ(peers.size(), 1u);
  EXPECT_EQ(peers[0].first, NodeId(3));
  EXPECT_EQ(peers[0].second.id, RequestId(60));
  EXPECT_FALSE(requests.has_replies()) << "taken is taken";
  EXPECT_EQ(requests.size(), 0u);
}

TEST(Requests, AnswerEachOnce) {
  Requests requests(life);
  const RequestId id = open(requests, FromSink{SinkId(1)}, 50);
  requests.finish(done(id));
  requests.finish(done(id));
  requests.finish(done(RequestId(12345)));
  EXPECT_EQ(requests.take_sink_replies().at(SinkId(1)).size(), 1u);
}

TEST(Requests, SayNothingOfWhatWasDropped) {
  Requests requests(life);
  const RequestId id = open(requests, FromSink{SinkId(1)}, 50);
  requests.drop(id);
  EXPECT_EQ(requests.find(id), nullptr);
  requests.finish(done(id));
  EXPECT_FALSE(requests.has_replies());
}

TEST(Requests, KeepTheOrderOfAnswersPerSink) {
  Requests requests(life);
  const RequestId first = open(requests, FromSink{SinkId(1)}, 10);
  const RequestId second = open(requests, FromSink{SinkId(1)}, 20);
  requests.answer(SinkId(1), refuse(RequestId(30), Code::invalid, ""));
  requests.finish(done(second));
  requests.finish(done(first));
  EXPECT_EQ(ids_of(requests.take_sink_replies().at(SinkId(1))), (std::vector<std::uint64_t>{30, 20, 10}));
}

TEST(Requests, ExpireOnlyForwardsAndAtTheirDeadline) {
  Requests requests(life);
  const RequestId early = open(requests, FromSink{SinkId(1)}, 1, soon);
  const RequestId late = open(requests, FromSink{SinkId(1)}, 2, soon + std::chrono::seconds(1));
  open(requests, FromSink{SinkId(1)}, 3, soon);  // here: its replica answers in time
  for (const RequestId id : {early, late}) requests.find(id)->forwarded_to = NodeId(2);
  EXPECT_TRUE(requests.forwards_due(soon - Duration(1)).empty());
  EXPECT_EQ(requests.forwards_due(soon), std::vector<RequestId>{early});
  EXPECT_EQ(requests.forwards_due(Time::max()), (std::vector<RequestId>{early, late}));
}

TEST(Requests, AreFoundByTheIdThatTheirSinkGave) {
  Requests requests(life);
  const RequestId mine = open(requests, FromSink{SinkId(1)}, 50);
  const RequestId other = open(requests, FromSink{SinkId(2)}, 50);
  open(requests, FromPeer{NodeId(1)}, 50);
  EXPECT_EQ(requests.by_origin(SinkId(1), RequestId(50)), mine);
  EXPECT_EQ(requests.by_origin(SinkId(2), RequestId(50)), other);
  EXPECT_EQ(requests.by_origin(SinkId(3), RequestId(50)), std::nullopt);
  EXPECT_EQ(requests.by_origin(SinkId(1), mine), std::nullopt) << "the node's own id means nothing outside";
  requests.finish(done(mine));
  EXPECT_EQ(requests.by_origin(SinkId(1), RequestId(50)), std::nullopt);
}

TEST(Requests, AreSelectedBySinkPartitionAndPeer) {
  Requests requests(life);
  const RequestId here = open(requests, FromSink{SinkId(1)}, 1, soon, 4);
  const RequestId there = open(requests, FromSink{SinkId(2)}, 2, soon, 4);
  const RequestId of_peer = open(requests, FromPeer{NodeId(3)}, 3, soon, 5);
  requests.find(there)->forwarded_to = NodeId(2);
  EXPECT_EQ(requests.of_sink(SinkId(1)), std::vector<RequestId>{here});
  EXPECT_EQ(requests.of_sink(SinkId(2)), std::vector<RequestId>{there});
  EXPECT_EQ(requests.of_partition(PartitionId(4)), std::vector<RequestId>{here})
      << "a forward is not in this node's replica";
  EXPECT_EQ(requests.of_partition(PartitionId(5)), std::vector<RequestId>{of_peer});
  EXPECT_EQ(requests.forwarded_to(NodeId(2)), std::vector<RequestId>{there});
  EXPECT_TRUE(requests.forwarded_to(NodeId(3)).empty());
}

}  // namespace
}  // namespace rift::node
