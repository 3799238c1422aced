#include "cp/freshness.h"

#include <map>

#include "group.h"

namespace rift::cp {
namespace {

using kit::get;
using kit::put;
using kit::with_budget;
using kit::with_level;

const Time start{1000s};

TEST(Freshness, CountsFromTheMomentTheQuestionWasSent) {
  Freshness freshness;
  EXPECT_FALSE(freshness.bound(LogIndex(100), start).has_value());
  freshness.sent(NodeId(2), 7, start);
  EXPECT_FALSE(freshness.bound(LogIndex(100), start + 40ms).has_value());
  freshness.answered(NodeId(2), 7, LogIndex(9));
  EXPECT_FALSE(freshness.bound(LogIndex(8), start + 50ms).has_value());  // granted, and not applied yet
  EXPECT_EQ(freshness.bound(LogIndex(9), start + 60ms), Duration(60ms));
  EXPECT_EQ(freshness.bound(LogIndex(9), start + 5s), Duration(5s));
}

TEST(Freshness, AnAnswerToAnotherQuestionOrOfAnotherNodeDatesNothing) {
  Freshness freshness;
  freshness.sent(NodeId(2), 7, start);
  freshness.answered(NodeId(2), 6, LogIndex(9));
  freshness.answered(NodeId(3), 7, LogIndex(9));
  freshness.confirmed({.term = Term(1), .number = 0}, LogIndex(9));
  EXPECT_FALSE(freshness.bound(LogIndex(9), start).has_value());
  freshness.sent({.term = Term(4), .number = 2}, start + 2s);  // leads by now
  freshness.answered(NodeId(2), 7, LogIndex(9));
  freshness.answered(NodeId(0), 0, LogIndex(9));
  freshness.confirmed({.term = Term(3), .number = 2}, LogIndex(9));
  EXPECT_FALSE(freshness.bound(LogIndex(9), start + 2s).has_value());
  freshness.confirmed({.term = Term(4), .number = 2}, LogIndex(9));
  EXPECT_EQ(freshness.bound(LogIndex(9), start + 3s), Duration(1s));
}

TEST(Freshness, AsksAgainOnlyAfterAWhile) {
  Freshness freshness;
  EXPECT_TRUE(freshness.wants_probe(start));
  freshness.sent(NodeId(2), 7, start);
  EXPECT_FALSE(freshness.wants_probe(start + Freshness::probe_interval));  // an answer may still come
  EXPECT_TRUE(freshness.wants_probe(start + Freshness::probe_patience));
  freshness.answered(NodeId(2), 7, LogIndex(1));
  EXPECT_TRUE(freshness.wants_probe(start + Freshness::probe_interval));
  EXPECT_FALSE(freshness.wants_probe(start + Freshness::probe_interval / 2));
}

TEST(Freshness, AStateThatWasReplacedHasNoAge) {
  Freshness freshness;
  freshness.sent(NodeId(2), 7, start);
  freshness.answered(NodeId(2), 7, LogIndex(9));
  ASSERT_TRUE(freshness.bound(LogIndex(9), start).has_value());
  freshness.forget();
  EXPECT_FALSE(freshness.bound(LogIndex(9), start).has_value());
}

TEST(CpFreshness, EveryReplicaDatesItsOwnCopyWhileOneReadsCome) {
  Group group;
  const NodeId leader = group.elect();
  group.write(put("k", "v"));
  for (const NodeId n : group.all()) {
    EXPECT_FALSE(group.must_call(n, with_level(get("k"), Level::one)).receipt.staleness_bound.has_value());
    group.run_for(20ms);
    const auto dated = group.must_call(n, with_level(get("k"), Level::one));
    ASSERT_TRUE(dated.receipt.staleness_bound.has_value()) << to_string(n) << (n == leader ? " leads" : "");
    EXPECT_GE(*dated.receipt.staleness_bound, 20ms);
    EXPECT_LE(*dated.receipt.staleness_bound, 21ms);
  }
}

TEST(CpFreshness, AReplicaThatIsCutOffSaysHowOldItsCopyMayBeByNow) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.must_call(follower, with_level(get("k"), Level::one));
  group.run_for(20ms);
  group.split({follower});
  group.run_for(3s);
  const auto old = group.must_call(follower, with_level(get("k"), Level::one));
  ASSERT_TRUE(old.receipt.staleness_bound.has_value());
  EXPECT_GE(*old.receipt.staleness_bound, 3s);
}

// Everything acknowledged before now - bound is in what the read returned: the truth is known here, because one thread sees it all.
class Truth {
 public:
  void acknowledged(std::uint64_t value, Time at) {
    acknowledged_[at] = std::max(newest_ = std::max(newest_, value), value);
  }
  std::uint64_t newest_at(Time at) const {
    const auto after = acknowledged_.upper_bound(at);
    return after == acknowledged_.begin() ? 0 : std::prev(after)->second;
  }

 private:
  std::map<Time, std::uint64_t> acknowledged_;
  std::uint64_t newest_ = 0;
};

class Storm {
 public:
  explicit Storm(std::uint64_t seed) : group_(options(seed)), random_(seed) {}

  void run(int steps) {
    group_.elect();
    for (int i = 0; i < steps; ++i) {
      disturb();
      if (!open_) write();
      for (const NodeId n : group_.all()) read(n);
      const Time until = group_.now() + std::chrono::milliseconds(random_.between(1, 40));
      group_.run_until(
          [&] {
            collect();
            return group_.now() >= until;
          },
          until - group_.now());
    }
  }
  std::size_t dated() const { return dated_; }

 private:
  static kit::ReplicaCluster::Options options(std::uint64_t seed) {
    kit::ReplicaCluster::Options options;
    options.seed = seed;
    options.nodes = 3;
    options.drop_probability = 0.02;
    return options;
  }
  NodeId any() { return group_.all()[static_cast<std::size_t>(random_.below(group_.all().size()))]; }

  void disturb() {
    const auto dice = random_.below(100);
    if (dice < 10) group_.set_delay(any(), any(), std::chrono::milliseconds(random_.between(0, 400)));
    if (dice >= 10 && dice < 13) group_.isolate(any());
    if (dice >= 13 && dice < 25) group_.heal();
    if (dice >= 25 && dice < 28) group_.cut(any(), any());
  }
  void write() {
    const NodeId to = group_.with_role("leader").value_or(any());
    open_ = std::pair(to, group_.submit(to, with_budget(put("k", std::to_string(++last_value_)), 500ms)));
  }
  void collect() {
    if (!open_) return;
    const auto reply = group_.take_reply(open_->first, open_->second);
    if (!reply) return;
    if (reply->outcome == Outcome::done) truth_.acknowledged(last_value_, group_.now());
    open_.reset();
  }
  void read(NodeId node) {
    const RequestId id = group_.submit(node, with_level(get("k"), Level::one));
    const auto reply = group_.take_reply(node, id);
    ASSERT_TRUE(reply.has_value());
    if (!reply->receipt.staleness_bound) return;
    ++dated_;
    const std::uint64_t value = reply->found ? std::stoull(reply->value.to_string()) : 0;
    const Time as_of = group_.now() - *reply->receipt.staleness_bound;
    ASSERT_GE(value, truth_.newest_at(as_of))
        << to_string(node) << " claims " << to_milliseconds(*reply->receipt.staleness_bound) << " ms";
  }

  Group group_;
  Rng random_;
  Truth truth_;
  std::optional<std::pair<NodeId, RequestId>> open_;
  std::uint64_t last_value_ = 0;
  std::size_t dated_ = 0;
};

TEST(CpFreshness, NeverClaimsABoundThatTheTruthViolates) {
  std::size_t dated = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Storm storm(seed);
    storm.run(150);
    dated += storm.dated();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(dated, 2000U);
}

}  // namespace
}  // namespace rift::cp
