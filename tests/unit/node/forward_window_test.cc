#include "node/forward_window.h"

#include <gtest/gtest.h>

namespace rift::node {
namespace {

RequestId id(std::uint32_t life, std::uint32_t number) { return RequestId((std::uint64_t{life} << 32) | number); }

TEST(ForwardWindow, TakesARepeatedForwardOnce) {
  ForwardWindow window;
  EXPECT_TRUE(window.is_new(NodeId(2), id(7, 1)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 1)));
  EXPECT_TRUE(window.is_new(NodeId(3), id(7, 1)));  // another peer's
}

TEST(ForwardWindow, TakesReorderedForwards) {
  ForwardWindow window;
  EXPECT_TRUE(window.is_new(NodeId(2), id(7, 5)));
  EXPECT_TRUE(window.is_new(NodeId(2), id(7, 3)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 5)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 3)));
}

TEST(ForwardWindow, StartsAnewWithThePeersNextLife) {
  ForwardWindow window;
  EXPECT_TRUE(window.is_new(NodeId(2), id(7, 9)));
  EXPECT_TRUE(window.is_new(NodeId(2), id(8, 9)));
}

TEST(ForwardWindow, DropsWhatIsLeftOfAnEndedLife) {
  ForwardWindow window;
  EXPECT_TRUE(window.is_new(NodeId(2), id(7, 9)));
  EXPECT_TRUE(window.is_new(NodeId(2), id(8, 1)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 9)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 10)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(8, 1)));  // and the window of the new life is untouched
}

TEST(ForwardWindow, DropsWhatItHasForgotten) {
  ForwardWindow window;
  for (std::uint32_t n = 1; n <= forward_window_max + 10; ++n) ASSERT_TRUE(window.is_new(NodeId(2), id(7, n)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, 1)));
  EXPECT_FALSE(window.is_new(NodeId(2), id(7, forward_window_max + 10)));
}

}  // namespace
}  // namespace rift::node
