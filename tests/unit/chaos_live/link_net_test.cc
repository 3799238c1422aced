// Link proxies on real loopback sockets. What a cut must not deliver is proved by the counter of held bytes: once all bytes
// sent are counted as held in the proxy, none of them can be on the other side.
#include "chaos/live/link_net.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/chaos_live/sockets.h"

namespace rift::chaos::live {
namespace {

using test::dial;
using test::Listener;
using test::Socket;

constexpr LinkId link{NodeId(1), NodeId(2)};

// Waits for an observable event; each look is a round trip to the proxies' thread.
template <class Predicate>
bool eventually(const LinkNet& net, Predicate predicate) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < limit) {
    if (predicate(MUST(net.counters(link)))) return true;
  }
  return false;
}

struct LinkNetTest : testing::Test {
  LinkNetTest() : net(MUST(LinkNet::create())), address(MUST(net->add(link, server.address()))) {}
  Listener server;
  std::unique_ptr<LinkNet> net;
  std::string address;
};

TEST_F(LinkNetTest, CarriesBytesBothWaysAndPassesTheEndOn) {
  Socket near = dial(address);
  Socket far = server.accept();
  near.send("ping");
  EXPECT_EQ(far.receive(4), "ping");
  far.send("pong");
  EXPECT_EQ(near.receive(4), "pong");
  near.close();
  EXPECT_FALSE(far.ends_with_reset());
  far.close();
  EXPECT_TRUE(eventually(*net, [](const LinkCounters& c) { return c.open == 0; }));
  const LinkCounters counters = MUST(net->counters(link));
  EXPECT_EQ(counters.bytes_forward, 4U);
  EXPECT_EQ(counters.bytes_back, 4U);
  EXPECT_EQ(counters.bytes_held, 0U);
}

TEST_F(LinkNetTest, CarriesMoreThanItBuffersWithoutLosingAByte) {
  Socket near = dial(address);
  Socket far = server.accept();
  const std::string block(1 << 20, 'x');
  std::thread reader([&] {
    for (int i = 0; i < 32; ++i) EXPECT_EQ(far.receive(block.size()), block);
  });
  for (int i = 0; i < 32; ++i) near.send(block);
  reader.join();
}

TEST_F(LinkNetTest, ACutHoldsBytesOfLivingConnectionsAndTheHealResetsThem) {
  Socket near = dial(address);
  Socket far = server.accept();
  near.send("a");
  EXPECT_EQ(far.receive(1), "a");

  ASSERT_TRUE(net->shape(link, {.cut_forward = true, .cut_back = true}));
  near.send("held");
  far.send("held too");
  EXPECT_TRUE(eventually(*net, [](const LinkCounters& c) { return c.bytes_held == 12; }));
  EXPECT_TRUE(far.is_silent());
  EXPECT_TRUE(near.is_silent());

  ASSERT_TRUE(net->shape(link, {}));
  EXPECT_TRUE(near.ends_with_reset());
  EXPECT_TRUE(far.ends_with_reset());
  const LinkCounters counters = MUST(net->counters(link));
  EXPECT_EQ(counters.bytes_held, 12U);
  EXPECT_EQ(counters.connections_reset, 1U);
  EXPECT_EQ(counters.open, 0U);

  Socket again = dial(address);
  Socket other = server.accept();
  again.send("b");
  EXPECT_EQ(other.receive(1), "b");
}

TEST_F(LinkNetTest, ACutAcceptsNewConnectionsAndAnswersNothingUntilTheHealResetsThem) {
  ASSERT_TRUE(net->shape(link, {.cut_forward = true, .cut_back = true}));
  Socket near = dial(address);
  near.send("hello");
  EXPECT_TRUE(eventually(*net, [](const LinkCounters& c) { return c.connections_held == 1 && c.bytes_held == 5; }));
  EXPECT_TRUE(near.is_silent());
  server.set_nonblocking_accept();
  EXPECT_FALSE(server.accept().is_open());

  ASSERT_TRUE(net->shape(link, {}));
  EXPECT_TRUE(near.ends_with_reset());
  EXPECT_EQ(MUST(net->counters(link)).connections_reset, 1U);
}

TEST_F(LinkNetTest, AOneWayCutLeavesTheReturnDirectionAlone) {
  Socket near = dial(address);
  Socket far = server.accept();
  near.send("a");
  EXPECT_EQ(far.receive(1), "a");

  ASSERT_TRUE(net->shape(link, {.cut_forward = true}));
  near.send("held");
  far.send("through");
  EXPECT_EQ(near.receive(7), "through");
  EXPECT_TRUE(eventually(*net, [](const LinkCounters& c) { return c.bytes_held == 4; }));
  EXPECT_TRUE(far.is_silent());
}

TEST_F(LinkNetTest, TheDialledSideDoesNotLearnDuringACutThatTheDiallerHasGone) {
  Socket near = dial(address);
  Socket far = server.accept();
  ASSERT_TRUE(net->shape(link, {.cut_forward = true, .cut_back = true}));
  near.send("bye");
  near.close();
  EXPECT_TRUE(eventually(*net, [](const LinkCounters& c) { return c.bytes_held == 3; }));
  EXPECT_TRUE(far.is_silent());
  ASSERT_TRUE(net->shape(link, {}));
  EXPECT_TRUE(far.ends_with_reset());
}

TEST_F(LinkNetTest, HeldConnectionsWhoseDiallerGaveUpAreLetGoButStayCounted) {
  ASSERT_TRUE(net->shape(link, {.cut_forward = true, .cut_back = true}));
  for (int i = 0; i < 3; ++i) {
    Socket near = dial(address);
    near.send("12345");
    near.close();
  }
  EXPECT_TRUE(eventually(
      *net, [](const LinkCounters& c) { return c.connections_held == 3 && c.open == 0 && c.bytes_held == 15; }));
}

TEST_F(LinkNetTest, ADelayIsAddedToOneDirectionOnlyAndKeepsTheOrder) {
  using std::chrono::steady_clock;
  Socket near = dial(address);
  Socket far = server.accept();
  ASSERT_TRUE(net->shape(link, {.delay_forward = std::chrono::seconds(30)}));  // longer than any receive waits
  far.send("back");
  EXPECT_EQ(near.receive(4), "back");

  constexpr auto delay = std::chrono::milliseconds(100);
  ASSERT_TRUE(net->shape(link, {.delay_forward = delay}));
  const auto start = steady_clock::now();
  near.send("one ");
  near.send("two");
  EXPECT_EQ(far.receive(7), "one two");
  EXPECT_GE(steady_clock::now() - start, delay);
}

TEST_F(LinkNetTest, ATargetThatDoesNotListenResetsTheDiallerAndIsCounted) {
  server.close();
  Socket near = dial(address);
  EXPECT_TRUE(near.ends_with_reset());
  EXPECT_EQ(MUST(net->counters(link)).connections_refused, 1U);
}

TEST_F(LinkNetTest, LinksAreIndependentAndUnknownOnesRefused) {
  const LinkId reverse{NodeId(2), NodeId(1)};
  Listener other;
  const std::string second = MUST(net->add(reverse, other.address()));
  ASSERT_TRUE(net->shape(link, {.cut_forward = true, .cut_back = true}));
  Socket near = dial(second);
  Socket far = other.accept();
  near.send("x");
  EXPECT_EQ(far.receive(1), "x");

  EXPECT_EQ(net->add(link, other.address()).error().code, Code::already_exists);
  EXPECT_EQ(net->shape({NodeId(4), NodeId(5)}, {}).error().code, Code::invalid);
  EXPECT_EQ(net->add({NodeId(7), NodeId(8)}, "nonsense").error().code, Code::invalid);
  EXPECT_EQ(net->links().size(), 2U);
}

}  // namespace
}  // namespace rift::chaos::live
