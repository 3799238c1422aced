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

TEST(MarkerChain, KeepsAnUnbrokenLog) {
  EXPECT_EQ(MUST(chain({}).last_valid(0, 0)), 0u);
  EXPECT_EQ(MUST(chain({}).last_valid(5, 5)), 5u);
  EXPECT_EQ(MUST(chain({at(1), at(2), at(3)}).last_valid(0, 3)), 3u);
}

TEST(MarkerChain, NeedsNothingOfTheLogThatTheTablesHold) {
  EXPECT_EQ(MUST(chain({at(4), at(5)}).last_valid(3, 5)), 5u);
  EXPECT_EQ(MUST(chain({at(2), at(4), at(5)}).last_valid(3, 5)), 5u);
  EXPECT_EQ(MUST(chain({at(1), at(2)}).last_valid(9, 9)), 9u);
}

TEST(MarkerChain, RefusesAGapThatTheWitnessKnowsAsDurable) {
  EXPECT_EQ(chain({at(1), at(4)}).last_valid(0, 2).error().code, Code::corruption);
  EXPECT_EQ(chain({at(5)}).last_valid(3, 4).error().code, Code::corruption);
}

TEST(MarkerChain, RefusesAGapThatALaterBatchKnowsAsDurable) {
  EXPECT_EQ(chain({at(1), at(4), at(5, 3)}).last_valid(0, 0).error().code, Code::corruption);
}

TEST(MarkerChain, DropsWhatFollowsAGapThatWasNotDurable) {
  EXPECT_EQ(MUST(chain({at(1), at(2, 1), at(4, 2), at(5, 2)}).last_valid(0, 2)), 2u);
  EXPECT_EQ(MUST(chain({at(5, 3)}).last_valid(3, 3)), 3u);
}

TEST(MarkerChain, RefusesALogThatEndsTooEarly) {
  EXPECT_EQ(chain({at(1), at(2)}).last_valid(0, 3).error().code, Code::corruption);
  EXPECT_EQ(chain({}).last_valid(0, 1).error().code, Code::corruption);
}

TEST(MarkerChain, RefusesNumbersThatGoBackAndRecordsOfOthers) {
  EXPECT_EQ(chain({at(1), at(2), at(2)}).last_valid(0, 0).error().code, Code::corruption);
  MarkerChain strange = chain({at(1)});
  strange.stranger("7.log");
  EXPECT_EQ(strange.last_valid(0, 0).error().code, Code::corruption);
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
