#include "transport/lane_queue.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace rift::transport {
namespace {

using Pushed = LaneQueue::Pushed;

TEST(LaneQueue, RefusesWhileThereIsNoConnection) {
  LaneQueue queue(NodeId(2), env::Lane::control);
  EXPECT_EQ(queue.push(Bytes("a")), Pushed::refused);
  queue.open();
  EXPECT_EQ(queue.push(Bytes("a")), Pushed::wake);
  queue.close();
  EXPECT_EQ(queue.push(Bytes("a")), Pushed::refused);
  EXPECT_EQ(queue.stats().refused, 2u);
  EXPECT_EQ(queue.stats().dropped, 1u);
  EXPECT_EQ(queue.stats().connects, 1u);
}

TEST(LaneQueue, WakesOncePerBurst) {
  LaneQueue queue(NodeId(2), env::Lane::data);
  queue.open();
  EXPECT_EQ(queue.push(Bytes("a")), Pushed::wake);
  EXPECT_EQ(queue.push(Bytes("b")), Pushed::queued);
  EXPECT_EQ(queue.take(1 << 20), (std::vector<Bytes>{Bytes("a"), Bytes("b")}));
  EXPECT_EQ(queue.push(Bytes("c")), Pushed::queued);  // the polling thread is writing and will look again
  EXPECT_EQ(queue.take(1 << 20).size(), 1u);
  EXPECT_TRUE(queue.take(1 << 20).empty());
  EXPECT_EQ(queue.push(Bytes("d")), Pushed::wake);
}

TEST(LaneQueue, WakesAgainAfterAReconnect) {
  LaneQueue queue(NodeId(2), env::Lane::data);
  queue.open();
  EXPECT_EQ(queue.push(Bytes("a")), Pushed::wake);
  queue.close();
  queue.open();
  EXPECT_EQ(queue.push(Bytes("b")), Pushed::wake);
  EXPECT_EQ(queue.take(1 << 20), std::vector<Bytes>{Bytes("b")});
}

TEST(LaneQueue, TakesAtLeastOneFrameAndNoMoreThanTheBound) {
  LaneQueue queue(NodeId(2), env::Lane::data);
  queue.open();
  for (int i = 0; i < 4; ++i) (void)queue.push(Bytes(std::string(100, 'x')));
  EXPECT_EQ(queue.take(250).size(), 2u);
  EXPECT_EQ(queue.take(10).size(), 1u);
  EXPECT_EQ(queue.stats().queued_bytes, 100u);
}

TEST(LaneQueue, ControlDropsTheOldestAndAcceptsTheNewest) {
  LaneQueue queue(NodeId(2), env::Lane::control);
  queue.open();
  for (std::size_t i = 0; i < limits::lane_control_frames_max + 5; ++i) {
    EXPECT_NE(queue.push(Bytes(std::to_string(i))), Pushed::refused);
  }
  EXPECT_EQ(queue.stats().dropped, 5u);
  const auto left = queue.take(1 << 30);
  ASSERT_EQ(left.size(), limits::lane_control_frames_max);
  EXPECT_EQ(left.front(), Bytes("5"));
}

TEST(LaneQueue, DataRefusesTheNewestAndKeepsTheOldest) {
  for (const env::Lane lane : {env::Lane::data, env::Lane::bulk}) {
    LaneQueue queue(NodeId(2), lane);
    queue.open();
    const Bytes frame(std::string(limits::mebi, 'x'));
    const std::size_t room = limits::lane_data_bytes_max / limits::mebi;
    for (std::size_t i = 0; i < room; ++i) EXPECT_NE(queue.push(frame), Pushed::refused);
    EXPECT_EQ(queue.push(Bytes("y")), Pushed::refused);
    EXPECT_EQ(queue.stats().dropped, 0u);
    EXPECT_EQ(queue.take(1).size(), 1u);
    EXPECT_EQ(queue.push(Bytes("y")), Pushed::queued);
  }
}

TEST(LaneQueue, RefusesAFrameAboveTheLimit) {
  LaneQueue queue(NodeId(2), env::Lane::control);
  queue.open();
  EXPECT_EQ(queue.push(Bytes(std::string(limits::frame_bytes_max + 1, 'x'))), Pushed::refused);
}

}  // namespace
}  // namespace rift::transport
