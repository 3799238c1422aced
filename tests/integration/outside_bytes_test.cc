// Bytes from outside that no honest client or node sends, against a cluster that runs: each is refused by name, no process ends, and what
// was there before can be read afterwards.
#include <random>

#include "riftkv/internal/transport.grpc.pb.h"
#include "tests/integration/program.h"
#include "tests/integration/raw.h"
#include "tests/unit/chaos_live/sockets.h"
#include "wire/frame.h"
#include "wire/messages.h"

namespace rift {
namespace {

namespace v1 = riftkv::v1;
namespace peer = riftkv::internal::v1;
using test::cas;
using test::del;
using test::get;
using test::Nodes;
using test::put;
using test::Raw;

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class OutsideBytes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    nodes_ = std::make_unique<Nodes>(3);
    nodes_->create({.name = "bank", .mode = Mode::cp});
    nodes_->create({.name = "carts", .mode = Mode::ap});
    const auto client = nodes_->client();
    ASSERT_TRUE(client->put("bank", "before", "kept", {.level = Level::all}).is_done());
    ASSERT_TRUE(client->put("carts", "before", "kept", {.level = Level::all}).is_done());
  }
  static void TearDownTestSuite() { nodes_.reset(); }

  void SetUp() override { pids_ = nodes_->pids(); }
  // The same processes serve every level on every node.
  void TearDown() override {
    for (const NodeId id : nodes_->ids()) {
      const auto client = nodes_->client_of(id);
      for (const std::string keyspace : {"bank", "carts"}) {
        SCOPED_TRACE(to_string(id) + " " + keyspace);
        EXPECT_EQ(client->get(keyspace, "before", {.level = Level::majority}).value.view(), "kept");
        const Answer written = client->put(keyspace, "after", "value", {.level = Level::all});
        EXPECT_TRUE(written.is_done()) << test::describe(written);
      }
    }
    EXPECT_EQ(nodes_->pids(), pids_);
  }

  static std::string address(std::uint32_t node = 1) { return nodes_->node(NodeId(node)).listen; }
  static std::string peer_address(std::uint32_t node = 1) { return nodes_->node(NodeId(node)).peer_listen; }

  // What a node calls its start, by its log: a stranger that knows this much is taken for it.
  static std::uint64_t start_of(std::uint32_t node) {
    const std::string log = test::read_text(cluster::node_folder(nodes_->plan(), NodeId(node)) + "/log");
    const std::size_t at = log.find(" start=");
    EXPECT_NE(at, std::string::npos) << log;
    return std::stoull(log.substr(at + 7), nullptr, 16);
  }

  static std::unique_ptr<Nodes> nodes_;

 private:
  std::vector<int> pids_;
};

std::unique_ptr<Nodes> OutsideBytes::nodes_;

TEST_F(OutsideBytes, OperationsPastALimitOrWithoutSenseAreRefusedByName) {
  const std::string long_key(limits::key_bytes_max + 1, 'k');
  const std::string long_value(limits::value_bytes_max + 1, 'v');
  for (const NodeId id : nodes_->ids()) {
    Raw raw(nodes_->node(id).listen);
    for (const std::string keyspace : {"bank", "carts"}) {
      SCOPED_TRACE(to_string(id) + " " + keyspace);
      EXPECT_EQ(raw.verdict(put(keyspace, "", "v")), "not_done invalid");
      EXPECT_EQ(raw.verdict(get(keyspace, "")), "not_done invalid");
      EXPECT_EQ(raw.verdict(put(keyspace, long_key, "v")), "not_done too_large");
      EXPECT_EQ(raw.verdict(get(keyspace, long_key)), "not_done too_large");
      EXPECT_EQ(raw.verdict(del(keyspace, long_key)), "not_done too_large");
      EXPECT_EQ(raw.verdict(put(keyspace, "k", long_value)), "not_done too_large");
      EXPECT_EQ(raw.verdict(test::operation(keyspace, "k")), "not_done invalid");
      v1::Operation strange = put(keyspace, "k", "v");
      strange.set_level(static_cast<v1::Level>(99));
      EXPECT_EQ(raw.verdict(strange), "not_done invalid");
      strange.set_level(static_cast<v1::Level>(-1));
      EXPECT_EQ(raw.verdict(strange), "not_done invalid");
      v1::Operation patient = get(keyspace, "k");
      patient.set_budget_ms(~std::uint64_t{0});
      EXPECT_EQ(raw.verdict(patient), "not_done invalid");
      v1::Operation future = get(keyspace, "before");
      future.set_map_epoch(~std::uint64_t{0});
      future.set_budget_ms(500);
      EXPECT_THAT(raw.verdict(future), testing::Not(testing::HasSubstr("status")));
    }
    EXPECT_EQ(raw.verdict(put("nowhere", "k", "v")), "not_done unknown_keyspace");
    EXPECT_EQ(raw.verdict(get("", "k")), "not_done invalid");
    EXPECT_EQ(raw.verdict(get(std::string(100'000, 'x'), "k")), "not_done unknown_keyspace");
    EXPECT_EQ(raw.verdict(get(std::string("ba\0nk", 5), "k")), "not_done unknown_keyspace");
    EXPECT_EQ(raw.verdict(cas("carts", "k", "old", "new")), "not_done unsupported");
    EXPECT_EQ(raw.verdict(cas("bank", "k", long_value, "new")), "not_done too_large");
    v1::Operation unconditional = test::operation("bank", "k");
    unconditional.mutable_compare_and_set()->set_value("v");
    EXPECT_EQ(raw.verdict(unconditional), "not_done invalid");
  }
}

TEST_F(OutsideBytes, OpIdsWithoutSenseAreRefused) {
  Raw raw(address());
  const auto with_op = [](std::uint64_t high, std::uint64_t sequence, std::uint64_t floor) {
    v1::Operation operation = put("bank", "op", "v");
    operation.mutable_op()->set_client_high(high);
    operation.mutable_op()->set_sequence(sequence);
    operation.mutable_op()->set_floor(floor);
    return operation;
  };
  EXPECT_EQ(raw.verdict(with_op(0, 1, 1)), "not_done invalid");
  EXPECT_EQ(raw.verdict(with_op(7, 0, 0)), "not_done invalid");
  EXPECT_EQ(raw.verdict(with_op(7, 1, 2)), "not_done invalid");
  EXPECT_EQ(raw.verdict(with_op(7, ~std::uint64_t{0}, 1)), "not_done invalid");
  v1::Operation resolve = test::operation("bank", "op");
  resolve.mutable_resolve();
  EXPECT_EQ(raw.verdict(resolve), "not_done invalid");
}

TEST_F(OutsideBytes, AMessagePastGrpcsLimitIsRefusedAndTheConnectionLives) {
  Raw raw(address());
  const v1::Operation huge = put("bank", "huge", std::string(limits::grpc_message_bytes_max + 1, 'v'));
  EXPECT_THAT(raw.verdict(huge), testing::HasSubstr("status " + std::to_string(grpc::StatusCode::RESOURCE_EXHAUSTED)));
  EXPECT_EQ(raw.verdict(get("bank", "before")), "done ok");
}

TEST_F(OutsideBytes, APipeWhoseIdsDoNotFitItsOperationsRefusesThatBatchOnly) {
  Raw raw(address());
  grpc::ClientContext context;
  Raw::set_deadline(context);
  const auto stream = raw.kv().Pipe(&context);
  v1::PipeRequest uneven;
  uneven.add_ids(1);
  uneven.add_ids(2);
  *uneven.add_operations() = put("bank", "uneven", "v");
  ASSERT_TRUE(stream->Write(uneven));
  v1::PipeResponse response;
  std::map<std::uint64_t, std::string> codes;
  while (codes.size() < 2 && stream->Read(&response)) {
    for (int i = 0; i < response.ids_size(); ++i)
      codes[response.ids(i)] = Raw::outcome(response.replies(i)) + " " + response.replies(i).code();
  }
  EXPECT_THAT(codes, testing::ElementsAre(testing::Pair(1, "not_done invalid"), testing::Pair(2, "not_done invalid")));

  v1::PipeRequest good;
  good.add_ids(3);
  *good.add_operations() = get("bank", "uneven");
  ASSERT_TRUE(stream->Write(good));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.ids(0), 3U);
  EXPECT_EQ(response.replies(0).code(), "ok");
  EXPECT_FALSE(response.replies(0).found());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(OutsideBytes, APipeWithTwoOperationsOfOneIdIsEnded) {
  Raw raw(address());
  grpc::ClientContext context;
  Raw::set_deadline(context);
  const auto stream = raw.kv().Pipe(&context);
  v1::PipeRequest twice;
  for (int i = 0; i < 2; ++i) {
    twice.add_ids(1);
    *twice.add_operations() = put("bank", "twice", "v");
  }
  ASSERT_TRUE(stream->Write(twice));
  v1::PipeResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(raw.verdict(get("bank", "before")), "done ok");
}

// Sends to both ports of every node, and waits until the node has closed the connection or said something.
TEST_F(OutsideBytes, BytesThatAreNoGrpcEndTheConnectionOnly) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  // A SETTINGS frame whose length is a lie, a HEADERS frame of noise on stream 1, a DATA frame on a stream that was never opened.
  const std::string lying_settings = preface + std::string("\x00\xff\xff\x04\x00\x00\x00\x00\x00", 9) + noise(200, 1);
  const std::string settings = preface + std::string("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9);
  const std::string bad_headers = settings + std::string("\x00\x00\x40\x01\x05\x00\x00\x00\x01", 9) + noise(64, 2);
  const std::string orphan_data = settings + std::string("\x00\x00\x08\x00\x01\x00\x00\x00\x07", 9) + noise(8, 3);
  const std::vector<std::string> messages = {
      noise(10'000, 4), preface + noise(10'000, 5),          lying_settings,         bad_headers,
      orphan_data,      "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n$4\r\nPING\r\n", std::string(1, '\0')};
  for (const auto& node : nodes_->plan().nodes) {
    for (const std::string& where : {node.listen, node.peer_listen, node.http}) {
      for (const std::string& bytes : messages) {
        auto socket = chaos::live::test::dial(where);
        // Whoever has closed on us already has read enough.
        (void)!::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        ::shutdown(socket.fd(), SHUT_WR);
        socket.ends_with_reset();  // reads to its end
      }
    }
  }
}

// A stranger that opens the streams of the peer protocol.
class Stranger {
 public:
  Stranger(Raw& raw, const std::string& lane) : stub_(peer::PeerService::NewStub(raw.channel())) {
    Raw::set_deadline(context_);
    context_.AddMetadata("rift-lane", lane);
    stream_ = stub_->Connect(&context_);
  }
  bool send(const std::vector<std::string>& frames) {
    peer::PeerFrame message;
    for (const std::string& frame : frames) message.add_frame(frame);
    return stream_->Write(message);
  }
  bool is_accepted() {
    peer::PeerFrame welcome;
    return stream_->Read(&welcome);
  }
  grpc::Status end() {
    stream_->WritesDone();
    peer::PeerFrame ignored;
    while (stream_->Read(&ignored)) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<peer::PeerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<peer::PeerFrame, peer::PeerFrame>> stream_;
};

TEST_F(OutsideBytes, AHelloThatIsNoneIsNotLetIn) {
  Raw raw(peer_address());
  const NodeIdentity self = MUST(AdminClient(address(2)).identity()).identity;
  const wire::Hello honest{
      .cluster = self.cluster, .node = self.node, .disk = self.disk, .epoch = {}, .starts = {std::uint64_t{1} << 40}};
  wire::Hello other_cluster = honest;
  other_cluster.cluster.high ^= 1;
  wire::Hello other_disk = honest;
  other_disk.disk.low ^= 1;
  wire::Hello nobody = honest;
  nobody.node = NodeId(77);
  std::vector<std::string> hellos = {"", "hello", noise(500, 6), noise(limits::frame_bytes_max, 7)};
  for (const wire::Hello& hello : {other_cluster, other_disk, nobody})
    hellos.push_back(wire::encode_hello(hello).to_string());
  const std::string whole = wire::encode_hello(honest).to_string();
  for (std::size_t size = 0; size < whole.size(); ++size) hellos.push_back(whole.substr(0, size));
  for (const std::string& hello : hellos) {
    Stranger stranger(raw, "1");
    stranger.send({hello});
    EXPECT_FALSE(stranger.is_accepted()) << hello.size() << " bytes";
    EXPECT_FALSE(stranger.end().ok());
  }
  for (const std::string lane : {"3", "-1", "", "control"}) EXPECT_FALSE(Stranger(raw, lane).end().ok()) << lane;
  Stranger talkative(raw, "0");  // two frames where the hello belongs
  talkative.send({whole, whole});
  EXPECT_FALSE(talkative.end().ok());
}

// Frames from a stranger that knows n2's hello: noise, honest frames with every kind of damage, honest frames of noise.
TEST_F(OutsideBytes, MalformedFramesOnThePeerPortAreCountedAndDropped) {
  const NodeIdentity self = MUST(AdminClient(address(2)).identity()).identity;
  const std::string hello =
      wire::encode_hello(
          {.cluster = self.cluster, .node = self.node, .disk = self.disk, .epoch = {}, .starts = {start_of(2)}})
          .to_string();
  const std::uint32_t bank = nodes_->keyspace("bank")->partitions.front().id.value();
  const std::uint32_t carts = nodes_->keyspace("carts")->partitions.front().id.value();
  const auto counted = [](const char* name) {
    const auto status = MUST(AdminClient(address(), test::patience).status());
    const auto found = status.status.counters.find(name);
    return found == status.status.counters.end() ? 0 : found->second;
  };
  const std::uint64_t before = counted("frames_malformed");

  std::vector<std::string> frames = {"x", noise(100, 8), noise(100'000, 9), noise(limits::frame_bytes_max, 10)};
  const Bytes ping = wire::encode_message(wire::Ping{.sequence = 1, .sent = {}});
  const std::string honest =
      wire::encode_frame({.epoch = MapEpoch(1), .parts = {{.partition = PartitionId(), .message = ping}}}).to_string();
  for (std::size_t i = 0; i < honest.size(); ++i) {
    if (i > 0) frames.push_back(honest.substr(0, i));
    std::string flipped = honest;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    frames.push_back(std::move(flipped));
  }
  const std::uint64_t broken = frames.size();
  for (const std::uint32_t partition : {0U, 1U, bank, carts, 4'000'000'000U}) {  // whole frames around noise
    for (const std::size_t size : {0U, 1U, 40U, 4000U}) {
      frames.push_back(
          wire::encode_frame({.epoch = MapEpoch(1),
                              .parts = {{.partition = PartitionId(partition), .message = Bytes(noise(size, 11))}}})
              .to_string());
    }
    const std::string part = ping.to_string();
    for (std::size_t size = 0; size < part.size(); ++size) {
      frames.push_back(
          wire::encode_frame({.epoch = MapEpoch(1),
                              .parts = {{.partition = PartitionId(partition), .message = Bytes(part.substr(0, size))}}})
              .to_string());
    }
  }
  Raw raw(peer_address());
  for (const std::string lane : {"0", "1", "2"}) {
    Stranger stranger(raw, lane);
    ASSERT_TRUE(stranger.send({hello}));
    ASSERT_TRUE(stranger.is_accepted());
    for (const std::string& frame : frames)
      ASSERT_TRUE(stranger.send({frame})) << "lane " << lane << ", " << frame.size() << " bytes";
    stranger.end();
  }
  EXPECT_TRUE(test::eventually([&] { return counted("frames_malformed") >= before + 3 * broken; }))
      << counted("frames_malformed") - before << " of " << 3 * broken;

  // What no node sends ends its connection: more than a frame may hold, or a frame of nothing.
  for (const std::string& frame : {std::string(limits::frame_bytes_max + 1, 'x'), std::string()}) {
    Stranger stranger(raw, "1");
    ASSERT_TRUE(stranger.send({hello}));
    ASSERT_TRUE(stranger.is_accepted());
    stranger.send({frame});
    EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << frame.size();
  }
}

}  // namespace
}  // namespace rift
