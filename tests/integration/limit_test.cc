// The largest legal request of each kind through every hop, and one byte more. Hops: a unary call and a pipe; a follower that forwards to
// its leader and is replicated to; a node that owns no copy and forwards to the only owner.
#include <future>

#include "tests/integration/raw.h"

namespace rift {
namespace {

using test::cas;
using test::del;
using test::get;
using test::Nodes;
using test::put;
using test::Raw;

namespace v1 = riftkv::v1;

const std::string largest_key(limits::key_bytes_max, 'k');
const std::string largest_value(limits::value_bytes_max, 'v');

class Limit : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    nodes_ = std::make_unique<Nodes>(3);
    nodes_->create({.name = "bank", .mode = Mode::cp});
    nodes_->create({.name = "carts", .mode = Mode::ap});
    nodes_->create({.name = "lone_cp", .mode = Mode::cp, .copies = 1});
    nodes_->create({.name = "lone_ap", .mode = Mode::ap, .copies = 1, .partitions = 1});
  }
  static void TearDownTestSuite() { nodes_.reset(); }

  // A node through which a request has the most hops to make.
  static NodeId far_from(const std::string& keyspace) {
    const auto found = nodes_->keyspace(keyspace);
    if (found->copies == 3) return found->mode == Mode::cp ? nodes_->follower(keyspace) : NodeId(1);
    for (const NodeId id : nodes_->ids()) {
      if (id != found->partitions.front().owners.front()) return id;
    }
    return {};
  }

  static std::unique_ptr<Nodes> nodes_;
};

std::unique_ptr<Nodes> Limit::nodes_;

v1::Operation at(Level level, v1::Operation operation) {
  operation.set_level(static_cast<v1::Level>(level));
  return operation;
}

TEST_F(Limit, LargestRequestsByUnaryCalls) {
  for (const std::string keyspace : {"bank", "carts", "lone_cp", "lone_ap"}) {
    SCOPED_TRACE(keyspace);
    Raw raw(nodes_->node(far_from(keyspace)).listen);
    const std::string key = "u" + largest_key.substr(1);
    EXPECT_EQ(raw.verdict(at(Level::all, put(keyspace, key, largest_value))), "done ok");
    v1::Reply read;
    ASSERT_TRUE(raw.execute(at(Level::majority, get(keyspace, key)), read).ok());
    EXPECT_EQ(read.code(), "ok");
    EXPECT_TRUE(read.value() == largest_value) << read.value().size();
    EXPECT_EQ(raw.verdict(at(Level::all, del(keyspace, key))), "done ok");
    ASSERT_TRUE(raw.execute(at(Level::all, get(keyspace, key)), read).ok());
    EXPECT_EQ(read.code(), "ok");
    EXPECT_FALSE(read.found());

    EXPECT_EQ(raw.verdict(put(keyspace, key, largest_value + "v")), "not_done too_large");
    EXPECT_EQ(raw.verdict(put(keyspace, key + "k", "v")), "not_done too_large");
    EXPECT_EQ(raw.verdict(get(keyspace, key + "k")), "not_done too_large");
    EXPECT_EQ(raw.verdict(del(keyspace, key + "k")), "not_done too_large");
    EXPECT_EQ(raw.verdict(get(keyspace, key)), "done ok");
  }
}

TEST_F(Limit, LargestRequestsByPipeManyAtOnce) {
  for (const std::string keyspace : {"bank", "carts", "lone_cp", "lone_ap"}) {
    SCOPED_TRACE(keyspace);
    const auto client = nodes_->client_of(far_from(keyspace));
    std::vector<std::string> keys;
    for (char letter = 'a'; letter <= 'h'; ++letter) keys.push_back(letter + largest_key.substr(1));
    const auto all_at_once = [&](Verb verb, const std::string& value) {
      std::vector<std::promise<Answer>> promises(keys.size());
      for (std::size_t i = 0; i < keys.size(); ++i) {
        client->submit(
            {.keyspace = keyspace, .verb = verb, .level = Level::all, .key = Bytes(keys[i]), .value = Bytes(value)},
            [&promise = promises[i]](Answer answer) { promise.set_value(std::move(answer)); });
      }
      std::vector<Answer> answers;
      for (auto& promise : promises) answers.push_back(promise.get_future().get());
      return answers;
    };
    for (const Answer& answer : all_at_once(Verb::put, largest_value))
      EXPECT_TRUE(answer.is_done()) << test::describe(answer);
    for (const Answer& answer : all_at_once(Verb::get, "")) {
      EXPECT_TRUE(answer.is_done()) << test::describe(answer);
      EXPECT_TRUE(answer.value.view() == largest_value) << answer.value.size();
    }
    for (const Answer& answer : all_at_once(Verb::del, "")) EXPECT_TRUE(answer.is_done()) << test::describe(answer);
    for (const Answer& answer :
         {client->put(keyspace, keys[0], largest_value + "v"), client->put(keyspace, keys[0] + "k", "v"),
          client->get(keyspace, keys[0] + "k"), client->del(keyspace, keys[0] + "k")}) {
      EXPECT_EQ(test::describe(answer).substr(0, 18), "not_done too_large") << test::describe(answer);
    }
  }
}

TEST_F(Limit, LargestCompareAndSet) {
  const std::string key = "c" + largest_key.substr(1);
  for (const std::string keyspace : {"bank", "lone_cp"}) {
    SCOPED_TRACE(keyspace);
    Raw raw(nodes_->node(far_from(keyspace)).listen);
    const auto client = nodes_->client_of(far_from(keyspace));
    const auto expecting = [](const std::string& value) {
      return Condition{.kind = Condition::Kind::value, .version = 0, .value = Bytes(value)};
    };
    // Expected and new value share what one entry can hold.
    const std::string half(limits::value_bytes_max / 2, 'h');
    ASSERT_TRUE(client->put(keyspace, key, largest_value).is_done());
    const Answer emptied = client->cas(keyspace, key, expecting(largest_value), "");
    EXPECT_TRUE(emptied.is_done()) << test::describe(emptied);
    EXPECT_EQ(raw.verdict(cas(keyspace, key, "", largest_value)), "done ok");
    // It fails, and the reply carries the largest value as what was seen.
    const Answer failed = client->cas(keyspace, key, expecting("other"), half);
    EXPECT_EQ(failed.code, Code::condition_failed) << test::describe(failed);
    EXPECT_TRUE(failed.value.view() == largest_value) << failed.value.size();
    ASSERT_TRUE(client->put(keyspace, key, half).is_done());
    EXPECT_EQ(raw.verdict(cas(keyspace, key, half, half)), "done ok");
    EXPECT_TRUE(client->get(keyspace, key).value.view() == half);

    EXPECT_EQ(raw.verdict(cas(keyspace, key, half, half + "h")), "not_done too_large");
    EXPECT_EQ(raw.verdict(cas(keyspace, key, half + "h", half)), "not_done too_large");
    EXPECT_EQ(raw.verdict(cas(keyspace, key, largest_value, "x")), "not_done too_large");
    EXPECT_EQ(raw.verdict(cas(keyspace, key + "k", "x", "x")), "not_done too_large");
    const Answer refused = client->cas(keyspace, key, expecting(half), half + "h");
    EXPECT_EQ(refused.code, Code::too_large);
    EXPECT_EQ(refused.outcome, Outcome::not_done);
    EXPECT_TRUE(client->get(keyspace, key).value.view() == half);
  }
}

TEST_F(Limit, ABatchOfTheMostOperationsAndOneMore) {
  Raw raw(nodes_->node(far_from("bank")).listen);
  const auto codes_of = [&](std::size_t operations) {
    grpc::ClientContext context;
    Raw::set_deadline(context);
    const auto stream = raw.kv().Pipe(&context);
    v1::PipeRequest batch;
    for (std::size_t i = 0; i < operations; ++i) {
      batch.add_ids(i + 1);
      *batch.add_operations() = put("bank", "batch" + std::to_string(i), "v");
    }
    EXPECT_TRUE(stream->Write(batch));
    stream->WritesDone();
    std::map<std::string, std::size_t> codes;
    v1::PipeResponse response;
    while (stream->Read(&response)) {
      for (const v1::Reply& reply : response.replies()) ++codes[Raw::outcome(reply) + " " + reply.code()];
    }
    EXPECT_TRUE(stream->Finish().ok());
    return codes;
  };
  EXPECT_THAT(codes_of(limits::batch_ops_max), testing::ElementsAre(testing::Pair("done ok", limits::batch_ops_max)));
  EXPECT_THAT(codes_of(limits::batch_ops_max + 1),
              testing::ElementsAre(testing::Pair("not_done too_large", limits::batch_ops_max + 1)));
}

}  // namespace
}  // namespace rift
