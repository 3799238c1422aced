// What every env::Network must do, whoever implements it: gRPC and the simulator's network run the same cases. A binary includes this
// header once, writes a NetworkWorld around its implementation and instantiates the suite:
//   INSTANTIATE_TEST_SUITE_P(Grpc, NetworkContract, ::testing::Values(&make_grpc_world));
// The world starts with three nodes, n1 to n3, on a network without faults.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/rng.h"
#include "env/network.h"

namespace rift::contract {

class NetworkWorld {
 public:
  virtual ~NetworkWorld() = default;
  // Not yet started.
  virtual env::Network& network(NodeId node) = 0;
  virtual std::string address(NodeId node) = 0;
  // Runs all shards' tasks until `done()` holds; false when it never does.
  virtual bool run_until(const std::function<bool()>& done) = 0;
  // Lets `span` pass, for what must not happen.
  virtual void run_for(Duration span) = 0;
  // The node's process ends and comes back on the same address with a new network, not yet started.
  virtual void restart(NodeId node) = 0;
};
using NetworkFactory = std::unique_ptr<NetworkWorld> (*)();

// Writes down what one node is told.
class EventLog final : public env::NetworkEvents {
 public:
  struct Incoming {
    env::Lane lane = env::Lane::control;
    std::string hello;
    std::vector<std::string> frames;
    bool accepted = false;
    bool closed = false;
  };
  bool accept(env::ConnectionId connection, env::Lane lane, ByteView hello) override {
    EXPECT_FALSE(incoming.contains(connection)) << "a connection id was used again";
    incoming[connection] =
        Incoming{.lane = lane, .hello = std::string(hello), .frames = {}, .accepted = welcome, .closed = false};
    return welcome;
  }
  void receive(env::ConnectionId connection, env::Lane lane, Bytes frame) override {
    Incoming& from = incoming[connection];
    EXPECT_TRUE(from.accepted) << "a frame of a connection that was not accepted";
    EXPECT_FALSE(from.closed) << "a frame of a closed connection";
    EXPECT_EQ(from.lane, lane);
    from.frames.push_back(frame.to_string());
  }
  void closed(env::ConnectionId connection) override {
    EXPECT_TRUE(incoming[connection].accepted) << "a connection that was not accepted is closed in silence";
    EXPECT_FALSE(incoming[connection].closed) << "closed twice";
    incoming[connection].closed = true;
  }
  void link_up(NodeId peer, env::Lane lane) override {
    EXPECT_TRUE(up.insert({peer, lane}).second) << "up twice";
    ++ups;
  }
  void link_down(NodeId peer, env::Lane lane) override {
    EXPECT_EQ(up.erase({peer, lane}), 1u) << "down without having been up";
    ++downs;
  }

  bool is_up(NodeId peer) const {
    return std::count_if(up.begin(), up.end(), [&](const auto& link) { return link.first == peer; }) ==
           static_cast<std::ptrdiff_t>(env::lane_count);
  }
  // Frames of one lane, connection by connection in the order of their opening.
  std::vector<std::string> frames(env::Lane lane) const {
    std::vector<std::string> all;
    for (const auto& [id, from] : incoming) {
      if (from.lane == lane) all.insert(all.end(), from.frames.begin(), from.frames.end());
    }
    return all;
  }
  std::size_t open_connections() const {
    return static_cast<std::size_t>(std::count_if(incoming.begin(), incoming.end(), [](const auto& entry) {
      return entry.second.accepted && !entry.second.closed;
    }));
  }

  bool welcome = true;  // what accept() answers
  std::map<env::ConnectionId, Incoming> incoming;
  std::set<std::pair<NodeId, env::Lane>> up;
  int ups = 0;
  int downs = 0;
};

class NetworkContract : public ::testing::TestWithParam<NetworkFactory> {
 protected:
  using Lane = env::Lane;
  static constexpr NodeId n1{1}, n2{2}, n3{3};
  static constexpr Lane lanes[] = {Lane::control, Lane::data, Lane::bulk};

  NetworkContract() {
    for (const NodeId node : {n1, n2, n3}) start(node);
  }
  void start(NodeId node) {
    net(node).start(log(node));
    net(node).set_hello(Bytes("hello from " + to_string(node)));
  }
  env::Network& net(NodeId node) { return world_->network(node); }
  EventLog& log(NodeId node) { return logs_[node]; }
  void dial(NodeId from, NodeId to) { net(from).dial(to, world_->address(to)); }
  void connect(NodeId from, NodeId to) {
    dial(from, to);
    ASSERT_TRUE(world_->run_until([&] { return log(from).is_up(to); }));
  }
  bool arrived(NodeId node, Lane lane, std::size_t count) {
    return world_->run_until([&] { return log(node).frames(lane).size() >= count; });
  }

  std::map<NodeId, EventLog> logs_;  // outlives the world's networks
  std::unique_ptr<NetworkWorld> world_ = GetParam()();
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NetworkContract);

TEST_P(NetworkContract, OpensOneConnectionPerLaneWithTheHelloFirst) {
  connect(n1, n2);
  std::multiset<Lane> seen;
  for (const auto& [id, from] : log(n2).incoming) {
    EXPECT_EQ(from.hello, "hello from n1");
    EXPECT_TRUE(from.frames.empty());
    seen.insert(from.lane);
  }
  EXPECT_EQ(seen, (std::multiset<Lane>{Lane::control, Lane::data, Lane::bulk}));
}

TEST_P(NetworkContract, DeliversFramesWholeAndInTheOrderSentOnEachLane) {
  connect(n1, n2);
  std::map<Lane, std::vector<std::string>> sent;
  Rng rng(3);
  for (int i = 0; i < 300; ++i) {
    const Lane lane = lanes[rng.below(3)];
    const std::string frame(rng.below(3000), static_cast<char>('a' + i % 26));  // empty ones too
    ASSERT_TRUE(net(n1).send(n2, lane, Bytes(frame)));
    sent[lane].push_back(frame);
  }
  for (const Lane lane : lanes) {
    ASSERT_TRUE(arrived(n2, lane, sent[lane].size()));
    EXPECT_EQ(log(n2).frames(lane), sent[lane]);
  }
}

TEST_P(NetworkContract, CarriesTheLargestFrameAndRefusesALargerOne) {
  connect(n1, n2);
  const std::string largest(limits::frame_bytes_max, 'x');
  EXPECT_FALSE(net(n1).send(n2, Lane::data, Bytes(largest + 'x')));
  EXPECT_TRUE(net(n1).send(n2, Lane::data, Bytes(largest)));
  ASSERT_TRUE(arrived(n2, Lane::data, 1));
  EXPECT_EQ(log(n2).frames(Lane::data).front(), largest);
}

TEST_P(NetworkContract, RefusesToSendWhereNoConnectionIs) {
  EXPECT_FALSE(net(n1).send(n2, Lane::control, Bytes("x")));
  dial(n1, n2);
  EXPECT_FALSE(net(n1).send(n2, Lane::control, Bytes("x")));  // dialled, not yet accepted
  ASSERT_TRUE(world_->run_until([&] { return log(n1).is_up(n2); }));
  EXPECT_FALSE(net(n1).send(n3, Lane::control, Bytes("x")));
}

TEST_P(NetworkContract, SendsOnlyOnConnectionsThatItDialledItself) {
  connect(n1, n2);
  EXPECT_FALSE(net(n2).send(n1, Lane::control, Bytes("x")));
  connect(n2, n1);
  EXPECT_TRUE(net(n2).send(n1, Lane::control, Bytes("x")));
  ASSERT_TRUE(arrived(n1, Lane::control, 1));
}

TEST_P(NetworkContract, KeepsThreeNodesApart) {
  for (const NodeId from : {n1, n2, n3}) {
    for (const NodeId to : {n1, n2, n3}) {
      if (from != to) connect(from, to);
    }
  }
  for (const NodeId from : {n1, n2, n3}) {
    for (const NodeId to : {n1, n2, n3}) {
      if (from == to) continue;
      ASSERT_TRUE(net(from).send(to, Lane::data, Bytes(to_string(from) + ">" + to_string(to))));
    }
  }
  for (const NodeId to : {n1, n2, n3}) {
    std::vector<std::string> expected;
    for (const NodeId from : {n1, n2, n3}) {
      if (from != to) expected.push_back(to_string(from) + ">" + to_string(to));
    }
    ASSERT_TRUE(arrived(to, Lane::data, 2));
    EXPECT_THAT(log(to).frames(Lane::data), ::testing::UnorderedElementsAreArray(expected));
  }
}

TEST_P(NetworkContract, TurnsAwayAPeerThatIsNotAcceptedAndTriesAgainUntilItIs) {
  log(n2).welcome = false;
  dial(n1, n2);
  ASSERT_TRUE(world_->run_until([&] { return log(n2).incoming.size() >= 6; }));  // each lane has come twice
  EXPECT_TRUE(log(n1).up.empty());
  EXPECT_FALSE(net(n1).send(n2, Lane::control, Bytes("x")));
  EXPECT_EQ(log(n2).open_connections(), 0u);
  log(n2).welcome = true;
  ASSERT_TRUE(world_->run_until([&] { return log(n1).is_up(n2); }));
  EXPECT_EQ(log(n1).downs, 0);
}

TEST_P(NetworkContract, SaysANewHelloOnConnectionsOpenedFromThenOn) {
  connect(n1, n2);
  net(n1).set_hello(Bytes("changed"));
  connect(n1, n3);
  for (const auto& [id, from] : log(n2).incoming) EXPECT_EQ(from.hello, "hello from n1");
  for (const auto& [id, from] : log(n3).incoming) EXPECT_EQ(from.hello, "changed");
  EXPECT_EQ(log(n2).open_connections(), 3u);
}

TEST_P(NetworkContract, DialsAPeerThatComesLater) {
  const std::string later = world_->address(n2);
  world_->restart(n2);  // bound, and not yet started
  net(n1).dial(n2, later);
  world_->run_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(log(n1).up.empty());
  start(n2);
  EXPECT_TRUE(world_->run_until([&] { return log(n1).is_up(n2); }));
}

TEST_P(NetworkContract, FindsAPeerAgainAfterItsRestart) {
  connect(n1, n2);
  connect(n2, n1);
  world_->restart(n2);
  ASSERT_TRUE(world_->run_until([&] { return log(n1).downs == 3 && log(n1).open_connections() == 0; }));
  EXPECT_FALSE(net(n1).send(n2, Lane::data, Bytes("into nothing")));
  log(n2) = EventLog{};
  start(n2);
  ASSERT_TRUE(world_->run_until([&] { return log(n1).is_up(n2); }));
  EXPECT_TRUE(net(n1).send(n2, Lane::data, Bytes("again")));
  ASSERT_TRUE(arrived(n2, Lane::data, 1));
  EXPECT_EQ(log(n2).frames(Lane::data), std::vector<std::string>{"again"});
}

TEST_P(NetworkContract, ForgetsAPeer) {
  connect(n1, n2);
  net(n1).forget(n2);
  EXPECT_FALSE(net(n1).send(n2, Lane::control, Bytes("x")));
  ASSERT_TRUE(world_->run_until([&] { return log(n2).open_connections() == 0; }));
  world_->run_for(std::chrono::milliseconds(700));
  EXPECT_EQ(log(n2).incoming.size(), 3u);  // no redial
  log(n1).up.clear();
  connect(n1, n2);
  EXPECT_TRUE(net(n1).send(n2, Lane::control, Bytes("x")));
}

TEST_P(NetworkContract, MovesToANewAddressAndIgnoresTheSameOne) {
  connect(n1, n2);
  dial(n1, n2);
  world_->run_for(std::chrono::milliseconds(200));
  EXPECT_EQ(log(n1).downs, 0);
  EXPECT_EQ(log(n2).incoming.size(), 3u);
  net(n1).dial(n2, world_->address(n3));
  ASSERT_TRUE(world_->run_until([&] { return log(n2).open_connections() == 0 && log(n3).open_connections() == 3; }));
  ASSERT_TRUE(world_->run_until([&] { return log(n1).is_up(n2); }));
  EXPECT_TRUE(net(n1).send(n2, Lane::data, Bytes("moved")));
  ASSERT_TRUE(arrived(n3, Lane::data, 1));
}

}  // namespace rift::contract
