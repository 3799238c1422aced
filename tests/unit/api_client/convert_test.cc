// What the SDK writes, the API reads: each verb and each part of an answer survives the public form.
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "api/convert.h"
#include "base/limits.h"
#include "client/convert.h"
#include "riftkv/v1/kv.pb.h"

namespace rift {
namespace {

using std::chrono::seconds;

Request request_of(Verb verb, std::string_view key, std::string_view value = {}) {
  Request request;
  request.id = RequestId(7);
  request.keyspace = "bank";
  request.verb = verb;
  request.key = Bytes(key);
  request.value = Bytes(value);
  request.budget = seconds(3);
  return request;
}

Request with(Request request, Operands operands) {
  request.operands = std::move(operands);
  return request;
}

Request conditional(Condition condition) {
  Request request = request_of(Verb::cas, "k", "new");
  request.condition = std::move(condition);
  return request;
}

Operands txn_operands() {
  Operands operands;
  operands.compares = {{.key = "a", .condition = {.kind = Condition::Kind::value, .version = 0, .value = "x"}},
                       {.key = "b", .condition = {.kind = Condition::Kind::created, .version = 9, .value = {}}}};
  operands.then_steps = {{.verb = Verb::put, .key = "a", .value = "1", .ttl = seconds(4)},
                         {.verb = Verb::increment, .key = "n", .value = {}, .delta = -3, .ttl = seconds(2)},
                         {.verb = Verb::get, .key = "b", .value = {}}};
  operands.else_steps = {{.verb = Verb::del, .key = "a", .value = {}}};
  return operands;
}

std::vector<Request> every_request() {
  Operands ttl;
  ttl.ttl = seconds(5);
  Operands range;
  range.range_end = "z";
  Operands delta = ttl;
  delta.delta = INT64_MIN;
  Operands revision;
  revision.revision = Revision(77);
  Operands page = range;
  page.keys_max = 10;
  page.keys_only = true;
  Operands watched = range;
  watched.revision = Revision(5);
  Operands one_key;
  one_key.single_key = true;
  Operands keys;
  keys.then_steps = {{.verb = Verb::get, .key = "a", .value = {}}, {.verb = Verb::get, .key = "b", .value = {}}};
  Request token = request_of(Verb::get, "k");
  token.token = 123;
  Request seen = request_of(Verb::put, "k", "v");
  Request mint = request_of(Verb::get, "k");
  mint.mints_token = true;
  seen.seen = Version{.hlc = 1, .dot_node = NodeId(2), .dot_incarnation = 3, .dot_sequence = 4};
  Request named = request_of(Verb::resolve, "k");
  named.op = OpId{.client = {.high = 1, .low = 2}, .sequence = 9, .floor = 3, .first = true, .retry = true};
  Request partition = with(request_of(Verb::scan, ""), page);
  partition.partition = PartitionId(12);
  Request kept = with(request_of(Verb::lock, "l", "me"), ttl);
  kept.condition = {.kind = Condition::Kind::created, .version = 41, .value = {}};
  return {request_of(Verb::get, "k"),
          request_of(Verb::put, "k", "v"),
          with(request_of(Verb::put, "k", "v"), ttl),
          request_of(Verb::del, "k"),
          conditional({.kind = Condition::Kind::absent, .version = 0, .value = {}}),
          conditional({.kind = Condition::Kind::version, .version = 8, .value = {}}),
          conditional({.kind = Condition::Kind::value, .version = 0, .value = "old"}),
          conditional({.kind = Condition::Kind::exists, .version = 0, .value = {}}),
          with(conditional({.kind = Condition::Kind::created, .version = 8, .value = {}}), ttl),
          with(request_of(Verb::increment, "n"), delta),
          with(request_of(Verb::del_range, "a"), range),
          with(request_of(Verb::txn, "a"), txn_operands()),
          with(request_of(Verb::lock, "l", "me"), ttl),
          kept,
          request_of(Verb::unlock, "l", "me"),
          with(request_of(Verb::multi_get, "a"), keys),
          partition,
          with(request_of(Verb::watch, "a"), watched),
          with(request_of(Verb::watch, "a"), one_key),
          with(request_of(Verb::compact, ""), revision),
          token,
          named,
          seen,
          mint};
}

TEST(Convert, EveryVerbSurvivesThePublicForm) {
  for (const Request& request : every_request()) {
    riftkv::v1::Operation operation;
    client::fill(request, operation);
    const auto read = api::to_request(request.id, operation);
    ASSERT_TRUE(read.has_value()) << static_cast<int>(request.verb);
    EXPECT_EQ(*read, request) << static_cast<int>(request.verb);
    EXPECT_TRUE(validate(*read).has_value()) << static_cast<int>(request.verb);
  }
}

// A time to live below the grain of the public form may become longer, never none.
TEST(Convert, ATimeToLiveIsRoundedUp) {
  Request request = request_of(Verb::put, "k", "v");
  request.operands.emplace().ttl = Duration(1);
  riftkv::v1::Operation operation;
  client::fill(request, operation);
  EXPECT_EQ(MUST(api::to_request(request.id, operation)).operands->ttl, Duration(std::chrono::milliseconds(1)));
  client::fill(request, operation);  // the conversion takes what it reads
  operation.mutable_put()->set_ttl_ms(UINT64_MAX);
  const Request beyond = MUST(api::to_request(request.id, operation));
  EXPECT_GT(beyond.operands->ttl, limits::ttl_max);
  EXPECT_FALSE(validate(beyond).has_value());
}

TEST(Convert, ALockWithoutATimeHasTheDefault) {
  riftkv::v1::Operation operation;
  operation.set_keyspace("bank");
  operation.set_key("l");
  operation.mutable_lock()->set_holder("me");
  EXPECT_EQ(MUST(api::to_request(RequestId(1), operation)).operands->ttl, limits::lock_ttl_default);
}

TEST(Convert, EveryFieldOfAReceiptSurvives) {
  Response response;
  response.id = RequestId(7);
  response.receipt =
      Receipt{.asked = Level::all,
              .reached = Level::one,
              .acknowledged_by = {NodeId(1), NodeId(300)},
              .served_by = NodeId(31),
              .leader = NodeId(32),
              .term = Term(33),
              .index = LogIndex(34),
              .read_path = ReadPath::quorum_repaired,
              .staleness_bound = Duration(35),
              .hints_left = 36,
              .superseded = true,
              .duplicate = true,
              .wal_durability = true,
              .epoch = MapEpoch(37),
              .map_age = seconds(38),
              .refounded = 39,
              .superseded_by = {.hlc = 40, .dot_node = NodeId(41), .dot_incarnation = 42, .dot_sequence = 43},
              .hinted = {NodeId(2), NodeId(301)},
              .degraded = true,
              .teaching = {.sloppy = true, .wall_clock = false, .no_durability = true},
              .stand_ins = {NodeId(4)}};
  riftkv::v1::Reply reply;
  api::to_reply(Response(response), reply);
  EXPECT_EQ(client::to_response(response.id, reply), response);
}

// Both are proved to have had no effect, and mean the same on both sides.
TEST(Convert, TheRefusalsOfAnApOwnerSurvive) {
  for (const Code code : {Code::clock_skewed, Code::token_not_met, Code::compacted}) {
    riftkv::v1::Reply reply;
    api::to_reply(refuse(RequestId(7), code, "why"), reply);
    const Response read = client::to_response(RequestId(7), reply);
    EXPECT_EQ(read.code, code) << to_string(code);
    EXPECT_EQ(read.outcome, Outcome::not_done) << to_string(code);
    EXPECT_EQ(client::to_error(api::to_status(Error{code, "why"})).code, code) << to_string(code);
  }
}

TEST(Convert, AnswersOfTheRicherVerbsSurvive) {
  Version version;
  version.create_revision = Revision(3);
  version.modify_revision = Revision(4);
  version.version = 2;
  Response response;
  response.id = RequestId(7);
  response.found = true;
  response.value = "41";
  response.version = version;
  response.more = true;
  Results& results = response.results.emplace();
  results.succeeded = true;
  results.items = {Item{.key = "a", .found = true, .value = "1", .version = version},
                   Item{.key = "b", .found = false, .value = {}, .version = {}}};
  results.next_key = "c";
  results.revision = Revision(11);
  results.compacted = Revision(5);
  results.deleted = 6;
  for (const Event::Kind kind : {Event::Kind::put, Event::Kind::del, Event::Kind::expired})
    results.events.push_back(
        Event{.kind = kind, .revision = Revision(4), .key = "e", .value = "v", .version = version});
  riftkv::v1::Reply reply;
  const Response sent = response;
  api::to_reply(std::move(response), reply);
  EXPECT_EQ(client::to_response(sent.id, reply), sent);
}

}  // namespace
}  // namespace rift
