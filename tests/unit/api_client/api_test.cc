#include "api/api.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include "base/limits.h"
#include "fake_node.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift {
namespace {

namespace v1 = riftkv::v1;

// Any gRPC client: no SDK in between, so that nothing is put right on the way.
struct Plain {
  explicit Plain(const std::string& address)
      : channel(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        stub(v1::KvService::NewStub(channel)) {}
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::KvService::Stub> stub;

  v1::Reply execute(const v1::Operation& operation) {
    grpc::ClientContext context;
    v1::ExecuteRequest request;
    v1::ExecuteResponse response;
    *request.mutable_operation() = operation;
    const grpc::Status status = stub->Execute(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.reply();
  }
};

v1::Operation put(const std::string& key, const std::string& value) {
  v1::Operation operation;
  operation.set_keyspace("bank");
  operation.set_key(key);
  operation.mutable_put()->set_value(value);
  return operation;
}

std::optional<Response> no_answer(const Request&) { return std::nullopt; }

TEST(Api, ServesAnyGrpcClient) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  EXPECT_EQ(plain.execute(put("k", "v")).outcome(), v1::OUTCOME_DONE);
  v1::Operation get;
  get.set_keyspace("bank");
  get.set_key("k");
  get.mutable_get();
  const v1::Reply reply = plain.execute(get);
  EXPECT_EQ(reply.code(), "ok");
  EXPECT_EQ(reply.value(), "v");
  EXPECT_EQ(reply.receipt().leader(), 1U);
}

TEST(Api, BadOperationsGetTypedReplies) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  const auto expect = [&](const v1::Operation& operation, const std::string& code) {
    const v1::Reply reply = plain.execute(operation);
    EXPECT_EQ(reply.code(), code) << reply.why();
    EXPECT_EQ(reply.outcome(), v1::OUTCOME_NOT_DONE);
    EXPECT_FALSE(reply.why().empty());
  };
  expect(v1::Operation(), "invalid");
  expect(put("", "v"), "invalid");
  expect(put(std::string(limits::key_bytes_max + 1, 'k'), "v"), "too_large");
  expect(put("k", std::string(limits::value_bytes_max + 1, 'v')), "too_large");
  v1::Operation operation = put("k", "v");
  operation.clear_verb();
  expect(operation, "invalid");
  operation = put("k", "v");
  operation.set_level(static_cast<v1::Level>(99));
  expect(operation, "invalid");
  operation = put("k", "v");
  operation.set_budget_ms(1'000'000'000'000'000'000ULL);
  expect(operation, "invalid");
  operation = put("k", "v");
  operation.set_keyspace(std::string(1000, 'x'));
  expect(operation, "unknown_keyspace");
  operation = put("k", "v");
  operation.mutable_compare_and_set()->set_value("v");
  expect(operation, "invalid");
  operation = put("k", "v");
  operation.mutable_op()->set_sequence(5);
  expect(operation, "invalid");
  EXPECT_EQ(plain.execute(put("k", "v")).code(), "ok");
}

TEST(Api, AMessageBeyondGrpcsLimitEndsTheCallOnly) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  grpc::ClientContext context;
  v1::ExecuteRequest request;
  v1::ExecuteResponse response;
  *request.mutable_operation() = put("k", std::string(limits::grpc_message_bytes_max + 1, 'v'));
  EXPECT_EQ(plain.stub->Execute(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(plain.execute(put("k", "v")).code(), "ok");
}

TEST(Api, GrpcsOwnDeadlineIsABudget) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(7));
  v1::ExecuteRequest request;
  v1::ExecuteResponse response;
  *request.mutable_operation() = put("k", "v");
  ASSERT_TRUE(plain.stub->Execute(&context, request, &response).ok());
  const auto seen = cluster.front().seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_GT(seen[0].budget, seconds(5));
  EXPECT_LE(seen[0].budget, seconds(8));  // gRPC rounds a deadline up on its way
}

TEST(Api, PipeEndsAtABatchOfIdsWithoutMeasure) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  grpc::ClientContext context;
  const auto stream = plain.stub->Pipe(&context);
  v1::PipeRequest flood;
  for (int i = 0; i < 100'000; ++i) flood.add_ids(1);
  ASSERT_TRUE(stream->Write(flood));
  v1::PipeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(cluster.front().seen().empty());
}

TEST(Api, PipeAnswersEveryIdOfAMalformedBatch) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  grpc::ClientContext context;
  const auto stream = plain.stub->Pipe(&context);
  const auto exchange = [&](const v1::PipeRequest& request, const std::string& code) {
    ASSERT_TRUE(stream->Write(request));
    int left = request.ids_size();
    while (left > 0) {
      v1::PipeResponse response;
      ASSERT_TRUE(stream->Read(&response));
      ASSERT_EQ(response.ids_size(), response.replies_size());
      for (const v1::Reply& reply : response.replies()) EXPECT_EQ(reply.code(), code) << reply.why();
      left -= response.ids_size();
    }
    EXPECT_EQ(left, 0);
  };
  v1::PipeRequest odd;
  odd.add_ids(1);
  odd.add_ids(2);
  *odd.add_operations() = put("k", "v");
  exchange(odd, "invalid");

  v1::PipeRequest many;
  for (std::uint64_t i = 0; i <= limits::batch_ops_max; ++i) {
    many.add_ids(100 + i);
    *many.add_operations() = put("k", "v");
  }
  exchange(many, "too_large");

  v1::PipeRequest heavy;
  for (std::uint64_t i = 0; i < 5; ++i) {
    heavy.add_ids(10 + i);
    *heavy.add_operations() = put("k", std::string(limits::value_bytes_max, 'v'));
  }
  exchange(heavy, "too_large");
  EXPECT_TRUE(cluster.front().seen().empty());

  v1::PipeRequest good;
  good.add_ids(1);
  *good.add_operations() = put("k", "v");
  exchange(good, "ok");
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(Api, PipeRefusesWhatIsPastTheConnectionsBytes) {
  FakeCluster cluster;
  cluster.front().set_script(no_answer);
  Plain plain(cluster.address());
  grpc::ClientContext context;
  const auto stream = plain.stub->Pipe(&context);
  v1::PipeRequest request;
  for (std::uint64_t i = 0; i < 3; ++i) {
    request.add_ids(i);
    *request.add_operations() = put("k", std::string(limits::value_bytes_max, 'v'));
  }
  ASSERT_TRUE(stream->Write(request));
  request.Clear();
  request.add_ids(7);
  *request.add_operations() = put("k", std::string(limits::value_bytes_max, 'v'));
  ASSERT_TRUE(stream->Write(request));
  v1::PipeResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.ids_size(), 1);
  EXPECT_EQ(response.ids(0), 7U);
  EXPECT_EQ(response.replies(0).code(), "overloaded");
  EXPECT_EQ(response.replies(0).outcome(), v1::OUTCOME_NOT_DONE);
  context.TryCancel();
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(Api, AnIdThatIsStillOpenEndsTheStream) {
  FakeCluster cluster;
  cluster.front().set_script(no_answer);
  Plain plain(cluster.address());
  grpc::ClientContext context;
  const auto stream = plain.stub->Pipe(&context);
  v1::PipeRequest request;
  request.add_ids(7);
  *request.add_operations() = put("k", "v");
  ASSERT_TRUE(stream->Write(request));
  stream->Write(request);
  v1::PipeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(cluster.front().seen().size(), 1U);
}

TEST(Api, GarbageOnThePortIsHarmless) {
  FakeCluster cluster;
  for (const std::string& garbage :
       {std::string(4096, '\0'), std::string(4096, '\xff'), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(4096, '\x7f')}) {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(descriptor, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(cluster.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    ASSERT_GT(send(descriptor, garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    shutdown(descriptor, SHUT_WR);
    char answer[256];
    while (recv(descriptor, answer, sizeof answer, 0) > 0) {
    }
    close(descriptor);
  }
  Plain plain(cluster.address());
  EXPECT_EQ(plain.execute(put("k", "v")).code(), "ok");
}

TEST(Api, ABusyPortIsOneClearError) {
  FakeCluster cluster;
  MapFront front(NodeId(1));
  MapAdmin admin(NodeId(1));
  const auto create = [&](const std::string& listen) {
    return api::Api::create({.listen = listen,
                             .client_address = {},
                             .peer_address = {},
                             .front = &front,
                             .admin = &admin,
                             .log = &cluster.log()});
  };
  const auto busy = create(cluster.address());
  ASSERT_FALSE(busy.has_value());
  EXPECT_EQ(busy.error().code, Code::io);
  EXPECT_EQ(busy.error().detail, "cannot listen on " + cluster.address() + ": Address already in use");
  EXPECT_EQ(create("nonsense").error().code, Code::invalid);
  EXPECT_EQ(create("127.0.0.1:port").error().code, Code::invalid);
}

TEST(Api, ManyUnaryCallsAtOnce) {
  FakeCluster cluster;
  Plain plain(cluster.address());
  grpc::CompletionQueue queue;
  struct Call {
    grpc::ClientContext context;
    v1::ExecuteResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ExecuteResponse>> reader;
  };
  constexpr std::size_t count = 1000;  // more than the server has slots posted
  std::vector<Call> calls(count);
  for (std::size_t i = 0; i < count; ++i) {
    v1::ExecuteRequest request;
    *request.mutable_operation() = put(std::to_string(i), "v");
    calls[i].reader = plain.stub->AsyncExecute(&calls[i].context, request, &queue);
    calls[i].reader->Finish(&calls[i].response, &calls[i].status, &calls[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    const auto* call = static_cast<Call*>(tag);
    EXPECT_TRUE(call->status.ok()) << call->status.error_message();
    EXPECT_EQ(call->response.reply().code(), "ok");
  }
  EXPECT_EQ(cluster.front().seen().size(), count);
  EXPECT_LE(cluster.front().batches().size(), count);
}

TEST(Api, ShutdownEndsOpenCallsAndIsBounded) {
  FakeCluster cluster;
  std::promise<void> arrived;
  int left = 2;
  cluster.front().set_script([&](const Request&) -> std::optional<Response> {
    if (--left == 0) arrived.set_value();
    return std::nullopt;
  });
  Plain plain(cluster.address());
  std::thread unary([&] {
    grpc::ClientContext context;
    v1::ExecuteRequest request;
    v1::ExecuteResponse response;
    *request.mutable_operation() = put("k", "v");
    EXPECT_EQ(plain.stub->Execute(&context, request, &response).error_code(), grpc::StatusCode::UNKNOWN);
  });
  grpc::ClientContext context;
  const auto stream = plain.stub->Pipe(&context);
  v1::PipeRequest request;
  request.add_ids(1);
  *request.add_operations() = put("k", "v");
  ASSERT_TRUE(stream->Write(request));
  arrived.get_future().wait();
  const auto begin = std::chrono::steady_clock::now();
  cluster.stop(1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3));
  v1::PipeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_FALSE(stream->Finish().ok());
  unary.join();
}

// A Pipe in the words of a test.
struct PlainPipe {
  explicit PlainPipe(Plain& plain) : stream(plain.stub->Pipe(&context)) {}
  void write(std::uint64_t id, const v1::Operation& operation) {
    v1::PipeRequest request;
    request.add_ids(id);
    *request.add_operations() = operation;
    EXPECT_TRUE(stream->Write(request));
  }
  v1::PipeResponse read() {
    v1::PipeResponse response;
    EXPECT_TRUE(stream->Read(&response));
    return response;
  }
  void expect_end() {
    EXPECT_TRUE(stream->WritesDone());
    v1::PipeResponse response;
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_TRUE(stream->Finish().ok());
  }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PipeRequest, v1::PipeResponse>> stream;
};

// The node is not asked for more, and what it has been asked is waited for.
TEST(Api, AStoppingServerAnswersWhatItTookAndRefusesTheRest) {
  FakeCluster cluster;
  std::promise<void> arrived;
  std::promise<void> release;
  cluster.front().set_script([&](const Request& request) -> std::optional<Response> {
    if (request.key == Bytes("slow")) {
      arrived.set_value();
      release.get_future().wait();
    }
    return Response{};
  });
  Plain plain(cluster.address());
  PlainPipe busy(plain);
  PlainPipe idle(plain);
  for (PlainPipe* pipe : {&busy, &idle}) {
    pipe->write(1, put("k", "v"));
    EXPECT_EQ(pipe->read().replies(0).code(), "ok");
  }
  busy.write(2, put("slow", "v"));
  arrived.get_future().wait();
  std::thread stopping([&] { cluster.stop(1); });
  const v1::PipeResponse closing = idle.read();
  ASSERT_TRUE(closing.has_closing());
  EXPECT_EQ(closing.closing().requests_taken(), 1U);
  idle.expect_end();

  busy.write(3, put("k", "late"));
  const v1::PipeResponse refused = busy.read();
  ASSERT_EQ(refused.ids_size(), 1);
  EXPECT_EQ(refused.ids(0), 3U);
  EXPECT_EQ(refused.replies(0).code(), "not_ready");
  EXPECT_EQ(refused.replies(0).outcome(), v1::OUTCOME_NOT_DONE);
  EXPECT_EQ(plain.execute(put("k", "late")).code(), "not_ready");
  PlainPipe late(plain);
  EXPECT_TRUE(late.read().has_closing());
  late.expect_end();

  release.set_value();
  const v1::PipeResponse answered = busy.read();
  ASSERT_EQ(answered.ids_size(), 1);
  EXPECT_EQ(answered.ids(0), 2U);
  EXPECT_EQ(answered.replies(0).code(), "ok");
  const v1::PipeResponse last = busy.read();
  ASSERT_TRUE(last.has_closing());
  EXPECT_EQ(last.closing().requests_taken(), 3U);
  busy.expect_end();
  stopping.join();
  EXPECT_EQ(cluster.front().seen().size(), 3U) << "nothing that came late reached the node";
}

TEST(Api, ReflectionListsTheServices) {
  FakeCluster cluster;
  const auto channel = grpc::CreateChannel(cluster.address(), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto next = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::ClientContext context;
  const auto stream =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  stream->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice list_services(std::string("\x3a\x00", 2));  // field 7, an empty string
  stream->Write(grpc::ByteBuffer(&list_services, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  stream->Read(&answer, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice whole;
  ASSERT_TRUE(answer.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  for (const char* service : {"riftkv.v1.KvService", "riftkv.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_NE(text.find(service), std::string::npos) << service;
  }
  grpc::Status status;
  stream->WritesDone(nullptr);
  ASSERT_TRUE(next());
  stream->Finish(&status, nullptr);
  ASSERT_TRUE(next());
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace rift
