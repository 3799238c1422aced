#include <gtest/gtest.h>

#include "raft/effects.h"

namespace rift::raft {
namespace {

Config config_of(std::vector<NodeId> voters, std::vector<NodeId> learners = {}) {
  return {.voters = std::move(voters), .learners = std::move(learners)};
}

TEST(RaftConfig, QuorumIsAMajorityOfTheVoters) {
  EXPECT_EQ(config_of({NodeId(1)}).quorum(), 1u);
  EXPECT_EQ(config_of({NodeId(1), NodeId(2)}).quorum(), 2u);
  EXPECT_EQ(config_of({NodeId(1), NodeId(2), NodeId(3)}, {NodeId(4)}).quorum(), 2u);
  EXPECT_EQ(config_of({NodeId(1), NodeId(2), NodeId(3), NodeId(4)}).quorum(), 3u);
  EXPECT_EQ(config_of({NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)}).quorum(), 3u);
}

TEST(RaftConfig, KnowsVotersFromLearners) {
  const Config config = config_of({NodeId(1), NodeId(3)}, {NodeId(2)});
  EXPECT_TRUE(config.is_voter(NodeId(3)));
  EXPECT_FALSE(config.is_voter(NodeId(2)));
  EXPECT_TRUE(config.is_member(NodeId(2)));
  EXPECT_FALSE(config.is_member(NodeId(4)));
}

TEST(RaftConfig, RefusesWhatCannotBeAGroup) {
  EXPECT_FALSE(validate(config_of({})).has_value());
  EXPECT_FALSE(validate(config_of({NodeId(2), NodeId(1)})).has_value());
  EXPECT_FALSE(validate(config_of({NodeId(1), NodeId(1)})).has_value());
  EXPECT_FALSE(validate(config_of({NodeId(0), NodeId(1)})).has_value());
  EXPECT_FALSE(validate(config_of({NodeId(1)}, {NodeId(1)})).has_value());
  std::vector<NodeId> many;
  for (std::uint32_t i = 1; i <= limits::members_max + 1; ++i) many.emplace_back(i);
  EXPECT_FALSE(validate(config_of(many)).has_value());
}

TEST(RaftConfig, BytesAreStable) {
  const Bytes bytes = encode(config_of({NodeId(1), NodeId(2)}, {NodeId(9)}));
  EXPECT_EQ(bytes.to_string(), std::string("\0\0\0\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\x09", 20));
  EXPECT_EQ(MUST(decode_config(bytes)), config_of({NodeId(1), NodeId(2)}, {NodeId(9)}));
}

TEST(RaftConfig, EveryTruncationAndEveryFlippedBitIsAnErrorOrAnotherConfig) {
  const Config config = config_of({NodeId(1), NodeId(2), NodeId(3)}, {NodeId(4)});
  const std::string bytes = encode(config).to_string();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_config(ByteView(bytes).substr(0, size));
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().code, Code::corruption);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = decode_config(flipped);
    if (!decoded) continue;
    EXPECT_NE(*decoded, config);
    EXPECT_TRUE(validate(*decoded).has_value());
  }
  EXPECT_FALSE(decode_config(bytes + "x").has_value());
}

TEST(RaftFounding, EveryFounderHasTheSameFirstEntry) {
  const Config config = config_of({NodeId(1), NodeId(2), NodeId(3)});
  const Restored restored = founded(config);
  ASSERT_EQ(restored.tail.size(), 1u);
  EXPECT_EQ(restored.tail.front(), founding_entry(config));
  EXPECT_EQ(restored.tail.front().index, LogIndex(1));
  EXPECT_EQ(restored.tail.front().term, restored.hard_state.term);
  EXPECT_EQ(MUST(decode_config(restored.tail.front().payload)), config);
}

}  // namespace
}  // namespace rift::raft
