#include "raft/progress.h"

#include <gtest/gtest.h>

namespace rift::raft {
namespace {

using namespace std::chrono_literals;
constexpr Time start{1s};
constexpr std::size_t messages = 3;
constexpr std::size_t bytes = 100;

Progress replicating(std::uint64_t match) {
  Progress progress(LogIndex(match + 1), start);
  progress.accepted(LogIndex(match), LogIndex(1), start);
  EXPECT_EQ(progress.state(), Progress::State::replicate);
  return progress;
}

TEST(RaftProgress, ProbesWithOneAppendAtATime) {
  Progress progress(LogIndex(5), start);
  EXPECT_TRUE(progress.may_send(messages, bytes));
  progress.sent(LogIndex(9), 10, start);
  EXPECT_FALSE(progress.may_send(messages, bytes));
  EXPECT_EQ(progress.next(), LogIndex(5)) << "a probe promises nothing";
  progress.accepted(LogIndex(9), LogIndex(1), start);
  EXPECT_EQ(progress.state(), Progress::State::replicate);
  EXPECT_EQ(progress.match(), LogIndex(9));
  EXPECT_EQ(progress.next(), LogIndex(10));
}

TEST(RaftProgress, PipelinesUntilTheMessageBound) {
  Progress progress = replicating(4);
  for (std::uint64_t i = 5; i < 8; ++i) {
    EXPECT_TRUE(progress.may_send(messages, bytes));
    progress.sent(LogIndex(i), 1, start);
  }
  EXPECT_FALSE(progress.may_send(messages, bytes));
  progress.accepted(LogIndex(6), LogIndex(1), start);
  EXPECT_TRUE(progress.may_send(messages, bytes));
  EXPECT_EQ(progress.in_flight_messages(), 1u);
  EXPECT_EQ(progress.in_flight_bytes(), 1u);
}

TEST(RaftProgress, PipelinesUntilTheByteBoundButAlwaysSendsOne) {
  Progress progress = replicating(4);
  EXPECT_TRUE(progress.has_room(1000, bytes)) << "an entry above the bound travels alone";
  progress.sent(LogIndex(5), 60, start);
  EXPECT_TRUE(progress.has_room(40, bytes));
  EXPECT_FALSE(progress.has_room(41, bytes));
}

TEST(RaftProgress, ADuplicateAckChangesNothing) {
  Progress progress = replicating(4);
  progress.sent(LogIndex(6), 10, start);
  progress.accepted(LogIndex(6), LogIndex(1), start);
  progress.accepted(LogIndex(5), LogIndex(1), start);
  progress.accepted(LogIndex(6), LogIndex(1), start);
  EXPECT_EQ(progress.match(), LogIndex(6));
  EXPECT_EQ(progress.next(), LogIndex(7));
}

TEST(RaftProgress, ARejectionNeverTakesNextBelowMatch) {
  Progress progress = replicating(4);
  progress.sent(LogIndex(6), 10, start);
  EXPECT_TRUE(progress.is_stale_rejection(LogIndex(4)));
  EXPECT_FALSE(progress.is_stale_rejection(LogIndex(6)));
  progress.rejected(LogIndex(2));
  EXPECT_EQ(progress.state(), Progress::State::probe);
  EXPECT_EQ(progress.next(), LogIndex(5));
  EXPECT_EQ(progress.in_flight_messages(), 0u);
  EXPECT_TRUE(progress.is_stale_rejection(LogIndex(6))) << "only the probe's own answer counts now";
}

TEST(RaftProgress, SuspectsALossWhenAnIntervalBringsNoAck) {
  Progress progress = replicating(4);
  progress.sent(LogIndex(6), 10, start + 10ms);
  EXPECT_FALSE(progress.suspects_loss(LogIndex(4), start + 50ms, 75ms));
  EXPECT_TRUE(progress.suspects_loss(LogIndex(4), start + 90ms, 75ms));
  EXPECT_FALSE(progress.suspects_loss(LogIndex(4), start + 91ms, 75ms)) << "once per interval";
  progress.accepted(LogIndex(6), LogIndex(1), start + 100ms);
  EXPECT_FALSE(progress.suspects_loss(LogIndex(6), start + 500ms, 75ms)) << "nothing is in flight";
}

TEST(RaftProgress, APeerThatForgotWhatItVerifiedIsAsked) {
  Progress progress = replicating(4);
  EXPECT_FALSE(progress.suspects_loss(LogIndex(4), start + 100ms, 75ms));
  EXPECT_TRUE(progress.suspects_loss(LogIndex(0), start + 100ms, 75ms));
}

TEST(RaftProgress, ALostProbeIsRepeated) {
  Progress progress(LogIndex(5), start);
  progress.sent(LogIndex(5), 10, start);
  EXPECT_FALSE(progress.suspects_loss(LogIndex(0), start + 10ms, 75ms));
  EXPECT_FALSE(progress.may_send(messages, bytes));
  EXPECT_FALSE(progress.suspects_loss(LogIndex(0), start + 80ms, 75ms));
  EXPECT_TRUE(progress.may_send(messages, bytes));
}

TEST(RaftProgress, APeerBehindTheLogGetsNoAppendsUntilItCatchesUp) {
  Progress progress(LogIndex(5), start);
  progress.needs_snapshot();
  EXPECT_FALSE(progress.may_send(messages, bytes));
  progress.rejected(LogIndex(8));
  EXPECT_TRUE(progress.may_send(messages, bytes));
}

}  // namespace
}  // namespace rift::raft
