#include "engine/inspect.h"

#include <gtest/gtest.h>

namespace rift::engine {
namespace {

MarkerChain chain(const std::vector<Marker>& markers) {
  MarkerChain made;
  for (const Marker& marker : markers) made.observe(marker, "7.log");
  return made;
}
Marker at(std::uint64_t number, std::uint64_t durable = 0) { return Marker{.number = number, .durable = durable}; }

std::uint64_t kept(const MarkerChain& chain, std::uint64_t flushed, std::uint64_t witness) {
  const auto verdict = MUST(chain.judge(flushed, witness));
  EXPECT_EQ(verdict.lost, "");
  return verdict.last_valid;
}
std::string lost(const MarkerChain& chain, std::uint64_t flushed, std::uint64_t witness) {
  return MUST(chain.judge(flushed, witness)).lost;
}

TEST(MarkerChain, KeepsAnUnbrokenLog) {
  EXPECT_EQ(kept(chain({}), 0, 0), 0u);
  EXPECT_EQ(kept(chain({}), 5, 5), 5u);
  EXPECT_EQ(kept(chain({at(1), at(2), at(3)}), 0, 3), 3u);
}

TEST(MarkerChain, NeedsNothingOfTheLogThatTheTablesHold) {
  EXPECT_EQ(kept(chain({at(4), at(5)}), 3, 5), 5u);
  EXPECT_EQ(kept(chain({at(2), at(4), at(5)}), 3, 5), 5u);
  EXPECT_EQ(kept(chain({at(1), at(2)}), 9, 9), 9u);
}

TEST(MarkerChain, MissesAGapThatTheWitnessKnowsAsDurable) {
  EXPECT_NE(lost(chain({at(1), at(4)}), 0, 2), "");
  EXPECT_NE(lost(chain({at(5)}), 3, 4), "");
}

TEST(MarkerChain, MissesAGapThatALaterBatchKnowsAsDurable) {
  EXPECT_NE(lost(chain({at(1), at(4), at(5, 3)}), 0, 0), "");
}

TEST(MarkerChain, DropsWhatFollowsAGapThatWasNotDurable) {
  EXPECT_EQ(kept(chain({at(1), at(2, 1), at(4, 2), at(5, 2)}), 0, 2), 2u);
  EXPECT_EQ(kept(chain({at(5, 3)}), 3, 3), 3u);
}

TEST(MarkerChain, MissesTheEndOfALogThatEndsTooEarly) {
  EXPECT_NE(lost(chain({at(1), at(2)}), 0, 3), "");
  EXPECT_NE(lost(chain({}), 0, 1), "");
}

TEST(MarkerChain, KeepsWhatStandsBeforeTheFirstThingThatIsMissing) {
  EXPECT_EQ(MUST(chain({at(1), at(2), at(5), at(6)}).judge(0, 6)).last_valid, 2u);
  EXPECT_EQ(MUST(chain({at(1), at(2)}).judge(0, 9)).last_valid, 2u);
  EXPECT_EQ(MUST(chain({at(1), at(2), at(7)}).judge(3, 7)).last_valid, 3u);
}

TEST(MarkerChain, RefusesNumbersThatGoBackAndRecordsOfOthers) {
  EXPECT_EQ(chain({at(1), at(2), at(2)}).judge(0, 0).error().code, Code::corruption);
  MarkerChain strange = chain({at(1)});
  strange.stranger("7.log");
  EXPECT_EQ(strange.judge(0, 0).error().code, Code::corruption);
}

TEST(Marker, IsReadBackAsItWasWritten) {
  const Marker marker{.number = 7, .durable = 5};
  EXPECT_EQ(encode(marker), std::string("\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\5", 16));  // golden: a stored format
  EXPECT_EQ(decode_marker(encode(marker)), marker);
  EXPECT_EQ(decode_marker("short"), std::nullopt);
  EXPECT_EQ(decode_marker(encode(marker) + "x"), std::nullopt);
}

}  // namespace
}  // namespace rift::engine
