#include "node/outbox.h"

#include "base/limits.h"
#include "tests/unit/node/loop_world.h"

namespace rift::node {
namespace {

struct Fixture {
  kit::MapStore store;
  ManualNetwork network{store};
  Outbox outbox{network};
};

TEST(Outbox, BatchesPerPeerAndLane) {
  Fixture f;
  f.outbox.add(NodeId(2), env::Lane::data, PartitionId(1), "a");
  f.outbox.add(NodeId(2), env::Lane::data, PartitionId(2), "b");
  f.outbox.add(NodeId(2), env::Lane::control, PartitionId(1), "c");
  f.outbox.add(NodeId(3), env::Lane::data, PartitionId(1), "d");
  EXPECT_TRUE(f.outbox.flush(MapEpoch(1)).empty());
  ASSERT_EQ(f.network.sent.size(), 3u);
  std::vector<std::string> to_two;
  for (const SentFrame& frame : f.network.sent) {
    if (frame.to == NodeId(2) && frame.lane == env::Lane::data) to_two = frame.messages;
  }
  EXPECT_EQ(to_two, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(f.outbox.flush(MapEpoch(1)).empty());
  EXPECT_EQ(f.network.sent.size(), 3u);  // nothing twice
}

TEST(Outbox, SplitsAtTheLargestFrameAndKeepsTheOrder) {
  Fixture f;
  const std::string big(400'000, 'x');
  for (int i = 0; i < 7; ++i) f.outbox.add(NodeId(2), env::Lane::data, PartitionId(1), Bytes(std::to_string(i) + big));
  f.outbox.flush(MapEpoch(1));
  EXPECT_EQ(f.network.sent.size(), 4u);
  std::string order;
  for (const SentFrame& frame : f.network.sent) {
    EXPECT_LE(frame.bytes, limits::frame_bytes_max);
    for (const std::string& message : frame.messages) order.push_back(message.front());
  }
  EXPECT_EQ(order, "0123456");
}

TEST(Outbox, TheLargestMessageFitsAFrameOfItsOwn) {
  Fixture f;
  f.outbox.add(NodeId(2), env::Lane::data, PartitionId(1), Bytes(std::string(limits::entry_bytes_max, 'x')));
  f.outbox.flush(MapEpoch(1));
  ASSERT_EQ(f.network.sent.size(), 1u);
  EXPECT_LE(f.network.sent[0].bytes, limits::frame_bytes_max);
}

TEST(Outbox, ReportsExactlyTheForwardsOfRefusedFrames) {
  Fixture f;
  const std::string big(700'000, 'x');
  for (std::uint64_t i = 1; i <= 4; ++i) {
    f.outbox.add(NodeId(2), env::Lane::data, PartitionId(1), "between");
    f.outbox.add_forward(NodeId(2), RequestId(i), Bytes(big));
  }
  f.network.refuse_frame = 1;  // the second one
  EXPECT_EQ(f.outbox.flush(MapEpoch(1)), std::vector<RequestId>{RequestId(2)});
  EXPECT_EQ(f.network.sent.size(), 3u);
  EXPECT_EQ(f.outbox.frames_refused(), 1u);
}

TEST(Outbox, ReportsAllForwardsWhenThePeerCannotBeReached) {
  Fixture f;
  f.network.refuse = true;
  f.outbox.add_forward(NodeId(2), RequestId(1), "a");
  f.outbox.add_forward(NodeId(3), RequestId(2), "b");
  EXPECT_EQ(f.outbox.flush(MapEpoch(1)), (std::vector<RequestId>{RequestId(1), RequestId(2)}));
  f.network.refuse = false;
  EXPECT_TRUE(f.outbox.flush(MapEpoch(1)).empty());
  EXPECT_TRUE(f.network.sent.empty());  // refused is given up, never sent later
}

}  // namespace
}  // namespace rift::node
