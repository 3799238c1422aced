// Which versions a merge throws away unseen: whatever the order of writes and messages, every write is current at the end, overwritten by somebody who
// had seen it, or reported as lost; and nothing is reported that its overwriter had seen (trap T01).
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"
#include "causal/merge.h"

namespace rift::causal {
namespace {

Envelope version(std::uint32_t node, std::uint64_t sequence, std::uint64_t hlc) {
  return {.kind = Kind::value,
          .stamp = {.hlc = Hlc(hlc), .dot = {.node = NodeId(node), .incarnation = 1, .sequence = sequence}},
          .payload = {}};
}

class Owners {
 public:
  explicit Owners(std::size_t count) : held_(count), sequences_(count) {}

  void write(std::size_t at) {
    auto& held = held_[at];
    Envelope next = version(static_cast<std::uint32_t>(at + 1), ++sequences_[at],
                            held ? held->stamp.hlc.bits() + 1 : std::uint64_t{1});
    if (held) {
      next.context = context_above(*held);
      overwrites_[next.stamp.dot] = overwrites_[held->stamp.dot];
      overwrites_[next.stamp.dot].insert(held->stamp.dot);
    }
    written_.insert(next.stamp.dot);
    held = next;
  }
  void send(std::size_t from, std::size_t to) {
    if (!held_[from]) return;
    const Envelope copy = *held_[from];
    auto& held = held_[to];
    if (!held || held->stamp == copy.stamp) {
      held = copy;
      return;
    }
    const bool stays = !wins(copy.stamp, held->stamp);
    const Envelope& winner = stays ? *held : copy;
    const Envelope& loser = stays ? copy : *held;
    if (!covers(winner, loser.stamp.dot)) {
      RC_ASSERT(!overwrites_[winner.stamp.dot].contains(loser.stamp.dot));
      reported_.insert(loser.stamp.dot);
    }
    held = Envelope(winner);
  }
  void converge() {
    for (std::size_t round = 0; round < 2; ++round) {
      for (std::size_t from = 0; from < held_.size(); ++from) {
        for (std::size_t to = 0; to < held_.size(); ++to) send(from, to);
      }
    }
  }
  // Writes that are neither current nor told of, nor overwritten by one that is.
  std::set<Dot> silently_lost() {
    std::set<Dot> accounted = reported_;
    if (held_.front()) accounted.insert(held_.front()->stamp.dot);
    const std::set<Dot> ends = accounted;
    for (const Dot& end : ends) accounted.insert(overwrites_[end].begin(), overwrites_[end].end());
    std::set<Dot> lost;
    for (const Dot& dot : written_) {
      if (!accounted.contains(dot)) lost.insert(dot);
    }
    return lost;
  }
  const std::set<Dot>& reported() const { return reported_; }

 private:
  std::vector<std::optional<Envelope>> held_;
  std::vector<std::uint64_t> sequences_;
  std::map<Dot, std::set<Dot>> overwrites_;  // of each write those that its writer replaced, and what they replaced
  std::set<Dot> written_;
  std::set<Dot> reported_;
};

RC_GTEST_PROP(Loss, T01NoWriteIsLostSilentlyAndNoneIsReportedThatWasSeen, ()) {
  const auto steps = *rc::gen::container<std::vector<std::tuple<bool, std::size_t, std::size_t>>>(
      rc::gen::tuple(rc::gen::arbitrary<bool>(), rc::gen::inRange(std::size_t{0}, std::size_t{5}),
                     rc::gen::inRange(std::size_t{0}, std::size_t{5})));
  Owners owners(5);
  for (const auto& [is_write, at, to] : steps) is_write ? owners.write(at) : owners.send(at, to);
  owners.converge();
  RC_ASSERT(owners.silently_lost().empty());
}

TEST(Loss, T01TwoWhoDidNotSeeEachOtherAreOneLoss) {
  Owners owners(3);
  owners.write(0);
  owners.write(1);
  owners.converge();
  EXPECT_EQ(owners.reported().size(), 1U);
  EXPECT_TRUE(owners.silently_lost().empty());
}

TEST(Loss, AChainOfWritersWhoSawEachOtherIsNone) {
  Owners owners(5);
  for (std::size_t i = 0; i < 200; ++i) {
    owners.write(i * 3 % 5);
    owners.converge();
  }
  EXPECT_TRUE(owners.reported().empty());
}

TEST(Loss, AContextKeepsOnePlacePerLifeTheNewestLast) {
  Envelope held = version(1, 7, 10);
  held.context = {{.node = NodeId(1), .incarnation = 1, .sequence = 5},
                  {.node = NodeId(2), .incarnation = 1, .sequence = 9},
                  {.node = NodeId(1), .incarnation = 2, .sequence = 1}};
  const std::vector<Actor> expected = {{.node = NodeId(2), .incarnation = 1, .sequence = 9},
                                       {.node = NodeId(1), .incarnation = 2, .sequence = 1},
                                       {.node = NodeId(1), .incarnation = 1, .sequence = 7}};
  EXPECT_EQ(context_above(held), expected);
}

// Past its bound a context forgets who was heard of first: what that one wrote may then be reported, though it had been seen.
TEST(Loss, AFullContextForgetsTheFirstAndReportsTooMuch) {
  Envelope held = version(1, 1, 1);
  for (std::uint32_t node = 2; node <= limits::context_actors_max + 2; ++node) {
    Envelope next = version(node, 1, node);
    next.context = context_above(held);
    EXPECT_LE(next.context.size(), limits::context_actors_max);
    held = next;
  }
  EXPECT_FALSE(covers(held, version(1, 1, 1).stamp.dot));
  EXPECT_TRUE(covers(held, version(2, 1, 2).stamp.dot));
}

TEST(Loss, ALaterWriteOfTheSameLifeCoversAndOneOfAnotherLifeDoesNot) {
  EXPECT_TRUE(covers(version(1, 5, 9), Dot{.node = NodeId(1), .incarnation = 1, .sequence = 3}));
  EXPECT_FALSE(covers(version(1, 5, 9), Dot{.node = NodeId(1), .incarnation = 2, .sequence = 3}));
  EXPECT_FALSE(covers(version(1, 5, 9), Dot{.node = NodeId(2), .incarnation = 1, .sequence = 3}));
  Envelope other = version(3, 1, 9);
  other.context = {{.node = NodeId(1), .incarnation = 1, .sequence = 5}};
  EXPECT_TRUE(covers(other, Dot{.node = NodeId(1), .incarnation = 1, .sequence = 5}));
  EXPECT_FALSE(covers(other, Dot{.node = NodeId(1), .incarnation = 1, .sequence = 6}));
  EXPECT_FALSE(covers(other, Dot{.node = NodeId(1), .incarnation = 2, .sequence = 3}));
}

}  // namespace
}  // namespace rift::causal
