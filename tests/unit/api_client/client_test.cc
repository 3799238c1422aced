#include "client/client.h"

#include <grpcpp/support/status.h>

#include <atomic>

#include "base/limits.h"
#include "client/convert.h"
#include "fake_node.h"

namespace rift {
namespace {

TEST(Client, PutsGetsDeletesAndComparesAndSets) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  const Answer put = client->put("bank", "k", "one");
  EXPECT_EQ(put.outcome, Outcome::done);
  EXPECT_EQ(put.receipt.served_by, NodeId(1));
  EXPECT_EQ(put.receipt.acknowledged_by, (std::vector{NodeId(1), NodeId(2)}));
  EXPECT_EQ(put.version.modify_revision, Revision(1));
  ASSERT_TRUE(put.op.has_value());

  const Answer got = client->get("bank", "k", {.level = Level::majority});
  EXPECT_TRUE(got.found);
  EXPECT_EQ(got.value, Bytes("one"));
  EXPECT_FALSE(got.op.has_value());

  const Answer failed = client->cas("bank", "k", {.kind = Condition::Kind::value, .value = "two"}, "three");
  EXPECT_EQ(failed.code, Code::condition_failed);
  EXPECT_EQ(failed.outcome, Outcome::not_done);
  EXPECT_EQ(failed.value, Bytes("one"));
  EXPECT_TRUE(
      client->cas("bank", "k", {.kind = Condition::Kind::version, .version = 1, .value = {}}, "three").is_done());
  EXPECT_TRUE(client->del("bank", "k").is_done());
  const Answer absent = client->get("bank", "k");
  EXPECT_TRUE(absent.is_done());
  EXPECT_FALSE(absent.found);
  EXPECT_TRUE(client->cas("bank", "k", {.kind = Condition::Kind::absent, .value = {}}, "four").is_done());
}

TEST(Client, TheRequestArrivesAsItWasAsked) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  EXPECT_TRUE(client->get("carts", "k", {.level = Level::all, .deadline = seconds(2), .write_back = false}).is_done());
  const auto seen = cluster.front().seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].keyspace, "carts");
  EXPECT_EQ(seen[0].verb, Verb::get);
  EXPECT_EQ(seen[0].level, Level::all);
  EXPECT_FALSE(seen[0].write_back);
  EXPECT_EQ(seen[0].epoch, MapEpoch(3));
  EXPECT_LE(seen[0].budget, seconds(2));
  EXPECT_GT(seen[0].budget, milliseconds(1500));
}

TEST(Client, ManyThreadsShareOneClient) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        if (client->put("bank", key, key).is_done() && client->get("bank", key).value == Bytes(key)) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 800);
}

TEST(Client, T48EachPairOfABatchHasAnOutcomeOfItsOwn) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  AdminClient admin(cluster.address());
  ASSERT_TRUE(admin.create_keyspace({.name = "wide", .mode = Mode::ap, .partitions = 4}).has_value());
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < 600; ++i) pairs.emplace_back("k" + std::to_string(i), "v");
  cluster.front().set_script([](const Request& request) -> std::optional<Response> {
    if (request.key == Bytes("k7")) return refuse(request.id, Code::level_missed, "one of two");
    if (request.key == Bytes("k300")) return refuse(request.id, Code::invalid, "never");
    return refuse(request.id, Code::ok, "");
  });
  std::size_t told = 0;
  const auto answers = client->put_all("wide", pairs, {}, [&](std::size_t ended) {
    EXPECT_GT(ended, told);
    told = ended;
  });
  ASSERT_EQ(answers.size(), pairs.size());
  EXPECT_EQ(told, pairs.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Outcome expected = i == 7 ? Outcome::unknown : i == 300 ? Outcome::not_done : Outcome::done;
    EXPECT_EQ(answers[i].outcome, expected) << i;
  }
  EXPECT_EQ(cluster.front().seen().size(), pairs.size()) << "none was sent twice";
  EXPECT_TRUE(client->put_all("wide", {}).empty());
}

TEST(Client, T48ABatchOfLargeValuesIsSentInSteps) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  cluster.front().set_script([](const Request& request) { return refuse(request.id, Code::ok, ""); });
  const std::size_t most = Client::put_all_bytes_in_flight / limits::mebi;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i < 2 * most + 1; ++i)
    pairs.emplace_back("k" + std::to_string(i), std::string(limits::mebi - 8, 'v'));
  std::vector<std::size_t> told;
  const auto answers = client->put_all("bank", pairs, {}, [&](std::size_t ended) { told.push_back(ended); });
  EXPECT_EQ(told, (std::vector<std::size_t>{most, 2 * most, 2 * most + 1}));
  EXPECT_TRUE(std::all_of(answers.begin(), answers.end(), [](const Answer& answer) { return answer.is_done(); }));
}

TEST(Client, SubmittedOperationsTravelInBatches) {
  FakeCluster cluster;
  const auto client = cluster.connect({.endpoints = {}, .exactly_once = false});
  constexpr int count = 5000;
  std::atomic<int> done = 0;
  std::promise<void> all;
  for (int i = 0; i < count; ++i) {
    client->submit({.keyspace = "bank", .verb = Verb::put, .key = Bytes(std::to_string(i)), .value = "v"},
                   [&](const Answer& reply) {
                     EXPECT_TRUE(reply.is_done()) << reply.why;
                     if (++done == count) all.set_value();
                   });
  }
  ASSERT_EQ(all.get_future().wait_for(seconds(20)), std::future_status::ready);
  EXPECT_LT(cluster.front().batches().size(), count / 2);
}

TEST(Client, ACallbackMaySubmit) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  std::promise<Bytes> value;
  client->submit({.keyspace = "bank", .verb = Verb::put, .key = "k", .value = "v"}, [&](const Answer&) {
    client->submit({.keyspace = "bank", .verb = Verb::get, .key = "k"},
                   [&](const Answer& reply) { value.set_value(reply.value); });
  });
  EXPECT_EQ(value.get_future().get(), Bytes("v"));
}

// One message brings a hundred answers, and each callback submits again: the first of those leave while the last are still to be called.
TEST(Client, WhatCallbacksSubmitDoesNotWaitForAllOfThem) {
  FakeCluster cluster;
  const auto client = cluster.connect({.endpoints = {}, .exactly_once = false});
  constexpr int count = 100;
  std::atomic<int> done = 0;
  std::promise<void> all;
  const auto put = [&](Client::Callback then) {
    client->submit({.keyspace = "bank", .verb = Verb::put, .key = "k", .value = "v"}, std::move(then));
  };
  put([&](const Answer&) {
    for (int i = 0; i < count; ++i) {
      put([&](const Answer&) {
        put([&](const Answer& reply) {
          EXPECT_TRUE(reply.is_done()) << reply.why;
          if (++done == count) all.set_value();
        });
      });
    }
  });
  ASSERT_EQ(all.get_future().wait_for(seconds(20)), std::future_status::ready);
  const auto sizes = cluster.front().batches();
  ASSERT_GE(sizes.size(), 3u);
  EXPECT_EQ(sizes[1], std::size_t{count});
  EXPECT_LT(sizes[2], std::size_t{count});
}

TEST(Client, TheLargestLegalRequestsPass) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  const std::string key(limits::key_bytes_max, 'k');
  const std::string value(limits::value_bytes_max, 'v');
  EXPECT_TRUE(client->put("bank", key, value).is_done());
  EXPECT_EQ(client->get("bank", key).value.view(), value);
  const std::string half(limits::value_bytes_max / 2, 'h');
  ASSERT_TRUE(client->put("bank", key, half).is_done());
  EXPECT_TRUE(client->cas("bank", key, {.kind = Condition::Kind::value, .value = Bytes(half)}, half).is_done());
  EXPECT_EQ(client->put("bank", key, value + "x").code, Code::too_large);
  EXPECT_EQ(client->put("bank", "", "x").code, Code::invalid);
}

TEST(Client, MoreThanAConnectionMayHoldWaitsItsTurn) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  ASSERT_TRUE(client->put("bank", "first", "v").is_done());
  std::atomic<int> left = 32;
  std::promise<void> all;
  for (int i = 0; i < 32; ++i) {
    client->submit({.keyspace = "bank",
                    .verb = Verb::put,
                    .key = Bytes(std::to_string(i)),
                    .value = Bytes(std::string(limits::value_bytes_max, 'v'))},
                   [&](const Answer& reply) {
                     EXPECT_TRUE(reply.is_done()) << reply.why;
                     EXPECT_EQ(reply.attempts, 1U);
                     if (--left == 0) all.set_value();
                   });
  }
  EXPECT_EQ(all.get_future().wait_for(seconds(20)), std::future_status::ready);
}

TEST(Client, AnUnknownKeyspaceIsRefused) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  const Answer reply = client->put("nowhere", "k", "v");
  EXPECT_EQ(reply.code, Code::unknown_keyspace);
  EXPECT_EQ(reply.outcome, Outcome::not_done);
}

TEST(Client, AKeyspaceCreatedLaterIsFound) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  AdminClient admin(cluster.address());
  ASSERT_TRUE(admin.create_keyspace({.name = "later", .mode = Mode::cp, .partitions = 1}).has_value());
  EXPECT_TRUE(client->put("later", "k", "v").is_done());
  EXPECT_NE(client->catalog()->find("later"), nullptr);
}

TEST(Client, TheCallsOfManyKeysFindAKeyspaceCreatedLater) {
  for (const std::string call : {"scan", "del_range", "multi_get"}) {
    FakeCluster cluster;
    const auto client = cluster.connect();
    AdminClient admin(cluster.address());
    ASSERT_TRUE(admin.create_keyspace({.name = "later", .mode = Mode::cp, .partitions = 2}).has_value());
    if (call == "scan") {
      EXPECT_TRUE(client->scan({.keyspace = "later"}).has_value());
    } else if (call == "del_range") {
      EXPECT_TRUE(client->del_range("later", "a", "").is_done());
    } else {
      EXPECT_TRUE(client->multi_get("later", {"a", "b", "c", "d"}).is_done());
    }
    EXPECT_NE(client->catalog()->find("later"), nullptr) << call;
    EXPECT_EQ(cluster.front().seen().size(), call == "scan" ? 0U : 2U) << "one for each partition: " << call;
    EXPECT_EQ(client->scan({.keyspace = "never"}).error().code, Code::unknown_keyspace);
    EXPECT_EQ(client->del_range("never", "a", "").code, Code::unknown_keyspace);
    EXPECT_EQ(client->multi_get("never", {"a"}).code, Code::unknown_keyspace);
  }
}

TEST(Client, MultiGetIsPlannedAnewWhenTheKeyspaceHasOtherPartitions) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  AdminClient admin(cluster.address());
  ASSERT_TRUE(admin.drop_keyspace("bank").has_value());
  ASSERT_TRUE(admin.create_keyspace({.name = "bank", .mode = Mode::cp, .partitions = 2}).has_value());
  std::atomic<int> refusals = 0;
  cluster.front().set_script([&](const Request& request) -> std::optional<Response> {
    if (request.operands->then_steps.size() < 4) return refuse(request.id, Code::ok, "");
    ++refusals;
    return refuse(request.id, Code::invalid, "the keys fall into several partitions");
  });
  EXPECT_TRUE(client->multi_get("bank", {"a", "b", "c", "d"}).is_done());
  EXPECT_EQ(refusals, 1);
  EXPECT_EQ(cluster.front().seen().size(), 3U);
}

// Large keys fill a page of bytes with few of them, so that the number of keys deleted says nothing about the end.
TEST(Client, ARepeatedAnswerIsNeverTheEndOfADeletedRange) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  std::vector<std::string> begun;
  std::promise<std::vector<std::string>> all;
  cluster.front().set_script([&](const Request& request) -> std::optional<Response> {
    begun.push_back(request.key.to_string());
    const std::size_t page = begun.size();
    Response response = refuse(request.id, Code::ok, "");
    response.outcome = Outcome::done;
    Results& results = response.results.emplace();
    results.deleted = page == 4 ? 0 : 3;
    if (page == 1) results.next_key = "d";
    response.receipt.duplicate = page == 2;  // its next_key is lost
    if (page == 3) results.next_key = "g";
    if (page == 4) all.set_value(begun);
    return response;
  });
  const Answer answer = client->del_range("bank", "a", "");
  ASSERT_TRUE(answer.is_done()) << answer.why;
  EXPECT_EQ(answer.results->deleted, 9U);
  auto asked = all.get_future();
  ASSERT_EQ(asked.wait_for(seconds(0)), std::future_status::ready) << "keys are left";
  EXPECT_EQ(asked.get(), (std::vector<std::string>{"a", "d", "d", "g"}));
}

TEST(Client, ATokenIsRefusedWhereSeveralPartitionsAreRead) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  AdminClient admin(cluster.address());
  ASSERT_TRUE(admin.create_keyspace({.name = "wide", .mode = Mode::cp, .partitions = 4}).has_value());
  cluster.front().set_script([](const Request& request) { return refuse(request.id, Code::ok, ""); });
  auto wide = client->scan({.keyspace = "wide"});
  ASSERT_TRUE(wide.has_value());
  for (const Answer& answer : {client->next_page(*wide, {.token = 7}),
                               client->multi_get("wide", {"a", "b", "c", "d", "e", "f"}, {.token = 7})}) {
    EXPECT_EQ(answer.code, Code::invalid);
    EXPECT_EQ(answer.outcome, Outcome::not_done);
    EXPECT_NE(answer.why.find("a token is of one partition"), std::string::npos) << answer.why;
    EXPECT_NE(answer.hint.find("read_own"), std::string::npos) << answer.hint;
  }
  EXPECT_TRUE(cluster.front().seen().empty());
  auto one = client->scan({.keyspace = "bank"});
  ASSERT_TRUE(one.has_value());
  EXPECT_TRUE(client->next_page(*one, {.token = 7}).is_done());
  EXPECT_TRUE(client->multi_get("wide", {"{t}a", "{t}b"}, {.token = 8}).is_done());
  const auto seen = cluster.front().seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].token, 7U);
  EXPECT_EQ(seen[1].token, 8U);
}

TEST(Client, FollowsTheLeaderHint) {
  FakeCluster cluster(3);
  const auto refuse_with_hint = [](const Request& request) -> std::optional<Response> {
    Response response = refuse(request.id, Code::not_leader, "n3 leads");
    response.receipt.leader = NodeId(3);
    return response;
  };
  cluster.front(1).set_script(refuse_with_hint);
  cluster.front(2).set_script(refuse_with_hint);
  const auto client = cluster.connect();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client->put("bank", "k", "v").receipt.served_by, NodeId(3));
  EXPECT_LE(cluster.front(1).seen().size() + cluster.front(2).seen().size(), 1U);
}

TEST(Client, WhatWasSeenOfAnApKeyTravelsWithTheNextCalls) {
  FakeCluster cluster;
  const Version told{.hlc = 77, .dot_node = NodeId(1), .dot_incarnation = 2, .dot_sequence = 3};
  cluster.front().set_script([&](const Request& request) -> std::optional<Response> {
    Response response = refuse(request.id, Code::ok, "");
    response.version = told;
    return response;
  });
  const auto named = cluster.connect();
  ASSERT_TRUE(named->get("carts", "k", {.seen = told, .mints_token = true}).is_done());
  const auto session = cluster.connect({.endpoints = {}, .read_own = true});
  EXPECT_EQ(session->put("carts", "k", "v").version, told);
  ASSERT_TRUE(session->get("carts", "k").is_done());
  ASSERT_TRUE(session->get("carts", "k", {.read_own = false}).is_done());
  const auto seen = cluster.front().seen();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].seen, told);
  EXPECT_TRUE(seen[0].mints_token);
  EXPECT_EQ(seen[1].seen, Version());
  EXPECT_EQ(seen[2].seen, told);
  EXPECT_TRUE(seen[2].mints_token);
  EXPECT_EQ(seen[3].seen, Version());
}

TEST(Client, APinnedClientStays) {
  FakeCluster cluster(3);
  cluster.front(2).set_script([](const Request& request) -> std::optional<Response> {
    return refuse(request.id, Code::no_leader, "n2 reaches 1 of 3 voters");
  });
  const auto client = cluster.connect({.endpoints = {}, .pin = cluster.address(2), .deadline = milliseconds(300)});
  const Answer reply = client->put("bank", "k", "v");
  EXPECT_EQ(reply.code, Code::no_leader);
  EXPECT_EQ(reply.outcome, Outcome::not_done);
  EXPECT_GT(reply.attempts, 2U);
  EXPECT_TRUE(cluster.front(1).seen().empty());
  EXPECT_TRUE(cluster.front(3).seen().empty());
}

TEST(Client, ACpWriteCutOffMidWayIsSentAgainUnderTheSameOpId) {
  FakeCluster cluster;
  const auto client = cluster.connect({.endpoints = {}, .deadline = seconds(20)});
  ASSERT_TRUE(client->put("bank", "warm", "v").is_done());
  std::promise<void> arrived;
  cluster.front().set_script([&](const Request&) -> std::optional<Response> {
    arrived.set_value();
    return std::nullopt;
  });
  std::promise<Answer> end;
  client->submit({.keyspace = "bank", .verb = Verb::put, .key = "k", .value = "v"},
                 [&](Answer reply) { end.set_value(std::move(reply)); });
  arrived.get_future().wait();
  const std::uint16_t port = cluster.port();
  cluster.front().set_script({});
  cluster.stop(1);
  cluster.start(1, port);
  const Answer reply = end.get_future().get();
  EXPECT_TRUE(reply.is_done()) << reply.why;
  const auto seen = cluster.front().seen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[1].op->sequence, seen[2].op->sequence);
  EXPECT_EQ(seen[1].op->client, seen[2].op->client);
  EXPECT_FALSE(seen[1].op->retry);
  EXPECT_TRUE(seen[2].op->retry);
}

TEST(Client, AnApWriteCutOffMidWayIsUnknownAndNotSentAgain) {
  FakeCluster cluster(3);
  std::promise<NodeId> arrived;
  for (std::uint32_t n = 1; n <= 3; ++n) {
    cluster.front(n).set_script([&arrived, n](const Request&) -> std::optional<Response> {
      arrived.set_value(NodeId(n));
      return std::nullopt;
    });
  }
  const auto client = cluster.connect();
  std::promise<Answer> end;
  client->submit({.keyspace = "carts", .verb = Verb::put, .key = "k", .value = "v"},
                 [&](Answer reply) { end.set_value(std::move(reply)); });
  const NodeId first = arrived.get_future().get();
  cluster.stop(first.value());
  const Answer reply = end.get_future().get();
  EXPECT_EQ(reply.code, Code::disconnected);
  EXPECT_EQ(reply.outcome, Outcome::unknown);
  EXPECT_EQ(cluster.front(1).seen().size() + cluster.front(2).seen().size() + cluster.front(3).seen().size(), 1U);
}

// Writes that may not be sent twice, so that each one cut off in the stop would end unknown.
TEST(Client, AnOrderlyStopLeavesNoWriteInDoubt) {
  FakeCluster cluster(3);
  const auto client = cluster.connect({.endpoints = {cluster.address(1), cluster.address(2), cluster.address(3)}});
  std::atomic<bool> is_running{true};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> doubtful{0};
  std::promise<std::string> doubt;
  std::function<void()> submit = [&] {
    ++open;
    client->submit({.keyspace = "carts", .verb = Verb::put, .key = "k", .value = "v"}, [&](const Answer& answer) {
      if (answer.is_done()) {
        ++done;
      } else if (doubtful++ == 0) {
        doubt.set_value(std::string(to_string(answer.code)) + ": " + answer.why);
      }
      if (is_running) submit();
      --open;
    });
  };
  for (int i = 0; i < 64; ++i) submit();
  const auto wait_for_more = [&] {
    for (const std::uint64_t enough = done + 300; done < enough && doubtful == 0;) {
    }
  };
  for (std::uint32_t round = 0; round < 12; ++round) {
    wait_for_more();
    const std::uint32_t n = 1 + round % 3;
    const std::uint16_t port = cluster.port(n);
    cluster.stop(n);
    wait_for_more();
    cluster.start(n, port);
  }
  is_running = false;
  while (open > 0) {
  }
  EXPECT_EQ(doubtful, 0U) << doubt.get_future().get();
}

TEST(Client, AnApWriteGoesRoundADeadNode) {
  FakeCluster cluster(3);
  const auto client = cluster.connect({.endpoints = {cluster.address(1), cluster.address(2), cluster.address(3)}});
  const NodeId dead = client->catalog()->find("carts")->partitions[0].owners[0];
  cluster.stop(dead.value());
  const Answer reply = client->put("carts", "k", "v");
  EXPECT_TRUE(reply.is_done()) << reply.why;
  EXPECT_NE(reply.receipt.served_by, dead);
}

TEST(Client, WhatNeverLeftIsNotDone) {
  FakeCluster cluster;
  const auto client = cluster.connect({.endpoints = {}, .deadline = milliseconds(400)});
  cluster.stop(1);
  for (const char* keyspace : {"bank", "carts"}) {
    const Answer reply = client->put(keyspace, "k", "v");
    EXPECT_EQ(reply.outcome, Outcome::not_done) << reply.why;
    EXPECT_EQ(reply.code, Code::unreachable);
  }
}

TEST(Client, AnUnknownWriteIsResolved) {
  FakeCluster cluster;
  const auto client = cluster.connect();
  ASSERT_TRUE(client->put("bank", "warm", "v").is_done());
  cluster.front().set_script([](const Request&) -> std::optional<Response> { return std::nullopt; });
  const Answer unknown = client->put("bank", "k", "v", {.deadline = milliseconds(150)});
  EXPECT_EQ(unknown.outcome, Outcome::unknown);
  ASSERT_TRUE(unknown.op.has_value());
  cluster.front().set_script({});
  const Answer resolved = client->resolve("bank", "k", *unknown.op);
  EXPECT_EQ(resolved.code, Code::refused);
  EXPECT_EQ(resolved.outcome, Outcome::not_done);
}

TEST(Client, ConnectingToNobodyFailsInTime) {
  const auto begin = std::chrono::steady_clock::now();
  const auto client = Client::connect({.endpoints = {"127.0.0.1:1"}, .connect_deadline = milliseconds(300)});
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code, Code::unreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3));
  EXPECT_EQ(Client::connect({.endpoints = {}}).error().code, Code::invalid);
}

TEST(Client, KnowsWhatNeverLeftFromWhatMayHave) {
  const auto code = [](const char* text) { return client::to_error({grpc::StatusCode::UNAVAILABLE, text}).code; };
  EXPECT_EQ(code("failed to connect to all addresses; last error: refused"), Code::unreachable);
  EXPECT_EQ(code("DNS resolution failed for foo: C-ares status is not ARES_SUCCESS"), Code::unreachable);
  EXPECT_EQ(code("Socket closed"), Code::disconnected);
}

TEST(Client, DestructionEndsOpenOperationsAndIsBounded) {
  FakeCluster cluster;
  auto client = cluster.connect();
  cluster.front().set_script([](const Request&) -> std::optional<Response> { return std::nullopt; });
  std::atomic<int> ended = 0;
  for (int i = 0; i < 100; ++i) {
    client->submit(
        {.keyspace = "carts", .verb = Verb::put, .key = "k", .value = "v", .deadline = std::chrono::seconds(60)},
        [&](const Answer&) { ++ended; });
  }
  const auto begin = std::chrono::steady_clock::now();
  client.reset();
  EXPECT_EQ(ended, 100);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30))
      << "it does not wait for their deadlines";
}

TEST(Client, DestructionAnswersWhatCallbacksSubmitMeanwhile) {
  FakeCluster cluster;
  auto client = cluster.connect();
  cluster.front().set_script([](const Request&) -> std::optional<Response> { return std::nullopt; });
  const caller::Operation put{.keyspace = "bank", .verb = Verb::put, .key = "k", .value = "v"};
  int ended = 0;
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    client->submit(put, [&, again = client.get()](const Answer&) {
      ++ended;
      again->submit(put, [&](const Answer& answer) {
        if (answer.code == Code::not_ready && answer.outcome == Outcome::not_done) ++refused;
      });
    });
  }
  client.reset();
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(refused, 100);
}

TEST(Client, DestructionLetsGoOfWhoeverSubmitsOnEveryAnswer) {
  FakeCluster cluster;
  auto client = cluster.connect();
  cluster.front().set_script([](const Request&) -> std::optional<Response> { return std::nullopt; });
  std::vector<Code> answers;
  const auto guard = std::make_shared<int>();
  std::function<void()> submit = [&, again = client.get()] {
    again->submit({.keyspace = "bank", .verb = Verb::put, .key = "k", .value = "v"}, [&, guard](const Answer& answer) {
      answers.push_back(answer.code);
      submit();
    });
  };
  submit();
  client.reset();
  std::vector<Code> expected(9, Code::not_ready);
  expected.front() = answers.empty() ? Code::ok : answers.front();
  EXPECT_EQ(answers, expected);
  EXPECT_EQ(guard.use_count(), 1) << "the last callback is gone, too";
}

}  // namespace
}  // namespace rift
