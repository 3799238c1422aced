#include "caller/session.h"

#include <gtest/gtest.h>

namespace rift::caller {
namespace {

Session opened() {
  Session session({1, 2});
  const OpId first = session.start();
  session.open();
  session.finish(first.sequence, Outcome::done);
  return session;
}

TEST(CallerSession, TheWindowIsNeverOverrun) {
  Session session = opened();
  std::uint64_t started = 0;
  while (session.has_room()) {
    const OpId op = session.start();
    ASSERT_LT(op.sequence - op.floor, limits::dedup_window_max);
    ++started;
  }
  EXPECT_EQ(started, limits::dedup_window_max - 1);
}

TEST(CallerSession, AnOldUnknownDoesNotBlockTheWindowForEver) {
  Session session = opened();
  session.finish(session.start().sequence, Outcome::unknown);
  for (int i = 0; i < 3 * static_cast<int>(limits::dedup_window_max); ++i) {
    ASSERT_TRUE(session.has_room());
    session.finish(session.start().sequence, Outcome::done);
  }
}

TEST(CallerSession, UnresolvedOperationsAreBounded) {
  Session session = opened();
  for (std::size_t i = 0; i < unresolved_max + 10; ++i) session.finish(session.start().sequence, Outcome::unknown);
  EXPECT_EQ(session.floor(), 2U + 10U);
}

TEST(CallerSession, ASecondRequestWaitsForTheOpening) {
  Session session({1, 2});
  const OpId first = session.start();
  EXPECT_TRUE(first.first);
  EXPECT_FALSE(session.has_room());
  session.finish(first.sequence, Outcome::unknown);
  EXPECT_TRUE(session.has_room());
  EXPECT_TRUE(session.start().first);
}

}  // namespace
}  // namespace rift::caller
