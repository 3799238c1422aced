// What a running node shows to the world: its one line, health, reflection, HTTP, and the defaults of CONTRACTS 3; its incarnation over a
// clean and an unclean stop.
#include <grpcpp/generic/generic_stub.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/raw.h"
#include "tests/unit/chaos_live/sockets.h"

namespace rift {
namespace {

using test::Nodes;
using test::Raw;
using testing::HasSubstr;

namespace health = grpc::health::v1;

class Face : public testing::Test {
 protected:
  static void SetUpTestSuite() { nodes_ = std::make_unique<Nodes>(3); }
  static void TearDownTestSuite() { nodes_.reset(); }
  static std::string address() { return nodes_->node(NodeId(1)).listen; }
  static std::unique_ptr<Nodes> nodes_;
};

std::unique_ptr<Nodes> Face::nodes_;

std::string http_get(const std::string& address, const std::string& path) {
  auto socket = chaos::live::test::dial(address);
  socket.send("GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n");
  return socket.receive(1 << 20);  // until it closes
}

TEST_F(Face, HealthSaysServingForTheNodeAndItsServices) {
  Raw raw(address());
  const auto stub = health::Health::NewStub(raw.channel());
  for (const std::string service : {"", "riftkv.v1.KvService"}) {
    grpc::ClientContext context;
    Raw::set_deadline(context);
    health::HealthCheckRequest request;
    request.set_service(service);
    health::HealthCheckResponse response;
    ASSERT_TRUE(stub->Check(&context, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING) << service;
  }
  grpc::ClientContext context;
  Raw::set_deadline(context);
  health::HealthCheckRequest request;
  request.set_service("no.such.Service");
  health::HealthCheckResponse response;
  EXPECT_EQ(stub->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

// The reflection protocol by hand, since Debian ships no header of it: ListServices is field 7 of the request.
TEST_F(Face, ReflectionListsTheServices) {
  Raw raw(address());
  grpc::GenericStub stub(raw.channel());
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::ClientContext context;
  Raw::set_deadline(context);
  const auto call =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(&queue);
  ASSERT_TRUE(next());
  grpc::Slice list(std::string("\x3a\x01*", 3));
  call->Write(grpc::ByteBuffer(&list, 1), &queue);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  call->Read(&answer, &queue);
  ASSERT_TRUE(next());
  grpc::Slice text;
  ASSERT_TRUE(answer.DumpToSingleSlice(&text).ok());
  const std::string names(reinterpret_cast<const char*>(text.begin()), text.size());
  for (const std::string service : {"riftkv.v1.KvService", "riftkv.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(names, HasSubstr(service));
  }
  grpc::Status status;
  context.TryCancel();
  call->Finish(&status, &queue);
  next();
}

TEST_F(Face, HttpAnswersLivezReadyzMetricsAndStatus) {
  const std::string http = nodes_->node(NodeId(1)).http;
  EXPECT_THAT(http_get(http, "/livez"), HasSubstr("200 OK"));
  EXPECT_THAT(http_get(http, "/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(http_get(http, "/metrics"),
              testing::AllOf(HasSubstr("200 OK"), HasSubstr("text/plain; version=0.0.4"), HasSubstr("# TYPE rift")));
  EXPECT_THAT(http_get(http, "/status"), testing::AllOf(HasSubstr("200 OK"), HasSubstr("application/json")));
  EXPECT_THAT(http_get(http, "/"), HasSubstr("404 Not Found"));
  EXPECT_THAT(http_get(http, "/" + std::string(20'000, 'x')), testing::Not(HasSubstr("200 OK")));
}

TEST_F(Face, KeyspacesTakeTheDefaultsOfTheirMode) {
  nodes_->create({.name = "bank", .mode = Mode::cp});
  nodes_->create({.name = "carts", .mode = Mode::ap});
  const topology::Keyspace bank = *nodes_->keyspace("bank");
  EXPECT_EQ(bank.copies, 3U);
  EXPECT_EQ(bank.partitions.size(), 1U);
  EXPECT_EQ(bank.read, Level::majority);
  EXPECT_EQ(bank.write, Level::majority);
  EXPECT_EQ(bank.durability, topology::Durability::fsync);
  const topology::Keyspace carts = *nodes_->keyspace("carts");
  EXPECT_EQ(carts.copies, 3U);
  EXPECT_EQ(carts.partitions.size(), 16U);
  EXPECT_EQ(carts.read, Level::one);
  EXPECT_EQ(carts.write, Level::one);
  EXPECT_EQ(carts.durability, topology::Durability::fsync);

  const auto client = nodes_->client();
  const Answer cp = client->put("bank", "k", "v");
  EXPECT_EQ(cp.receipt.asked, Level::majority);
  EXPECT_GE(cp.receipt.reached, Level::majority);
  EXPECT_GE(cp.receipt.acknowledged_by.size(), 2U);
  EXPECT_EQ(client->get("bank", "k").receipt.read_path, ReadPath::read_index);
  const Answer ap = client->put("carts", "k", "v");
  EXPECT_EQ(ap.receipt.asked, Level::one);
  EXPECT_GE(ap.receipt.reached, Level::one);
}

TEST_F(Face, TheCatalogHoldsTheAddressesTheNodesListenOn) {
  const auto catalog = MUST(AdminClient(address()).catalog());
  for (const auto& node : nodes_->plan().nodes) {
    const topology::Member* member = catalog.member(node.node);
    ASSERT_NE(member, nullptr);
    EXPECT_EQ(member->client_address, node.listen);
    EXPECT_EQ(member->peer_address, node.peer_listen);
  }
}

TEST_F(Face, ACleanStopKeepsTheIncarnationAndAKillDoesNot) {
  const NodeId id(2);
  const auto identity = [&] { return MUST(AdminClient(nodes_->node(id).listen, test::patience).identity()).identity; };
  const NodeIdentity before = identity();
  ASSERT_TRUE(nodes_->supervisor().stop(id));
  EXPECT_EQ(nodes_->report(id).exit_text, "exit status 0");
  ASSERT_TRUE(nodes_->supervisor().start(id));
  EXPECT_EQ(identity(), before);
  ASSERT_TRUE(nodes_->supervisor().kill(id));
  ASSERT_TRUE(nodes_->supervisor().start(id));
  const NodeIdentity after = identity();
  EXPECT_EQ(after.disk, before.disk);
  EXPECT_EQ(after.incarnation >> 32, (before.incarnation >> 32) + 1);
}

}  // namespace
}  // namespace rift
