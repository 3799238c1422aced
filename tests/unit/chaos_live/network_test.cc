// Which links a cut means, what remains when one of two overlapping cuts is healed, and the proof that a cut did bite.
#include "chaos/live/network.h"

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/chaos_live/sockets.h"

namespace rift::chaos::live {
namespace {

using test::dial;
using test::Listener;
using test::Socket;

Groups groups(const char* text) { return MUST(parse_groups(text)); }

struct NetworkTest : testing::Test {
  NetworkTest() : network(MUST(LinkNet::create())) {
    for (unsigned from = 0; from <= 5; ++from) {
      for (unsigned to = 1; to <= 5; ++to) {
        if (from == to) continue;
        const LinkId link{NodeId(from), NodeId(to)};
        addresses[link] = MUST(network.add_link(link, server.address()));
      }
    }
  }
  std::vector<std::string> cut_links() const {
    std::vector<std::string> names;
    for (const LinkState& state : network.show()) {
      if (state.cut) names.push_back(to_string(state.id));
    }
    return names;
  }
  Listener server;
  Network network;
  std::map<LinkId, std::string> addresses;
};

TEST_F(NetworkTest, ACutTakesEveryDirectedLinkBetweenTheGroupsAndNoOther) {
  const Cut cut = MUST(network.cut(groups("n1,n2 / n3,n4,n5"), CutKind::both_ways));
  EXPECT_EQ(cut.name, "cut-1");
  EXPECT_EQ(cut.links.size(), 12U);
  EXPECT_EQ(cut_links().size(), 12U);
  const auto names = cut_links();
  EXPECT_EQ(std::count(names.begin(), names.end(), "n1>n2"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "n5>n1"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "c>n1"), 0);
}

TEST_F(NetworkTest, AOneWayCutTakesOnlyWhatTheFirstGroupSends) {
  MUST(network.cut(groups("n1/n2,n3"), CutKind::one_way));
  EXPECT_EQ(cut_links(), (std::vector<std::string>{"n1>n2", "n1>n3"}));
}

TEST_F(NetworkTest, HealingOneOfTwoOverlappingCutsKeepsTheOther) {
  MUST(network.cut(groups("n1/n2"), CutKind::both_ways));
  MUST(network.cut(groups("n1/n2,n3"), CutKind::one_way));
  EXPECT_TRUE(network.heal("cut-1"));
  EXPECT_EQ(cut_links(), (std::vector<std::string>{"n1>n2", "n1>n3"}));
  EXPECT_EQ(network.heal("cut-1").error().code, Code::invalid);
  EXPECT_EQ(MUST(network.heal("")).size(), 1U);
  EXPECT_TRUE(cut_links().empty());
  EXPECT_TRUE(network.cuts().empty());
}

TEST_F(NetworkTest, TheProofCountsWhatEachLinkHeldSinceItsCut) {
  const LinkId link{NodeId(1), NodeId(3)};
  Socket near = dial(addresses.at(link));
  Socket far = server.accept();
  near.send("a");
  EXPECT_EQ(far.receive(1), "a");

  MUST(network.cut(groups("n1/n3"), CutKind::both_ways));
  near.send("held");
  const auto held = [&] {
    for (const auto& proof : network.proof("cut-1")) {
      if (proof.from == link.from && proof.to == link.to) return proof.bytes_held;
    }
    return std::uint64_t{0};
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (held() != 4 && std::chrono::steady_clock::now() < limit) continue;

  const auto healed = MUST(network.heal("cut-1"));
  ASSERT_EQ(healed.size(), 1U);
  ASSERT_EQ(healed[0].links.size(), 2U);  // the directed links n1>n3 and n3>n1
  for (const auto& proof : healed[0].links) {
    const bool used = proof.from == link.from;
    EXPECT_EQ(proof.bytes_held, used ? 4U : 0U);
    EXPECT_EQ(proof.connections, 0U);
  }
  EXPECT_TRUE(near.ends_with_reset());
}

// The heal resets the connections that stand, so what it resets shows nothing about the time before it.
TEST_F(NetworkTest, ACutThatHeldNothingHasNoProof) {
  const LinkId link{NodeId(1), NodeId(3)};
  Socket near = dial(addresses.at(link));
  Socket far = server.accept();
  near.send("a");
  EXPECT_EQ(far.receive(1), "a");
  MUST(network.cut(groups("n1/n3"), CutKind::both_ways));
  const auto healed = MUST(network.heal("cut-1"));
  EXPECT_TRUE(near.ends_with_reset());
  for (const auto& proof : healed.at(0).links) EXPECT_EQ(proof.proof(), 0U);
}

TEST_F(NetworkTest, TheProofCountsTheConnectionsThatACutHeld) {
  MUST(network.cut(groups("n1/n3"), CutKind::both_ways));
  Socket near = dial(addresses.at({NodeId(3), NodeId(1)}));
  const auto held = [&] {
    std::uint64_t connections = 0;
    for (const auto& proof : network.proof("cut-1")) connections += proof.connections;
    return connections;
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (held() != 1 && std::chrono::steady_clock::now() < limit) continue;
  const auto healed = MUST(network.heal("cut-1"));
  for (const auto& proof : healed.at(0).links) {
    EXPECT_EQ(proof.connections, proof.from == NodeId(3) ? 1U : 0U);
  }
}

TEST_F(NetworkTest, ADelayBelongsToADirectionWhoeverDialled) {
  ASSERT_TRUE(network.delay({NodeId(1), NodeId(2)}, std::chrono::seconds(30)));
  Socket near = dial(addresses.at({NodeId(2), NodeId(1)}));
  Socket far = server.accept();
  near.send("n2 says");
  EXPECT_EQ(far.receive(7), "n2 says");
  far.send("n1 answers late");
  EXPECT_TRUE(near.is_silent());
  EXPECT_FALSE(network.delay({NodeId(1), NodeId(2)}, std::chrono::minutes(2)));
  EXPECT_FALSE(network.delay({NodeId(8), NodeId(2)}, std::chrono::seconds(1)));
}

TEST_F(NetworkTest, RefusesGroupsThatMakeNoCut) {
  EXPECT_FALSE(network.cut({{NodeId(1)}}, CutKind::both_ways));
  EXPECT_FALSE(network.cut({{NodeId(1)}, {NodeId(1)}}, CutKind::both_ways));
  EXPECT_FALSE(network.cut({{NodeId(1)}, {NodeId(9)}}, CutKind::both_ways));
  EXPECT_FALSE(network.cut({{NodeId(1)}, {}}, CutKind::both_ways));
  EXPECT_TRUE(network.cuts().empty());
}

TEST(ParseGroups, ReadsNodesClientsAndSpaces) {
  EXPECT_EQ(to_string(groups(" n1, n2 /n3,4 / c")), "{n1 n2} {n3 n4} {c}");
  for (const char* wrong : {"", "n1,/n2", "x / n2", "n0 / n2", "n1 / n2x", "n99999999999 / n1"}) {
    EXPECT_FALSE(parse_groups(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace rift::chaos::live
