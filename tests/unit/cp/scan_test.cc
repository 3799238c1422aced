#include "group.h"

#include "cp/scan.h"
#include "replica/weight.h"

namespace rift::cp {
namespace {

using kit::del;
using kit::put;
using kit::with_budget;
using kit::with_level;

Request scan(std::string_view first, std::string_view end = "", std::uint32_t keys_max = 0) {
  Request request = kit::get(first);
  request.verb = Verb::scan;
  Operands& operands = request.operands.ensure();
  operands.range_end = Bytes(end);
  operands.keys_max = keys_max;
  return request;
}

Request multi_get(const std::vector<std::string>& keys) {
  Request request = kit::get(keys.front());
  request.verb = Verb::multi_get;
  for (const std::string& key : keys)
    request.operands.ensure().then_steps.push_back(Step{.verb = Verb::get, .key = Bytes(key), .value = {}});
  return request;
}

Request with_token(Request request, std::uint64_t token) {
  request.token = token;
  return request;
}

std::string keys_of(const Response& response) {
  std::string keys;
  for (const Item& item : response.results->items) keys += (keys.empty() ? "" : " ") + item.key.to_string();
  return keys;
}

TEST(CpScan, GivesTheKeysOfARangeInOrderOnEveryReplicaAndNamesItsRevision) {
  Group group;
  const NodeId leader = group.elect();
  for (const char* key : {"c", "a", "d", "b", "e"}) group.write(put(key, std::string("v-") + key));
  for (const NodeId n : group.all()) {
    const auto page = group.must_call(n, scan("b", "e"));
    ASSERT_EQ(page.outcome, Outcome::done) << page.why;
    EXPECT_EQ(keys_of(page), "b c d");
    EXPECT_EQ(page.results->items[1].value, Bytes("v-c"));
    EXPECT_EQ(page.results->items[1].version.modify_revision, Revision(1));
    EXPECT_EQ(page.results->revision, Revision(5));
    EXPECT_TRUE(page.results->next_key.empty());
    EXPECT_EQ(page.receipt.reached, Level::majority);
    EXPECT_EQ(page.receipt.read_path, ReadPath::read_index);
  }
  EXPECT_EQ(keys_of(group.must_call(leader, scan(""))), "a b c d e");
  EXPECT_EQ(keys_of(group.must_call(leader, scan("f"))), "");
}

TEST(CpScan, PagesGoOnWhereTheLastOneEnded) {
  Group group;
  group.elect();
  for (int i = 0; i < 25; ++i) group.write(put("k" + std::to_string(100 + i), "v"));
  std::string next = "k";
  std::vector<std::string> seen;
  for (int page = 0; page < 3; ++page) {
    const auto response = group.write(scan(next, "l", 10));
    for (const Item& item : response.results->items) seen.push_back(item.key.to_string());
    next = response.results->next_key.to_string();
    EXPECT_EQ(next.empty(), page == 2);
  }
  ASSERT_EQ(seen.size(), 25U);
  for (int i = 0; i < 25; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], "k" + std::to_string(100 + i));
}

TEST(CpScan, ADeletedKeyIsNotThereAndAPageOfThemSaysWhereToGoOn) {
  Group group;
  group.elect();
  const NodeId leader = group.elect();
  std::vector<Request> writes;
  for (std::size_t i = 0; i < scan_rows_max; ++i) writes.push_back(put("d" + std::to_string(100'000 + i), "v"));
  for (std::size_t i = 0; i < scan_rows_max; ++i) writes.push_back(del("d" + std::to_string(100'000 + i)));
  writes.push_back(put("e", "v"));
  for (std::size_t i = 0; i < writes.size(); i += 512) {
    const std::vector<Request> some(writes.begin() + static_cast<std::ptrdiff_t>(i),
                                    writes.begin() + static_cast<std::ptrdiff_t>(std::min(i + 512, writes.size())));
    for (const RequestId id : group.submit(leader, some))
      ASSERT_TRUE(group.run_until([&] { return group.take_reply(leader, id).has_value(); }));
  }
  const auto first = group.must_call(leader, scan("d"));
  EXPECT_EQ(keys_of(first), "");
  ASSERT_EQ(first.results->next_key, Bytes("e"));  // rows_max deleted keys were passed over
  EXPECT_EQ(keys_of(group.must_call(leader, scan("e"))), "e");
}

TEST(CpScan, APageEndsBeforeItsBytesPassTheLimit) {
  Group group;
  group.elect();
  const std::string big(400 * limits::kibi, 'x');
  for (const char* key : {"a", "b", "c"}) group.write(put(key, big));
  const auto page = group.write(scan("a"));
  EXPECT_EQ(keys_of(page), "a b");
  EXPECT_EQ(page.results->next_key, Bytes("c"));
  Request without_values = scan("a");
  without_values.operands->keys_only = true;
  const auto keys = group.write(without_values);
  EXPECT_EQ(keys_of(keys), "a b c");
  EXPECT_TRUE(keys.results->items[0].value.empty());
  group.write(put("whole", std::string(limits::value_bytes_max, 'y')));  // the largest value is a page of its own
  EXPECT_EQ(keys_of(group.write(scan("whole"))), "whole");
}

// Keys alone make a small page, and their values are read all the same.
TEST(CpScan, APageOfKeysEndsWhereItHasReadEnough) {
  Group group;
  group.elect();
  const std::string large(limits::value_bytes_max, 'x');
  for (int i = 0; i < 8; ++i) group.write(put("k" + std::to_string(i), large));
  std::size_t pages = 0;
  std::string keys;
  for (Bytes next("k"); !next.empty(); ++pages) {
    Request request = scan(next.to_string());
    request.operands->keys_only = true;
    const auto page = group.write(request);
    ASSERT_FALSE(page.results->items.empty());
    EXPECT_LE(page.results->items.size() * limits::value_bytes_max, scan_read_bytes_max + limits::value_bytes_max);
    keys += keys_of(page) + " ";
    next = page.results->next_key;
  }
  EXPECT_EQ(keys, "k0 k1 k2 k3 k4 k5 k6 k7 ");
  EXPECT_GE(pages, 2U);
}

class CpScanOfMuch : public testing::Test {
 protected:
  CpScanOfMuch() : leader_(group_.elect()) {
    for (const char* key : {"a", "b", "c"}) group_.write(put(key, std::string(300 * limits::kibi, 'x')));
    group_.at(leader_).take_replies();
  }
  // What the rounds until the last answer brought, each.
  std::vector<std::size_t> serve(Level level, std::size_t count) {
    std::vector<Request> scans(count, with_level(scan("a"), level));
    std::vector<std::size_t> rounds;
    group_.submit(leader_, std::move(scans));
    for (std::size_t answers = 0; answers < count && rounds.size() < 10 * count;) {
      const auto replies = group_.at(leader_).take_replies();
      std::size_t bytes = 0;
      for (const Response& reply : replies) {
        EXPECT_EQ(reply.outcome, Outcome::done) << reply.why;
        bytes += weight(reply);
      }
      answers += replies.size();
      if (bytes > 0) rounds.push_back(bytes);
      const std::size_t before = group_.at(leader_).rounds();
      if (!group_.run_until([&] { return group_.at(leader_).rounds() > before; })) break;
    }
    return rounds;
  }
  Group group_;
  NodeId leader_;
};

TEST_F(CpScanOfMuch, ARoundAnswersWhatItHasRoomForAndTheNextGoesOn) {
  constexpr std::size_t scans = 256;
  for (const Level level : {Level::one, Level::majority}) {
    const auto rounds = serve(level, scans);
    std::size_t total = 0;
    for (const std::size_t bytes : rounds) {
      EXPECT_LE(bytes, read_bytes_per_round_max + limits::scan_page_bytes_max);
      total += bytes;
    }
    EXPECT_GE(total, scans * 900 * limits::kibi) << to_string(level);
    EXPECT_LE(rounds.size(), scans / 2 + 1) << to_string(level);
  }
}

TEST(CpScan, SeesAWriteThatWasAcknowledgedBeforeItBegan) {
  Group group;
  const NodeId leader = group.elect();
  for (int i = 0; i < 20; ++i) {
    group.must_call(leader, put("k", std::to_string(i)));
    for (const NodeId n : group.all()) {
      const auto page = group.must_call(n, scan("k"));
      ASSERT_EQ(page.results->items.size(), 1U);
      EXPECT_EQ(page.results->items[0].value, Bytes(std::to_string(i)));
    }
  }
}

TEST(CpMultiGet, AnswersEachKeyInTheOrderAsked) {
  Group group;
  group.elect();
  group.write(put("a", "1"));
  group.write(put("b", "2"));
  group.write(del("a"));
  const auto response = group.write(multi_get({"b", "a", "never", "b"}));
  ASSERT_EQ(response.outcome, Outcome::done) << response.why;
  const auto& items = response.results->items;
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(items[0].value, Bytes("2"));
  EXPECT_FALSE(items[1].found);
  EXPECT_EQ(items[1].version.modify_revision, Revision(3));  // the delete explains the absence
  EXPECT_FALSE(items[2].found);
  EXPECT_EQ(items[3].key, Bytes("b"));
  EXPECT_EQ(response.results->revision, Revision(3));
}

TEST(CpMultiGet, RefusesMoreBytesThanAnAnswerMayHave) {
  Group group;
  group.elect();
  const std::string big(600 * limits::kibi, 'x');
  group.write(put("a", big));
  group.write(put("b", big));
  const auto refused = group.write(multi_get({"a", "b"}));
  EXPECT_EQ(refused.code, Code::too_large);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_FALSE(refused.results);
  EXPECT_EQ(group.write(multi_get({"a"})).outcome, Outcome::done);
}

// The whole way: the applier's history, its compaction, and a watch on each replica.
class CpWatch : public testing::Test {
 protected:
  RequestId watch(NodeId node, std::uint64_t from, Duration budget = 1s) {
    Request request = with_budget(kit::get(""), budget);
    request.verb = Verb::watch;
    request.operands.ensure().revision = Revision(from);
    return group_.submit(node, request);
  }
  // Takes what has been told since: "1:a=x 2:a-", and how far it came.
  std::string told(NodeId node, RequestId id) {
    std::string text;
    while (auto reply = group_.take_reply(node, id)) {
      last_ = *reply;
      for (const Event& event : reply->results->events) {
        text += (text.empty() ? "" : " ") + std::to_string(event.revision.value()) + ":" + event.key.to_string() +
                (event.kind == Event::Kind::put ? "=" + event.value.to_string() : "-");
      }
    }
    return text;
  }
  Group group_;
  Response last_;
};

TEST_F(CpWatch, EveryReplicaTellsTheSameAndAChangeOfLeaderDoesNotMatter) {
  const NodeId leader = group_.elect();
  std::map<NodeId, RequestId> ids;
  for (const NodeId n : group_.all()) ids[n] = watch(n, 1);
  group_.write(put("a", "x"));
  group_.write(del("a"));
  group_.run_for(50ms);
  for (const auto& [node, id] : ids) EXPECT_EQ(told(node, id), "1:a=x 2:a-") << to_string(node);
  const NodeId follower = group_.follower_of(leader);
  group_.crash(leader);
  group_.write(put("b", "y"));
  group_.run_for(50ms);
  EXPECT_EQ(told(follower, ids[follower]), "3:b=y");
  EXPECT_EQ(last_.results->revision, Revision(3));
  EXPECT_EQ(last_.receipt.served_by, follower);
  ASSERT_TRUE(group_.restart(leader));
  group_.run_for(2s);
  const RequestId again = watch(leader, 2);
  group_.run_for(50ms);
  EXPECT_EQ(told(leader, again), "2:a- 3:b=y");
}

TEST_F(CpWatch, AReplicaThatHearsOfNothingEndsItsWatchesAndTakesNoneUntilItHasALeader) {
  const NodeId leader = group_.elect();
  const NodeId follower = group_.follower_of(leader);
  const RequestId open = watch(follower, 0);
  group_.split({follower});
  group_.run_for(6s);
  told(follower, open);
  EXPECT_EQ(last_.code, Code::no_leader);
  EXPECT_EQ(last_.outcome, Outcome::not_done);
  EXPECT_EQ(group_.at(follower).replies_last(open), 1U);
  EXPECT_EQ(group_
                .must_call(follower,
                           [] {
                             Request request = kit::get("");
                             request.verb = Verb::watch;
                             return request;
                           }())
                .code,
            Code::no_leader);
  group_.rejoin();
  group_.write(put("k", "v"));
  const RequestId later = watch(follower, 1);
  group_.run_for(2s);
  EXPECT_EQ(told(follower, later), "1:k=v");
}

// It never campaigns, and believes in its leader for ever.
TEST(CpWatchOfALearner, EndsWhenItHearsOfNothing) {
  kit::ReplicaCluster::Options four;
  four.nodes = 4;
  Group group(four);
  const NodeId leader = group.elect();
  topology::Catalog catalog = group.catalog();
  catalog.epoch = MapEpoch(catalog.epoch.value() + 1);
  topology::Keyspace& keyspace = catalog.keyspaces.at("k");
  keyspace.copies = 3;
  auto& owners = keyspace.partitions.front().owners;
  std::iter_swap(owners.begin(), std::find(owners.begin(), owners.end(), leader));
  const NodeId learner = owners.back();
  for (const NodeId n : group.all()) group.at(n).observe(kit::view_of(catalog, n, group.all()));
  ASSERT_TRUE(group.run_until([&] { return group.replica(learner).status().role == "learner"; }));
  Request request = with_budget(kit::get(""), 1s);
  request.verb = Verb::watch;
  const RequestId watching = group.submit(learner, request);
  group.run_for(5s);
  EXPECT_EQ(group.at(learner).replies_last(watching), 0U);
  group.isolate(learner);
  group.run_for(4s);
  EXPECT_EQ(group.at(learner).replies_last(watching), 1U);
  std::optional<Response> last;
  while (auto reply = group.take_reply(learner, watching)) last = std::move(reply);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->code, Code::no_leader);
  EXPECT_NE(last->why.find("has no leader"), std::string::npos) << last->why;
  EXPECT_EQ(group.must_call(learner, request).code, Code::no_leader);
  group.heal();
  group.write(put("k", "v"));
  const RequestId again = group.submit(learner, request);
  group.run_for(1s);
  EXPECT_EQ(group.at(learner).replies_last(again), 0U);
}

TEST_F(CpWatch, ACompactionInTheLogEndsWhoeverIsBelowItByName) {
  const NodeId leader = group_.elect();
  for (int i = 0; i < 10; ++i) group_.write(put("k", std::to_string(i)));
  Request compact = kit::get("");
  compact.verb = Verb::compact;
  compact.operands.ensure().revision = Revision(6);
  ASSERT_EQ(group_.write(compact).outcome, Outcome::done);
  group_.write(put("k", "10"));
  const RequestId below = watch(leader, 6);
  const RequestId above = watch(leader, 7);
  group_.run_for(50ms);
  EXPECT_EQ(told(leader, above), "7:k=6 8:k=7 9:k=8 10:k=9 11:k=10");
  told(leader, below);
  EXPECT_EQ(last_.code, Code::compacted);
  EXPECT_EQ(last_.results->compacted, Revision(6));
}

TEST_F(CpWatch, ACancelledOneIsSilentAndAStoppedNodeSaysSo) {
  const NodeId leader = group_.elect();
  const RequestId cancelled = watch(leader, 0);
  const RequestId open = watch(leader, 0);
  told(leader, cancelled);
  group_.at(leader).cancel({cancelled});
  group_.write(put("k", "v"));
  group_.run_for(50ms);
  EXPECT_EQ(told(leader, cancelled), "");
  EXPECT_EQ(told(leader, open), "1:k=v");
  group_.at(leader).round([](Replica& replica, Turn& turn) { static_cast<CpReplica&>(replica).hand_over(turn); });
  told(leader, open);
  EXPECT_EQ(last_.code, Code::not_ready);
  EXPECT_EQ(last_.results->revision, Revision(1));
}

TEST(CpReads, AnAbsenceWhoseDeleteIsForgottenNamesTheFloorOfTheHistory) {
  Group group;
  group.elect();
  group.write(put("k", "v"));
  const auto deleted = group.write(del("k"));
  EXPECT_EQ(group.write(kit::get("k")).version.modify_revision, deleted.version.modify_revision);
  Request compact = kit::get("");
  compact.verb = Verb::compact;
  compact.operands.ensure().revision = deleted.version.modify_revision;
  ASSERT_EQ(group.write(compact).outcome, Outcome::done);
  for (int i = 0; i < 3; ++i)
    group.write(put("other", std::to_string(i)));  // each takes a piece of the old history along
  const auto absent = group.write(kit::get("k"));
  EXPECT_FALSE(absent.found);
  EXPECT_EQ(absent.version.modify_revision, Revision());
  ASSERT_TRUE(absent.results);
  EXPECT_EQ(absent.results->compacted, deleted.version.modify_revision);
}

TEST(CpTokens, AFollowerAnswersOnlyOnceItHasAppliedWhatTheTokenNames) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.expect_convergence();
  group.set_delay(leader, follower, 300ms);
  const auto written = group.must_call(leader, put("k", "mine"));
  ASSERT_EQ(written.outcome, Outcome::done);
  const Request one = with_level(kit::get("k"), Level::one);
  EXPECT_FALSE(group.must_call(follower, one).found);  // without the token: its own copy, which is behind
  const auto read = group.must_call(follower, with_token(one, written.receipt.index.value()));
  EXPECT_EQ(read.value, Bytes("mine"));
  EXPECT_EQ(read.receipt.read_path, ReadPath::local);
  EXPECT_EQ(read.receipt.served_by, follower);
  EXPECT_GE(read.receipt.index, written.receipt.index);
  const auto page =
      group.must_call(follower, with_token(with_level(scan("k"), Level::one), read.receipt.index.value()));
  EXPECT_EQ(keys_of(page), "k");
}

TEST(CpTokens, AReplicaThatStaysBehindRefusesWithinTheBudget) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId behind = group.follower_of(leader);
  group.expect_convergence();
  group.split({behind});
  const auto written = group.must_call(leader, put("k", "mine"));
  const Time begin = group.now();
  const auto refused = group.must_call(
      behind, with_budget(with_token(with_level(kit::get("k"), Level::one), written.receipt.index.value()), 400ms));
  EXPECT_EQ(refused.code, Code::timeout);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_NE(refused.why.find("token"), std::string::npos) << refused.why;
  EXPECT_FALSE(refused.hint.empty());
  EXPECT_LE(group.now() - begin, 500ms);
  group.rejoin();
  const auto read =
      group.must_call(behind, with_token(with_level(kit::get("k"), Level::one), written.receipt.index.value()));
  EXPECT_EQ(read.value, Bytes("mine"));
}

// A token may name what never comes: those who wait for it leave the others room.
TEST(CpTokens, ReadsThatWaitForTokensDoNotCrowdOutThoseOfAMajority) {
  Group group;
  const NodeId leader = group.elect();
  std::vector<Request> hopeless(limits::shard_inbox_requests_max,
                                with_budget(with_token(with_level(kit::get("k"), Level::one), 1'000'000), 20s));
  while (!hopeless.empty()) {
    const auto some = hopeless.end() - 4096;
    group.submit(leader, std::vector<Request>(some, hopeless.end()));
    hopeless.erase(some, hopeless.end());
  }
  const auto refused = group.at(leader).take_replies();
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused.back().code, Code::overloaded);
  EXPECT_EQ(refused.back().outcome, Outcome::not_done);
  EXPECT_EQ(group.must_call(leader, kit::get("k")).outcome, Outcome::done);
}

TEST(CpTokens, AReadThatWaitsForItsTokenSurvivesAChangeOfLeader) {
  Group group;
  const NodeId leader = group.elect();
  const NodeId follower = group.follower_of(leader);
  group.expect_convergence();
  const auto last = group.replica(leader).status().last;
  group.split({leader});
  const RequestId waiting =
      group.submit(follower, with_budget(with_token(with_level(kit::get("k"), Level::one), last.value() + 2), 20s));
  ASSERT_TRUE(group.run_until([&] {
    const auto next = group.with_role("leader");
    return next && *next != leader && group.replica(*next).status().commit > last;
  }));
  group.rejoin();
  group.write(put("k", "v"));
  std::optional<Response> reply;
  ASSERT_TRUE(group.run_until([&] { return (reply = group.take_reply(follower, waiting)).has_value(); }));
  EXPECT_EQ(reply->value, Bytes("v")) << reply->why;
}

}  // namespace
}  // namespace rift::cp
