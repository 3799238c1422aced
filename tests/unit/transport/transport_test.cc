// What is gRPC's own: bad bytes on the port, slow and silent peers, bounds under a reader that does not read, starting and stopping.
// What every network must do is in tests/contract.
#include "transport/transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/contract/network_suite.h"
#include "tests/contract/queue_executor.h"
#include "transport/codec.h"

namespace rift::transport {
namespace {

using env::Lane;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// One node with a shard of its own, run by the test when it says so.
struct Node {
  explicit Node(const std::string& listen = "127.0.0.1:0", Duration hello_patience = seconds(60))
      : network(MUST(
            Transport::create({.listen = listen, .executor = shard, .log = *log, .hello_patience = hello_patience}))) {
    network->start(events);
    network->set_hello(Bytes("hello"));
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(network->port()); }
  LinkStats link(NodeId peer, Lane lane) const {
    for (const auto& stats : network->stats().links) {
      if (stats.peer == peer && stats.lane == lane) return stats;
    }
    return {};
  }
  ReceiveStats received(Lane lane) const { return network->stats().received[static_cast<std::size_t>(lane)]; }

  std::unique_ptr<Log> log = make_null_log();
  contract::QueueExecutor shard;
  contract::EventLog events;
  std::unique_ptr<Transport> network;
};

constexpr NodeId peer{2};

// Runs both shards until `done()`.
bool run_until(Node& a, Node& b, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    a.shard.run_for(milliseconds(1));
    b.shard.run_for(milliseconds(1));
  }
  return true;
}

void connect(Node& from, Node& to) {
  from.network->dial(peer, to.address());
  ASSERT_TRUE(run_until(from, to, [&] { return from.events.is_up(peer); }));
}

// A plain TCP connection.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Raw() { ::close(socket_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void send(const std::string& bytes) { (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

 private:
  int socket_;
};

// A listener that accepts connections into its backlog and never says a word.
class Silent {
 public:
  Silent() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
  }
  ~Silent() { ::close(socket_); }
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

// A gRPC client that says what it likes.
struct Stranger {
  Stranger(const Node& node, const std::string& method, const std::string& lane)
      : stub(grpc::CreateChannel(node.address(), grpc::InsecureChannelCredentials())) {
    if (!lane.empty()) context.AddMetadata("rift-lane", lane);
    context.set_deadline(std::chrono::system_clock::now() + seconds(30));
    stream = stub.PrepareCall(&context, method, &queue);
    stream->StartCall(nullptr);
    wait();
  }
  ~Stranger() {
    context.TryCancel();
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
    }
  }
  bool wait() {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  }
  void send(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    wait();
  }
  void send_frame(const std::string& frame) {
    const Bytes bytes(frame);
    stream->Write(encode_frames({&bytes, 1}), nullptr);
    wait();
  }
  void read() {
    grpc::ByteBuffer message;
    stream->Read(&message, nullptr);
    EXPECT_TRUE(wait());
  }
  grpc::Status end() {
    grpc::Status status;
    stream->Finish(&status, nullptr);
    wait();
    return status;
  }
  grpc::CompletionQueue queue;
  grpc::GenericStub stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
};

constexpr const char* method = "/riftkv.internal.v1.PeerService/Connect";

TEST(Transport, RefusesAPortInUseInOneClearLine) {
  Node first;
  auto second = Transport::create({.listen = first.address(), .executor = first.shard, .log = *first.log});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::io);
  EXPECT_EQ(second.error().detail,
            "cannot listen for other nodes on " + first.address() +
                ": Address already in use; stop what uses the address or set another peer_listen");
}

TEST(Transport, RefusesAnAddressThatIsNone) {
  Node node;
  for (const char* bad : {"", "127.0.0.1", "203.0.113.1:0", "127.0.0.1:x", "127.0.0.1:99999"}) {
    auto made = Transport::create({.listen = bad, .executor = node.shard, .log = *node.log});
    ASSERT_FALSE(made.has_value()) << bad;
    EXPECT_THAT(made.error().detail, HasSubstr("cannot listen for other nodes on"));
  }
}

TEST(Transport, StopsWithoutHavingBeenStarted) {
  Node node;
  auto idle = MUST(Transport::create({.listen = "127.0.0.1:0", .executor = node.shard, .log = *node.log}));
  idle->stop();
  idle->stop();
  EXPECT_FALSE(idle->send(peer, Lane::control, Bytes("x")));
}

TEST(Transport, StopsWhileTheShardNoLongerAnswers) {
  Node a, b;
  a.network->dial(peer, b.address());
  // b's shard never runs: the hellos stay unanswered.
  a.shard.run_for(milliseconds(100));
  a.network->stop();
  b.network->stop();
  EXPECT_TRUE(b.events.incoming.empty());
}

TEST(Transport, StopsWhileItDialsASilentPeer) {
  Silent silent;
  Node node;
  node.network->dial(peer, silent.address());
  node.shard.run_for(milliseconds(700));
  EXPECT_TRUE(node.events.up.empty());
  node.network->stop();
}

TEST(Transport, DeliversNothingAfterItsStop) {
  Node a, b;
  connect(a, b);
  EXPECT_TRUE(a.network->send(peer, Lane::data, Bytes("x")));
  b.network->stop();
  const auto seen = b.events.frames(Lane::data).size();
  b.shard.run_for(milliseconds(50));
  EXPECT_EQ(b.events.frames(Lane::data).size(), seen);
  EXPECT_EQ(b.events.open_connections(), 3u);  // not even the closing
}

// gRPC's servers end idle connections that ping, by their defaults after some seconds, again and again.
TEST(Transport, KeepsIdleConnectionsUp) {
  Node a, b;
  connect(a, b);
  b.shard.run_for(milliseconds(4500));
  a.shard.run_for(milliseconds(1));
  EXPECT_EQ(a.events.downs, 0);
  EXPECT_EQ(a.link(peer, Lane::bulk).connects, 1u);
}

TEST(Transport, FindsAServerThatTakesThePlaceOfASilentOne) {
  auto silent = std::make_unique<Silent>();
  const std::string address = silent->address();
  Node a;
  a.network->dial(peer, address);
  a.shard.run_for(milliseconds(200));
  silent.reset();
  Node b(address);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_until(a, b, [&] { return a.events.is_up(peer); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST(Transport, LosesNothingToGarbageOnItsPort) {
  Node a, b;
  connect(a, b);
  Rng rng(1);
  std::vector<std::unique_ptr<Raw>> strangers;
  for (int i = 0; i < 30; ++i) {
    strangers.push_back(std::make_unique<Raw>(b.network->port()));
    std::string bytes(rng.below(4000), '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
    strangers.back()->send(bytes);
  }
  Raw http(b.network->port());
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  Raw preface(b.network->port());
  preface.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(200, '\xff'));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(a.network->send(peer, Lane::data, Bytes(std::to_string(i))));
  ASSERT_TRUE(run_until(a, b, [&] { return b.events.frames(Lane::data).size() == 100; }));
  EXPECT_EQ(a.events.downs, 0);
  EXPECT_EQ(b.events.incoming.size(), 3u);
}

TEST(Transport, TellsAClientOnThePeerPortWhereItIs) {
  Node node;
  Stranger stranger(node, "/riftkv.v1.KvService/Get", "");
  const auto status = stranger.end();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("this port is for other nodes"));
}

TEST(Transport, EndsStreamsOfAnUnknownLane) {
  Node node;
  for (const char* lane : {"", "3", "00", "x", "-1"}) {
    Stranger stranger(node, method, lane);
    EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << lane;
  }
  EXPECT_TRUE(node.events.incoming.empty());
}

TEST(Transport, EndsAStreamThatSaysNothing) {
  Node node("127.0.0.1:0", milliseconds(20));
  Stranger stranger(node, method, "1");
  EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(node.events.incoming.empty());
}

TEST(Transport, HasPlacesForPeersWhileStrangersAreSilent) {
  Node a, b("127.0.0.1:0", milliseconds(20));
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (int i = 0; i < 800; ++i) strangers.push_back(std::make_unique<Stranger>(b, method, "1"));
  connect(a, b);
}

TEST(Transport, EndsStreamsThatSendNoFrames) {
  Node node;
  for (const std::string& bytes : {std::string("garbage"), std::string("\x0a\x7f"), std::string("\x0a\x00", 2),
                                   std::string("\x0a\x01"
                                               "a"
                                               "\x0a\x01"
                                               "b")}) {
    Stranger stranger(node, method, "1");
    stranger.send(bytes);
    EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(node.received(Lane::data).malformed, 4u);
}

TEST(Transport, ClosesAConnectionThatTurnsMalformedAndOnlyThatOne) {
  Node a, b;
  connect(a, b);
  Stranger stranger(b, method, "1");
  stranger.send_frame("hello");
  ASSERT_TRUE(run_until(a, b, [&] { return b.events.open_connections() == 4; }));
  stranger.read();  // the answer to the hello
  stranger.send("garbage");
  EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(run_until(a, b, [&] { return b.events.open_connections() == 3; }));
  EXPECT_EQ(a.events.downs, 0);
}

TEST(Transport, EndsAStreamWithAMessageAboveTheLimit) {
  Node node;
  Stranger stranger(node, method, "1");
  stranger.send(std::string(limits::grpc_message_bytes_max + 1, '\x0a'));
  EXPECT_FALSE(stranger.end().ok());
  EXPECT_TRUE(node.events.incoming.empty());
}

// The peer's shard does not run: what it has been handed stays below its bound, the sender's queues fill up to theirs, and no lane
// disturbs another.
TEST(Transport, BoundsWhatWaitsForAShardThatIsBehind) {
  Node a, b;
  connect(a, b);
  const Bytes large(std::string(limits::mebi, 'x'));
  std::uint64_t refused = 0;
  while (refused < 1000) {
    if (a.network->send(peer, Lane::data, large)) continue;
    ++refused;
    std::this_thread::yield();
  }
  EXPECT_LE(a.link(peer, Lane::data).queued_bytes, limits::lane_data_bytes_max);
  EXPECT_LE(b.received(Lane::data).bytes, limits::connection_in_flight_bytes_max + 2 * limits::mebi);
  EXPECT_GE(a.link(peer, Lane::data).refused, 1000u);

  // Control goes on beside the full data lane.
  ASSERT_TRUE(a.network->send(peer, Lane::control, Bytes("beat")));
  ASSERT_TRUE(run_until(a, b, [&] { return !b.events.frames(Lane::control).empty(); }));

  // Now b's shard has run: everything that was taken arrives, nothing was lost on the way.
  ASSERT_TRUE(run_until(a, b, [&] {
    return b.events.frames(Lane::data).size() == a.link(peer, Lane::data).frames_sent &&
           a.link(peer, Lane::data).queued_bytes == 0;
  }));
  EXPECT_EQ(a.events.downs, 0);
  EXPECT_EQ(a.link(peer, Lane::data).dropped, 0u);
}

TEST(Transport, ControlDropsItsOldestFramesForAShardThatIsBehind) {
  Node a, b;
  connect(a, b);
  const std::string padding(8192, 'p');
  int sent = 0;
  while (a.link(peer, Lane::control).dropped < 100)
    ASSERT_TRUE(a.network->send(peer, Lane::control, Bytes(std::to_string(sent++) + padding)));
  ASSERT_TRUE(run_until(a, b, [&] {
    const auto seen = b.events.frames(Lane::control);
    return !seen.empty() && seen.back() == std::to_string(sent - 1) + padding;
  }));
  const auto stats = a.link(peer, Lane::control);
  EXPECT_EQ(stats.frames_sent + stats.dropped, static_cast<std::uint64_t>(sent));
  EXPECT_EQ(b.events.frames(Lane::control).size(), stats.frames_sent);
}

TEST(Transport, CountsWhatItMoves) {
  Node a, b;
  connect(a, b);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(a.network->send(peer, Lane::data, Bytes(std::string(100, 'x'))));
  ASSERT_TRUE(run_until(a, b, [&] { return b.events.frames(Lane::data).size() == 10; }));
  EXPECT_EQ(a.link(peer, Lane::data).frames_sent, 10u);
  EXPECT_EQ(a.link(peer, Lane::data).bytes_sent, 1000u);
  EXPECT_EQ(b.received(Lane::data).frames, 10u);
  EXPECT_EQ(b.received(Lane::data).bytes, 1000u);
  EXPECT_EQ(b.received(Lane::data).connections, 1u);
  EXPECT_EQ(b.received(Lane::control).frames, 0u);
}

}  // namespace
}  // namespace rift::transport
