#include "caller/tokens.h"

#include <set>

#include <gtest/gtest.h>

#include "world.h"

namespace rift::caller {
namespace {

const PartitionId p1{1}, p2{2};

Version version(std::uint64_t hlc, std::uint32_t node = 1) {
  return {.hlc = hlc, .dot_node = NodeId(node), .dot_incarnation = 1, .dot_sequence = hlc};
}

TEST(Tokens, KeepTheNewestOfEachKey) {
  Tokens tokens;
  EXPECT_EQ(tokens.seen(p1, "k"), Version());
  tokens.note(p1, "k", version(5));
  tokens.note(p1, "k", version(4));
  EXPECT_EQ(tokens.seen(p1, "k"), version(5));
  tokens.note(p1, "k", version(5, 2));
  EXPECT_EQ(tokens.seen(p1, "k"), version(5, 2)) << "of one instant the larger node stands later";
  EXPECT_EQ(tokens.seen(p1, "l"), Version());
  EXPECT_EQ(tokens.seen(p2, "k"), Version()) << "a keyspace that was dropped and created again begins anew";
  tokens.note(p1, "l", Version());
  EXPECT_EQ(tokens.size(), 1U) << "an absent key that nobody has deleted";
}

TEST(Tokens, ForgetTheKeysUsedLongestAgo) {
  Tokens tokens(3);
  for (const char* key : {"a", "b", "c"}) tokens.note(p1, key, version(1));
  EXPECT_EQ(tokens.seen(p1, "a"), version(1));  // used again
  tokens.note(p1, "d", version(1));
  EXPECT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens.seen(p1, "b"), Version());
  for (const char* key : {"a", "c", "d"}) EXPECT_EQ(tokens.seen(p1, key), version(1)) << key;
}

TEST(Tokens, AreBoundedWhateverIsUsed) {
  Tokens tokens;
  for (std::size_t i = 0; i < 3 * tokens_max; ++i) tokens.note(p1, std::to_string(i), version(i + 1));
  EXPECT_EQ(tokens.size(), tokens_max);
}

// Answers the one that is open with `told`, and gives what it had asked.
Request exchange(World& world, const Version& told) {
  const Send send = world.sent();
  Response response = refuse(send.request.id, Code::ok, "");
  response.version = told;
  world.caller.receive(std::move(response), world.now);
  world.ended();
  return send.request;
}

TEST(ReadOwn, OfAnApKeyspaceEachRequestNamesWhatWasSeenOfItsKey) {
  World world({.read_own = true});
  world.get(1, "carts");
  Request request = exchange(world, version(5));
  EXPECT_EQ(request.seen, Version());
  EXPECT_TRUE(request.mints_token) << "its answer is where the session goes on from";
  world.put(2, "carts");
  request = exchange(world, version(9));
  EXPECT_EQ(request.seen, version(5));
  world.get(3, "carts");
  EXPECT_EQ(exchange(world, version(9)).seen, version(9));
  world.caller.submit(RequestId(4), {.keyspace = "carts", .verb = Verb::get, .key = "other"}, world.now);
  EXPECT_EQ(exchange(world, version(20)).seen, Version());
  world.caller.submit(RequestId(5), {.keyspace = "carts", .verb = Verb::get, .key = "k", .seen = version(11)},
                      world.now);
  EXPECT_EQ(exchange(world, version(12)).seen, version(11)) << "the newer of what is kept and what is said";
  world.caller.submit(RequestId(6), {.keyspace = "carts", .verb = Verb::get, .key = "k", .seen = version(11)},
                      world.now);
  EXPECT_EQ(exchange(world, version(12)).seen, version(12));
}

TEST(ReadOwn, WithoutItNothingIsNamed) {
  World world;
  world.put(1, "carts");
  exchange(world, version(9));
  world.get(2, "carts");
  const Request request = exchange(world, version(9));
  EXPECT_EQ(request.seen, Version());
  EXPECT_FALSE(request.mints_token);
}

TEST(ReadOwn, WhatMayNotHaveHappenedIsNotSeen) {
  World world({.read_own = true});
  world.put(1, "carts");
  const Send send = world.sent();
  Response response = refuse(send.request.id, Code::level_missed, "");
  response.version = version(9);
  world.caller.receive(std::move(response), world.now);
  EXPECT_EQ(world.ended().response.outcome, Outcome::unknown);
  world.get(2, "carts");
  EXPECT_EQ(world.sent().request.seen, Version());
}

TEST(ReadOwn, ATokenThatIsNotMetIsTakenToTheOtherOwnersAndThenReported) {
  World world({.read_own = true});
  world.put(1, "carts");
  exchange(world, version(9));
  world.get(2, "carts");
  std::set<NodeId> asked;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(world.nothing_ended());
    const Send send = world.sent();
    asked.insert(send.node);
    EXPECT_EQ(send.request.seen, version(9));
    world.answer(send, Code::token_not_met);
  }
  const Response end = world.ended().response;
  EXPECT_EQ(end.code, Code::token_not_met);
  EXPECT_EQ(end.outcome, Outcome::not_done);
  EXPECT_EQ(asked.size(), 3U);
  EXPECT_TRUE(world.silent());
}

// It went with the only owner that had it: without a way out the key would stay unreadable for this client.
TEST(ReadOwn, WhatWasLostForGoodCanBeLeftBehind) {
  World world({.read_own = true});
  world.put(1, "carts");
  exchange(world, version(9));
  world.caller.submit(RequestId(2), {.keyspace = "carts", .verb = Verb::get, .key = "k", .read_own = false}, world.now);
  EXPECT_EQ(exchange(world, version(4)).seen, Version());
  world.get(3, "carts");
  EXPECT_EQ(exchange(world, version(4)).seen, version(4));
}

TEST(ReadOwn, NoWriteStandsAboveAVersionWhereWallClocksOrderThem) {
  World world({.read_own = true});
  topology::Catalog map = *world.caller.catalog();
  map.epoch = MapEpoch(map.epoch.value() + 1);
  map.keyspaces.at("carts").wall_clock = true;
  world.caller.observe(std::make_shared<const topology::Catalog>(std::move(map)), world.now);
  world.get(1, "carts");
  exchange(world, version(5));
  world.put(2, "carts");
  EXPECT_EQ(exchange(world, version(6)).seen, Version());
  world.get(3, "carts");
  EXPECT_EQ(exchange(world, version(6)).seen, version(6));
}

}  // namespace
}  // namespace rift::caller
