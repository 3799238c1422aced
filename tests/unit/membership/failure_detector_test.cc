#include "membership/failure_detector.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace rift::membership {
namespace {

using std::chrono::milliseconds;
using Nodes = std::vector<NodeId>;

constexpr Time start{std::chrono::seconds(100)};

// Three nodes seen from n1; the test decides who answers and how late.
class Detector : public ::testing::Test {
 protected:
  Detector() { detector.set_members(members); }

  Time now() const { return start + elapsed; }
  FailureDetector::Heard acknowledge(const FailureDetector::Ping& ping) {
    return detector.on_ack({.from = ping.to, .sequence = ping.sequence, .sent = ping.sent}, now());
  }
  // One ping round; `answering` reply after `delay`. True if either step changed the set.
  bool round(const Nodes& answering, milliseconds delay = milliseconds(1)) {
    auto ticked = detector.tick(now());
    bool changed = ticked.changed;
    elapsed += delay;
    for (const auto& ping : ticked.pings) {
      if (std::find(answering.begin(), answering.end(), ping.to) == answering.end()) continue;
      changed |= acknowledge(ping).changed;
    }
    elapsed += milliseconds(300) - delay;
    return changed;
  }

  Nodes members{NodeId(1), NodeId(2), NodeId(3)};
  FailureDetector detector{{.self = NodeId(1)}};
  milliseconds elapsed{0};
};

TEST_F(Detector, APeerIsUnreachableUntilItHasAnswered) {
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1)}));
  EXPECT_TRUE(round({NodeId(3)}));
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1), NodeId(3)}));
  EXPECT_FALSE(round({NodeId(3)}));
}

TEST_F(Detector, SilenceForTheBoundMakesItUnreachableAndOneAnswerReachableAgain) {
  round({NodeId(2), NodeId(3)});
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(round({NodeId(2)})) << i;
  EXPECT_TRUE(round({NodeId(2)}) || round({NodeId(2)}));
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1), NodeId(2)}));
  EXPECT_TRUE(round({NodeId(2), NodeId(3)}));
  EXPECT_EQ(detector.reachable(), members);
}

TEST_F(Detector, PingsEveryPeerOncePerIntervalAndNeverItself) {
  EXPECT_EQ(detector.tick(now()).pings.size(), 2U);
  EXPECT_TRUE(detector.tick(now()).pings.empty());
  EXPECT_EQ(detector.next_tick(), start + milliseconds(300));
}

TEST_F(Detector, T46ItsOwnPauseIsNotBlamedOnThePeers) {
  round({NodeId(2), NodeId(3)});
  elapsed += std::chrono::seconds(30);  // SIGSTOP
  EXPECT_FALSE(round({NodeId(2)}));
  EXPECT_EQ(detector.reachable(), members);
  bool changed = false;
  for (int i = 0; i < 5; ++i) changed |= round({NodeId(2)});
  EXPECT_TRUE(changed) << "a peer that stays silent afterwards is found out all the same";
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1), NodeId(2)}));
}

TEST_F(Detector, AnAnswerToNoOpenPingIsIgnored) {
  const auto ping = detector.tick(now()).pings.front();
  const auto is_ignored = [&](const FailureDetector::Ack& ack) {
    const auto heard = detector.on_ack(ack, now());
    return !heard.changed && !heard.round_trip;
  };
  EXPECT_TRUE(is_ignored({.from = ping.to, .sequence = ping.sequence + 1, .sent = ping.sent}));
  EXPECT_TRUE(is_ignored({.from = ping.to, .sequence = ping.sequence, .sent = ping.sent + milliseconds(1)}));
  EXPECT_TRUE(is_ignored({.from = NodeId(9), .sequence = ping.sequence, .sent = ping.sent}));
  EXPECT_TRUE(is_ignored({.from = ping.to, .sequence = 0, .sent = {}}));
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1)}));
  EXPECT_TRUE(acknowledge(ping).changed);
  EXPECT_TRUE(is_ignored({.from = ping.to, .sequence = ping.sequence, .sent = ping.sent})) << "repeated";
}

TEST_F(Detector, AnAnswerFromBeforeALongHoleDoesNotMakeAPeerReachable) {
  const auto ping = detector.tick(now()).pings.front();
  elapsed += milliseconds(1600);
  EXPECT_FALSE(acknowledge(ping).changed);
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1)}));
}

TEST_F(Detector, MeasuresTheRoundTripOfWhatItBelieves) {
  const auto ping = detector.tick(now()).pings.front();
  elapsed += milliseconds(40);
  EXPECT_EQ(acknowledge(ping).round_trip, Duration(milliseconds(40)));
  const auto late = detector.tick(now() + milliseconds(300)).pings.front();
  elapsed += milliseconds(1860);
  EXPECT_EQ(acknowledge(late).round_trip, std::nullopt) << "it says nothing of now";
}

TEST_F(Detector, AMemberThatLeavesIsNoLongerReachable) {
  round({NodeId(2), NodeId(3)});
  EXPECT_TRUE(detector.set_members(Nodes{NodeId(1), NodeId(2)}));
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1), NodeId(2)}));
  EXPECT_FALSE(detector.set_members(Nodes{NodeId(1), NodeId(2), NodeId(4)}));
  EXPECT_EQ(detector.reachable(), (Nodes{NodeId(1), NodeId(2)}));
}

}  // namespace
}  // namespace rift::membership
